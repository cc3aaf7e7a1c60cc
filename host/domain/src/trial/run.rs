//! The decisions of one run beside a candidate's answers.

use std::{collections::HashSet, ops::Range};

use crate::{
    Error, Result,
    decision::{Decision, HoldKind, Outcome, Part},
    difference::{Answered, Difference, SubjectPlace, answered},
    ids::UnitId,
    values::{Verdict, allocate},
};

/// Counts one run of a fee item.
///
/// Shared costs can be compared only when the whole run has been asked: what a weight comes to depends on all others. So
/// weights wait here until [`RunDifference::finish`], some tens of bytes a subject.
#[derive(Debug)]
pub(super) struct RunDifference<'a> {
    /// Units that a newer run of the same period has decided: what an older run says of them was superseded.
    superseded: &'a HashSet<UnitId>,
    /// The run corrected what was charged: who is held by it keeps what an older run charged.
    corrects: bool,
    difference: Difference,
    /// What the run charged for the fee item: the total that a candidate's weights share.
    charged: i64,
    weights: Vec<i64>,
    waiting: Vec<Waiting>,
    units: Vec<UnitId>,
}

/// A subject that was answered with weights.
#[derive(Debug)]
struct Waiting {
    place: SubjectPlace,
    before: Answered,
    /// How many of the weights are its, or why it has none.
    after: Result<u32, HoldKind>,
}

impl<'a> RunDifference<'a> {
    pub(super) fn new(superseded: &'a HashSet<UnitId>, corrects: bool) -> Self {
        Self {
            superseded,
            corrects,
            difference: Difference::default(),
            charged: 0,
            weights: Vec::new(),
            waiting: Vec::new(),
            units: Vec::new(),
        }
    }

    /// Counts a decision. `parts` are the candidate's answers to all of its subjects.
    ///
    /// # Errors
    /// `Overflow` when a total does not fit; `Invalid` when the decision contradicts itself.
    pub(super) fn add(&mut self, decision: &Decision, parts: &[Part]) -> Result<()> {
        let before = answered(&decision.question, &decision.outcome, &decision.allocated)?;
        let units = &decision.subjects.units;
        if before.len() != units.len() {
            return Err(Error::invalid(format!("decision {} contradicts itself", decision.id)));
        }
        for answered in &before {
            self.charged =
                self.charged.checked_add(answered.value()).ok_or(Error::Overflow("adding what a run charged"))?;
        }
        let counts = |before: &Answered| !self.corrects || before.decided().is_some();
        self.units.extend(units.iter().zip(&before).filter(|(_, before)| counts(before)).map(|(unit, _)| *unit));
        for part in parts {
            self.difference.measure(&part.evaluation);
            let places = part.subjects.clone().zip(0..).map(|(index, _)| place(decision, index));
            self.add_part(part, places, &before[part.subjects.clone()])?;
        }
        Ok(())
    }

    fn add_part(&mut self, part: &Part, places: impl Iterator<Item = SubjectPlace>, before: &[Answered]) -> Result<()> {
        let outcome = &part.evaluation.outcome;
        if let Outcome::Answer(answer) = outcome
            && answer.weighs()
        {
            self.weights.extend_from_slice(&answer.values());
            let results = part.question.results(answer);
            for ((place, before), result) in places.zip(before).zip(results) {
                let after = match result.verdict {
                    Verdict::Decided => Ok(result.rows),
                    Verdict::Refused | Verdict::Undecided => Err(HoldKind::PolicyError),
                };
                self.waiting.push(Waiting { place, before: *before, after });
            }
            return Ok(());
        }
        for ((place, before), after) in places.zip(before).zip(answered(&part.question, outcome, &[])?) {
            self.count(place, *before, after)?;
        }
        Ok(())
    }

    fn count(&mut self, place: SubjectPlace, before: Answered, after: Answered) -> Result<()> {
        let keeps = self.corrects && before.decided().is_none();
        if keeps || self.superseded.contains(&place.unit_id) {
            return Ok(());
        }
        self.difference.add(place, before, after)
    }

    /// Allocates what the run charged by the candidate's weights, as the host does when it charges, and gives the
    /// difference with all units of the run.
    ///
    /// # Errors
    /// `Refused` with `shared-cost` when the weights cannot share anything: the run could not have been charged.
    pub(super) fn finish(mut self) -> Result<(Difference, Vec<UnitId>)> {
        let waiting = std::mem::take(&mut self.waiting);
        let shares = if self.weights.is_empty() {
            Vec::new()
        } else {
            allocate(self.charged, &self.weights).map_err(|error| {
                Error::refused("shared-cost", format!("the candidate's weights cannot share what was charged: {error}"))
            })?
        };
        let mut rest = shares.as_slice();
        for Waiting { place, before, after } in waiting {
            let after = match after {
                Err(kind) => Answered::Held(kind),
                Ok(rows) => {
                    let (own, later) = rest.split_at_checked(rows as usize).ok_or_else(uneven)?;
                    rest = later;
                    let sum: i128 = own.iter().map(|share| i128::from(*share)).sum();
                    Answered::Value(i64::try_from(sum).map_err(|_| Error::Overflow("adding shares"))?)
                }
            };
            self.count(place, before, after)?;
        }
        if rest.is_empty() { Ok((self.difference, self.units)) } else { Err(uneven()) }
    }
}

