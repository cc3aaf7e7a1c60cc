//! What a binding does in a run: counted page by page and written with the page, so that a run that was killed and resumed
//! counts what an undisturbed one counts.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{BindingMode, QUARANTINE_FAILURES};
use crate::{
    Error, Period, Result,
    billing::RunState,
    decision::{HoldKind, Outcome, Part},
    difference::Difference,
    ids::*,
    ports::Evaluation,
    values::Verdict,
};

/// What a binding did: in a page, in a run, or in all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Use {
    /// Calls, with those that failed and were taken apart.
    pub calls: i64,
    /// Subjects that it was asked about: the sum of the six numbers that follow.
    pub subjects: i64,
    pub decided: i64,
    /// The rule said no, with its reason.
    pub refused: i64,
    /// The rule could not decide, with its reason.
    pub undecided: i64,
    /// The plug-in broke on them.
    pub trapped: i64,
    /// It ran out of fuel, time, memory or output on them.
    pub limited: i64,
    /// It answered of them what cannot be true.
    pub invalid: i64,
    /// Subjects that it was not asked about, because it had been stopped.
    pub passed_over: i64,
    /// Fuel of the calls that answered; failures hide theirs.
    pub fuel: i64,
    /// The most fuel that a call used, in permille of what it was allowed.
    pub fuel_permille: i64,
    /// The most memory that a call had, in permille of what it was allowed.
    pub memory_permille: i64,
    /// Time spent in calls, in microseconds.
    pub spent_us: i64,
    pub last_error: Option<UseError>,
    /// Why it is not asked in this run any more.
    pub stopped: Option<String>,
    /// Of a shadow: what would change if it were the active one.
    pub difference: Option<Difference>,
}

/// A call that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UseError {
    pub kind: HoldKind,
    pub reason: String,
    pub at: DateTime<Utc>,
}

/// What one binding did in a run or page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingUse {
    pub binding_id: BindingId,
    /// Whether its answers counted.
    pub mode: BindingMode,
    pub used: Use,
}

/// What a binding did in one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunUse {
    pub run_id: BillingRunId,
    pub period: Period,
    pub run_state: RunState,
    /// When its first page was recorded.
    pub since: DateTime<Utc>,
    pub mode: BindingMode,
    /// It was a shadow, and differed by more than is tolerated.
    pub differs: bool,
    pub used: Use,
}

/// A shadow that differs from the active one by more than is tolerated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowDifference {
    pub binding_id: BindingId,
    pub tolerance_permille: i64,
    pub difference: Difference,
}

/// Reasons are kept up to this length: what a person reads of them, however much a plug-in says.
const REASON_CHARS_MAX: usize = 300;

/// The beginning of a reason.
pub(crate) fn short(reason: &str) -> String {
    match reason.char_indices().nth(REASON_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &reason[..end]),
        None => reason.to_owned(),
    }
}

impl Use {
    /// What the calls about one page came to.
    #[must_use]
    pub fn of(parts: &[Part], spent: TimeDelta, at: DateTime<Utc>) -> Self {
        let mut used = Self {
            // Every call that failed and was taken apart became two: so many calls end in so many parts.
            calls: (count(parts.len()) * 2 - 1).max(0),
            spent_us: spent.num_microseconds().unwrap_or(i64::MAX).max(0),
            ..Self::default()
        };
        for part in parts {
            used.count(part.subjects.len(), &part.evaluation, at);
        }
        used
    }

