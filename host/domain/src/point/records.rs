//! Extension points about records: what they have in common, as a [`Point`].

use std::borrow::Cow;

use super::{
    Point,
    columns::{check_columns, pick_columns, picked},
};
use crate::{
    billing::{AnswerLimits, check_steps, check_verdicts, same_value},
    effect::check_effects,
    facts::FactDefinition,
    values::{AnswerOf, BatchOf, Column, Description, Effect, RecordPoint, Steps, SubjectProblem, Verdict},
};

/// What the host knows of one extension point about records besides its shape.
pub trait Records: RecordPoint<Shared: Clone, Subject: Clone> {
    /// The registered facts that a plug-in of this point may ask for.
    fn facts() -> &'static [FactDefinition];

    /// Checks a subject that the host has not made itself.
    ///
    /// # Errors
    /// A sentence that says what cannot be.
    fn check_subject(subject: &Self::Subject) -> Result<(), String>;

    /// Checks what was decided about a subject.
    ///
    /// # Errors
    /// A sentence that says what cannot be true.
    fn check_decided(
        subject: &Self::Subject,
        decided: &Self::Decided,
        description: &Description,
        limits: &AnswerLimits,
    ) -> Result<(), String>;
}

impl<R: Records> Point for R {
    type Batch = BatchOf<R>;
    type Answer = AnswerOf<R>;

    fn fact(name: &str) -> Option<FactDefinition> {
        <R as Records>::facts().iter().find(|fact| fact.name == name).copied()
    }

    fn facts() -> Vec<FactDefinition> {
        <R as Records>::facts().to_vec()
    }

    fn subjects(batch: &BatchOf<R>) -> usize {
        batch.subjects.len()
    }

    fn pick(batch: &BatchOf<R>, subjects: &[usize]) -> BatchOf<R> {
        BatchOf::<R> {
            shared: batch.shared.clone(),
            subjects: picked(&batch.subjects, subjects),
            facts: pick_columns(&batch.facts, subjects),
        }
    }

    fn columns(batch: &BatchOf<R>) -> &[Column] {
        &batch.facts
    }

    fn with_columns(batch: &BatchOf<R>, columns: Vec<Column>) -> BatchOf<R> {
        BatchOf::<R> { shared: batch.shared.clone(), subjects: batch.subjects.clone(), facts: columns }
    }

    fn check_question(batch: &BatchOf<R>) -> Result<(), String> {
        for (index, subject) in batch.subjects.iter().enumerate() {
            R::check_subject(subject).map_err(|reason| format!("subject {index}: {reason}"))?;
        }
        check_columns(&batch.facts, batch.subjects.len())
    }

    /// One verdict per subject and one decision per decided one, each explained by steps of which the last arrives at its
    /// result; effects only of those.
    fn check(
        batch: &BatchOf<R>,
        answer: &AnswerOf<R>,
        description: &Description,
        limits: &AnswerLimits,
    ) -> Result<(), String> {
        let subjects = batch.subjects.len();
        check_verdicts(subjects, &answer.verdicts, &answer.problems, limits)?;
        check_steps(&answer.steps, subjects, description, limits)?;
        let decided: Vec<bool> = answer.verdicts.iter().map(|verdict| *verdict == Verdict::Decided).collect();
        let expected = decided.iter().filter(|decided| **decided).count();
        if answer.decided.len() != expected {
            return Err(format!("{} decisions for {expected} decided subjects", answer.decided.len()));
        }
        let steps = &answer.steps;
        for (index, (subject, decision)) in batch.subjects.iter().zip(answer.by_subject()).enumerate() {
            let end = steps.row.partition_point(|row| *row as usize <= index);
            let last = end.checked_sub(1).filter(|last| steps.row[*last] as usize == index);
            match (decision, last) {
                (None, None) => {}
                (None, Some(_)) => return Err(format!("subject {index} has steps without being decided")),
                (Some(_), None) => return Err(format!("subject {index} is not explained")),
                (Some(decision), Some(last)) => {
                    if !same_value(steps.value[last], steps.value_scale[last], R::result(decision), R::RESULT_SCALE) {
                        return Err(format!("the last step of subject {index} does not arrive at its result"));
                    }
                    R::check_decided(subject, decision, description, limits)
                        .map_err(|reason| format!("subject {index}: {reason}"))?;
                }
            }
        }
        check_effects(&answer.effects, &decided, limits.text_bytes_max)
    }

    fn verdicts(answer: &AnswerOf<R>) -> &[Verdict] {
        &answer.verdicts
    }

    fn problems(answer: &AnswerOf<R>) -> &[SubjectProblem] {
        &answer.problems
    }

    fn steps(answer: &AnswerOf<R>) -> &Steps {
        &answer.steps
    }

    fn rows(batch: &BatchOf<R>, _: &AnswerOf<R>) -> Vec<u32> {
        (0..u32::try_from(batch.subjects.len()).expect("a batch is far smaller than 2^32")).collect()
    }

    fn values(answer: &AnswerOf<R>) -> Cow<'_, [i64]> {
        answer.by_subject().map(|decided| decided.map_or(0, R::result)).collect()
    }

    fn effects(answer: &AnswerOf<R>) -> &[Effect] {
        &answer.effects
    }
}

/// A code as the contract has them: short, small letters, digits and dashes.
pub(super) fn check_code(what: &str, code: &str, limits: &AnswerLimits) -> Result<(), String> {
    let fits = !code.is_empty()
        && code.len() <= limits.text_bytes_max
        && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte));
    if fits { Ok(()) } else { Err(format!("its {what} is {code:?}, which is no code")) }
}
