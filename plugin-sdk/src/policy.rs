//! Rules of extension points about records, such as `ticket-policy`: one trait for all of them.

use guanjia_values::{
    AnswerOf, BatchOf, Decimal, Description, Effect, EffectArgument, EffectValue, Problem, RecordAnswer, RecordPoint,
    SubjectProblem, Verdict,
};
use serde::de::DeserializeOwned;

use crate::facts::{FactRow, Step};
use crate::fee_policy::StepColumns;
use crate::{Fits, No, settings};

/// A rule that decides about records. `P` is the extension point, such as [`TicketPoint`](guanjia_values::TicketPoint); the
/// macro of the point exports it, such as [`export_ticket_policy!`](crate::export_ticket_policy).
pub trait Policy<P: RecordPoint> {
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

    /// Decides about one subject, after its steps. The last step has to arrive at the result of the decision, and
    /// [`Reasons::arrive`] writes it.
    fn decide(settings: &Self::Settings, case: &Case<'_, P>, out: &mut Reasons) -> Result<P::Decided, No>;
}

/// The contract itself; every [`Policy`] has it.
pub trait PolicyGuest<P: RecordPoint> {
    fn describe() -> Description;
    fn check_settings(settings: &str) -> Vec<Problem>;
    fn evaluate(settings: &str, batch: &BatchOf<P>) -> Result<AnswerOf<P>, Problem>;
}

impl<P: RecordPoint, R: Policy<P>> PolicyGuest<P> for R {
    fn describe() -> Description {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Description { facts: owned(R::FACTS), steps: owned(R::STEPS), measures: Vec::new() }
    }

    fn check_settings(settings: &str) -> Vec<Problem> {
        match settings::parse(settings) {
            Ok(settings) => R::check(&settings),
            Err(problem) => vec![problem],
        }
    }

    fn evaluate(settings: &str, batch: &BatchOf<P>) -> Result<AnswerOf<P>, Problem> {
        let settings: R::Settings = settings::parse(settings)?;
        let subjects = batch.subjects.len();
        let mut verdicts = Vec::with_capacity(subjects);
        let (mut problems, mut decided) = (Vec::new(), Vec::with_capacity(subjects));
        let mut out = Reasons { row: 0, steps: StepColumns::with_capacity(subjects), effects: Vec::new() };
        for (index, subject) in (0_u32..).zip(&batch.subjects) {
            let facts = FactRow::new(&batch.facts, R::FACTS, index);
            let case = Case { shared: &batch.shared, subject, facts };
            let mark = (out.steps.0.row.len(), out.steps.0.arg.len(), out.effects.len());
            out.row = index;
            let (verdict, problem) = match R::decide(&settings, &case, &mut out) {
                Ok(decision) => {
                    decided.push(decision);
                    (Verdict::Decided, None)
                }
                Err(No::Refused(problem)) => (Verdict::Refused, Some(problem)),
                Err(No::Undecided(problem)) => (Verdict::Undecided, Some(problem)),
            };
            verdicts.push(verdict);
            if let Some(problem) = problem {
                out.steps.truncate(mark.0, mark.1);
                out.effects.truncate(mark.2);
                problems.push(SubjectProblem { subject: index, problem });
            }
        }
        Ok(RecordAnswer { verdicts, problems, decided, steps: out.steps.0, effects: out.effects })
    }
}

/// One subject with what belongs to it.
#[derive(Debug)]
pub struct Case<'a, P: RecordPoint> {
    /// What all subjects of the call have in common.
    pub shared: &'a P::Shared,
    pub subject: &'a P::Subject,
    pub facts: FactRow<'a>,
}

/// Where reasons and effects of a decision are written.
#[derive(Debug)]
pub struct Reasons {
    row: u32,
    steps: StepColumns,
    effects: Vec<Effect>,
}

impl Reasons {
    /// A step that explains the decision: what it arrived at, and the numbers that its sentence names.
    pub fn step(&mut self, step: Step, value: Decimal, args: &[Decimal]) {
        self.steps.push(usize::try_from(self.row).expect("a 32-bit number fits"), step, value, args);
    }

    /// The last step: it arrives at the result of the decision.
    pub fn arrive<P: RecordPoint>(&mut self, step: Step, decided: &P::Decided, args: &[Decimal]) -> Result<(), No> {
        let result = Decimal::from_parts(P::result(decided), P::RESULT_SCALE).fits()?;
        self.step(step, result, args);
        Ok(())
    }

    /// Asks the host to do something. The manifest has to list the effect, and whoever switches the rule on to grant it.
    pub fn effect(&mut self, kind: &str, args: &[(&str, EffectValue)]) {
        let args = args.iter().map(|(name, value)| EffectArgument { name: (*name).to_owned(), value: value.clone() });
        self.effects.push(Effect { subject: self.row, kind: kind.to_owned(), args: args.collect() });
    }
}
