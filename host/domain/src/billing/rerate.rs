//! A month is corrected: what is charged beside what the rule of today answers to the same questions.
//!
//! Nothing here asks or writes anything. A subject whose lines come to the same money for the same people and days stays as it
//! is; of any other one, all lines that stand are taken back beside the new ones, so that what is posted and its adjustment
//! always add up to what the new rule charges.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use super::{PreparedBatch, ResolvedLine, ReversedLine, lines::own_lines, pick};
use crate::{
    Date, Error, Fen, Result,
    decision::{Decision, HoldKind, Outcome, Subjects},
    difference::{Answered, SubjectPlace},
    ids::{DecisionId, PartyId, UnitId},
    point::{Answer, Question, picked, picked_rows},
    values::{Amounts, FeeAnswer, FeeBatch, Verdict, allocate},
};

/// What makes two lines the same money: who owes how much for which days. How a rule splits or names its quantities is not
/// worth a reversal that nobody can tell from the line.
type Owed = (PartyId, Date, Date, Fen);

/// What stands of a subject: the lines that are charged to it and not taken back.
#[derive(Debug, Clone)]
pub(crate) struct Charged {
    /// The decision that charged them.
    pub decision_id: DecisionId,
    /// Index of the subject in it.
    pub subject: u32,
    pub lines: Vec<ResolvedLine>,
}

impl Charged {
    fn owed(&self) -> Vec<Owed> {
        let owed = |line: &ResolvedLine| (line.payer_id, line.from, line.to, line.amount);
        self.lines.iter().map(owed).collect()
    }

    /// # Errors
    /// [`Error::Overflow`] when the lines do not fit one amount.
    pub(crate) fn total(&self) -> Result<Fen> {
        Fen::sum(self.lines.iter().map(|line| line.amount))
    }
}

/// Subjects of a posted decision that are asked about again.
#[derive(Debug, Clone)]
pub(crate) struct Recalled {
    /// The recorded question about them, with the facts that today's rule asks for.
    pub prepared: PreparedBatch,
    /// What stands of each of them, in their order.
    pub charged: Vec<Charged>,
}

impl Recalled {
    /// The subjects of a decision that some units are charged by now; `map` gives a recorded question as today's rule is
    /// asked it.
    ///
    /// # Errors
    /// `Invalid` when the decision contradicts itself or is not one of a fee.
    pub(crate) fn of(
        decision: &Decision,
        buildings: &HashMap<UnitId, Arc<str>>,
        map: impl FnOnce(&Question) -> Result<Question>,
    ) -> Result<Self> {
        let mut lines: HashMap<u32, Vec<ResolvedLine>> = HashMap::new();
        for line in own_lines(decision)? {
            lines.entry(line.subject).or_default().push(line);
        }
        let (mut subjects, mut charged, mut of_building) = (Vec::new(), Vec::new(), Vec::new());
        for (unit_id, subject) in decision.subjects.units.iter().zip(0_u32..) {
            if let (Some(building), Some(lines)) = (buildings.get(unit_id), lines.remove(&subject)) {
                subjects.push(subject as usize);
                of_building.push(building.clone());
                charged.push(Charged { decision_id: decision.id, subject, lines });
            }
        }
        let (rows, _) = picked_rows(&decision.fee_batch()?.segments.subject, &subjects);
        let Question::Fee(batch) = map(&decision.question)?.pick(&subjects) else {
            return Err(Error::invalid(format!("decision {} is not one of a fee", decision.id)));
        };
        let subjects = Subjects {
            units: picked(&decision.subjects.units, &subjects),
            payers: picked(&decision.subjects.payers, &rows),
        };
        Ok(Self { prepared: PreparedBatch { batch, subjects, buildings: of_building }, charged })
    }

    /// The given subjects, ascending.
    pub(crate) fn pick(&self, subjects: &[usize]) -> Self {
        Self { prepared: pick(&self.prepared, subjects), charged: picked(&self.charged, subjects) }
    }

    /// Where a subject stands in the decision that charged it.
    pub(crate) fn place(&self, subject: usize) -> SubjectPlace {
        let Charged { decision_id, subject: recorded, .. } = self.charged[subject];
        SubjectPlace { decision_id, subject: recorded, unit_id: self.prepared.subjects.units[subject] }
    }

