//! Extension points: what each one asks and what it is answered, from one declaration.
//!
//! Install checks, trial, shadow, quarantine, explain and replay work on [`Question`] and [`Answer`] and know nothing of a
//! single point. A new point is one entry in `points!`, one implementation of [`Point`] and one caller in the sandbox.

mod columns;
mod fee;
mod late_fee;
mod records;
mod ticket;

pub(crate) use columns::{picked, picked_rows};
pub(crate) use fee::FeePoint;
pub use ticket::{ALLOWED_MINUTES_MAX, CANDIDATES_MAX, ESCALATIONS_MAX, TICKET_FACTS, WORDS_BYTES_MAX};

use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt, ops::Range, str::FromStr, sync::Arc};

use crate::{
    Error, Result,
    access::codes,
    billing::AnswerLimits,
    facts::FactDefinition,
    values::{
        Column, Description, Effect, FeeAnswer, FeeBatch, LateFeeAnswer, LateFeeBatch, Steps, SubjectProblem,
        TicketAnswer, TicketBatch, TicketPoint, Verdict,
    },
};

/// One decision that the host hands out, with its own question and answer.
///
/// Subjects are numbered from 0 and independent of each other: picking some of a question is picking some of its answer.
pub trait Point {
    type Batch;
    type Answer;

    /// The registered facts that a plug-in of this point may ask for.
    fn fact(name: &str) -> Option<FactDefinition>;
    /// All of them, for people and for messages.
    fn facts() -> Vec<FactDefinition>;
    fn subjects(batch: &Self::Batch) -> usize;
    /// The question about some of the subjects, ascending, numbered from 0 again.
    fn pick(batch: &Self::Batch, subjects: &[usize]) -> Self::Batch;
    /// One column per declared fact.
    fn columns(batch: &Self::Batch) -> &[Column];
    /// The same question with other facts, each with as many cells as before.
    fn with_columns(batch: &Self::Batch, columns: Vec<Column>) -> Self::Batch;
    /// Checks a question that the host has not made itself, such as one out of a file: columns of one length, and every
    /// index within its list.
    ///
    /// # Errors
    /// A sentence that says what cannot be.
    fn check_question(batch: &Self::Batch) -> std::result::Result<(), String>;
    /// Checks an answer against what was asked, before it is believed.
    ///
    /// # Errors
    /// A sentence that says what cannot be true.
    fn check(
        batch: &Self::Batch,
        answer: &Self::Answer,
        description: &Description,
        limits: &AnswerLimits,
    ) -> std::result::Result<(), String>;
    fn verdicts(answer: &Self::Answer) -> &[Verdict];
    /// One per subject that was not decided, ascending.
    fn problems(answer: &Self::Answer) -> &[SubjectProblem];
    fn steps(answer: &Self::Answer) -> &Steps;
    /// The subject that each explained row of the answer belongs to, ascending.
    fn rows(batch: &Self::Batch, answer: &Self::Answer) -> Vec<u32>;
    /// What each explained row comes to, in minor units: what a difference between two answers is measured in.
    fn values(answer: &Self::Answer) -> Cow<'_, [i64]>;
    /// What the rule asks the host to do, in the order of the subjects.
    fn effects(_: &Self::Answer) -> &[Effect] {
        &[]
    }
    /// Whether the values are weights, by which the host allocates a total, instead of money.
    fn weighs(_: &Self::Answer) -> bool {
        false
    }
}

