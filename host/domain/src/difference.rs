//! What would change if another rule had answered: counted subject by subject over any number of calls.
//!
//! A trial adds up recorded outcomes against a candidate's; a shadow binding adds up live ones. Both see only
//! [`Answered`], so nothing here knows a single extension point. An accumulator is merged with another one without loss,
//! whatever was counted where: counts and sums are added, and the lists of movers are the first ones of one total order.

use serde::{Deserialize, Serialize};
use std::{cmp::Reverse, collections::BTreeMap, fmt, str::FromStr};

use crate::{
    Error, Result,
    access::codes,
    decision::{HoldKind, Outcome},
    ids::{DecisionId, UnitId},
    point::Question,
    ports::Evaluation,
    values::Verdict,
};

/// How many subjects each list of movers names: as many as a person reads.
pub const MOVERS_MAX: usize = 20;

/// What was answered about one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// Decided, with what its lines come to in minor units; 0 without a line.
    Value(i64),
    /// Not decided.
    Held(HoldKind),
}

impl Answered {
    /// What it adds to a total: nothing is charged to whoever is held.
    #[must_use]
    pub fn value(self) -> i64 {
        self.decided().unwrap_or(0)
    }

    #[must_use]
    pub fn decided(self) -> Option<i64> {
        match self {
            Self::Value(value) => Some(value),
            Self::Held(_) => None,
        }
    }
}

/// What an outcome says of each subject of its question, in their order. `allocated` holds the amounts that stand for the
/// weights of a shared cost, one per row; it is not looked at where the answer is money.
///
/// # Errors
/// `Conflict` for weights that are not allocated; `Overflow` when the rows of a subject do not fit one amount.
pub fn answered(question: &Question, outcome: &Outcome, allocated: &[i64]) -> Result<Vec<Answered>> {
    let answer = match outcome {
        Outcome::Failure(failure) => return Ok(vec![Answered::Held(failure.kind); question.subjects()]),
        Outcome::Answer(answer) => answer,
    };
    let weighs = answer.weighs();
    if weighs && allocated.len() != answer.values().len() {
        return Err(Error::Conflict("the weights of a shared cost are not allocated yet".into()));
    }
    let results = question.results(answer).into_iter().map(|result| {
        if result.verdict != Verdict::Decided {
            return Ok(Answered::Held(HoldKind::PolicyError));
        }
        let value = if weighs {
            let rows = allocated.iter().skip(result.first as usize).take(result.rows as usize);
            rows.map(|amount| i128::from(*amount)).sum()
        } else {
            result.value
        };
        i64::try_from(value).map(Answered::Value).map_err(|_| Error::Overflow("adding the rows of a subject"))
    });
    results.collect()
}

codes! {
    /// What became of one subject.
    Change {
        /// The same amount.
        Same = "same",
        Up = "up",
        Down = "down",
        /// Nothing before, something after.
        Appears = "appears",
        /// Something before, nothing after.
        Vanishes = "vanishes",
        /// Decided before, held after.
        NewlyHeld = "newly-held",
        /// Held before, decided after.
        Released = "released",
        StillHeld = "still-held",
    }
}

impl Change {
    #[must_use]
    pub fn between(before: Answered, after: Answered) -> Self {
        match (before, after) {
            (Answered::Held(_), Answered::Held(_)) => Self::StillHeld,
            (Answered::Value(_), Answered::Held(_)) => Self::NewlyHeld,
            (Answered::Held(_), Answered::Value(_)) => Self::Released,
            (Answered::Value(before), Answered::Value(after)) if before == after => Self::Same,
            (Answered::Value(0), Answered::Value(_)) => Self::Appears,
            (Answered::Value(_), Answered::Value(0)) => Self::Vanishes,
            (Answered::Value(before), Answered::Value(after)) if before < after => Self::Up,
            (Answered::Value(_), Answered::Value(_)) => Self::Down,
        }
    }

    /// The list that names its largest movers.
    #[must_use]
    pub fn direction(self, before: i64, after: i64) -> Option<Direction> {
        match self {
            Self::Same | Self::StillHeld => None,
            Self::NewlyHeld => Some(Direction::NewlyHeld),
            Self::Released => Some(Direction::Released),
            Self::Up | Self::Down | Self::Appears | Self::Vanishes if before < after => Some(Direction::Up),
            Self::Up | Self::Down | Self::Appears | Self::Vanishes => Some(Direction::Down),
        }
    }
}