    /// Compares what today's rule answered about all of these subjects with what stands, one by one.
    ///
    /// # Errors
    /// `Refused` with [`SHARED_COST`] for weights that no share was computed for; `Overflow` for sums that do not fit.
    pub(crate) fn compare(&self, outcome: &Outcome, shares: Option<&Shares>) -> Result<Vec<Compared>> {
        let answer = match outcome {
            Outcome::Answer(Answer::Fee(answer)) => answer,
            Outcome::Answer(other) => {
                return Err(Error::invalid(format!("a fee was asked for, and {} answered", other.point())));
            }
            Outcome::Failure(failure) => return self.all_held(failure.kind),
        };
        let amounts = amounts(&self.prepared, answer, shares)?;
        let mut owed = owed(&self.prepared, answer, &amounts)?;
        let mut compared = Vec::with_capacity(self.charged.len());
        for ((charged, verdict), owed) in self.charged.iter().zip(&answer.verdicts).zip(&mut owed) {
            let before = Answered::Value(charged.total()?.0);
            if *verdict != Verdict::Decided {
                compared.push(Compared { before, after: Answered::Held(HoldKind::PolicyError), differs: true });
                continue;
            }
            let after = Answered::Value(Fen::sum(owed.iter().map(|(.., amount)| *amount))?.0);
            let mut stands = charged.owed();
            // The order of lines is the rule's own and no difference.
            stands.sort_unstable();
            owed.sort_unstable();
            compared.push(Compared { before, after, differs: stands != *owed });
        }
        Ok(compared)
    }

    fn all_held(&self, kind: HoldKind) -> Result<Vec<Compared>> {
        let held = |charged: &Charged| {
            let before = Answered::Value(charged.total()?.0);
            Ok(Compared { before, after: Answered::Held(kind), differs: true })
        };
        self.charged.iter().map(held).collect()
    }

    /// All that stands of the subjects that are decided now: what is taken back when their new lines are charged. Who is held
    /// keeps what was charged.
    pub(crate) fn reversed(&self, outcome: &Outcome) -> Vec<ReversedLine> {
        let Some(answer) = outcome.fee() else { return Vec::new() };
        let mut reversed = Vec::new();
        for ((charged, verdict), subject) in self.charged.iter().zip(&answer.verdicts).zip(0_u32..) {
            if *verdict == Verdict::Decided {
                reversed.extend(charged.lines.iter().map(|line| ReversedLine::new(subject, charged.decision_id, line)));
            }
        }
        reversed
    }
}

/// A subject as it was and as today's rule would have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compared {
    pub before: Answered,
    pub after: Answered,
    /// Whether a decision has to say so: its lines differ, or it is held.
    pub differs: bool,
}

/// The amounts of an answer's lines: the policy's own, or the shares of its weights.
///
/// # Errors
/// `Refused` with [`SHARED_COST`] when the shares were computed for other lines, or not at all.
pub(crate) fn amounts<'a>(
    prepared: &PreparedBatch,
    answer: &'a FeeAnswer,
    shares: Option<&Shares>,
) -> Result<Cow<'a, [i64]>> {
    let weights = match &answer.lines.amounts {
        Amounts::Money(amounts) => return Ok(Cow::Borrowed(amounts)),
        Amounts::Weights(weights) => weights,
    };
    let mut amounts = Vec::with_capacity(weights.len());
    let mut at = 0;
    while let Some(subject) = subject_of(&prepared.batch, &answer.lines.segment, at) {
        let unit_id = prepared.subjects.units.get(subject as usize).ok_or_else(unsteady)?;
        let own = shares.and_then(|shares| shares.of_unit.get(unit_id)).ok_or_else(unsteady)?;
        let lines =
            (at..).take_while(|line| subject_of(&prepared.batch, &answer.lines.segment, *line) == Some(subject));
        let count = lines.count();
        if own.len() != count {
            return Err(unsteady());
        }
        amounts.extend_from_slice(own);
        at += count;
    }
    Ok(Cow::Owned(amounts))
}

fn subject_of(batch: &FeeBatch, segments: &[u32], line: usize) -> Option<u32> {
    batch.segments.subject.get(*segments.get(line)? as usize).copied()
}

/// What each subject owes by an answer.
fn owed(prepared: &PreparedBatch, answer: &FeeAnswer, amounts: &[i64]) -> Result<Vec<Vec<Owed>>> {
    let broken = || Error::invalid("an answer contradicts its question");
    let segments = &prepared.batch.segments;
    let mut owed = vec![Vec::new(); prepared.subjects.units.len()];
    for (segment, amount) in answer.lines.segment.iter().zip(amounts) {
        let segment = *segment as usize;
        let subject = *segments.subject.get(segment).ok_or_else(broken)?;
        let payer = *prepared.subjects.payers.get(segment).ok_or_else(broken)?;
        let (from, to) = (segments.start.get(segment).ok_or_else(broken)?, segments.end.get(segment));
        let line = (payer, *from, *to.ok_or_else(broken)?, Fen(*amount));
        owed.get_mut(subject as usize).ok_or_else(broken)?.push(line);
    }
    Ok(owed)
}

