//! What an overdue charge has earned in late fees.

use guanjia_plugin_sdk::fee_policy::problem_at;
use guanjia_plugin_sdk::prelude::*;

steps! {
    STRETCH = "stretch",
    REST = "rest",
    SUM = "sum",
    CAPPED = "capped",
    ROUNDED = "rounded",
    EXEMPT = "exempt",
    NOTHING_OPEN = "nothing-open",
}

/// Stretches that are explained one by one. The host takes 32 steps; who pays in more parts than this gets the others in
/// one step.
const STRETCHES_EXPLAINED_MAX: usize = 24;

/// The settings; `settings.schema.json` says what they mean.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    rate_percent_per_day: Decimal,
    #[serde(default)]
    exemption_days: u16,
    #[serde(default)]
    exemption: Exemption,
    #[serde(default = "whole_principal")]
    cap_percent_of_principal: Decimal,
}

/// What becomes of the days that are free when somebody is still late after them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exemption {
    /// They stay free.
    #[default]
    Skipped,
    /// They are free only for who has paid within them: after that all late days count.
    Waived,
}

fn whole_principal() -> Decimal {
    Decimal::integer(100)
}

/// The rule.
#[derive(Debug)]
pub struct DailyLateFee;

impl LateFeePolicy for DailyLateFee {
    type Settings = Settings;
    const FACTS: &'static [&'static str] = &[];
    const STEPS: &'static [&'static str] = STEPS;

    /// Each stretch of days costs what was open in it × rate × days; the sum is rounded once, half up to the minor unit, and
    /// is at most the given part of the principal, down to the minor unit.
    fn late_fee(settings: &Settings, charge: &Overdue<'_>, out: &mut Totals) -> Result<(), No> {
        if charge.principal() <= 0 {
            return Err(No::refused("no-principal", &[]));
        }
        let late = merged(charge.late_stretches().filter(|late| late.open > 0));
        if late.is_empty() {
            out.step(NOTHING_OPEN, Decimal::integer(0), &[]);
            return out.total(Exact::ZERO, Rounding::HalfUp);
        }
        let counted = counted(settings, charge, &late)?;
        if counted.is_empty() {
            let days = late.iter().map(|late| late.stretch.days()).sum();
            let args = [Decimal::integer(days), Decimal::integer(i64::from(settings.exemption_days))];
            out.step(EXEMPT, Decimal::integer(0), &args);
            return out.total(Exact::ZERO, Rounding::HalfUp);
        }
        let sum = explained_sum(settings, charge, &counted, out)?;
        finish(settings, charge, sum, out)
    }

    fn check(settings: &Settings) -> Vec<Problem> {
        let percent = settings.cap_percent_of_principal;
        let hundred = Decimal::integer(100);
        if percent.is_negative() || percent.compare(hundred).is_gt() {
            return vec![problem_at("cap-out-of-range", "/cap-percent-of-principal", &[percent])];
        }
        Vec::new()
    }
}

/// Neighbouring stretches over the same amount as one: how the host cut them is nobody's business.
fn merged(stretches: impl Iterator<Item = OpenStretch>) -> Vec<OpenStretch> {
    let mut merged: Vec<OpenStretch> = Vec::new();
    for next in stretches {
        match merged.last_mut() {
            Some(last) if last.open == next.open && last.stretch.end == next.stretch.start => {
                last.stretch.end = next.stretch.end;
            }
            _ => merged.push(next),
        }
    }
    merged
}

/// The late days that cost something.
fn counted(settings: &Settings, charge: &Overdue<'_>, late: &[OpenStretch]) -> Result<Vec<OpenStretch>, No> {
    let first_counted = charge.due_on().plus_days(i32::from(settings.exemption_days) + 1).fits()?;
    let late_after = late.iter().any(|late| late.stretch.end > first_counted);
    if settings.exemption == Exemption::Waived && late_after {
        return Ok(late.to_vec());
    }
    let after = |late: &OpenStretch| {
        let start = late.stretch.start.max(first_counted);
        (start < late.stretch.end)
            .then_some(OpenStretch { stretch: Period { start, end: late.stretch.end }, open: late.open })
    };
    Ok(late.iter().filter_map(after).collect())
}