codes! {
    /// A list of movers.
    Direction {
        /// Went up or appeared, the largest rise first.
        Up = "up",
        /// Went down or vanished, the largest fall first.
        Down = "down",
        /// Those that were owed most before come first.
        NewlyHeld = "newly-held",
        /// Those that are owed most after come first.
        Released = "released",
    }
}

/// Where a subject stands: enough to ask about it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SubjectPlace {
    pub decision_id: DecisionId,
    /// Index of the subject in the decision.
    pub subject: u32,
    pub unit_id: UnitId,
}

/// A subject with what it was and what it would be; `None` where it is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mover {
    pub place: SubjectPlace,
    pub before: Option<i64>,
    pub after: Option<i64>,
}

impl Mover {
    /// Largest change first; among equal ones the order of decisions and subjects, so that every list has one order.
    fn rank(&self) -> (Reverse<u64>, SubjectPlace) {
        (Reverse(self.after.unwrap_or(0).abs_diff(self.before.unwrap_or(0))), self.place)
    }
}

/// How many subjects, and what they come to before and after.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub subjects: i64,
    /// Sum before, in minor units.
    pub before: i64,
    /// Sum after, in minor units.
    pub after: i64,
}

impl Tally {
    /// # Errors
    /// [`Error::Overflow`] when a sum does not fit.
    pub fn add(&mut self, other: Self) -> Result<()> {
        let add = |left: i64, right: i64| left.checked_add(right).ok_or(Error::Overflow("adding a difference"));
        *self = Self {
            subjects: add(self.subjects, other.subjects)?,
            before: add(self.before, other.before)?,
            after: add(self.after, other.after)?,
        };
        Ok(())
    }

    /// After less before, in minor units. Two sums of one sign cannot leave an `i128`.
    #[must_use]
    pub fn change(&self) -> i128 {
        i128::from(self.after) - i128::from(self.before)
    }
}

/// Upper ends, in permille of the amount before, of the classes of relative change; what is above the last is a class of
/// its own. An end belongs to its class: a price that is dearer by a tenth is "up to 10 %".
const BUCKET_ENDS_PERMILLE: [i64; 5] = [50, 100, 200, 500, 1_000];
/// Classes of one direction.
const BUCKETS_EACH_WAY: usize = BUCKET_ENDS_PERMILLE.len() + 1;
/// Falls from the largest, no change, rises to the largest.
const BUCKETS: usize = 2 * BUCKETS_EACH_WAY + 1;

/// A class of relative change, as a range of permille of the amount before. The end that is further from 0 belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// `None`: without a bound.
    pub from_permille: Option<i64>,
    /// `None`: without a bound.
    pub to_permille: Option<i64>,
    pub subjects: i64,
}

/// The difference between two rules, so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What became of the subjects; nothing stands for none.
    tallies: BTreeMap<Change, Tally>,
    /// The largest of each direction.
    movers: BTreeMap<Direction, Vec<Mover>>,
    /// Subjects by relative change: those that are decided before and after, and were something before or stayed nothing.
    histogram: [i64; BUCKETS],
    /// Subjects that are held after, by why.
    held: BTreeMap<HoldKind, i64>,
    /// Calls that were measured.
    calls: i64,
    /// The most fuel that a call used, in permille of what it was allowed.
    fuel_permille_max: i64,
    /// The most memory that a call had, in permille of what it was allowed.
    memory_permille_max: i64,
}

impl Difference {
    /// Counts one subject.
    ///
    /// # Errors
    /// [`Error::Overflow`] when a total does not fit.
    pub fn add(&mut self, place: SubjectPlace, before: Answered, after: Answered) -> Result<()> {
        let change = Change::between(before, after);
        let one = Tally { subjects: 1, before: before.value(), after: after.value() };
        self.tallies.entry(change).or_default().add(one)?;
        if let Some(direction) = change.direction(one.before, one.after) {
            let mover = Mover { place, before: before.decided(), after: after.decided() };
            insert(self.movers.entry(direction).or_default(), mover);
        }
        if let (Answered::Value(before), Answered::Value(after)) = (before, after)
            && let Some(bucket) = bucket_of(before, after)
        {
            self.histogram[bucket] += 1;
        }
        if let Answered::Held(kind) = after {
            *self.held.entry(kind).or_default() += 1;
        }
        Ok(())
    }