/// Stable code of the refusal of a shared cost that cannot be shared anew.
pub const SHARED_COST: &str = "shared-cost";

fn unsteady() -> Error {
    Error::refused(
        SHARED_COST,
        "the rule answered otherwise when it was asked again, so that the shared cost would not come out even: make a new preview",
    )
}

/// What a rule's weights share: what is charged to all whom it decides, so that a correction moves a shared cost and never
/// changes it. Known only when the whole fee item has been asked.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    of_unit: HashMap<UnitId, Vec<i64>>,
}

/// Weights on their way to [`Shares`], some tens of bytes a subject.
#[derive(Debug, Default)]
pub(crate) struct Weighed {
    total: Fen,
    weights: Vec<i64>,
    /// In the order of the weights: whose they are, and how many.
    units: Vec<(UnitId, usize)>,
}

impl Weighed {
    /// Adds the answers about one page of units; those with amounts instead of weights are passed over. Shares that are left
    /// over go by the order of the units, as in a regular run, whatever decisions the units come from.
    ///
    /// # Errors
    /// [`Error::Overflow`] when what was charged does not fit.
    pub(crate) fn add_page<'a>(&mut self, answers: impl Iterator<Item = (&'a Recalled, &'a Outcome)>) -> Result<()> {
        let mut page: Vec<(UnitId, Vec<i64>)> = Vec::new();
        for (recalled, outcome) in answers {
            let Some(answer) = outcome.answer().filter(|answer| answer.weighs()) else { continue };
            let results = Question::Fee(Arc::clone(&recalled.prepared.batch)).results(answer);
            let (units, values) = (&recalled.prepared.subjects.units, answer.values());
            for ((result, charged), unit_id) in results.iter().zip(&recalled.charged).zip(units) {
                if result.verdict == Verdict::Decided {
                    let first = result.first as usize;
                    page.push((*unit_id, values[first..first + result.rows as usize].to_vec()));
                    self.total = self.total.checked_add(charged.total()?)?;
                }
            }
        }
        page.sort_unstable_by_key(|(unit_id, _)| *unit_id);
        for (unit_id, weights) in page {
            self.weights.extend_from_slice(&weights);
            self.units.push((unit_id, weights.len()));
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// # Errors
    /// `Refused` with [`SHARED_COST`] when the weights cannot share anything.
    pub(crate) fn share(self) -> Result<Shares> {
        if self.weights.is_empty() {
            return Ok(Shares::default());
        }
        let shares = allocate(self.total.0, &self.weights).map_err(|error| {
            Error::refused(SHARED_COST, format!("the rule's weights cannot share what was charged: {error}"))
        })?;
        let mut rest = shares.as_slice();
        let mut of_unit = HashMap::with_capacity(self.units.len());
        for (unit_id, lines) in self.units {
            let (own, later) = rest.split_at(lines);
            of_unit.insert(unit_id, own.to_vec());
            rest = later;
        }
        Ok(Shares { of_unit })
    }
}

/// By how much the decisions of a re-rating change what a shared cost comes to; 0 when all of it was shared anew.
///
/// # Errors
/// [`Error::Overflow`] when a sum does not fit.
pub(crate) fn shared_difference(decision: &Decision) -> Result<i128> {
    let weighs = decision.outcome.answer().is_some_and(Answer::weighs);
    if !weighs {
        return Ok(0);
    }
    let charged: i128 = decision.allocated.iter().map(|amount| i128::from(*amount)).sum();
    let reversed: i128 = decision.reverses.iter().map(|line| i128::from(line.amount.0)).sum();
    charged.checked_sub(reversed).ok_or(Error::Overflow("adding shares"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        billing::resolve_lines,
        decision::CallFailure,
        hold::HoldCause,
        ids::*,
        values::{Currency, FeeLines, Period, Problem, Rounding, Segments, Steps, SubjectProblem},
    };
    use proptest::prelude::*;
    use rstest::rstest;
    use uuid::Uuid;

    /// What a rule says of a subject: the lines of each of its two segments, or that it is held.
    type Said = Option<[Vec<i64>; 2]>;

    const SEGMENTS: u32 = 2;

    fn unit(number: usize) -> UnitId {
        UnitId(Uuid::from_u128(number as u128 + 1))
    }

    /// Two segments a subject, each with a payer of its own.
    fn question(subjects: usize) -> (Question, Subjects) {
        let count = u32::try_from(subjects).expect("is small");
        let (start, middle, end) = (Date(0), Date(10), Date(31));
        let batch = FeeBatch {
            period: Period { start, end },
            currency: Currency::cny(),
            subjects: count,
            segments: Segments {
                subject: (0..count).flat_map(|subject| [subject; SEGMENTS as usize]).collect(),
                start: (0..count).flat_map(|_| [start, middle]).collect(),
                end: (0..count).flat_map(|_| [middle, end]).collect(),
            },
            facts: vec![],
        };
        let payers = (0..count * SEGMENTS).map(|segment| PartyId(Uuid::from_u128(u128::from(segment)))).collect();
        (Question::Fee(Arc::new(batch)), Subjects { units: (0..subjects).map(unit).collect(), payers })
    }

    fn answer(said: &[Said], amounts: fn(Vec<i64>) -> Amounts) -> Outcome {
        let (mut segment, mut values, mut problems, mut verdicts) = (vec![], vec![], vec![], vec![]);
        for (said, subject) in said.iter().zip(0_u32..) {
            verdicts.push(if said.is_some() { Verdict::Decided } else { Verdict::Refused });
            let Some(lines) = said else {
                let problem = Problem { code: "exempt".into(), about: String::new(), args: vec![] };
                problems.push(SubjectProblem { subject, problem });
                continue;
            };
            for (own, number) in lines.iter().zip(0..) {
                segment.extend(own.iter().map(|_| subject * SEGMENTS + number));
                values.extend(own);
            }
        }
        let count = values.len();
        Outcome::Answer(Answer::Fee(FeeAnswer {
            verdicts,
            problems,
            lines: FeeLines {
                segment,
                measure: vec![0; count],
                quantity: vec![7; count],
                quantity_scale: vec![0; count],
                unit_price: vec![1; count],
                unit_price_scale: vec![0; count],
                rounding: vec![Rounding::HalfUp; count],
                amounts: amounts(values),
            },
            steps: Steps::default(),
        }))
    }

    fn decision(outcome: Outcome, question: Question, subjects: Subjects) -> Decision {
        Decision {
            id: DecisionId::generate(),
            run_id: BillingRunId::generate(),
            binding_id: BindingId(Uuid::nil()),
            fee_item_id: FeeItemId(Uuid::nil()),
            component_digest: "aa".into(),
            settings: "{}".into(),
            wit: "0.1.0".into(),
            engine: "test".into(),
            subjects,
            question,
            outcome,
            allocated: vec![],
            reverses: vec![],
            fuel: 0,
            first_line: 0,
            log: vec![],
        }
    }

    fn recalled(decision: &Decision) -> Recalled {
        let buildings = decision.subjects.units.iter().map(|unit| (*unit, "1".into())).collect();
        Recalled::of(decision, &buildings, |question| Ok(question.clone())).expect("is whole")
    }

    /// What a re-rating of everything that stands keeps, and the decision that it records.
    fn adjusted(whole: &Recalled, said: &[Said]) -> (Vec<Compared>, Option<Decision>) {
        let compared = whole.compare(&answer(said, Amounts::Money), None).expect("fits");
        let kept: Vec<usize> = (0..compared.len()).filter(|subject| compared[*subject].differs).collect();
        if kept.is_empty() {
            return (compared, None);
        }
        let some = whole.pick(&kept);
        let outcome = answer(&picked(said, &kept), Amounts::Money);
        let question = Question::Fee(Arc::clone(&some.prepared.batch));
        let reverses = some.reversed(&outcome);
        let recorded = decision(outcome, question, some.prepared.subjects.clone());
        (compared, Some(Decision { reverses, ..recorded }))
    }

    fn charged(said: &[Said]) -> Decision {
        let (question, subjects) = question(said.len());
        decision(answer(said, Amounts::Money), question, subjects)
    }

    fn one(first: &[i64], second: &[i64]) -> Said {
        Some([first.to_vec(), second.to_vec()])
    }

    #[rstest]
    #[case::the_same(one(&[10], &[20]), one(&[10], &[20]), false)]
    #[case::dearer(one(&[10], &[20]), one(&[11], &[20]), true)]
    #[case::other_days(one(&[10], &[20]), one(&[20], &[10]), true)]
    #[case::other_order(one(&[10, 1], &[20]), one(&[1, 10], &[20]), false)]
    #[case::split_otherwise(one(&[11], &[20]), one(&[10, 1], &[20]), true)]
    #[case::a_line_of_nothing(one(&[10], &[]), one(&[10, 0], &[]), true)]
    #[case::held(one(&[10], &[20]), None, true)]
    fn lines_differ_by_what_is_owed(#[case] before: Said, #[case] after: Said, #[case] differs: bool) {
        let (compared, _) = adjusted(&recalled(&charged(&[before])), &[after]);
        assert_eq!(compared[0].differs, differs);
    }

    #[test]
    fn a_correction_takes_back_and_charges_anew() {
        let before = charged(&[one(&[10], &[20]), one(&[5], &[5])]);
        let (_, correction) = adjusted(&recalled(&before), &[one(&[12], &[20]), one(&[5], &[5])]);
        let correction = correction.expect("one differs");
        assert_eq!(correction.subjects.units, [unit(0)], "who owes the same is not asked about");
        let lines = resolve_lines(&correction).expect("fits");
        let figures: Vec<(i64, i64, u32)> = lines.iter().map(|line| (line.amount.0, line.line_no, line.line)).collect();
        assert_eq!(figures, [(-10, 2, 2), (-20, 3, 3), (12, 0, 0), (20, 1, 1)]);
        let old = resolve_lines(&before).expect("fits");
        let reversed: Vec<ChargeId> = lines.iter().filter_map(|line| Some(line.reverses?.charge_id)).collect();
        assert_eq!(reversed, [old[0].charge_id, old[1].charge_id]);
        assert_eq!((lines[0].payer_id, lines[0].from, lines[0].to), (old[0].payer_id, old[0].from, old[0].to));
        assert_eq!(lines[0].quantity.mantissa, -7);
        assert_eq!(correction.line_count(), 4);
    }

    #[test]
    fn whoever_is_held_keeps_what_was_charged() {
        let before = charged(&[one(&[10], &[20])]);
        let (compared, correction) = adjusted(&recalled(&before), &[None]);
        assert_eq!(
            (compared[0].before, compared[0].after),
            (Answered::Value(30), Answered::Held(HoldKind::PolicyError))
        );
        assert!(resolve_lines(&correction.expect("says why")).expect("fits").is_empty());
        let failure = Outcome::Failure(CallFailure::new(HoldCause::Broken, "broke"));
        let compared = recalled(&before).compare(&failure, None).expect("fits");
        assert_eq!(compared[0].after, Answered::Held(HoldKind::Trap));
        assert!(recalled(&before).reversed(&failure).is_empty());
    }

    #[test]
    fn weights_without_a_share_are_refused() {
        let (question, subjects) = question(1);
        let weighing = answer(&[one(&[1], &[1])], Amounts::Weights);
        let shared = Decision { allocated: vec![60, 40], ..decision(weighing.clone(), question, subjects) };
        let whole = recalled(&shared);
        assert!(matches!(whole.compare(&weighing, None), Err(Error::Refused { code: SHARED_COST, .. })));
        let mut weighed = Weighed::default();
        weighed.add_page([(&whole, &weighing)].into_iter()).expect("fits");
        let shares = weighed.share().expect("somebody weighs");
        assert!(whole.compare(&weighing, Some(&shares)).expect("is shared")[0].differs, "60 : 40 is not 1 : 1");
        let other = answer(&[one(&[1, 1], &[1])], Amounts::Weights);
        assert!(whole.compare(&other, Some(&shares)).is_err(), "another number of lines than was shared");
    }

    fn said() -> impl Strategy<Value = Said> {
        let lines = || prop::collection::vec(-300_i64..1_000, 1..3);
        prop::option::weighted(0.9, [lines(), lines()])
    }

    fn total(lines: &[ResolvedLine], unit_id: UnitId) -> i64 {
        lines.iter().filter(|line| line.unit_id == unit_id).map(|line| line.amount.0).sum()
    }

    proptest! {
        /// Whatever the old and the new rule say: what is posted and its adjustment come to what the new rule charges, and to
        /// what was charged where it holds; who owes the same is left alone; and doing it again proposes nothing.
        #[test]
        fn what_is_posted_and_its_adjustment_are_what_the_new_rule_charges(
            pairs in prop::collection::vec((said(), said(), any::<bool>()), 1..20),
        ) {
            let old: Vec<Said> = pairs.iter().map(|(old, ..)| old.clone().or(one(&[1], &[]))).collect();
            let new: Vec<Said> =
                pairs.iter().zip(&old).map(|((_, new, same), old)| if *same { old.clone() } else { new.clone() }).collect();
            let before = charged(&old);
            let whole = recalled(&before);
            let (compared, correction) = adjusted(&whole, &new);
            let posted = resolve_lines(&before).expect("fits");
            let adjustments = correction.as_ref().map(|made| resolve_lines(made).expect("fits")).unwrap_or_default();
            for (subject, compared) in compared.iter().enumerate() {
                let stands = total(&posted, unit(subject)) + total(&adjustments, unit(subject));
                prop_assert_eq!(stands, compared.after.decided().unwrap_or(compared.before.value()));
                let touched = adjustments.iter().any(|line| line.unit_id == unit(subject));
                prop_assert_eq!(touched, compared.differs && compared.after.decided().is_some());
            }
            // Every line of who is charged anew is taken back, once; all lines have numbers of their own.
            let mut reversed: Vec<ChargeId> =
                adjustments.iter().filter_map(|line| Some(line.reverses?.charge_id)).collect();
            let all = reversed.len();
            reversed.sort_unstable();
            reversed.dedup();
            prop_assert_eq!(reversed.len(), all);
            let mut numbers: Vec<_> = adjustments.iter().map(|line| (line.unit_id, line.line_no)).collect();
            numbers.sort_unstable();
            numbers.dedup();
            prop_assert_eq!(numbers.len(), adjustments.len());
            let net: i64 = adjustments.iter().map(|line| line.amount.0).sum();
            let changed = |compared: &Compared| compared.after.decided().map_or(0, |after| after - compared.before.value());
            prop_assert_eq!(net, compared.iter().map(changed).sum::<i64>());
            // What stands now is what the correction charged; asking again finds no difference.
            if let Some(correction) = correction {
                let again = recalled(&correction);
                let decided: Vec<usize> = (0..new.len()).filter(|at| compared[*at].differs && new[*at].is_some()).collect();
                prop_assert_eq!(again.charged.len(), decided.len(), "nothing stands of who is held in a correction");
                let (compared, none) = adjusted(&again, &picked(&new, &decided));
                prop_assert!(none.is_none() && compared.iter().all(|compared| !compared.differs));
            }
        }

        /// However a shared cost is weighed anew, who is decided bears together what they bore before.
        #[test]
        fn a_shared_cost_is_moved_and_never_changed(
            shares in prop::collection::vec((0_i64..100_000, prop::option::weighted(0.9, 0_i64..1_000)), 1..40),
            cut in any::<prop::sample::Index>(),
        ) {
            let (question, subjects) = question(shares.len());
            let charged: Vec<i64> = shares.iter().flat_map(|(share, _)| [*share, 1]).collect();
            let weights: Vec<Said> = shares.iter().map(|_| one(&[1], &[1])).collect();
            let before = Decision { allocated: charged, ..decision(answer(&weights, Amounts::Weights), question, subjects) };
            let whole = recalled(&before);
            let said: Vec<Said> = shares.iter().map(|(_, weight)| one(&[(*weight)?], &[])).collect();
            let cut = cut.index(shares.len() + 1);
            let parts = [(0..cut).collect::<Vec<_>>(), (cut..shares.len()).collect()];
            let mut weighed = Weighed::default();
            for part in &parts {
                let outcome = answer(&picked(&said, part), Amounts::Weights);
                weighed.add_page([(&whole.pick(part), &outcome)].into_iter()).expect("fits");
            }
            let somebody = said.iter().flatten().any(|lines| lines[0][0] > 0);
            let Ok(shares) = weighed.share() else {
                prop_assert!(!somebody);
                return Ok(());
            };
            let mut difference = 0;
            for part in &parts {
                let (some, outcome) = (whole.pick(part), answer(&picked(&said, part), Amounts::Weights));
                some.compare(&outcome, Some(&shares)).expect("is shared");
                let amounts = amounts(&some.prepared, outcome.fee().expect("a fee"), Some(&shares)).expect("is shared");
                let question = Question::Fee(Arc::clone(&some.prepared.batch));
                let made = Decision {
                    allocated: amounts.into_owned(),
                    reverses: some.reversed(&outcome),
                    ..decision(outcome, question, some.prepared.subjects)
                };
                difference += shared_difference(&made).expect("fits");
            }
            prop_assert_eq!(difference, 0);
        }
    }
}
