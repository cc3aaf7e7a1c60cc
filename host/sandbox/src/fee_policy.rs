//! `guanjia:fee-policy`: calling it, and its values on the way there and back.

use guanjia_domain::{
    Result,
    values::{Amounts, FeeAnswer, FeeBatch, FeeLines, Problem, Rounding, Steps, SubjectProblem, Verdict},
};

use crate::{
    bindings::{
        fee::{FeePolicyPluginPre, exports::guanjia::fee_policy::fee_policy as wit},
        types,
    },
    call::{CallState, Called, run},
    engine::Runtime,
    limits::Limits,
    policy::policy,
    values::{column_aids, days, from_problem, from_steps, from_subject_problem, from_verdict, to_columns},
};

policy!(FeePolicy for FeePolicy as Fee: FeePolicyPluginPre<CallState>, guanjia_fee_policy_fee_policy, "guanjia:fee-policy/fee-policy@1.0.0");

impl FeePolicy {
    /// An answer that says of the whole batch that nothing can be decided becomes one that says it of every subject, so
    /// that each is held with the rule's own words.
    fn ask(&self, runtime: &Runtime, limits: &Limits, settings: &str, batch: &FeeBatch) -> Result<Called<FeeAnswer>> {
        let aids = column_aids(&batch.facts);
        let columns = to_columns(&batch.facts, &aids);
        let segment_days = SegmentDays { start: days(&batch.segments.start), end: days(&batch.segments.end) };
        let sent = to_batch(batch, &segment_days, &columns);
        let called = run(
            runtime,
            &limits.budget(batch.subjects, settings),
            |store| self.pre.instantiate(store),
            |store, plugin| plugin.guanjia_fee_policy_fee_policy().call_evaluate(store, settings, sent.clone()),
        )?;
        Ok(called.map(|answer| match answer {
            Ok(answer) => from_answer(answer),
            Err(problem) => all_undecided(batch.subjects, &from_problem(problem)),
        }))
    }
}

fn to_batch<'a>(batch: &'a FeeBatch, aid: &'a SegmentDays, columns: &'a [types::Column<'a>]) -> wit::Batch<'a> {
    wit::Batch {
        period: types::Period { start: batch.period.start.0, end: batch.period.end.0 },
        currency: types::Currency { code: &batch.currency.code, digits: batch.currency.digits },
        subjects: batch.subjects,
        segments: wit::Segments { subject: &batch.segments.subject, start: &aid.start, end: &aid.end },
        facts: columns,
    }
}

/// Day numbers of the segments' dates.
struct SegmentDays {
    start: Vec<i32>,
    end: Vec<i32>,
}

fn from_answer(answer: wit::Answer) -> FeeAnswer {
    let wit::Answer { verdicts, problems, lines, steps } = answer;
    FeeAnswer {
        verdicts: verdicts.into_iter().map(from_verdict).collect(),
        problems: problems.into_iter().map(from_subject_problem).collect(),
        lines: FeeLines {
            segment: lines.segment,
            measure: lines.measure,
            quantity: lines.quantity,
            quantity_scale: lines.quantity_scale,
            unit_price: lines.unit_price,
            unit_price_scale: lines.unit_price_scale,
            rounding: lines.rounding.into_iter().map(from_rounding).collect(),
            amounts: match lines.amounts {
                wit::Amounts::Money(amounts) => Amounts::Money(amounts),
                wit::Amounts::Weights(weights) => Amounts::Weights(weights),
            },
        },
        steps: from_steps(steps),
    }
}

fn all_undecided(subjects: u32, problem: &Problem) -> FeeAnswer {
    let problems = (0..subjects).map(|subject| SubjectProblem { subject, problem: problem.clone() }).collect();
    FeeAnswer {
        verdicts: vec![Verdict::Undecided; subjects as usize],
        problems,
        lines: FeeLines {
            segment: Vec::new(),
            measure: Vec::new(),
            quantity: Vec::new(),
            quantity_scale: Vec::new(),
            unit_price: Vec::new(),
            unit_price_scale: Vec::new(),
            rounding: Vec::new(),
            amounts: Amounts::Money(Vec::new()),
        },
        steps: Steps::default(),
    }
}

fn from_rounding(rounding: types::Rounding) -> Rounding {
    match rounding {
        types::Rounding::HalfUp => Rounding::HalfUp,
        types::Rounding::HalfEven => Rounding::HalfEven,
        types::Rounding::Down => Rounding::Down,
        types::Rounding::Up => Rounding::Up,
    }
}