    /// Counts what one call of the other rule took.
    pub fn measure(&mut self, evaluation: &Evaluation) {
        self.calls += 1;
        self.fuel_permille_max = self.fuel_permille_max.max(permille(evaluation.fuel, evaluation.fuel_allowed));
        self.memory_permille_max =
            self.memory_permille_max.max(permille(evaluation.memory_bytes, evaluation.memory_allowed));
    }

    /// Adds what another accumulator has counted: the same as if all of it had been counted here.
    ///
    /// # Errors
    /// [`Error::Overflow`] when a total does not fit.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        for (change, tally) in &other.tallies {
            self.tallies.entry(*change).or_default().add(*tally)?;
        }
        for (direction, movers) in &other.movers {
            let known = self.movers.entry(*direction).or_default();
            movers.iter().for_each(|mover| insert(known, *mover));
        }
        for (own, others) in self.histogram.iter_mut().zip(other.histogram) {
            *own += others;
        }
        for (kind, subjects) in &other.held {
            *self.held.entry(*kind).or_default() += subjects;
        }
        self.calls += other.calls;
        self.fuel_permille_max = self.fuel_permille_max.max(other.fuel_permille_max);
        self.memory_permille_max = self.memory_permille_max.max(other.memory_permille_max);
        Ok(())
    }

    #[must_use]
    pub fn tally(&self, change: Change) -> Tally {
        self.tallies.get(&change).copied().unwrap_or_default()
    }

    #[must_use]
    pub fn subjects(&self, change: Change) -> i64 {
        self.tally(change).subjects
    }

    /// All subjects together.
    ///
    /// # Errors
    /// [`Error::Overflow`] when a total does not fit, though its parts do.
    pub fn total(&self) -> Result<Tally> {
        let mut total = Tally::default();
        for tally in self.tallies.values() {
            total.add(*tally)?;
        }
        Ok(total)
    }

    /// Subjects that came out as before: the same amount, or held both times.
    #[must_use]
    pub fn unchanged(&self) -> i64 {
        self.subjects(Change::Same) + self.subjects(Change::StillHeld)
    }

    /// The largest movers of a direction, one a unit, at most [`MOVERS_MAX`].
    #[must_use]
    pub fn movers(&self, direction: Direction) -> &[Mover] {
        self.movers.get(&direction).map_or(&[], Vec::as_slice)
    }

    /// From the largest fall to the largest rise.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> + use<'_> {
        self.histogram.iter().enumerate().map(|(index, subjects)| {
            let (from_permille, to_permille) = bucket_range(index);
            Bucket { from_permille, to_permille, subjects: *subjects }
        })
    }

    /// Subjects that are held after, by why.
    #[must_use]
    pub fn held(&self) -> &BTreeMap<HoldKind, i64> {
        &self.held
    }

    /// Calls of the other rule.
    #[must_use]
    pub fn calls(&self) -> i64 {
        self.calls
    }

    /// The most fuel that a call used, in permille of what it was allowed. Calls that failed hide what they used.
    #[must_use]
    pub fn fuel_permille_max(&self) -> i64 {
        self.fuel_permille_max
    }

    /// The most memory that a call had, in permille of what it was allowed.
    #[must_use]
    pub fn memory_permille_max(&self) -> i64 {
        self.memory_permille_max
    }
}

/// Puts a mover where it belongs in a list of the largest. A unit is named once, with its largest change: over twelve
/// months it would take twelve places otherwise.
fn insert(movers: &mut Vec<Mover>, mover: Mover) {
    let rank = mover.rank();
    if movers.len() == MOVERS_MAX && movers.last().is_some_and(|last| last.rank() <= rank) {
        return;
    }
    if let Some(known) = movers.iter().position(|known| known.place.unit_id == mover.place.unit_id) {
        if movers[known].rank() <= rank {
            return;
        }
        movers.remove(known);
    }
    let at = movers.partition_point(|known| known.rank() <= rank);
    movers.insert(at, mover);
    movers.truncate(MOVERS_MAX);
}

