//! A fixed amount per period; see `README.md` for worked numbers.

use guanjia_plugin_sdk::prelude::*;

facts! {}
steps! { AMOUNT = "amount", PRORATION = "proration", ROUNDED = "rounded" }
measures! { PERIOD = "period" }

/// The settings; `settings.schema.json` says what they mean.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    amount: Decimal,
    #[serde(default)]
    proration: Proration,
}

/// The rule.
#[derive(Debug)]
pub struct FixedFee;

impl FeePolicy for FixedFee {
    type Settings = Settings;
    const FACTS: &'static [&'static str] = FACTS;
    const STEPS: &'static [&'static str] = STEPS;
    const MEASURES: &'static [&'static str] = MEASURES;

    /// Per stretch: the amount, by its part of the period.
    fn charge(settings: &Settings, subject: &Subject<'_>, out: &mut Lines) -> Result<(), No> {
        for segment in subject.segments() {
            let mut amount = settings.amount.exact();
            out.step(AMOUNT, settings.amount, &[]);
            if !segment.is_whole_period() {
                let [days, of_days] = segment.days_of(settings.proration);
                amount = amount.checked_mul(segment.share(settings.proration)).fits()?;
                out.step_exact(PRORATION, amount, &[settings.amount, days, of_days])?;
            }
            out.step_rounding(ROUNDED, amount, Rounding::HalfUp)?;
            let item = Item { measure: PERIOD, quantity: Decimal::integer(1), unit_price: settings.amount };
            out.charge(&segment, item, amount, Rounding::HalfUp)?;
        }
        Ok(())
    }
}

guanjia_plugin_sdk::export_fee_policy!(FixedFee);

#[cfg(test)]
#[test]
fn golden_cases() {
    guanjia_plugin_sdk::testing::run_cases::<FixedFee>(env!("CARGO_MANIFEST_DIR"));
}