macro_rules! points {
    ($($(#[$doc:meta])* $point:ident = $code:literal: $variant:ident($batch:ty => $answer:ty) in $by:ty,)*) => {
        codes! {
            /// One decision that the host hands out: one WIT interface.
            ExtensionPoint { $($(#[$doc])* $point = $code,)* }
        }

        impl ExtensionPoint {
            /// The registered fact of that name, if plug-ins of this point may ask for it.
            #[must_use]
            pub fn fact(self, name: &str) -> Option<FactDefinition> {
                match self { $(Self::$point => <$by as Point>::fact(name),)* }
            }

            /// The facts that plug-ins of this point may ask for.
            #[must_use]
            pub fn facts(self) -> Vec<FactDefinition> {
                match self { $(Self::$point => <$by as Point>::facts(),)* }
            }
        }

        /// What one call asks: a batch of subjects of one extension point.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Question { $($variant(#[serde(with = "shared")] Arc<$batch>),)* }

        /// What a plug-in answered. Nothing in it is believed before [`Question::check`] has passed.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Answer { $($variant($answer),)* }

        impl Question {
            #[must_use]
            pub fn point(&self) -> ExtensionPoint {
                match self { $(Self::$variant(_) => ExtensionPoint::$point,)* }
            }

            #[must_use]
            pub fn subjects(&self) -> usize {
                match self { $(Self::$variant(batch) => <$by as Point>::subjects(batch),)* }
            }

            /// The question about some of the subjects, numbered from 0 again.
            #[must_use]
            pub fn slice(&self, subjects: Range<usize>) -> Self {
                self.pick(&subjects.collect::<Vec<_>>())
            }

            /// The question about some of the subjects, which are named in ascending order; they are numbered from 0 again.
            #[must_use]
            pub fn pick(&self, subjects: &[usize]) -> Self {
                match self { $(Self::$variant(batch) => Self::$variant(Arc::new(<$by as Point>::pick(batch, subjects))),)* }
            }

            /// One column per fact that the plug-in declared, in its order.
            #[must_use]
            pub fn columns(&self) -> &[Column] {
                match self { $(Self::$variant(batch) => <$by as Point>::columns(batch),)* }
            }

            /// The same question with other facts.
            #[must_use]
            pub fn with_columns(&self, columns: Vec<Column>) -> Self {
                match self { $(Self::$variant(batch) => Self::$variant(Arc::new(<$by as Point>::with_columns(batch, columns))),)* }
            }

            /// Checks a question that the host has not made itself. Nothing else may be done with one that does not pass.
            ///
            /// # Errors
            /// A sentence that says what cannot be.
            pub fn check_question(&self) -> std::result::Result<(), String> {
                match self { $(Self::$variant(batch) => <$by as Point>::check_question(batch),)* }
            }

            /// Checks an answer before it is believed.
            ///
            /// # Errors
            /// A sentence that says what cannot be true.
            pub fn check(
                &self,
                answer: &Answer,
                description: &Description,
                limits: &AnswerLimits,
            ) -> std::result::Result<(), String> {
                match (self, answer) {
                    $((Self::$variant(batch), Answer::$variant(answer)) => <$by as Point>::check(batch, answer, description, limits),)*
                    (asked, answered) => Err(format!("asked about {}, it answered {}", asked.point(), answered.point())),
                }
            }

            /// What was answered about each subject, in their order. The answer has to be one that [`Question::check`] passed.
            #[must_use]
            pub fn results(&self, answer: &Answer) -> Vec<SubjectResult> {
                match (self, answer) {
                    $((Self::$variant(batch), Answer::$variant(answer)) => results::<$by>(batch, answer),)*
                    _ => Vec::new(),
                }
            }
        }

        impl Answer {
            #[must_use]
            pub fn point(&self) -> ExtensionPoint {
                match self { $(Self::$variant(_) => ExtensionPoint::$point,)* }
            }

            #[must_use]
            pub fn verdicts(&self) -> &[Verdict] {
                match self { $(Self::$variant(answer) => <$by as Point>::verdicts(answer),)* }
            }

            /// One per subject that was not decided, ascending.
            #[must_use]
            pub fn problems(&self) -> &[SubjectProblem] {
                match self { $(Self::$variant(answer) => <$by as Point>::problems(answer),)* }
            }

            #[must_use]
            pub fn steps(&self) -> &Steps {
                match self { $(Self::$variant(answer) => <$by as Point>::steps(answer),)* }
            }

            /// What each explained row comes to, in minor units (or weights).
            #[must_use]
            pub fn values(&self) -> Cow<'_, [i64]> {
                match self { $(Self::$variant(answer) => <$by as Point>::values(answer),)* }
            }

            /// What the rule asks the host to do, in the order of the subjects.
            #[must_use]
            pub fn effects(&self) -> &[Effect] {
                match self { $(Self::$variant(answer) => <$by as Point>::effects(answer),)* }
            }

            /// Whether the values are weights, by which the host allocates a total, instead of money.
            #[must_use]
            pub fn weighs(&self) -> bool {
                match self { $(Self::$variant(answer) => <$by as Point>::weighs(answer),)* }
            }
        }
    };
}

points! {
    /// What does each subject owe for a period?
    FeePolicy = "fee-policy": Fee(FeeBatch => FeeAnswer) in FeePoint,
    /// What late fee has each overdue charge earned in total, as of a date?
    LateFeePolicy = "late-fee-policy": LateFee(LateFeeBatch => LateFeeAnswer) in late_fee::LateFeePoint,
    /// What is a ticket, how urgent is it, who should take it, and by when?
    TicketPolicy = "ticket-policy": Ticket(TicketBatch => TicketAnswer) in TicketPoint,
}

impl ExtensionPoint {
    /// Whether a binding answers for one fee item, and not for a whole project.
    #[must_use]
    pub fn is_per_fee_item(self) -> bool {
        matches!(self, Self::FeePolicy | Self::LateFeePolicy)
    }
}

/// A shared value is written like the value itself.
mod shared {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::sync::Arc;

    pub(super) fn serialize<T: Serialize, S: Serializer>(value: &Arc<T>, to: S) -> Result<S::Ok, S::Error> {
        value.as_ref().serialize(to)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Arc<T>, D::Error> {
        T::deserialize(from).map(Arc::new)
    }
}

/// What an answer says of one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectResult {
    pub verdict: Verdict,
    /// Index into [`Answer::problems`] where the subject was not decided.
    pub problem: Option<usize>,
    /// The explained rows of the subject: `first..first + rows`.
    pub first: u32,
    pub rows: u32,
    /// Sum of the rows. It cannot overflow an `i128`, and a believed answer's fits an `i64`.
    pub value: i128,
}

fn results<P: Point>(batch: &P::Batch, answer: &P::Answer) -> Vec<SubjectResult> {
    let (rows, values) = (P::rows(batch, answer), P::values(answer));
    let mut problems = P::problems(answer).iter().enumerate().peekable();
    let mut next = 0;
    let mut results = Vec::with_capacity(P::verdicts(answer).len());
    for (subject, verdict) in P::verdicts(answer).iter().enumerate() {
        let first = next;
        while rows.get(next).is_some_and(|row| *row as usize == subject) {
            next += 1;
        }
        results.push(SubjectResult {
            verdict: *verdict,
            problem: problems.next_if(|(_, problem)| problem.subject as usize == subject).map(|(index, _)| index),
            first: u32::try_from(first).expect("an answer is far smaller than 2^32"),
            rows: u32::try_from(next - first).expect("an answer is far smaller than 2^32"),
            value: values[first..next].iter().map(|value| i128::from(*value)).sum(),
        });
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{Balances, Cells, Codes, Currency, Date, OverdueCharges, Period, Problem, Segments};
    use rstest::rstest;

    fn question() -> Question {
        Question::LateFee(Arc::new(LateFeeBatch {
            as_of: Date(100),
            currency: Currency::cny(),
            charges: OverdueCharges { due_on: vec![Date(10), Date(20)], principal: vec![10_000, 500] },
            balances: Balances {
                charge: vec![0, 1],
                start: vec![Date(11), Date(21)],
                end: vec![Date(100), Date(100)],
                open: vec![10_000, 500],
            },
            facts: vec![],
        }))
    }

    #[test]
    fn each_subject_gets_what_the_answer_says_of_it() {
        let problem = Problem { code: "exempt".into(), about: String::new(), args: vec![] };
        let answer = Answer::LateFee(LateFeeAnswer {
            verdicts: vec![Verdict::Decided, Verdict::Refused],
            problems: vec![SubjectProblem { subject: 1, problem }],
            totals: vec![89, 0],
            steps: Steps::default(),
        });
        let results = question().results(&answer);
        assert_eq!(results[0].value, 89);
        assert_eq!((results[0].problem, results[1].problem), (None, Some(0)));
        assert_eq!((results[1].first, results[1].rows), (1, 1));
    }

    fn late_fee_question(spoil: fn(&mut LateFeeBatch)) -> Question {
        let Question::LateFee(mut batch) = question() else { unreachable!("is made above") };
        spoil(Arc::make_mut(&mut batch));
        Question::LateFee(batch)
    }

    fn fee_question(spoil: fn(&mut FeeBatch)) -> Question {
        let (start, end) = (Date(0), Date(31));
        let codes = Codes { names: vec!["shop".into()], cells: vec![0, 9] };
        let mut batch = FeeBatch {
            period: Period { start, end },
            currency: Currency::cny(),
            subjects: 2,
            segments: Segments { subject: vec![0, 1], start: vec![start; 2], end: vec![end; 2] },
            facts: vec![Column { cells: Cells::Codes(codes), missing: vec![1] }],
        };
        spoil(&mut batch);
        Question::Fee(Arc::new(batch))
    }

    #[rstest]
    #[case::fees(fee_question(|_| {}), "")]
    #[case::late_fees(late_fee_question(|_| {}), "")]
    #[case::a_subject_that_is_not_there(fee_question(|b| b.segments.subject[1] = 2), "order of its 2 subjects")]
    #[case::subjects_backwards(fee_question(|b| b.segments.subject = vec![1, 0]), "order of its 2 subjects")]
    #[case::a_short_column(fee_question(|b| b.segments.end.truncate(1)), "different lengths")]
    #[case::a_short_fact(fee_question(|b| b.facts[0].cells = Cells::Flags(vec![true])), "1 cells for 2 rows")]
    #[case::a_code_without_a_name(fee_question(|b| b.facts[0].missing.clear()), "means nothing")]
    #[case::missing_nowhere(fee_question(|b| b.facts[0].missing = vec![1, 2]), "rows that there are not")]
    #[case::missing_twice(fee_question(|b| b.facts[0].missing = vec![1, 1]), "rows that there are not")]
    #[case::a_currency_of_powers(fee_question(|b| b.currency.digits = 200), "has 200 places")]
    #[case::a_charge_that_is_not_there(late_fee_question(|b| b.balances.charge[1] = 2), "order of its 2 subjects")]
    #[case::a_short_balance(late_fee_question(|b| b.balances.open.truncate(1)), "different lengths")]
    #[case::no_principal(late_fee_question(|b| b.charges.principal.clear()), "0 principals for 2 charges")]
    fn a_question_from_outside_is_checked(#[case] question: Question, #[case] expected: &str) {
        let sentence = question.check_question().err().unwrap_or_default();
        assert!(sentence.contains(expected) && sentence.is_empty() == expected.is_empty(), "{sentence:?}");
    }

    #[test]
    fn every_point_is_told_by_its_question() {
        assert_eq!(question().point().code(), "late-fee-policy");
        assert!(ExtensionPoint::FeePolicy.fact("unit.area").is_some());
        assert!(ExtensionPoint::LateFeePolicy.fact("unit.area").is_none());
    }
}