/// The class of a change; `None` for something out of nothing, which is no multiple of anything.
fn bucket_of(before: i64, after: i64) -> Option<usize> {
    let change = i128::from(after) - i128::from(before);
    if change == 0 {
        return Some(BUCKETS_EACH_WAY);
    }
    if before == 0 {
        return None;
    }
    let (size, base) = (change.unsigned_abs(), u128::from(before.unsigned_abs()));
    let within = |end: &&i64| size * 1_000 <= base * u128::from(end.unsigned_abs());
    let steps = BUCKET_ENDS_PERMILLE.iter().position(|end| within(&end)).unwrap_or(BUCKET_ENDS_PERMILLE.len());
    Some(if change > 0 { BUCKETS_EACH_WAY + 1 + steps } else { BUCKETS_EACH_WAY - 1 - steps })
}

fn bucket_range(index: usize) -> (Option<i64>, Option<i64>) {
    let ends = |steps: usize| {
        let near = steps.checked_sub(1).map_or(Some(0), |before| BUCKET_ENDS_PERMILLE.get(before).copied());
        (near, BUCKET_ENDS_PERMILLE.get(steps).copied())
    };
    if index == BUCKETS_EACH_WAY {
        (Some(0), Some(0))
    } else if index > BUCKETS_EACH_WAY {
        ends(index - BUCKETS_EACH_WAY - 1)
    } else {
        let (near, far) = ends(BUCKETS_EACH_WAY - 1 - index);
        (far.map(|end| -end), near.map(|end| -end))
    }
}

