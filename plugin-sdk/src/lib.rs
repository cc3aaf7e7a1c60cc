//! Write a Guanjia plug-in as one small file.
//!
//! A rule is pure Rust: it reads facts of a subject and writes lines, or says why not. This crate turns the columns of
//! the contract into rows and back, reads the settings, and exports the component. It is *not* a rule itself, and it
//! gives a rule no clock, no files and no network, because the contract has none.
//!
//! ```
//! use guanjia_plugin_sdk::prelude::*;
//!
//! #[derive(Deserialize)]
//! #[serde(rename_all = "kebab-case", deny_unknown_fields)]
//! pub struct Settings {
//!     price: Decimal,
//! }
//!
//! facts! { AREA = "unit.area" }
//! steps! { PRODUCT = "area-price" }
//! measures! { M2 = "m2" }
//!
//! pub struct AreaFee;
//!
//! impl FeePolicy for AreaFee {
//!     type Settings = Settings;
//!     const FACTS: &'static [&'static str] = FACTS;
//!     const STEPS: &'static [&'static str] = STEPS;
//!     const MEASURES: &'static [&'static str] = MEASURES;
//!
//!     fn charge(settings: &Settings, subject: &Subject<'_>, out: &mut Lines) -> Result<(), No> {
//!         for segment in subject.segments() {
//!             let area = segment.number(AREA)?;
//!             let full = area.exact().checked_mul(settings.price.exact()).fits()?;
//!             out.step_exact(PRODUCT, full, &[area, settings.price])?;
//!             let amount = full.checked_mul(segment.share(Proration::ActualDays)).fits()?;
//!             let item = Item { measure: M2, quantity: area, unit_price: settings.price };
//!             out.charge(&segment, item, amount, Rounding::HalfUp)?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! guanjia_plugin_sdk::export_fee_policy!(AreaFee);
//! # fn main() {}
//! ```
//!
//! Natively the crate of a plug-in is an ordinary library, tested with `cargo test` and golden cases
//! (`testing::run_cases`, feature `testing`). Nothing here is floating point, so a plug-in that adds none is free of it.

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod bindings;
mod facts;
pub mod fee_policy;
pub mod late_fee_policy;
pub mod log;
mod no;
mod policy;
mod proration;
pub mod settings;
#[cfg(feature = "testing")]
pub mod testing;
pub mod ticket_policy;
mod tiers;

pub use facts::{Fact, FactRow, Measure, Step, position_of};
pub use fee_policy::{AmountKind, FeeGuest, FeePolicy, Item, Lines, Segment, Subject};
pub use guanjia_values as values;
pub use late_fee_policy::{LateFeeGuest, LateFeePolicy, OpenStretch, Overdue, Totals};
pub use no::{Fits, No};
pub use policy::{Case, Policy, PolicyGuest, Reasons};
pub use proration::Proration;
pub use tiers::{Tier, TierPart, Tiers};

/// What a rule needs, in one line.
pub mod prelude {
    pub use crate::{
        AmountKind, Case, Fact, FeePolicy, Fits, Item, LateFeePolicy, Lines, Measure, No, OpenStretch, Overdue, Policy,
        Proration, Reasons, Segment, Step, Subject, Tier, TierPart, Tiers, Totals, facts, measures, steps,
    };
    pub use guanjia_values::{Date, Decimal, Exact, Period, Problem, Rounding, WEIGHT_DIGITS};
    pub use serde::Deserialize;
}
