//! What a unit owes for water, power or heat.

use guanjia_plugin_sdk::fee_policy::problem_at;
use guanjia_plugin_sdk::prelude::*;

facts! {
    PREVIOUS = "meter.previous",
    CURRENT = "meter.current",
    CHANGE = "meter.change",
    MULTIPLIER = "meter.multiplier",
}
steps! { USAGE = "usage", USAGE_CHANGED = "usage-changed", TIER = "tier", FIXED = "fixed", PRORATION = "proration", ROUNDED = "rounded" }
measures! { M3 = "m3", KWH = "kwh", PERIOD = "period" }

/// The settings; `settings.schema.json` says what they mean.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    measure: Counted,
    tiers: Tiers,
    #[serde(default)]
    fixed: Decimal,
    #[serde(default)]
    proration: Proration,
}

/// What the meter counts.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counted {
    M3,
    Kwh,
}

/// The rule.
#[derive(Debug)]
pub struct MeteredFee;

impl FeePolicy for MeteredFee {
    type Settings = Settings;
    const FACTS: &'static [&'static str] = FACTS;
    const STEPS: &'static [&'static str] = STEPS;
    const MEASURES: &'static [&'static str] = MEASURES;

    /// Per stretch: one line for each tier that the usage reaches, and one for the fixed part. The tiers run on over the
    /// stretches of the period: a second owner goes on in the tier where the first one ended.
    fn charge(settings: &Settings, subject: &Subject<'_>, out: &mut Lines) -> Result<(), No> {
        let mut used = Decimal::integer(0);
        for segment in subject.segments() {
            let usage = usage(&segment, out)?;
            let until = used.checked_add(usage).fits()?;
            charge_usage(settings, &segment, [used, until], out)?;
            used = until;
            if !settings.fixed.is_zero() {
                charge_fixed(settings, &segment, out)?;
            }
        }
        Ok(())
    }

    fn check(settings: &Settings) -> Vec<Problem> {
        let mistake = settings.tiers.first_mistake();
        mistake.map(|index| problem_at("tiers-out-of-order", &format!("/tiers/{index}"), &[])).into_iter().collect()
    }
}

/// The difference of the readings × the multiplier (1 where none is known). Where the meter was changed, what the old one
/// showed in the end, less where the new one started, belongs to it.
fn usage(segment: &Segment<'_>, out: &mut Lines) -> Result<Decimal, No> {
    let (previous, current) = (segment.number(PREVIOUS)?, segment.number(CURRENT)?);
    let change = segment.facts().number_if_known(CHANGE)?.unwrap_or(Decimal::integer(0));
    let counted = current.checked_add(change).fits()?;
    if counted.compare(previous).is_lt() {
        return Err(No::undecided("reading-below-previous", segment.facts().name(CURRENT), &[previous, current]));
    }
    let multiplier = segment.facts().number_if_known(MULTIPLIER)?.unwrap_or(Decimal::integer(1));
    let usage = counted.checked_sub(previous).fits()?.checked_mul(multiplier).fits()?.trimmed(0);
    if change.is_zero() {
        out.step(USAGE, usage, &[current, previous, multiplier]);
    } else {
        out.step(USAGE_CHANGED, usage, &[current, previous, change, multiplier]);
    }
    Ok(usage)
}

fn charge_usage(
    settings: &Settings,
    segment: &Segment<'_>,
    [from, to]: [Decimal; 2],
    out: &mut Lines,
) -> Result<(), No> {
    let measure = match settings.measure {
        Counted::M3 => M3,
        Counted::Kwh => KWH,
    };
    let mut line = |part: TierPart| {
        out.step_exact(TIER, part.amount, &[part.quantity, part.price])?;
        out.step_rounding(ROUNDED, part.amount, Rounding::HalfUp)?;
        let item = Item { measure, quantity: part.quantity, unit_price: part.price };
        out.charge(segment, item, part.amount, Rounding::HalfUp)
    };
    if from == to
        && let Some(tier) = settings.tiers.as_slice().first()
    {
        // Nothing used is a line over 0, so that the readings are on record.
        return line(TierPart { quantity: Decimal::integer(0), price: tier.price, amount: Exact::ZERO });
    }
    settings.tiers.split_between(from, to).try_for_each(|part| line(part?))
}

fn charge_fixed(settings: &Settings, segment: &Segment<'_>, out: &mut Lines) -> Result<(), No> {
    let mut amount = settings.fixed.exact();
    out.step(FIXED, settings.fixed, &[]);
    if !segment.is_whole_period() {
        let [days, of_days] = segment.days_of(settings.proration);
        amount = amount.checked_mul(segment.share(settings.proration)).fits()?;
        out.step_exact(PRORATION, amount, &[settings.fixed, days, of_days])?;
    }
    out.step_rounding(ROUNDED, amount, Rounding::HalfUp)?;
    let item = Item { measure: PERIOD, quantity: Decimal::integer(1), unit_price: settings.fixed };
    out.charge(segment, item, amount, Rounding::HalfUp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use guanjia_plugin_sdk::{FeeGuest, testing};

    #[test]
    fn golden_cases() {
        testing::run_cases::<MeteredFee>(env!("CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn tiers_out_of_order_are_told_by_their_place() {
        let settings = r#"{"measure": "m3", "tiers": [{"up-to": "260", "price": "5"}, {"up-to": "180", "price": "7"},
            {"price": "9"}]}"#;
        assert_eq!(MeteredFee::check_settings(settings)[0].about, "/tiers/1");
    }
}
