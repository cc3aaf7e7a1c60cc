//! `late-fee-policy`: what late fee has each overdue charge earned in total, as of a date?

use guanjia_values::{
    Currency, Date, Decimal, Description, Exact, LateFeeAnswer, LateFeeBatch, Period, Problem, Rounding,
    SubjectProblem, Verdict,
};
use serde::de::DeserializeOwned;

use crate::facts::{FactRow, Step};
use crate::fee_policy::{SHOWN_SCALE_MAX, StepColumns};
use crate::{Fits, No, settings};

/// A rule for late fees. Implement it, and export it with [`export_late_fee_policy!`](crate::export_late_fee_policy).
pub trait LateFeePolicy {
    /// The settings, as the schema describes them. Decimals are texts.
    type Settings: DeserializeOwned;
    /// Facts that it reads; [`facts!`](crate::facts) makes it.
    const FACTS: &'static [&'static str];
    /// Explanation steps; [`steps!`](crate::steps) makes it.
    const STEPS: &'static [&'static str];

    /// Problems of the settings that their schema cannot express.
    fn check(_settings: &Self::Settings) -> Vec<Problem> {
        Vec::new()
    }

    /// The total since the due date, never the increase: write it once with [`Totals::total`], after its steps.
    fn late_fee(settings: &Self::Settings, charge: &Overdue<'_>, out: &mut Totals) -> Result<(), No>;
}

/// The contract itself; every [`LateFeePolicy`] has it.
pub trait LateFeeGuest {
    fn describe() -> Description;
    fn check_settings(settings: &str) -> Vec<Problem>;
    fn evaluate(settings: &str, batch: &LateFeeBatch) -> Result<LateFeeAnswer, Problem>;
}

impl<P: LateFeePolicy> LateFeeGuest for P {
    fn describe() -> Description {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Description { facts: owned(P::FACTS), steps: owned(P::STEPS), measures: Vec::new() }
    }

    fn check_settings(settings: &str) -> Vec<Problem> {
        match settings::parse(settings) {
            Ok(settings) => P::check(&settings),
            Err(problem) => vec![problem],
        }
    }

    fn evaluate(settings: &str, batch: &LateFeeBatch) -> Result<LateFeeAnswer, Problem> {
        let settings: P::Settings = settings::parse(settings)?;
        let rows = batch.charges.due_on.len();
        let mut verdicts = Vec::with_capacity(rows);
        let mut problems = Vec::new();
        let mut totals = Vec::with_capacity(rows);
        let mut out =
            Totals { digits: batch.currency.digits, row: 0, total: None, steps: StepColumns::with_capacity(rows) };
        let mut first_balance = 0;
        for row in 0..rows {
            let index = u32::try_from(row).expect("a batch has fewer than 2^32 charges");
            let end = first_balance + batch.balances.charge[first_balance..].partition_point(|other| *other <= index);
            let charge = Overdue { batch, facts: FactRow::new(&batch.facts, P::FACTS, index), row, first_balance, end };
            first_balance = end;
            let mark = (out.steps.0.row.len(), out.steps.0.arg.len());
            (out.row, out.total) = (row, None);
            let outcome = P::late_fee(&settings, &charge, &mut out)
                .and_then(|()| out.total.ok_or_else(|| No::undecided("no-line", "", &[])));
            let (verdict, problem) = match outcome {
                Ok(_) => (Verdict::Decided, None),
                Err(No::Refused(problem)) => (Verdict::Refused, Some(problem)),
                Err(No::Undecided(problem)) => (Verdict::Undecided, Some(problem)),
            };
            verdicts.push(verdict);
            totals.push(if problem.is_none() { out.total.unwrap_or(0) } else { 0 });
            if let Some(problem) = problem {
                out.steps.truncate(mark.0, mark.1);
                problems.push(SubjectProblem { subject: index, problem });
            }
        }
        Ok(LateFeeAnswer { verdicts, problems, totals, steps: out.steps.0 })
    }
}

/// An overdue charge with its history.
#[derive(Debug, Clone)]
pub struct Overdue<'a> {
    batch: &'a LateFeeBatch,
    facts: FactRow<'a>,
    row: usize,
    first_balance: usize,
    end: usize,
}

/// A stretch of days on which the same amount was still owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenStretch {
    pub stretch: Period,
    /// Minor units.
    pub open: i64,
}

impl<'a> Overdue<'a> {
    /// The day up to which the late fee runs; the day itself is not counted.
    #[must_use]
    pub fn as_of(&self) -> Date {
        self.batch.as_of
    }

    #[must_use]
    pub fn currency(&self) -> &'a Currency {
        &self.batch.currency
    }

    /// The last day on which paying was in time.
    #[must_use]
    pub fn due_on(&self) -> Date {
        self.batch.charges.due_on.get(self.row).copied().unwrap_or(self.batch.as_of)
    }

    /// Minor units that were charged.
    #[must_use]
    pub fn principal(&self) -> i64 {
        self.batch.charges.principal.get(self.row).copied().unwrap_or(0)
    }

    /// What was open when, in order. Stretches may reach beyond the days that count; see [`Overdue::late_stretches`].
    pub fn balances(&self) -> impl Iterator<Item = OpenStretch> {
        let balances = &self.batch.balances;
        (self.first_balance..self.end).filter_map(|index| {
            let stretch = Period { start: *balances.start.get(index)?, end: *balances.end.get(index)? };
            Some(OpenStretch { stretch, open: *balances.open.get(index)? })
        })
    }

    /// What was open on the days that count: after the due date and before the day as of which is asked.
    pub fn late_stretches(&self) -> impl Iterator<Item = OpenStretch> {
        let first_late_day = self.due_on().plus_days(1).unwrap_or(self.as_of());
        let late = Period { start: first_late_day, end: self.as_of() };
        self.balances().filter_map(move |balance| {
            Some(OpenStretch { stretch: balance.stretch.intersect(late)?, open: balance.open })
        })
    }

    /// The facts of the charge.
    #[must_use]
    pub fn facts(&self) -> FactRow<'a> {
        self.facts
    }
}

