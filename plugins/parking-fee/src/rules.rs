//! What a parking space owes.

use std::collections::BTreeMap;

use guanjia_plugin_sdk::prelude::*;

facts! { TENURE = "space.tenure", KIND = "space.kind", VEHICLES = "space.vehicles" }
steps! { PRICE = "price", EXTRA_VEHICLES = "extra-vehicles", PRORATION = "proration", ROUNDED = "rounded" }
measures! { SPACE = "space", VEHICLE = "vehicle" }

/// The settings; `settings.schema.json` says what they mean.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    by_tenure: BTreeMap<String, Tariff>,
    #[serde(default)]
    extra_vehicle_price: Option<Decimal>,
    #[serde(default = "one")]
    vehicles_included: u32,
    #[serde(default)]
    proration: Proration,
}

/// Prices of one tenure.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tariff {
    price: Decimal,
    #[serde(default)]
    price_by_kind: BTreeMap<String, Decimal>,
}

fn one() -> u32 {
    1
}

/// The rule.
#[derive(Debug)]
pub struct ParkingFee;

impl FeePolicy for ParkingFee {
    type Settings = Settings;
    const FACTS: &'static [&'static str] = FACTS;
    const STEPS: &'static [&'static str] = STEPS;
    const MEASURES: &'static [&'static str] = MEASURES;

    /// Per stretch: the price of the space, and a line for the vehicles above those included, by its part of the period.
    fn charge(settings: &Settings, subject: &Subject<'_>, out: &mut Lines) -> Result<(), No> {
        for segment in subject.segments() {
            let price = price(settings, &segment)?;
            out.step(PRICE, price, &[]);
            let item = Item { measure: SPACE, quantity: Decimal::integer(1), unit_price: price };
            charge_part(settings, &segment, item, price.exact(), out)?;
            if let Some(extra_price) = settings.extra_vehicle_price {
                charge_extra_vehicles(settings, &segment, extra_price, out)?;
            }
        }
        Ok(())
    }
}

/// A tenure without tariff is not charged: that is a refusal, not a price of 0. The kind is needed only where a price
/// depends on it.
fn price(settings: &Settings, segment: &Segment<'_>) -> Result<Decimal, No> {
    let tariff = settings.by_tenure.get(segment.code(TENURE)?).ok_or_else(|| No::refused("tenure-not-charged", &[]))?;
    if tariff.price_by_kind.is_empty() {
        return Ok(tariff.price);
    }
    Ok(tariff.price_by_kind.get(segment.code(KIND)?).copied().unwrap_or(tariff.price))
}

fn charge_extra_vehicles(
    settings: &Settings,
    segment: &Segment<'_>,
    extra_price: Decimal,
    out: &mut Lines,
) -> Result<(), No> {
    let vehicles = segment.number(VEHICLES)?;
    let extra = vehicles.checked_sub(Decimal::integer(settings.vehicles_included.into())).fits()?;
    if extra.mantissa <= 0 {
        return Ok(());
    }
    let amount = extra.exact().checked_mul(extra_price.exact()).fits()?;
    out.step_exact(EXTRA_VEHICLES, amount, &[extra, extra_price])?;
    charge_part(settings, segment, Item { measure: VEHICLE, quantity: extra, unit_price: extra_price }, amount, out)
}

/// Ends a line with its part of the period.
fn charge_part(
    settings: &Settings,
    segment: &Segment<'_>,
    item: Item,
    mut amount: Exact,
    out: &mut Lines,
) -> Result<(), No> {
    if !segment.is_whole_period() {
        let [days, of_days] = segment.days_of(settings.proration);
        let before = out.shown(amount)?;
        amount = amount.checked_mul(segment.share(settings.proration)).fits()?;
        out.step_exact(PRORATION, amount, &[before, days, of_days])?;
    }
    out.step_rounding(ROUNDED, amount, Rounding::HalfUp)?;
    out.charge(segment, item, amount, Rounding::HalfUp)
}

#[cfg(test)]
mod tests {
    #[test]
    fn golden_cases() {
        guanjia_plugin_sdk::testing::run_cases::<super::ParkingFee>(env!("CARGO_MANIFEST_DIR"));
    }
}