/// Checked answers have as many weights as rows of decided subjects.
fn uneven() -> Error {
    Error::invalid("the candidate answered with another number of weights than rows")
}

fn place(decision: &Decision, index: usize) -> SubjectPlace {
    SubjectPlace {
        decision_id: decision.id,
        subject: u32::try_from(index).expect("a batch is far smaller than 2^32"),
        unit_id: decision.subjects.units[index],
    }
}

/// The part that a subject stands in, with its number there.
pub(super) fn part_of(parts: &[Part], subject: usize) -> Option<(&Part, usize)> {
    let holds = |part: &&Part| -> bool {
        let Range { start, end } = part.subjects;
        (start..end).contains(&subject)
    };
    let part = parts.iter().find(holds)?;
    Some((part, subject - part.subjects.start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decision::{CallFailure, Subjects},
        difference::Change,
        hold::HoldCause,
        ids::*,
        point::{Answer, Question},
        ports::Evaluation,
        values::{
            Amounts, Currency, Date, FeeAnswer, FeeBatch, FeeLines, Period, Problem, Rounding, Segments, Steps,
            SubjectProblem,
        },
    };
    use proptest::prelude::*;
    use std::sync::Arc;
    use uuid::Uuid;

    fn question(subjects: u32) -> Question {
        let period = Period { start: Date(0), end: Date(31) };
        let days = |day| vec![day; subjects as usize];
        Question::Fee(Arc::new(FeeBatch {
            period,
            currency: Currency::cny(),
            subjects,
            segments: Segments { subject: (0..subjects).collect(), start: days(period.start), end: days(period.end) },
            facts: vec![],
        }))
    }

    /// One line for each subject that has something; the others are not decided.
    fn answer(values: &[Option<i64>], amounts: fn(Vec<i64>) -> Amounts) -> Outcome {
        let decided: Vec<(u32, i64)> = (0..).zip(values).filter_map(|(at, value)| Some((at, (*value)?))).collect();
        let lines = decided.len();
        let problem = |(subject, value): (u32, &Option<i64>)| {
            let problem = Problem { code: "missing".into(), about: String::new(), args: vec![] };
            value.is_none().then_some(SubjectProblem { subject, problem })
        };
        Outcome::Answer(Answer::Fee(FeeAnswer {
            verdicts: values
                .iter()
                .map(|value| if value.is_some() { Verdict::Decided } else { Verdict::Undecided })
                .collect(),
            problems: (0..).zip(values).filter_map(problem).collect(),
            lines: FeeLines {
                segment: decided.iter().map(|(at, _)| *at).collect(),
                measure: vec![0; lines],
                quantity: vec![1; lines],
                quantity_scale: vec![0; lines],
                unit_price: vec![1; lines],
                unit_price_scale: vec![0; lines],
                rounding: vec![Rounding::HalfUp; lines],
                amounts: amounts(decided.iter().map(|(_, value)| *value).collect()),
            },
            steps: Steps::default(),
        }))
    }

    fn decision(first_unit: u128, outcome: Outcome, allocated: Vec<i64>, subjects: u32) -> Decision {
        let units = (first_unit..first_unit + u128::from(subjects)).map(|unit| UnitId(Uuid::from_u128(unit)));
        Decision {
            id: DecisionId(Uuid::from_u128(first_unit)),
            run_id: BillingRunId(Uuid::nil()),
            binding_id: BindingId(Uuid::nil()),
            fee_item_id: FeeItemId(Uuid::nil()),
            component_digest: "aa".into(),
            settings: "{}".into(),
            wit: "0.1.0".into(),
            engine: "test".into(),
            subjects: Subjects { units: units.collect(), payers: vec![] },
            question: question(subjects),
            outcome,
            allocated,
            fuel: 0,
            log: vec![],
            reverses: vec![],
            first_line: 0,
        }
    }

    fn part(subjects: Range<usize>, outcome: Outcome) -> Part {
        let count = u32::try_from(subjects.len()).expect("is small");
        Part { subjects, question: question(count), evaluation: Evaluation::unmeasured(outcome) }
    }

    fn recorded(values: &[i64]) -> Decision {
        let values: Vec<_> = values.iter().copied().map(Some).collect();
        let count = u32::try_from(values.len()).expect("is small");
        decision(1, answer(&values, Amounts::Money), vec![], count)
    }

    #[test]
    fn parts_are_put_beside_the_subjects_they_are_about() {
        let none = HashSet::new();
        let mut run = RunDifference::new(&none, false);
        let failure = Outcome::Failure(CallFailure::new(HoldCause::Broken, "broke"));
        let parts = [
            part(0..2, answer(&[Some(10), Some(25)], Amounts::Money)),
            part(2..3, failure),
            part(3..4, answer(&[None], Amounts::Money)),
        ];
        run.add(&recorded(&[10, 20, 30, 40]), &parts).expect("fits");
        let (difference, units) = run.finish().expect("nothing is shared");
        assert_eq!(units.len(), 4);
        assert_eq!((difference.subjects(Change::Same), difference.subjects(Change::Up)), (1, 1));
        assert_eq!(difference.tally(Change::NewlyHeld).before, 70);
        assert_eq!(difference.held().values().copied().collect::<Vec<_>>(), [1, 1], "one trap, one problem");
        assert_eq!(part_of(&parts, 3).map(|(part, at)| (part.subjects.clone(), at)), Some((3..4, 0)));
        assert!(part_of(&parts, 4).is_none());
    }

    #[test]
    fn weights_share_what_was_charged_over_the_whole_run() {
        let none = HashSet::new();
        let mut run = RunDifference::new(&none, false);
        // 100 fen were shared 50 : 50 over two decisions; the candidate weighs 1 : 2 and holds nobody.
        let first = decision(1, answer(&[Some(1)], Amounts::Weights), vec![50], 1);
        let second = decision(2, answer(&[Some(1)], Amounts::Weights), vec![50], 1);
        run.add(&first, &[part(0..1, answer(&[Some(1)], Amounts::Weights))]).expect("fits");
        run.add(&second, &[part(0..1, answer(&[Some(2)], Amounts::Weights))]).expect("fits");
        let (difference, _) = run.finish().expect("is shared");
        let total = difference.total().expect("fits");
        assert_eq!((total.before, total.after), (100, 100));
        assert_eq!(difference.tally(Change::Down).after, 33);
        assert_eq!(difference.tally(Change::Up).after, 67);
    }

    #[test]
    fn weights_of_nothing_cannot_share() {
        let none = HashSet::new();
        let mut run = RunDifference::new(&none, false);
        run.add(&recorded(&[7]), &[part(0..1, answer(&[Some(0)], Amounts::Weights))]).expect("fits");
        assert!(matches!(run.finish(), Err(Error::Refused { code: "shared-cost", .. })));
    }

    #[test]
    fn what_a_newer_run_decided_is_not_counted_again() {
        let newer = HashSet::from([UnitId(Uuid::from_u128(1))]);
        let mut run = RunDifference::new(&newer, false);
        run.add(&recorded(&[10, 20]), &[part(0..2, answer(&[Some(11), Some(22)], Amounts::Money))]).expect("fits");
        let (difference, _) = run.finish().expect("nothing is shared");
        let total = difference.total().expect("fits");
        assert_eq!((total.subjects, total.before, total.after), (1, 20, 22));
    }

    proptest! {
        /// However a shared cost is weighed and cut into calls, what was charged is shared out exactly, and those who are
        /// held get nothing of it.
        #[test]
        fn what_is_shared_sums_to_what_was_charged(
            values in prop::collection::vec((0_i64..1_000_000, prop::option::weighted(0.9, 0_i64..1_000)), 1..60),
            cut in any::<prop::sample::Index>(),
        ) {
            let cut = cut.index(values.len() + 1);
            let (before, after): (Vec<i64>, Vec<Option<i64>>) = values.iter().copied().unzip();
            let none = HashSet::new();
            let mut run = RunDifference::new(&none, false);
            let parts = [part(0..cut, answer(&after[..cut], Amounts::Weights)), part(cut..values.len(), answer(&after[cut..], Amounts::Weights))];
            run.add(&recorded(&before), &parts).expect("fits");
            let anybody = after.iter().flatten().any(|weight| *weight > 0);
            let nobody_asked = after.iter().all(Option::is_none);
            match run.finish() {
                Ok((difference, _)) => {
                    let total = difference.total().expect("fits");
                    let charged: i64 = before.iter().sum();
                    prop_assert_eq!(total.before, charged);
                    prop_assert_eq!(total.after, if nobody_asked { 0 } else { charged });
                    prop_assert_eq!(total.subjects, i64::try_from(values.len()).expect("is small"));
                }
                Err(error) => prop_assert!(!anybody && !nobody_asked, "{error}"),
            }
        }
    }
}
