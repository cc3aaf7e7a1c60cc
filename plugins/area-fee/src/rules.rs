//! What a home, shop or office owes for its area.

use std::collections::BTreeMap;

use guanjia_plugin_sdk::prelude::*;

facts! {
    AREA = "unit.area",
    INTERNAL_AREA = "unit.internal-area",
    UNIT_KIND = "unit.kind",
    BUILDING_KIND = "building.kind",
    OCCUPANCY = "unit.occupancy",
}

steps! {
    AREA_PRICE = "area-price",
    SURCHARGE = "surcharge",
    DISCOUNT = "discount",
    PRORATION = "proration",
    ROUNDED = "rounded",
}

measures! { M2 = "m2" }

/// The settings; `settings.schema.json` says what they mean.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    price: Decimal,
    #[serde(default)]
    surcharge: Decimal,
    #[serde(default)]
    area: AreaKind,
    #[serde(default)]
    price_by_unit_kind: BTreeMap<String, Decimal>,
    #[serde(default)]
    price_by_building_kind: BTreeMap<String, Decimal>,
    #[serde(default)]
    discount_percent_by_occupancy: BTreeMap<String, Decimal>,
    #[serde(default)]
    proration: Proration,
}

/// Which area is charged.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AreaKind {
    #[default]
    BuiltUp,
    Internal,
}

/// The rule.
#[derive(Debug)]
pub struct AreaFee;

impl FeePolicy for AreaFee {
    type Settings = Settings;
    const FACTS: &'static [&'static str] = FACTS;
    const STEPS: &'static [&'static str] = STEPS;
    const MEASURES: &'static [&'static str] = MEASURES;

    /// Per stretch: area × price + surcharge, less the discount for its occupancy, by its part of the period. Rounded
    /// once, half up to the minor unit, at the line.
    fn charge(settings: &Settings, subject: &Subject<'_>, out: &mut Lines) -> Result<(), No> {
        for segment in subject.segments() {
            let area = segment.number(match settings.area {
                AreaKind::BuiltUp => AREA,
                AreaKind::Internal => INTERNAL_AREA,
            })?;
            let price = price(settings, &segment)?;
            let mut amount = area.exact().checked_mul(price.exact()).fits()?;
            out.step_exact(AREA_PRICE, amount, &[area, price])?;
            if !settings.surcharge.is_zero() {
                let before = out.shown(amount)?;
                amount = amount.checked_add(settings.surcharge.exact()).fits()?;
                out.step_exact(SURCHARGE, amount, &[before, settings.surcharge])?;
            }
            amount = discounted(settings, &segment, amount, out)?;
            if !segment.is_whole_period() {
                let [days, of_days] = segment.days_of(settings.proration);
                let before = out.shown(amount)?;
                amount = amount.checked_mul(segment.share(settings.proration)).fits()?;
                out.step_exact(PRORATION, amount, &[before, days, of_days])?;
            }
            out.step_rounding(ROUNDED, amount, Rounding::HalfUp)?;
            out.charge(&segment, Item { measure: M2, quantity: area, unit_price: price }, amount, Rounding::HalfUp)?;
        }
        Ok(())
    }

    fn check(settings: &Settings) -> Vec<Problem> {
        let hundred = Decimal::integer(100);
        let wrong = |(_, percent): &(&String, &Decimal)| percent.is_negative() || percent.compare(hundred).is_gt();
        let discounts = settings.discount_percent_by_occupancy.iter().filter(wrong);
        discounts
            .map(|(occupancy, percent)| {
                let pointer = format!("/discount-percent-by-occupancy/{occupancy}");
                guanjia_plugin_sdk::fee_policy::problem_at("percent-out-of-range", &pointer, &[*percent])
            })
            .collect()
    }
}

/// The price of the unit's kind goes before that of its building's kind, and both before the general one. A fact is
/// needed only where a price depends on it.
fn price(settings: &Settings, segment: &Segment<'_>) -> Result<Decimal, No> {
    let tables = [(UNIT_KIND, &settings.price_by_unit_kind), (BUILDING_KIND, &settings.price_by_building_kind)];
    for (fact, prices) in tables {
        if !prices.is_empty()
            && let Some(price) = prices.get(segment.code(fact)?)
        {
            return Ok(*price);
        }
    }
    Ok(settings.price)
}

fn discounted(settings: &Settings, segment: &Segment<'_>, amount: Exact, out: &mut Lines) -> Result<Exact, No> {
    if settings.discount_percent_by_occupancy.is_empty() {
        return Ok(amount);
    }
    let Some(percent) = settings.discount_percent_by_occupancy.get(segment.code(OCCUPANCY)?) else {
        return Ok(amount);
    };
    let kept = Decimal::integer(100).checked_sub(*percent).fits()?;
    let part = kept.exact().checked_div(Exact::integer(100)).fits()?;
    let before = out.shown(amount)?;
    let amount = amount.checked_mul(part).fits()?;
    out.step_exact(DISCOUNT, amount, &[before, *percent])?;
    Ok(amount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use guanjia_plugin_sdk::{FeeGuest, testing};

    #[test]
    fn golden_cases() {
        testing::run_cases::<AreaFee>(env!("CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn a_discount_above_100_percent_is_told_by_its_place() {
        let settings = r#"{"price": "1", "discount-percent-by-occupancy": {"vacant": "100.01", "unsold": "100"}}"#;
        let problems = AreaFee::check_settings(settings);
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].about, "/discount-percent-by-occupancy/vacant");
    }
}
