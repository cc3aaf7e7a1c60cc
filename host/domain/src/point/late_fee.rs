//! `late-fee-policy` as a [`Point`].

use std::borrow::Cow;

use super::{
    Point,
    columns::{check_columns, check_currency, check_rows, pick_columns, picked, picked_rows},
};
use crate::{
    billing::{AnswerLimits, check_steps, check_verdicts, same_value},
    facts::FactDefinition,
    values::{
        Balances, Column, Description, LateFeeAnswer, LateFeeBatch, OverdueCharges, Steps, SubjectProblem, Verdict,
    },
};

pub struct LateFeePoint;

impl Point for LateFeePoint {
    type Batch = LateFeeBatch;
    type Answer = LateFeeAnswer;

    /// Dates and balances come with the batch itself; there are no facts of overdue charges beyond them.
    fn fact(_: &str) -> Option<FactDefinition> {
        None
    }

    fn facts() -> Vec<FactDefinition> {
        Vec::new()
    }

    fn subjects(batch: &LateFeeBatch) -> usize {
        batch.charges.due_on.len()
    }

    fn pick(batch: &LateFeeBatch, subjects: &[usize]) -> LateFeeBatch {
        let Balances { charge, start, end, open } = &batch.balances;
        let (rows, charge) = picked_rows(charge, subjects);
        LateFeeBatch {
            as_of: batch.as_of,
            currency: batch.currency.clone(),
            charges: OverdueCharges {
                due_on: picked(&batch.charges.due_on, subjects),
                principal: picked(&batch.charges.principal, subjects),
            },
            balances: Balances {
                charge,
                start: picked(start, &rows),
                end: picked(end, &rows),
                open: picked(open, &rows),
            },
            facts: pick_columns(&batch.facts, subjects),
        }
    }

    fn columns(batch: &LateFeeBatch) -> &[Column] {
        &batch.facts
    }

    fn with_columns(batch: &LateFeeBatch, columns: Vec<Column>) -> LateFeeBatch {
        LateFeeBatch { facts: columns, ..batch.clone() }
    }

    fn check_question(batch: &LateFeeBatch) -> Result<(), String> {
        let Balances { charge, start, end, open } = &batch.balances;
        let charges = Self::subjects(batch);
        check_currency(&batch.currency)?;
        if batch.charges.principal.len() != charges {
            return Err(format!("{} principals for {charges} charges", batch.charges.principal.len()));
        }
        check_rows(charge, charges, &[start.len(), end.len(), open.len()])?;
        check_columns(&batch.facts, charges)
    }

    /// One verdict and one total per charge; totals are not negative, and 0 where nothing was decided; every decided charge
    /// is explained, and its last step arrives at its total.
    fn check(
        batch: &LateFeeBatch,
        answer: &LateFeeAnswer,
        description: &Description,
        limits: &AnswerLimits,
    ) -> Result<(), String> {
        let charges = Self::subjects(batch);
        if answer.totals.len() != charges {
            return Err(format!("{} totals for {charges} charges", answer.totals.len()));
        }
        check_verdicts(charges, &answer.verdicts, &answer.problems, limits)?;
        check_steps(&answer.steps, charges, description, limits)?;
        let steps = &answer.steps;
        for (charge, (total, verdict)) in answer.totals.iter().zip(&answer.verdicts).enumerate() {
            if !(0..=limits.line_fen_max).contains(total) {
                return Err(format!(
                    "charge {charge} has the late fee {total}, outside of 0 to {}",
                    limits.line_fen_max
                ));
            }
            let end = steps.row.partition_point(|row| *row as usize <= charge);
            let last = end.checked_sub(1).filter(|last| steps.row[*last] as usize == charge);
            match (verdict, last) {
                (Verdict::Refused | Verdict::Undecided, None) if *total == 0 => {}
                (Verdict::Refused | Verdict::Undecided, _) => {
                    return Err(format!("charge {charge} has a late fee or steps without being decided"));
                }
                (Verdict::Decided, None) => return Err(format!("charge {charge} is not explained")),
                (Verdict::Decided, Some(last)) => {
                    if !same_value(steps.value[last], steps.value_scale[last], *total, batch.currency.digits) {
                        return Err(format!("the last step of charge {charge} does not arrive at its late fee"));
                    }
                }
            }
        }
        Ok(())
    }

    fn verdicts(answer: &LateFeeAnswer) -> &[Verdict] {
        &answer.verdicts
    }

    fn problems(answer: &LateFeeAnswer) -> &[SubjectProblem] {
        &answer.problems
    }

    fn steps(answer: &LateFeeAnswer) -> &Steps {
        &answer.steps
    }

    fn rows(batch: &LateFeeBatch, _: &LateFeeAnswer) -> Vec<u32> {
        (0..u32::try_from(Self::subjects(batch)).expect("a batch is far smaller than 2^32")).collect()
    }

    fn values(answer: &LateFeeAnswer) -> Cow<'_, [i64]> {
        Cow::Borrowed(&answer.totals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{Currency, Date, Problem};
    use rstest::rstest;

    fn batch() -> LateFeeBatch {
        LateFeeBatch {
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
        }
    }

    /// The first charge decided, the second not.
    fn answer() -> LateFeeAnswer {
        let problem = Problem { code: "disputed".into(), about: String::new(), args: vec![] };
        LateFeeAnswer {
            verdicts: vec![Verdict::Decided, Verdict::Undecided],
            problems: vec![SubjectProblem { subject: 1, problem }],
            totals: vec![89, 0],
            steps: Steps {
                row: vec![0],
                kind: vec![0],
                value: vec![890],
                value_scale: vec![3],
                arg_count: vec![0],
                arg: vec![],
                arg_scale: vec![],
            },
        }
    }

    #[test]
    fn a_slice_is_the_question_about_its_charges() {
        let slice = LateFeePoint::pick(&batch(), &[1]);
        assert_eq!(slice.charges.principal, [500]);
        assert_eq!((slice.balances.charge, slice.balances.open), (vec![0], vec![500]));
    }

    #[rstest]
    #[case::believable(|_: &mut LateFeeAnswer| {}, "")]
    #[case::one_total_less(|a: &mut LateFeeAnswer| { a.totals.pop(); }, "1 totals for 2 charges")]
    #[case::negative(|a: &mut LateFeeAnswer| a.totals[0] = -1, "outside of 0")]
    #[case::undecided_with_total(|a: &mut LateFeeAnswer| a.totals[1] = 1, "without being decided")]
    #[case::unexplained(|a: &mut LateFeeAnswer| a.steps = Steps::default(), "charge 0 is not explained")]
    #[case::does_not_add_up(|a: &mut LateFeeAnswer| a.steps.value[0] = 891, "does not arrive at its late fee")]
    #[case::problem_missing(|a: &mut LateFeeAnswer| a.problems.clear(), "subject 1 was not decided")]
    #[case::short_column(|a: &mut LateFeeAnswer| a.steps.kind.clear(), "column kind of steps")]
    fn an_absurd_answer_is_named(#[case] spoil: fn(&mut LateFeeAnswer), #[case] expected: &str) {
        let mut answer = answer();
        spoil(&mut answer);
        let description = Description { facts: vec![], steps: vec!["days".into()], measures: vec![] };
        let verdict = LateFeePoint::check(&batch(), &answer, &description, &AnswerLimits::default());
        let sentence = verdict.err().unwrap_or_default();
        assert!(sentence.contains(expected) && sentence.is_empty() == expected.is_empty(), "{sentence:?}");
    }
}
