//! What a parking space costs, by its tenure and kind; see `README.md` for worked numbers.

pub mod rules;

pub use rules::ParkingFee;

guanjia_plugin_sdk::export_fee_policy!(ParkingFee);
