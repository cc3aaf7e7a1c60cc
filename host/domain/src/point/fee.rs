//! `fee-policy` as a [`Point`].

use std::borrow::Cow;

use super::{
    Point,
    columns::{check_columns, check_currency, check_rows, number, pick_columns, picked, picked_rows},
};
use crate::{
    billing::{AnswerLimits, check_answer},
    facts::{FactDefinition, FeeFact},
    values::{Amounts, Column, Description, FeeAnswer, FeeBatch, Segments, Steps, SubjectProblem, Verdict},
};

pub struct FeePoint;

impl Point for FeePoint {
    type Batch = FeeBatch;
    type Answer = FeeAnswer;

    fn fact(name: &str) -> Option<FactDefinition> {
        FeeFact::by_name(name).map(FeeFact::definition)
    }

    fn facts() -> Vec<FactDefinition> {
        FeeFact::ALL.iter().map(|fact| fact.definition()).collect()
    }

    fn subjects(batch: &FeeBatch) -> usize {
        batch.subjects as usize
    }

    fn pick(batch: &FeeBatch, subjects: &[usize]) -> FeeBatch {
        let Segments { subject, start, end } = &batch.segments;
        let (rows, subject) = picked_rows(subject, subjects);
        FeeBatch {
            period: batch.period,
            currency: batch.currency.clone(),
            subjects: number(subjects.len()),
            segments: Segments { subject, start: picked(start, &rows), end: picked(end, &rows) },
            facts: pick_columns(&batch.facts, &rows),
        }
    }

    fn columns(batch: &FeeBatch) -> &[Column] {
        &batch.facts
    }

    fn with_columns(batch: &FeeBatch, columns: Vec<Column>) -> FeeBatch {
        FeeBatch {
            period: batch.period,
            currency: batch.currency.clone(),
            subjects: batch.subjects,
            segments: batch.segments.clone(),
            facts: columns,
        }
    }

    fn check_question(batch: &FeeBatch) -> Result<(), String> {
        let Segments { subject, start, end } = &batch.segments;
        check_currency(&batch.currency)?;
        check_rows(subject, batch.subjects as usize, &[start.len(), end.len()])?;
        check_columns(&batch.facts, subject.len())
    }

    fn check(
        batch: &FeeBatch,
        answer: &FeeAnswer,
        description: &Description,
        limits: &AnswerLimits,
    ) -> Result<(), String> {
        check_answer(batch, answer, description, limits)
    }

    fn verdicts(answer: &FeeAnswer) -> &[Verdict] {
        &answer.verdicts
    }

    fn problems(answer: &FeeAnswer) -> &[SubjectProblem] {
        &answer.problems
    }

    fn steps(answer: &FeeAnswer) -> &Steps {
        &answer.steps
    }

    fn rows(batch: &FeeBatch, answer: &FeeAnswer) -> Vec<u32> {
        let subject = |segment: &u32| batch.segments.subject.get(*segment as usize).copied();
        answer.lines.segment.iter().filter_map(subject).collect()
    }

    fn values(answer: &FeeAnswer) -> Cow<'_, [i64]> {
        match &answer.lines.amounts {
            Amounts::Money(values) | Amounts::Weights(values) => Cow::Borrowed(values),
        }
    }

    fn weighs(answer: &FeeAnswer) -> bool {
        matches!(answer.lines.amounts, Amounts::Weights(_))
    }
}
