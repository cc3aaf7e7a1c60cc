//! What extension points have in common that ask about records instead of columns.
//!
//! Bulk data crosses the boundary in columns; a ticket, an assessment sheet or an event is a record with lists in it, and there
//! are few enough of them. Such a point differs from the next in three types only: what a whole batch shares, what one
//! subject is, and what is decided about it.

use crate::{Column, Date, Decimal, Steps, SubjectProblem, Verdict};

/// What an extension point about records asks, and what is decided about each of them.
pub trait RecordPoint {
    /// Its code, such as `ticket-policy`.
    const CODE: &'static str;
    /// What its subjects are called where cases list them, such as `tickets`.
    const SUBJECTS: &'static str;
    /// What all subjects of a call have in common, such as a period.
    type Shared;
    type Subject;
    type Decided;
    /// Places of the number that [`RecordPoint::result`] comes to.
    const RESULT_SCALE: u8;

    /// The number that the explanation of a decision arrives at, in units of `10^-RESULT_SCALE`.
    fn result(decided: &Self::Decided) -> i64;
}

/// The question of a point about records.
pub type BatchOf<P> = RecordBatch<<P as RecordPoint>::Shared, <P as RecordPoint>::Subject>;
/// Its answer.
pub type AnswerOf<P> = RecordAnswer<<P as RecordPoint>::Decided>;

/// One call: subjects of one kind, with the facts that the plug-in declared.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RecordBatch<Shared, Subject> {
    /// What all subjects have in common, such as a period.
    pub shared: Shared,
    pub subjects: Vec<Subject>,
    /// One column per declared fact, in the declared order, one cell per subject.
    pub facts: Vec<Column>,
}

/// What was answered. Nothing in it is trusted until the host has checked it against its batch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RecordAnswer<Decided> {
    pub verdicts: Vec<Verdict>,
    pub problems: Vec<SubjectProblem>,
    /// One per decided subject, in their order.
    pub decided: Vec<Decided>,
    /// Rows are subjects.
    pub steps: Steps,
    pub effects: Vec<Effect>,
}

impl<Decided> RecordAnswer<Decided> {
    /// What was decided about each subject; `None` where nothing was.
    pub fn by_subject(&self) -> impl Iterator<Item = Option<&Decided>> {
        let mut decided = self.decided.iter();
        self.verdicts.iter().map(move |verdict| match verdict {
            Verdict::Decided => decided.next(),
            Verdict::Refused | Verdict::Undecided => None,
        })
    }
}

/// What a rule asks the host to do besides answering (`guanjia:effects`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Effect {
    /// The row of the batch that it follows from.
    pub subject: u32,
    /// Registered code.
    pub kind: String,
    pub args: Vec<EffectArgument>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EffectArgument {
    pub name: String,
    pub value: EffectValue,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum EffectValue {
    Number(Decimal),
    Code(String),
    Date(Date),
    Flag(bool),
    /// Minor units.
    Money(i64),
    /// Key of a sentence of the manifest.
    Message(String),
}
