//! A late fee by the day: what is open × rate × days, after days that are free, up to a part of the principal; see
//! `README.md` for worked numbers.

pub mod rules;

pub use rules::DailyLateFee;

guanjia_plugin_sdk::export_late_fee_policy!(DailyLateFee);
