//! Who bears which part of a shared cost; see `README.md` for worked numbers.

pub mod rules;

pub use rules::SharedCostFee;

guanjia_plugin_sdk::export_fee_policy!(SharedCostFee);
