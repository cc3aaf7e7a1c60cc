//! The contract's shared values on their way to a guest and back.

use guanjia_domain::{
    Date,
    values::{
        Cells, Column, Decimal, Description, Effect, EffectArgument, EffectValue, Problem, RecordAnswer, Steps,
        SubjectProblem, Verdict,
    },
};

use crate::bindings::{ticket::guanjia::effects::effects, types};

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

pub(crate) fn from_subject_problem(problem: types::SubjectProblem) -> SubjectProblem {
    SubjectProblem { subject: problem.subject, problem: from_problem(problem.problem) }
}

pub(crate) fn from_problem(problem: types::Problem) -> Problem {
    Problem { code: problem.code, about: problem.about, args: problem.args.into_iter().map(from_decimal).collect() }
}

pub(crate) fn from_decimal(decimal: types::Decimal) -> Decimal {
    Decimal { mantissa: decimal.mantissa, scale: decimal.scale }
}

pub(crate) fn from_effect(effect: effects::Effect) -> Effect {
    let value = |value: effects::Value| match value {
        effects::Value::Number(number) => EffectValue::Number(from_decimal(number)),
        effects::Value::Code(code) => EffectValue::Code(code),
        effects::Value::Date(date) => EffectValue::Date(Date(date)),
        effects::Value::Flag(flag) => EffectValue::Flag(flag),
        effects::Value::Money(minor) => EffectValue::Money(minor),
        effects::Value::Message(key) => EffectValue::Message(key),
    };
    let argument = |argument: effects::Argument| EffectArgument { name: argument.name, value: value(argument.value) };
    Effect { subject: effect.subject, kind: effect.kind, args: effect.args.into_iter().map(argument).collect() }
}

/// What a call answers whose batch could not be decided at all.
pub(crate) fn all_undecided<D>(subjects: u32, problem: &Problem) -> RecordAnswer<D> {
    let problems = (0..subjects).map(|subject| SubjectProblem { subject, problem: problem.clone() }).collect();
    RecordAnswer {
        verdicts: vec![Verdict::Undecided; subjects as usize],
        problems,
        decided: Vec::new(),
        steps: Steps::default(),
        effects: Vec::new(),
    }
}

pub(crate) fn from_description(description: types::Description) -> Description {
    Description { facts: description.facts, steps: description.steps, measures: description.measures }
}