    fn count(&mut self, subjects: usize, evaluation: &Evaluation, at: DateTime<Utc>) {
        self.subjects += count(subjects);
        self.fuel = self.fuel.saturating_add(evaluation.fuel);
        self.fuel_permille = self.fuel_permille.max(permille(evaluation.fuel, evaluation.fuel_allowed));
        self.memory_permille = self.memory_permille.max(permille(evaluation.memory_bytes, evaluation.memory_allowed));
        match &evaluation.outcome {
            Outcome::Answer(answer) => {
                for verdict in answer.verdicts() {
                    match verdict {
                        Verdict::Decided => self.decided += 1,
                        Verdict::Refused => self.refused += 1,
                        Verdict::Undecided => self.undecided += 1,
                    }
                }
            }
            Outcome::Failure(failure) => {
                *match failure.kind {
                    HoldKind::Trap => &mut self.trapped,
                    HoldKind::Limit => &mut self.limited,
                    HoldKind::InvalidOutput | HoldKind::PolicyError | HoldKind::Quarantined => &mut self.invalid,
                } += count(subjects);
                self.last_error = Some(UseError { kind: failure.kind, reason: short(&failure.reason), at });
            }
        }
    }

    /// Subjects that were passed over, for this reason.
    #[must_use]
    pub fn passed_over(subjects: usize, reason: &str) -> Self {
        Self { passed_over: count(subjects), stopped: Some(reason.to_owned()), ..Self::default() }
    }

    /// Adds what was done later.
    ///
    /// # Errors
    /// [`Error::Overflow`] when a sum does not fit.
    pub fn add(&mut self, later: &Self) -> Result<()> {
        self.add_figures(later)?;
        if let Some(difference) = &later.difference {
            self.difference.get_or_insert_default().merge(difference)?;
        }
        Ok(())
    }

    /// Everything but the difference.
    pub(crate) fn add_figures(&mut self, later: &Self) -> Result<()> {
        let sums = [
            (&mut self.calls, later.calls),
            (&mut self.subjects, later.subjects),
            (&mut self.decided, later.decided),
            (&mut self.refused, later.refused),
            (&mut self.undecided, later.undecided),
            (&mut self.trapped, later.trapped),
            (&mut self.limited, later.limited),
            (&mut self.invalid, later.invalid),
            (&mut self.passed_over, later.passed_over),
            (&mut self.fuel, later.fuel),
            (&mut self.spent_us, later.spent_us),
        ];
        for (sum, more) in sums {
            *sum = sum.checked_add(more).ok_or(Error::Overflow("adding up what a plug-in did"))?;
        }
        self.fuel_permille = self.fuel_permille.max(later.fuel_permille);
        self.memory_permille = self.memory_permille.max(later.memory_permille);
        if later.last_error.is_some() {
            self.last_error.clone_from(&later.last_error);
        }
        if self.stopped.is_none() {
            self.stopped.clone_from(&later.stopped);
        }
        Ok(())
    }

    /// Subjects that it broke on.
    #[must_use]
    pub fn failed(&self) -> i64 {
        self.trapped + self.limited + self.invalid
    }

    /// Subjects that it came to a verdict about. A no with its reason is an answer.
    #[must_use]
    pub fn answered(&self) -> i64 {
        self.decided + self.refused + self.undecided
    }

    /// Whether it broke on so many subjects that it is broken, and not only the facts of some.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.failed() >= QUARANTINE_FAILURES && self.failed() > self.answered()
    }

    /// What is said of a plug-in that is broken.
    #[must_use]
    pub fn broken_reason(&self) -> String {
        let last = self.last_error.as_ref().map(|error| format!("; the last time: {}", error.reason));
        let words = format!(
            "in one billing run it broke on {} of {} subjects{}",
            self.failed(),
            self.subjects,
            last.unwrap_or_default()
        );
        short(&words)
    }

    /// Mean time of a call in microseconds; 0 without one.
    #[must_use]
    pub fn call_us(&self) -> i64 {
        self.spent_us.checked_div(self.calls).unwrap_or(0)
    }
}

fn count(subjects: usize) -> i64 {
    i64::try_from(subjects).expect("a page is far smaller than 2^63")
}

/// A share in permille; 0 of nothing, and no more than fits.
fn permille(part: i64, whole: i64) -> i64 {
    if whole <= 0 {
        return 0;
    }
    i64::try_from(i128::from(part) * 1_000 / i128::from(whole)).unwrap_or(i64::MAX)
}