/// The sum of all stretches, each explained.
fn explained_sum(
    settings: &Settings,
    charge: &Overdue<'_>,
    counted: &[OpenStretch],
    out: &mut Totals,
) -> Result<Exact, No> {
    let rate = settings.rate_percent_per_day;
    let digits = charge.currency().digits;
    let (mut sum, mut rest, mut rest_days) = (Exact::ZERO, Exact::ZERO, 0);
    for (index, late) in counted.iter().enumerate() {
        let days = late.stretch.days();
        let part = Exact::from_minor(late.open, digits)
            .checked_mul(rate.exact())
            .fits()?
            .checked_mul(Exact::integer(days))
            .fits()?
            .checked_div(Exact::integer(100))
            .fits()?;
        sum = sum.checked_add(part).fits()?;
        if index < STRETCHES_EXPLAINED_MAX {
            let last_day = late.stretch.end.plus_days(-1).fits()?;
            let open = Decimal::from_parts(late.open, digits).fits()?;
            let args = [open, rate, Decimal::integer(days), day(late.stretch.start), day(last_day)];
            out.step_exact(STRETCH, part, &args)?;
        } else {
            rest = rest.checked_add(part).fits()?;
            rest_days += days;
        }
    }
    if let Some(beyond) = counted.len().checked_sub(STRETCHES_EXPLAINED_MAX).filter(|beyond| *beyond > 0) {
        let beyond = i64::try_from(beyond).ok().fits()?;
        out.step_exact(REST, rest, &[Decimal::integer(beyond), Decimal::integer(rest_days)])?;
    }
    if counted.len() > 1 {
        out.step_exact(SUM, sum, &[])?;
    }
    Ok(sum)
}

/// A date as a step carries it.
fn day(date: Date) -> Decimal {
    Decimal::integer(i64::from(date.days()))
}

/// The cap is compared with what would be charged, in whole minor units, so that rounding never goes beyond it.
fn finish(settings: &Settings, charge: &Overdue<'_>, sum: Exact, out: &mut Totals) -> Result<(), No> {
    let digits = charge.currency().digits;
    let percent = settings.cap_percent_of_principal;
    let principal = Exact::from_minor(charge.principal(), digits);
    let cap = principal.checked_mul(percent.exact()).fits()?.checked_div(Exact::integer(100)).fits()?;
    let cap_minor = cap.round_to(digits, Rounding::Down).fits()?;
    if sum.round_to(digits, Rounding::HalfUp).fits()? > cap_minor {
        let args = [out.shown(sum)?, percent, Decimal::from_parts(charge.principal(), digits).fits()?];
        out.step(CAPPED, Decimal::from_parts(cap_minor, digits).fits()?, &args);
        return out.total(Exact::from_minor(cap_minor, digits), Rounding::Down);
    }
    out.step_rounding(ROUNDED, sum, Rounding::HalfUp)?;
    out.total(sum, Rounding::HalfUp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use guanjia_plugin_sdk::{
        LateFeeGuest, testing,
        values::{Balances, Currency, LateFeeBatch, OverdueCharges},
    };

    #[test]
    fn golden_cases() {
        testing::run_late_fee_cases::<DailyLateFee>(env!("CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn a_cap_above_the_principal_is_told_by_its_place() {
        let settings = r#"{"rate-percent-per-day": "0.05", "cap-percent-of-principal": "100.01"}"#;
        assert_eq!(DailyLateFee::check_settings(settings)[0].about, "/cap-percent-of-principal");
        assert!(DailyLateFee::check_settings(r#"{"rate-percent-per-day": "0.05"}"#).is_empty());
    }

    fn batch(as_of: i32, open: &[i64]) -> LateFeeBatch {
        let days = i32::try_from(open.len()).unwrap_or_default();
        LateFeeBatch {
            as_of: Date(as_of),
            currency: Currency::cny(),
            charges: OverdueCharges { due_on: vec![Date(0)], principal: vec![100_000] },
            balances: Balances {
                charge: vec![0; open.len()],
                start: (1..=days).map(Date).collect(),
                end: (2..=days + 1).map(Date).collect(),
                open: open.to_vec(),
            },
            facts: Vec::new(),
        }
    }

    /// Forty payments make more stretches than anybody reads; they cost the same.
    #[test]
    fn more_stretches_than_are_explained_still_count() {
        let open: Vec<i64> = (0..40).map(|paid| 100_000 - 1_000 * paid).collect();
        let answer =
            DailyLateFee::evaluate(r#"{"rate-percent-per-day": "0.05"}"#, &batch(41, &open)).expect("is valid");
        // The sum of what was open is 3,220,000 fen: × 0.05 % = 1,610.
        assert_eq!(answer.totals, [1_610]);
        assert_eq!(answer.steps.row.len(), 24 + 2, "the rest and the sum");
    }

    /// How the host cuts a stretch of the same amount changes nothing, not even the explanation.
    #[test]
    fn cutting_a_stretch_changes_nothing() {
        let settings = r#"{"rate-percent-per-day": "0.05", "exemption-days": 3}"#;
        let cut = DailyLateFee::evaluate(settings, &batch(21, &[100_000; 20])).expect("is valid");
        let mut whole = batch(21, &[100_000]);
        whole.balances.end = vec![Date(21)];
        assert_eq!(cut, DailyLateFee::evaluate(settings, &whole).expect("is valid"));
        assert_eq!(cut.totals, [850], "17 days × 0.50");
    }
}
