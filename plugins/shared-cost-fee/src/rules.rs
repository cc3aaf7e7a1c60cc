//! The weight of a unit in a cost that many share. The host knows the total and allocates it by largest remainder.

use guanjia_plugin_sdk::fee_policy::problem_at;
use guanjia_plugin_sdk::prelude::*;

facts! { AREA = "unit.area", STOREY = "unit.storey", UNIT_KIND = "unit.kind" }
steps! { SHARE = "share", EXCLUDED = "excluded" }
measures! { M2 = "m2", HOUSEHOLD = "household" }

/// The settings; `settings.schema.json` says what they mean.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    basis: Basis,
    #[serde(default)]
    storey_factors: Vec<StoreyFactor>,
    #[serde(default)]
    excluded_unit_kinds: Vec<String>,
}

/// What the cost is shared by.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    Area,
    Household,
}

/// From this storey upwards, until the next entry, weights are multiplied by the factor.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StoreyFactor {
    from: i32,
    factor: Decimal,
}

/// The rule.
#[derive(Debug)]
pub struct SharedCostFee;

impl FeePolicy for SharedCostFee {
    type Settings = Settings;
    const FACTS: &'static [&'static str] = FACTS;
    const STEPS: &'static [&'static str] = STEPS;
    const MEASURES: &'static [&'static str] = MEASURES;
    const AMOUNTS: AmountKind = AmountKind::Weights;

    /// Per stretch: area (or 1) × factor of the storey × days. A kind that takes no part weighs 0, and a step says so.
    fn charge(settings: &Settings, subject: &Subject<'_>, out: &mut Lines) -> Result<(), No> {
        for segment in subject.segments() {
            let (measure, quantity) = match settings.basis {
                Basis::Area => (M2, segment.number(AREA)?),
                Basis::Household => (HOUSEHOLD, Decimal::integer(1)),
            };
            // What one unit of measure costs is known only after the total has been allocated.
            let item = Item { measure, quantity, unit_price: Decimal::integer(0) };
            if is_excluded(settings, &segment)? {
                out.step(EXCLUDED, Decimal::integer(0), &[]);
                out.weigh(&segment, item, 0)?;
                continue;
            }
            let factor = factor(settings, &segment)?;
            let days = Decimal::integer(segment.days());
            let share = quantity.exact().checked_mul(factor.exact()).fits()?.checked_mul(days.exact()).fits()?;
            // Area has four places and a factor three, so that seven lose nothing.
            let weight = share.round_to(WEIGHT_DIGITS, Rounding::HalfUp).fits()?;
            out.step(SHARE, Decimal::new(weight, WEIGHT_DIGITS).trimmed(2), &[quantity, factor, days]);
            out.weigh(&segment, item, weight)?;
        }
        Ok(())
    }

    fn check(settings: &Settings) -> Vec<Problem> {
        let pairs = settings.storey_factors.windows(2).zip(1..);
        let unordered = pairs.filter(|(pair, _)| pair[0].from >= pair[1].from);
        unordered
            .map(|(_, index)| problem_at("storeys-out-of-order", &format!("/storey-factors/{index}/from"), &[]))
            .collect()
    }
}

/// The kind is needed only where some kind is excluded.
fn is_excluded(settings: &Settings, segment: &Segment<'_>) -> Result<bool, No> {
    if settings.excluded_unit_kinds.is_empty() {
        return Ok(false);
    }
    let kind = segment.code(UNIT_KIND)?;
    Ok(settings.excluded_unit_kinds.iter().any(|excluded| excluded == kind))
}

/// The factor of the storey, or 1 where none depends on it.
fn factor(settings: &Settings, segment: &Segment<'_>) -> Result<Decimal, No> {
    if settings.storey_factors.is_empty() {
        return Ok(Decimal::integer(1));
    }
    let storey = segment.number(STOREY)?;
    let reached = |entry: &&StoreyFactor| Decimal::integer(entry.from.into()).compare(storey).is_le();
    let entry = settings.storey_factors.iter().rev().find(reached);
    entry
        .map(|entry| entry.factor)
        .ok_or_else(|| No::undecided("no-factor-for-storey", segment.facts().name(STOREY), &[storey]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use guanjia_plugin_sdk::{FeeGuest, testing};

    #[test]
    fn golden_cases() {
        testing::run_cases::<SharedCostFee>(env!("CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn storeys_out_of_order_are_told_by_their_place() {
        let settings =
            r#"{"basis": "area", "storey-factors": [{"from": 1, "factor": "0"}, {"from": 1, "factor": "1"}]}"#;
        assert_eq!(SharedCostFee::check_settings(settings)[0].about, "/storey-factors/1/from");
    }
}