/// Whether a shadow differs by more than is tolerated: by its total or, where nothing is tolerated, by any subject that
/// came out otherwise.
///
/// # Errors
/// [`Error::Overflow`] when a total does not fit.
pub fn exceeds(difference: &Difference, tolerance_permille: i64) -> Result<bool> {
    let total = difference.total()?;
    if tolerance_permille == 0 {
        return Ok(difference.unchanged() < total.subjects);
    }
    let tolerated = u128::from(total.before.unsigned_abs()) * u128::from(tolerance_permille.unsigned_abs());
    Ok(total.change().unsigned_abs() * 1_000 > tolerated)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::difference::{Answered, SubjectPlace};
    use rstest::rstest;

    fn used(decided: i64, refused: i64, trapped: i64, limited: i64) -> Use {
        Use { subjects: decided + refused + trapped + limited, decided, refused, trapped, limited, ..Use::default() }
    }

    #[rstest]
    #[case::nothing(used(0, 0, 0, 0), false)]
    #[case::few(used(0, 0, QUARANTINE_FAILURES - 1, 0), false)]
    #[case::enough(used(0, 0, QUARANTINE_FAILURES, 0), true)]
    #[case::of_every_kind(used(0, 0, 16, 16), true)]
    #[case::as_many_as_decided(used(100, 0, 100, 0), false)]
    #[case::one_more_than_decided(used(100, 0, 101, 0), true)]
    #[case::a_no_is_an_answer(used(1, 100, 50, 50), false)]
    fn what_breaks_on_most_is_broken(#[case] used: Use, #[case] broken: bool) {
        assert_eq!(used.is_broken(), broken);
    }

    #[test]
    fn the_first_reason_to_stop_and_the_last_error_stay() {
        let error = |reason: &str| UseError { kind: HoldKind::Trap, reason: reason.into(), at: DateTime::UNIX_EPOCH };
        let mut sum = Use { stopped: Some("first".into()), last_error: Some(error("a")), ..used(1, 2, 3, 4) };
        sum.fuel_permille = 7;
        let later = Use { stopped: Some("second".into()), last_error: Some(error("b")), ..used(10, 20, 30, 40) };
        sum.add(&later).expect("fits");
        sum.add(&Use::default()).expect("fits");
        let expected = Use {
            stopped: Some("first".into()),
            last_error: Some(error("b")),
            fuel_permille: 7,
            ..used(11, 22, 33, 44)
        };
        assert_eq!(sum, expected);
        assert!(sum.add(&Use { fuel: i64::MAX, ..Use::default() }).is_ok());
        assert!(sum.add(&Use { fuel: 1, ..Use::default() }).is_err());
    }

    #[rstest]
    #[case::the_same(100, 100, 0, false)]
    #[case::any(100, 101, 0, true)]
    #[case::within(1_000, 1_010, 10, false)]
    #[case::beyond(1_000, 1_011, 10, true)]
    #[case::less(1_000, 989, 10, true)]
    #[case::out_of_nothing(0, 1, 1_000, true)]
    fn a_tolerance_is_a_share_of_the_total(
        #[case] before: i64,
        #[case] after: i64,
        #[case] tolerance: i64,
        #[case] beyond: bool,
    ) {
        let mut difference = Difference::default();
        let place = SubjectPlace { decision_id: DecisionId::generate(), subject: 0, unit_id: UnitId::generate() };
        difference.add(place, Answered::Value(before), Answered::Value(after)).expect("fits");
        assert_eq!(exceeds(&difference, tolerance).expect("fits"), beyond);
    }

    #[test]
    fn reasons_are_cut_between_characters() {
        let long = "插".repeat(REASON_CHARS_MAX + 1);
        assert_eq!(short(&long).chars().count(), REASON_CHARS_MAX + 1);
        assert_eq!(short("short"), "short");
    }
}
