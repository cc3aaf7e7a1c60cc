//! `guanjia:fee-policy`: calling it, and its values on the way there and back.

use guanjia_domain::{
    Date, Result,
    values::{
        Amounts, Cells, Column, Decimal, Description, FeeAnswer, FeeBatch, FeeLines, Problem, Rounding, Steps,
        SubjectProblem, Verdict,
    },
};
use wasmtime::component::InstancePre;

use crate::{
    bindings::{
        fee::{FeePolicyPluginPre, exports::guanjia::fee_policy::fee_policy as wit},
        types,
    },
    call::{CallState, Called, run},
    engine::Runtime,
    limits::Limits,
};

/// Name under which a component exports the interface.
pub(crate) const EXPORT: &str = "guanjia:fee-policy/fee-policy@1.0.0";

/// A component that exports fee policies, linked and ready to be instantiated.
pub(crate) struct FeePolicy {
    pre: FeePolicyPluginPre<CallState>,
}

impl FeePolicy {
    pub(crate) fn new(pre: InstancePre<CallState>) -> wasmtime::Result<Self> {
        Ok(Self { pre: FeePolicyPluginPre::new(pre)? })
    }

    pub(crate) fn describe(&self, runtime: &Runtime, limits: &Limits) -> Result<Called<Description>> {
        let called = run(
            runtime,
            &limits.budget(0, ""),
            |store| self.pre.instantiate(store),
            |store, plugin| plugin.guanjia_fee_policy_fee_policy().call_describe(store),
        )?;
        Ok(called.map(from_description))
    }

    pub(crate) fn check_settings(
        &self,
        runtime: &Runtime,
        limits: &Limits,
        settings: &str,
    ) -> Result<Called<Vec<Problem>>> {
        let called = run(
            runtime,
            &limits.budget(0, settings),
            |store| self.pre.instantiate(store),
            |store, plugin| plugin.guanjia_fee_policy_fee_policy().call_check_settings(store, settings),
        )?;
        Ok(called.map(|problems| problems.into_iter().map(from_problem).collect()))
    }

    /// An answer that says of the whole batch that nothing can be decided becomes one that says it of every subject, so
    /// that each is held with the rule's own words.
    pub(crate) fn evaluate(
        &self,
        runtime: &Runtime,
        limits: &Limits,
        settings: &str,
        batch: &FeeBatch,
    ) -> Result<Called<FeeAnswer>> {
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

/// Dates as the contract has them. [`Date`] is a type of its own, so that these are copied once more than other columns.
pub(crate) fn days(dates: &[Date]) -> Vec<i32> {
    dates.iter().map(|date| date.0).collect()
}

/// What a column cannot lend as it is: its dates as numbers, its names as slices.
pub(crate) struct ColumnAid<'a> {
    days: Vec<i32>,
    names: Vec<&'a str>,
}

pub(crate) fn column_aids<'a>(columns: &'a [Column]) -> Vec<ColumnAid<'a>> {
    let aid = |column: &'a Column| match &column.cells {
        Cells::Dates(dates) => ColumnAid { days: days(dates), names: Vec::new() },
        Cells::Codes(codes) => ColumnAid { days: Vec::new(), names: codes.names.iter().map(String::as_str).collect() },
        Cells::Numbers(_) | Cells::Flags(_) => ColumnAid { days: Vec::new(), names: Vec::new() },
    };
    columns.iter().map(aid).collect()
}

pub(crate) fn to_columns<'a>(columns: &'a [Column], aids: &'a [ColumnAid<'a>]) -> Vec<types::Column<'a>> {
    let to_column = |(column, aid): (&'a Column, &'a ColumnAid<'a>)| {
        let cells = match &column.cells {
            Cells::Numbers(numbers) => {
                types::Cells::Numbers(types::Numbers { scale: numbers.scale, mantissas: &numbers.mantissas })
            }
            Cells::Codes(codes) => types::Cells::Codes(types::Codes { names: &aid.names, cells: &codes.cells }),
            Cells::Dates(_) => types::Cells::Dates(&aid.days),
            Cells::Flags(flags) => types::Cells::Flags(flags),
        };
        types::Column { cells, missing: &column.missing }
    };
    columns.iter().zip(aids).map(to_column).collect()
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

pub(crate) fn from_steps(steps: types::Steps) -> Steps {
    Steps {
        row: steps.row,
        kind: steps.kind,
        value: steps.value,
        value_scale: steps.value_scale,
        arg_count: steps.arg_count,
        arg: steps.arg,
        arg_scale: steps.arg_scale,
    }
}

pub(crate) fn from_verdict(verdict: types::Verdict) -> Verdict {
    match verdict {
        types::Verdict::Decided => Verdict::Decided,
        types::Verdict::Refused => Verdict::Refused,
        types::Verdict::Undecided => Verdict::Undecided,
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

pub(crate) fn from_subject_problem(problem: types::SubjectProblem) -> SubjectProblem {
    SubjectProblem { subject: problem.subject, problem: from_problem(problem.problem) }
}

pub(crate) fn from_problem(problem: types::Problem) -> Problem {
    let decimal = |decimal: types::Decimal| Decimal { mantissa: decimal.mantissa, scale: decimal.scale };
    Problem { code: problem.code, about: problem.about, args: problem.args.into_iter().map(decimal).collect() }
}

pub(crate) fn from_description(description: types::Description) -> Description {
    Description { facts: description.facts, steps: description.steps, measures: description.measures }
}
