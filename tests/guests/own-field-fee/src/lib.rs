//! A fee by fields that a company has declared for itself: heated area × price, and half of it for members.
//!
//! The host's tests bind it to prove that a custom field is a fact like any other.

use guanjia_plugin_sdk::prelude::*;

facts! {
    HEATED_AREA = "unit.custom.heated-area",
    MEMBER = "payer.custom.member",
}

steps! {
    HEAT_PRICE = "heat-price",
    MEMBER_HALF = "member-half",
    ROUNDED = "rounded",
}

measures! { M2 = "m2" }

/// The settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    price: Decimal,
}

/// The rule.
#[derive(Debug)]
pub struct OwnFieldFee;

impl FeePolicy for OwnFieldFee {
    type Settings = Settings;
    const FACTS: &'static [&'static str] = FACTS;
    const STEPS: &'static [&'static str] = STEPS;
    const MEASURES: &'static [&'static str] = MEASURES;

    /// Without a heated area nothing can be said; whoever is not known as a member is none.
    fn charge(settings: &Settings, subject: &Subject<'_>, out: &mut Lines) -> Result<(), No> {
        for segment in subject.segments() {
            let area = segment.number(HEATED_AREA)?;
            let mut amount = area.exact().checked_mul(settings.price.exact()).fits()?;
            out.step_exact(HEAT_PRICE, amount, &[area, settings.price])?;
            if segment.facts().flag_if_known(MEMBER)?.unwrap_or(false) {
                let before = out.shown(amount)?;
                amount = amount.checked_div(Exact::integer(2)).fits()?;
                out.step_exact(MEMBER_HALF, amount, &[before])?;
            }
            out.step_rounding(ROUNDED, amount, Rounding::HalfUp)?;
            let item = Item { measure: M2, quantity: area, unit_price: settings.price };
            out.charge(&segment, item, amount, Rounding::HalfUp)?;
        }
        Ok(())
    }
}

guanjia_plugin_sdk::export_fee_policy!(OwnFieldFee);

#[cfg(test)]
mod tests {
    use super::*;
    use guanjia_plugin_sdk::testing;

    #[test]
    fn golden_cases() {
        testing::run_cases::<OwnFieldFee>(env!("CARGO_MANIFEST_DIR"));
    }
}
