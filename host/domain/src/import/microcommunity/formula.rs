//! From formula codes to plug-ins and their settings.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{DesiredFeeItem, Formula};

/// A plug-in version that new bindings name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginChoice {
    pub id: String,
    pub version: String,
    /// SHA-256 of the component file, in hex.
    pub digest: String,
}

/// Which plug-in computes which formula. The caller takes them from what is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormulaPlugins {
    /// Code 1001: the plug-in `area-fee`.
    pub area_fee: PluginChoice,
    /// Code 2002: the plug-in `fixed-fee`.
    pub fixed_fee: PluginChoice,
}

impl FormulaPlugins {
    pub(super) fn of(&self, formula: Formula) -> &PluginChoice {
        match formula {
            Formula::AreaPrice => &self.area_fee,
            Formula::FixedAmount => &self.fixed_fee,
        }
    }
}

/// Settings of the fee item's binding as canonical JSON. Every choice that the workbook implies is written out, so that
/// a later default of the plug-in cannot change it: built-up area, no discount, a part of a month by its actual days.
pub(super) fn settings(item: &DesiredFeeItem) -> String {
    // Decimals are written as texts; an absent surcharge is none.
    let amount = item.fixed_amount.unwrap_or_default();
    match item.formula {
        Formula::AreaPrice => json!({
            "area": "built-up",
            "price": item.unit_price.unwrap_or_default(),
            "proration": "actual-days",
            "surcharge": amount,
        }),
        Formula::FixedAmount => json!({ "amount": amount, "proration": "actual-days" }),
    }
    .to_string()
}