/// Where the answer is written.
#[derive(Debug)]
pub struct Totals {
    digits: u8,
    row: usize,
    total: Option<i64>,
    steps: StepColumns,
}

impl Totals {
    /// A step that explains the total.
    pub fn step(&mut self, step: Step, value: Decimal, args: &[Decimal]) {
        self.steps.push(self.row, step, value, args);
    }

    /// A step whose value is computed, shown with at least the places of the currency and at most six.
    pub fn step_exact(&mut self, step: Step, value: Exact, args: &[Decimal]) -> Result<(), No> {
        self.step(step, self.shown(value)?, args);
        Ok(())
    }

    /// A computed value as steps show it, such as for the argument of the next one.
    pub fn shown(&self, value: Exact) -> Result<Decimal, No> {
        value.to_decimal(self.digits, SHOWN_SCALE_MAX).fits()
    }

    /// A step that says that the total rounds, where it does; its argument is the value before.
    pub fn step_rounding(&mut self, step: Step, total: Exact, rounding: Rounding) -> Result<(), No> {
        let minor = total.round_to(self.digits, rounding).fits()?;
        if Exact::from_minor(minor, self.digits).compare(total).fits()?.is_ne() {
            let before = self.shown(total)?;
            self.step(step, Decimal::from_parts(minor, self.digits).fits()?, &[before]);
        }
        Ok(())
    }

    /// The total in major units, rounded to the minor unit here and nowhere else. It must not be negative.
    pub fn total(&mut self, total: Exact, rounding: Rounding) -> Result<(), No> {
        let minor = total.round_to(self.digits, rounding).filter(|minor| *minor >= 0).fits()?;
        self.total = Some(minor);
        Ok(())
    }
}

/// Exports a [`LateFeePolicy`] from the component. On anything but wasm32 it does nothing.
#[macro_export]
#[rustfmt::skip] // It moves the nested macro call to another column.
macro_rules! export_late_fee_policy {
    ($policy:ty) => {
        #[cfg(target_arch = "wasm32")]
        // The generated exports of a component are unsafe functions.
        #[allow(unsafe_code)]
        const _: () = {
            type Component = $crate::bindings::LateFee<$policy>;
            $crate::bindings::late_fee::export!(Component with_types_in $crate::bindings::late_fee);
        };
    };
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::prelude::steps;
    use guanjia_values::{Balances, OverdueCharges};
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Settings {
        /// Per day.
        rate: Decimal,
    }

    steps! { DAYS = "days-at-rate" }

    struct Simple;

    impl LateFeePolicy for Simple {
        type Settings = Settings;
        const FACTS: &'static [&'static str] = &[];
        const STEPS: &'static [&'static str] = STEPS;

        fn late_fee(settings: &Settings, charge: &Overdue<'_>, out: &mut Totals) -> Result<(), No> {
            let mut total = Exact::ZERO;
            for late in charge.late_stretches() {
                let days = Decimal::integer(late.stretch.days());
                let open = Exact::from_minor(late.open, charge.currency().digits);
                let part = open.checked_mul(settings.rate.exact()).fits()?.checked_mul(days.exact()).fits()?;
                out.step(DAYS, part.to_decimal(2, 6).fits()?, &[days]);
                total = total.checked_add(part).fits()?;
            }
            if charge.principal() == 0 {
                return Err(No::refused("nothing-charged", &[]));
            }
            out.total(total, Rounding::HalfUp)
        }
    }

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn only_days_after_the_due_date_and_before_the_day_itself_count() {
        let batch = LateFeeBatch {
            as_of: date("2025-03-21"),
            currency: Currency::cny(),
            charges: OverdueCharges { due_on: vec![date("2025-03-10"); 3], principal: vec![25_060, 0, 100] },
            balances: Balances {
                charge: vec![0, 0, 1, 2],
                start: vec![date("2025-03-01"), date("2025-03-16"), date("2025-03-01"), date("2025-03-01")],
                end: vec![date("2025-03-16"), date("2025-04-01"), date("2025-04-01"), date("2025-03-11")],
                open: vec![25_060, 10_000, 500, 100],
            },
            facts: Vec::new(),
        };
        let answer = Simple::evaluate(r#"{"rate": "0.0005"}"#, &batch).unwrap();
        assert_eq!(answer.verdicts, [Verdict::Decided, Verdict::Refused, Verdict::Decided]);
        // Five days (11–15) at 250.60 are 0.6265, five (16–20) at 100.00 are 0.25: together 0.8765.
        assert_eq!(answer.totals, [88, 0, 0]);
        assert_eq!(answer.steps.row, [0, 0]);
        assert_eq!(answer.problems[0].subject, 1);
    }
}
