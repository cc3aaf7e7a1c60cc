//! What a meter counted, by tiers, plus a fixed part; see `README.md` for worked numbers.

pub mod rules;

pub use rules::MeteredFee;

guanjia_plugin_sdk::export_fee_policy!(MeteredFee);
