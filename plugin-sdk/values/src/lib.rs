//! The values of the plug-in contract (`wit/`) as plain Rust.
//!
//! Host and SDK share this crate, so that "a decimal", "a column" or "an answer" is one type on both sides of the
//! sandbox and a golden case means the same natively and in it. It is *not* a place for rules, and it knows neither
//! wasmtime nor wit-bindgen: both sides convert their generated types by moving the columns.
//!
//! Nothing here is floating point, and every operation that can overflow says so.

mod allocate;
#[cfg(feature = "cases")]
pub mod cases;
mod columns;
mod date;
mod decimal;
mod fee;
mod late_fee;
mod records;
mod ticket;

pub use allocate::{AllocationError, allocate};
pub use columns::{Cells, Codes, Column, Numbers, Problem, Steps, SubjectProblem, Verdict};
pub use date::{Date, ParseDateError, Period};
pub use decimal::{Currency, Decimal, Exact, ParseDecimalError, Rounding};
pub use fee::{Amounts, FeeAnswer, FeeBatch, FeeLines, Segments, WEIGHT_DIGITS};
pub use late_fee::{Balances, LateFeeAnswer, LateFeeBatch, OverdueCharges};
pub use records::{AnswerOf, BatchOf, Effect, EffectArgument, EffectValue, RecordAnswer, RecordBatch, RecordPoint};
pub use ticket::{Allowed, Candidate, Escalation, Ranked, Route, Ticket, TicketAnswer, TicketBatch, TicketPoint};

/// What a plug-in says about itself (`description` of `guanjia:types`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Description {
    /// Names of the facts it reads, in the order of their columns.
    pub facts: Vec<String>,
    /// Keys of its explanation steps; [`Steps::kind`] counts in this list.
    pub steps: Vec<String>,
    /// Units of measure; [`FeeLines::measure`] counts in this list.
    pub measures: Vec<String>,
}
