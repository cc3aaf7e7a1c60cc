//! Area × unit price + surcharge, in one rule; see `README.md` for worked numbers.

pub mod rules;

pub use rules::AreaFee;

guanjia_plugin_sdk::export_fee_policy!(AreaFee);