/// A share in permille; 0 of nothing, and no more than fits.
fn permille(part: i64, whole: i64) -> i64 {
    if whole <= 0 {
        return 0;
    }
    i64::try_from(i128::from(part) * 1_000 / i128::from(whole)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decision::{CallFailure, decode, encode},
        hold::HoldCause,
        point::Answer,
        values::{
            Amounts, Currency, Date, FeeAnswer, FeeBatch, FeeLines, Period, Problem, Rounding, Segments, Steps,
            SubjectProblem,
        },
    };
    use proptest::prelude::*;
    use rstest::rstest;
    use std::{collections::BTreeSet, sync::Arc};
    use uuid::Uuid;

    const HELD: Answered = Answered::Held(HoldKind::Trap);

    fn place(subject: u32) -> SubjectPlace {
        SubjectPlace {
            decision_id: DecisionId(Uuid::from_u128(u128::from(subject / 7))),
            subject,
            // Some units come several times.
            unit_id: UnitId(Uuid::from_u128(u128::from(subject % 40))),
        }
    }

    fn of(pairs: &[(Answered, Answered)], first: u32) -> Difference {
        let mut difference = Difference::default();
        for ((before, after), subject) in pairs.iter().zip(first..) {
            difference.add(place(subject), *before, *after).expect("small amounts fit");
        }
        difference
    }

    #[rstest]
    #[case::same(Answered::Value(5), Answered::Value(5), Change::Same)]
    #[case::still_nothing(Answered::Value(0), Answered::Value(0), Change::Same)]
    #[case::up(Answered::Value(5), Answered::Value(6), Change::Up)]
    #[case::down(Answered::Value(6), Answered::Value(5), Change::Down)]
    #[case::appears(Answered::Value(0), Answered::Value(1), Change::Appears)]
    #[case::vanishes(Answered::Value(1), Answered::Value(0), Change::Vanishes)]
    #[case::newly_held(Answered::Value(0), HELD, Change::NewlyHeld)]
    #[case::released(HELD, Answered::Value(0), Change::Released)]
    #[case::still_held(HELD, Answered::Held(HoldKind::PolicyError), Change::StillHeld)]
    fn each_change_has_its_name(#[case] before: Answered, #[case] after: Answered, #[case] change: Change) {
        assert_eq!(Change::between(before, after), change);
        assert_eq!(of(&[(before, after)], 0).subjects(change), 1);
    }

    #[rstest]
    #[case::none(100, 100, (Some(0), Some(0)))]
    #[case::nothing_stays(0, 0, (Some(0), Some(0)))]
    #[case::least_rise(100_000, 100_001, (Some(0), Some(50)))]
    #[case::a_twentieth(100, 105, (Some(0), Some(50)))]
    #[case::more_than_a_twentieth(100, 106, (Some(50), Some(100)))]
    #[case::doubled(100, 200, (Some(500), Some(1_000)))]
    #[case::more_than_doubled(100, 201, (Some(1_000), None))]
    #[case::a_tenth_less(100, 90, (Some(-100), Some(-50)))]
    #[case::vanished(100, 0, (Some(-1_000), Some(-500)))]
    #[case::a_credit_that_grows(-100, -250, (None, Some(-1_000)))]
    #[case::the_widest(i64::MIN, i64::MAX, (Some(1_000), None))]
    fn a_change_falls_into_the_class_that_names_it(
        #[case] before: i64,
        #[case] after: i64,
        #[case] range: (Option<i64>, Option<i64>),
    ) {
        let difference = of(&[(Answered::Value(before), Answered::Value(after))], 0);
        let full: Vec<Bucket> = difference.buckets().filter(|bucket| bucket.subjects > 0).collect();
        assert_eq!(full.len(), 1);
        assert_eq!((full[0].from_permille, full[0].to_permille), range);
    }

    #[test]
    fn something_out_of_nothing_is_in_no_class() {
        let difference = of(&[(Answered::Value(0), Answered::Value(7))], 0);
        assert_eq!(difference.buckets().map(|bucket| bucket.subjects).sum::<i64>(), 0);
    }

    #[test]
    fn the_largest_movers_are_kept_in_order() {
        let rises = |by: i64| (Answered::Value(100), Answered::Value(100 + by));
        let count = i64::try_from(MOVERS_MAX).expect("is small") + 5;
        let difference = of(&(1..=count).map(rises).collect::<Vec<_>>(), 0);
        let after: Vec<i64> = difference.movers(Direction::Up).iter().filter_map(|mover| mover.after).collect();
        let expected: Vec<i64> = (6..=count).rev().map(|by| 100 + by).collect();
        assert_eq!(after, expected);
        assert!(difference.movers(Direction::Down).is_empty());
    }

    #[test]
    fn a_call_is_measured_by_what_it_was_allowed() {
        let failure = CallFailure::new(HoldCause::Fuel { units: 1 }, "fuel");
        let mut evaluation = Evaluation::unmeasured(Outcome::Failure(failure));
        let mut difference = Difference::default();
        difference.measure(&evaluation);
        (evaluation.fuel, evaluation.fuel_allowed) = (250, 1_000);
        (evaluation.memory_bytes, evaluation.memory_allowed) = (i64::MAX, i64::MAX);
        difference.measure(&evaluation);
        assert_eq!(
            (difference.calls(), difference.fuel_permille_max(), difference.memory_permille_max()),
            (2, 250, 1_000)
        );
    }

    #[test]
    fn a_total_that_does_not_fit_is_an_error() {
        let mut difference = of(&[(Answered::Value(i64::MAX), Answered::Value(1))], 0);
        assert!(difference.add(place(1), Answered::Value(1), Answered::Value(0)).is_ok());
        assert!(difference.total().is_err(), "two kinds of change that fit do not fit together");
        assert!(difference.add(place(2), Answered::Value(1), Answered::Value(0)).is_ok());
        assert!(difference.add(place(3), Answered::Value(i64::MAX), Answered::Value(1)).is_err());
    }

    /// Two subjects with a segment each, the second not decided.
    fn fee(amounts: Amounts) -> (Question, Outcome) {
        let period = Period { start: Date(0), end: Date(31) };
        let segments = Segments {
            subject: vec![0, 0, 1],
            start: vec![Date(0), Date(9), Date(0)],
            end: vec![Date(9), Date(31), Date(31)],
        };
        let batch = FeeBatch { period, currency: Currency::cny(), subjects: 2, segments, facts: vec![] };
        let problem = Problem { code: "missing".into(), about: String::new(), args: vec![] };
        let answer = FeeAnswer {
            verdicts: vec![Verdict::Decided, Verdict::Undecided],
            problems: vec![SubjectProblem { subject: 1, problem }],
            lines: FeeLines {
                segment: vec![0, 1],
                measure: vec![0, 0],
                quantity: vec![1, 1],
                quantity_scale: vec![0, 0],
                unit_price: vec![1, 1],
                unit_price_scale: vec![0, 0],
                rounding: vec![Rounding::HalfUp, Rounding::HalfUp],
                amounts,
            },
            steps: Steps::default(),
        };
        (Question::Fee(Arc::new(batch)), Outcome::Answer(Answer::Fee(answer)))
    }

    #[test]
    fn money_stands_for_itself_and_weights_for_what_was_allocated() {
        let held = Answered::Held(HoldKind::PolicyError);
        let (question, outcome) = fee(Amounts::Money(vec![30, 12]));
        assert_eq!(answered(&question, &outcome, &[]).expect("is money"), [Answered::Value(42), held]);
        let (question, outcome) = fee(Amounts::Weights(vec![30, 12]));
        assert_eq!(answered(&question, &outcome, &[700, 7]).expect("is allocated"), [Answered::Value(707), held]);
        assert!(matches!(answered(&question, &outcome, &[]), Err(Error::Conflict(_))));
    }

    #[test]
    fn a_failed_call_holds_all_of_its_subjects() {
        let (question, _) = fee(Amounts::Money(vec![]));
        let failure = Outcome::Failure(CallFailure::new(HoldCause::Broken, "broke"));
        assert_eq!(answered(&question, &failure, &[]).expect("needs nothing"), [HELD, HELD]);
    }

    fn any_answered() -> impl Strategy<Value = Answered> {
        prop_oneof![
            1 => Just(Answered::Value(0)),
            6 => (-1_000_i64..1_000).prop_map(Answered::Value),
            1 => (-1_000_000_000_000_i64..1_000_000_000_000).prop_map(Answered::Value),
            1 => prop::sample::select(HoldKind::ALL).prop_map(Answered::Held),
        ]
    }

    fn pairs() -> impl Strategy<Value = Vec<(Answered, Answered)>> {
        let pair = prop_oneof![
            3 => (any_answered(), any_answered()),
            1 => any_answered().prop_map(|same| (same, same)),
        ];
        prop::collection::vec(pair, 0..120)
    }

    proptest! {
        #[test]
        fn counts_add_up_and_totals_are_sums(pairs in pairs()) {
            let difference = of(&pairs, 0);
            let total = difference.total().expect("fits");
            let count = |changes: &[Change]| changes.iter().map(|change| difference.subjects(*change)).sum::<i64>();
            prop_assert_eq!(total.subjects, i64::try_from(pairs.len()).expect("is small"));
            prop_assert_eq!(total.subjects, count(Change::ALL));
            prop_assert_eq!(total.before, pairs.iter().map(|(before, _)| before.value()).sum::<i64>());
            prop_assert_eq!(total.after, pairs.iter().map(|(_, after)| after.value()).sum::<i64>());
            let in_classes = difference.buckets().map(|bucket| bucket.subjects).sum::<i64>();
            prop_assert_eq!(in_classes, count(&[Change::Same, Change::Up, Change::Down, Change::Vanishes]));
            prop_assert_eq!(difference.held().values().sum::<i64>(), count(&[Change::NewlyHeld, Change::StillHeld]));
        }

        #[test]
        fn movers_are_the_largest_there_are(pairs in pairs()) {
            let difference = of(&pairs, 0);
            for direction in Direction::ALL {
                let mut all: Vec<Mover> = pairs
                    .iter()
                    .zip(0..)
                    .filter(|((before, after), _)| {
                        Change::between(*before, *after).direction(before.value(), after.value()) == Some(*direction)
                    })
                    .map(|((before, after), subject)| Mover {
                        place: place(subject),
                        before: before.decided(),
                        after: after.decided(),
                    })
                    .collect();
                all.sort_by_key(Mover::rank);
                let mut units = BTreeSet::new();
                all.retain(|mover| units.insert(mover.place.unit_id));
                all.truncate(MOVERS_MAX);
                prop_assert_eq!(difference.movers(*direction), all);
            }
        }

        #[test]
        fn merging_is_counting_all_in_any_order(pairs in pairs(), cut in any::<prop::sample::Index>()) {
            let cut = cut.index(pairs.len() + 1);
            let whole = of(&pairs, 0);
            let second_first = u32::try_from(cut).expect("is small");
            let (left, right) = (of(&pairs[..cut], 0), of(&pairs[cut..], second_first));
            for (mut first, second) in [(left.clone(), &right), (right.clone(), &left)] {
                first.merge(second).expect("fits");
                prop_assert_eq!(&first, &whole);
            }
        }

        #[test]
        fn what_is_stored_reads_back(pairs in pairs()) {
            let difference = of(&pairs, 0);
            let text = serde_json::to_string(&difference).expect("is JSON");
            prop_assert_eq!(&serde_json::from_str::<Difference>(&text).expect("reads back"), &difference);
            let bytes = encode(&difference).expect("is packed");
            prop_assert_eq!(&decode::<Difference>(&bytes).expect("unpacks"), &difference);
        }
    }
}
