//! `guanjia:late-fee-policy`: what late fee has each overdue charge earned in total, as of a date?

use crate::{Column, Currency, Date, Steps, SubjectProblem, Verdict};

/// One call of a late-fee policy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LateFeeBatch {
    /// The day up to which the late fee runs; the day itself is not counted.
    pub as_of: Date,
    pub currency: Currency,
    pub charges: OverdueCharges,
    pub balances: Balances,
    /// One column per declared fact, in the declared order, one cell per charge.
    pub facts: Vec<Column>,
}

/// In columns, one row per overdue charge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OverdueCharges {
    /// The last day on which paying was in time.
    pub due_on: Vec<Date>,
    /// Minor units charged.
    pub principal: Vec<i64>,
}

/// What was open when; ascending by charge, then start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Balances {
    pub charge: Vec<u32>,
    pub start: Vec<Date>,
    pub end: Vec<Date>,
    /// Minor units still owed on each day of the stretch.
    pub open: Vec<i64>,
}

/// What a late-fee policy answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LateFeeAnswer {
    pub verdicts: Vec<Verdict>,
    pub problems: Vec<SubjectProblem>,
    /// One per charge, minor units, not negative; 0 where not decided.
    pub totals: Vec<i64>,
    pub steps: Steps,
}
