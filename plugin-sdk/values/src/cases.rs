//! Golden cases: a batch and the answer it must get, as JSON that a person can write and check with a calculator.
//!
//! ```json
//! {
//!   "name": "area × price",
//!   "settings": { "price": "2.80" },
//!   "period": "2025-03",
//!   "subjects": [{ "segments": [{ "facts": { "unit.area": "89.50" } }] }],
//!   "expect": [{ "lines": [{ "measure": "m2", "quantity": "89.50", "unit_price": "2.80", "amount_fen": 25060 }] }]
//! }
//! ```
//!
//! The same file runs natively (the SDK's tests) and in the sandbox (when a plug-in is installed).
//! This form is of `fee-policy`; [`late_fee`] has the one of `late-fee-policy`, [`record`] the one of all others.

pub mod late_fee;
pub mod record;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use late_fee::LateFeeCase;

use crate::{
    Amounts, Cells, Codes, Column, Currency, Date, Decimal, Description, FeeAnswer, FeeBatch, Numbers, Period, Problem,
    Rounding, Segments, Steps, Verdict,
};

/// One golden case of a fee policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeeCase {
    pub name: String,
    #[serde(default = "empty_settings")]
    pub settings: serde_json::Value,
    #[serde(default = "Currency::cny")]
    pub currency: Currency,
    #[serde(with = "period_text")]
    pub period: Period,
    /// Facts of every segment that does not say otherwise.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: FactCells,
    /// What kind a fact's column has, where its cells do not show it: codes that look like numbers, or no cell at all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kinds: BTreeMap<String, FactKind>,
    pub subjects: Vec<CaseSubject>,
    pub expect: Vec<Expected>,
}

/// Cells by the name of their fact. A text is a decimal, an ISO date or a code; `null` says that it is missing.
pub type FactCells = BTreeMap<String, Option<Cell>>;

/// One cell, as the case writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    Flag(bool),
    Text(String),
}

/// Which kind of column a fact has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FactKind {
    Numbers,
    Codes,
    Dates,
    Flags,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseSubject {
    pub segments: Vec<CaseSegment>,
}

/// A stretch of the period; all of it where no dates are given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseSegment {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Date>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Date>,
    #[serde(default)]
    pub facts: FactCells,
}

/// What a subject's answer must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Expected {
    Lines(ExpectedLines),
    Refused(ExpectedRefusal),
    Undecided(ExpectedGap),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedLines {
    pub lines: Vec<ExpectedLine>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedRefusal {
    /// The problem's code.
    pub refused: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<Decimal>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedGap {
    /// The problem's code.
    pub undecided: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<Decimal>>,
}

/// One line. A member that is left out is not compared; the segment is the subject's first where it is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedLine {
    /// Counts from 0 among the segments of the subject.
    #[serde(default)]
    pub segment: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measure: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounding: Option<Rounding>,
    /// Minor units of the case's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_fen: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<ExpectedStep>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedStep {
    /// Key of the step.
    pub kind: String,
    pub value: Decimal,
    #[serde(default)]
    pub args: Vec<ExpectedArg>,
}

/// A number, or a date that the step carries as its day number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ExpectedArg {
    Number(Decimal),
    Date(Date),
}

impl ExpectedArg {
    fn decimal(&self) -> Decimal {
        match self {
            Self::Number(number) => *number,
            Self::Date(date) => Decimal::integer(i64::from(date.days())),
        }
    }
}

/// A case that cannot be read or turned into a batch; the sentence says where and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseError(String);

impl fmt::Display for CaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CaseError {}

/// Reads a file of golden cases: one case, or a list of them.
pub fn parse(text: &str) -> Result<Vec<FeeCase>, CaseError> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| CaseError(error.to_string()))?;
    from_value(&value)
}

/// Reads golden cases that a manifest has inlined: one case, or a list of them.
pub fn from_value(value: &serde_json::Value) -> Result<Vec<FeeCase>, CaseError> {
    read_cases(value)
}

fn read_cases<T: serde::de::DeserializeOwned>(value: &serde_json::Value) -> Result<Vec<T>, CaseError> {
    let items = match value {
        serde_json::Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    let read = |(index, item): (usize, &serde_json::Value)| {
        T::deserialize(item).map_err(|error| {
            let name = item.get("name").and_then(serde_json::Value::as_str).unwrap_or("without a name");
            CaseError(format!("case {index} ({name}): {error}"))
        })
    };
    items.iter().enumerate().map(read).collect()
}

/// A golden case of some extension point: what runs it natively and in the sandbox knows no more of it.
pub trait GoldenCase: Clone {
    /// The extension point that it is one of.
    const POINT: &'static str;
    /// What one of its subjects is called in a sentence.
    const SUBJECT: &'static str;
    type Batch;
    type Answer;
    /// An answer about one subject in the words of a case.
    type Words: PartialEq + fmt::Debug;

    /// Reads one case, or a list of them.
    fn read(value: &serde_json::Value) -> Result<Vec<Self>, CaseError>;
    fn name(&self) -> &str;
    fn settings(&self) -> &serde_json::Value;
    /// How many subjects it asks about.
    fn subjects(&self) -> usize;
    /// The case about one of its subjects.
    #[must_use]
    fn alone(&self, subject: usize) -> Self;
    /// The batch, with one column per declared fact in the declared order.
    fn to_batch(&self, declared: &[String], kinds: &BTreeMap<String, FactKind>) -> Result<Self::Batch, CaseError>;
    /// An answer in the words of a case, one per subject.
    fn words(
        batch: &Self::Batch,
        answer: &Self::Answer,
        description: &Description,
    ) -> Result<Vec<Self::Words>, CaseError>;
    /// How the answer differs from what the case expects: one sentence each, none when it agrees.
    fn compare(&self, batch: &Self::Batch, answer: &Self::Answer, description: &Description) -> Vec<String>;

    /// The settings as the plug-in gets them.
    fn settings_text(&self) -> String {
        self.settings().to_string()
    }
}

/// The extension point that a case is one of: cases tell by what they call their subjects.
#[must_use]
pub fn point_of(case: &serde_json::Value) -> &'static str {
    let has = |case: &serde_json::Value, name: &str| case.get(name).is_some();
    let any = |name: &str| match case {
        serde_json::Value::Array(cases) => cases.iter().any(|case| has(case, name)),
        case => has(case, name),
    };
    if any("charges") {
        LateFeeCase::POINT
    } else {
        record::POINTS.iter().find(|(_, subjects)| any(subjects)).map_or(FeeCase::POINT, |(point, _)| point)
    }
}

impl GoldenCase for FeeCase {
    const POINT: &'static str = "fee-policy";
    const SUBJECT: &'static str = "subject";
    type Batch = FeeBatch;
    type Answer = FeeAnswer;
    type Words = Expected;

    fn read(value: &serde_json::Value) -> Result<Vec<Self>, CaseError> {
        from_value(value)
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn settings(&self) -> &serde_json::Value {
        &self.settings
    }

    fn subjects(&self) -> usize {
        self.subjects.len()
    }

    fn alone(&self, subject: usize) -> Self {
        let one = |list: &[CaseSubject]| list.get(subject).cloned().into_iter().collect();
        let expect = self.expect.get(subject).cloned().into_iter().collect();
        Self { subjects: one(&self.subjects), expect, ..self.clone() }
    }

    fn to_batch(&self, declared: &[String], kinds: &BTreeMap<String, FactKind>) -> Result<FeeBatch, CaseError> {
        Self::to_batch(self, declared, kinds)
    }

    fn words(batch: &FeeBatch, answer: &FeeAnswer, description: &Description) -> Result<Vec<Expected>, CaseError> {
        outcome(batch, answer, description)
    }

    fn compare(&self, batch: &FeeBatch, answer: &FeeAnswer, description: &Description) -> Vec<String> {
        Self::compare(self, batch, answer, description)
    }
}

impl FeeCase {
    /// The settings as the plug-in gets them.
    #[must_use]
    pub fn settings_text(&self) -> String {
        self.settings.to_string()
    }

    /// The batch, with one column per declared fact in the declared order.
    ///
    /// A column's kind is taken from the case's `kinds`, then from `kinds` given here, then from its cells. A fact that
    /// the plug-in does not declare is an error, because it would silently count for nothing.
    pub fn to_batch(&self, declared: &[String], kinds: &BTreeMap<String, FactKind>) -> Result<FeeBatch, CaseError> {
        let fail = |reason: String| CaseError(format!("case {}: {reason}", self.name));
        if self.currency.digits > Decimal::SCALE_MAX {
            return Err(fail(format!("a currency has at most {} digits", Decimal::SCALE_MAX)));
        }
        let mut segments = Segments::default();
        let mut rows: Vec<&FactCells> = Vec::new();
        for (index, subject) in self.subjects.iter().enumerate() {
            let index = u32::try_from(index).map_err(|_| fail("too many subjects".to_owned()))?;
            for segment in &subject.segments {
                segments.subject.push(index);
                segments.start.push(segment.start.unwrap_or(self.period.start));
                segments.end.push(segment.end.unwrap_or(self.period.end));
                rows.push(&segment.facts);
            }
        }
        let names = rows.iter().flat_map(|row| row.keys()).chain(self.facts.keys());
        if let Some(name) = names.into_iter().find(|name| !declared.contains(name)) {
            return Err(fail(format!("the plug-in does not declare the fact {name}")));
        }
        let column = |name: &String| {
            let cells: Vec<Option<&Cell>> =
                rows.iter().map(|row| row.get(name).or_else(|| self.facts.get(name))?.as_ref()).collect();
            let kind = self.kinds.get(name).or_else(|| kinds.get(name)).copied();
            to_column(&cells, kind).map_err(|reason| fail(format!("fact {name}: {reason}")))
        };
        Ok(FeeBatch {
            period: self.period,
            currency: self.currency.clone(),
            subjects: u32::try_from(self.subjects.len()).map_err(|_| fail("too many subjects".to_owned()))?,
            segments,
            facts: declared.iter().map(column).collect::<Result<_, _>>()?,
        })
    }

    /// How the answer differs from what the case expects: one sentence each, none when it agrees.
    ///
    /// The answer need not be well-formed; what does not add up is a difference too.
    #[must_use]
    pub fn compare(&self, batch: &FeeBatch, answer: &FeeAnswer, description: &Description) -> Vec<String> {
        let actual = match outcome(batch, answer, description) {
            Ok(actual) => actual,
            Err(reason) => return vec![format!("the answer is malformed: {reason}")],
        };
        let mut differences = Vec::new();
        if actual.len() != self.expect.len() {
            differences.push(format!("{} subjects are expected, {} answered", self.expect.len(), actual.len()));
        }
        for (index, (expected, actual)) in self.expect.iter().zip(&actual).enumerate() {
            let mut found = Vec::new();
            compare_subject(expected, actual, &mut found);
            differences.extend(found.into_iter().map(|difference| format!("subject {index}: {difference}")));
        }
        differences
    }
}

/// An answer in the words of a case, such as for writing a new one. The error says what is malformed.
pub fn outcome(batch: &FeeBatch, answer: &FeeAnswer, description: &Description) -> Result<Vec<Expected>, CaseError> {
    let malformed = |reason: &str| CaseError(reason.to_owned());
    let mut subjects: Vec<Expected> = Vec::with_capacity(answer.verdicts.len());
    for (index, verdict) in answer.verdicts.iter().enumerate() {
        let problem = answer.problems.iter().find(|entry| usize::try_from(entry.subject) == Ok(index));
        subjects.push(match (verdict, problem) {
            (Verdict::Decided, None) => Expected::Lines(ExpectedLines { lines: Vec::new() }),
            (Verdict::Decided, Some(_)) => {
                return Err(malformed("a decided subject has a problem"));
            }
            (_, None) => return Err(malformed("a subject without decision has no problem")),
            (Verdict::Refused, Some(entry)) => Expected::Refused(refusal(&entry.problem)),
            (Verdict::Undecided, Some(entry)) => Expected::Undecided(gap(&entry.problem)),
        });
    }
    let mut steps = StepReader { steps: &answer.steps, description, step: 0, arg: 0 };
    for line in 0..answer.lines.segment.len() {
        let (subject, line) = read_line(line, batch, answer, description, &mut steps)
            .ok_or_else(|| malformed("columns differ in length or name what is not there"))?;
        match subjects.get_mut(subject) {
            Some(Expected::Lines(lines)) => lines.lines.push(line),
            _ => return Err(malformed("a line answers a subject that is not decided")),
        }
    }
    if steps.step != answer.steps.row.len() {
        return Err(malformed("a step explains no line"));
    }
    Ok(subjects)
}

fn refusal(problem: &Problem) -> ExpectedRefusal {
    ExpectedRefusal {
        refused: problem.code.clone(),
        about: Some(problem.about.clone()),
        args: Some(problem.args.clone()),
    }
}

fn gap(problem: &Problem) -> ExpectedGap {
    ExpectedGap {
        undecided: problem.code.clone(),
        about: Some(problem.about.clone()),
        args: Some(problem.args.clone()),
    }
}

/// The subject and the line in words.
fn read_line(
    line: usize,
    batch: &FeeBatch,
    answer: &FeeAnswer,
    description: &Description,
    steps: &mut StepReader<'_>,
) -> Option<(usize, ExpectedLine)> {
    let lines = &answer.lines;
    let segment = usize::try_from(*lines.segment.get(line)?).ok()?;
    let subject = *batch.segments.subject.get(segment)?;
    let first = batch.segments.subject.partition_point(|other| *other < subject);
    let (amount_fen, weight) = match &lines.amounts {
        Amounts::Money(values) => (Some(*values.get(line)?), None),
        Amounts::Weights(values) => (None, Some(*values.get(line)?)),
    };
    let words = ExpectedLine {
        segment: u32::try_from(segment.checked_sub(first)?).ok()?,
        measure: Some(description.measures.get(usize::from(*lines.measure.get(line)?))?.clone()),
        quantity: Some(Decimal::from_parts(*lines.quantity.get(line)?, *lines.quantity_scale.get(line)?)?),
        unit_price: Some(Decimal::from_parts(*lines.unit_price.get(line)?, *lines.unit_price_scale.get(line)?)?),
        rounding: Some(*lines.rounding.get(line)?),
        amount_fen,
        weight,
        steps: Some(steps.of_line(line)?),
    };
    Some((usize::try_from(subject).ok()?, words))
}

/// Reads the step columns front to back.
struct StepReader<'a> {
    steps: &'a Steps,
    description: &'a Description,
    step: usize,
    arg: usize,
}

impl StepReader<'_> {
    fn of_line(&mut self, line: usize) -> Option<Vec<ExpectedStep>> {
        let mut found = Vec::new();
        while let Some(row) = self.steps.row.get(self.step)
            && usize::try_from(*row) == Ok(line)
        {
            let args = self.arg..self.arg.checked_add(usize::from(*self.steps.arg_count.get(self.step)?))?;
            let mantissas = self.steps.arg.get(args.clone())?.iter();
            let scales = self.steps.arg_scale.get(args.clone())?;
            let number =
                |(mantissa, scale): (&i64, &u8)| Decimal::from_parts(*mantissa, *scale).map(ExpectedArg::Number);
            found.push(ExpectedStep {
                kind: self.description.steps.get(usize::from(*self.steps.kind.get(self.step)?))?.clone(),
                value: Decimal::from_parts(*self.steps.value.get(self.step)?, *self.steps.value_scale.get(self.step)?)?,
                args: mantissas.zip(scales).map(number).collect::<Option<_>>()?,
            });
            self.step += 1;
            self.arg = args.end;
        }
        Some(found)
    }
}

fn compare_subject(expected: &Expected, actual: &Expected, differences: &mut Vec<String>) {
    match (expected, actual) {
        (Expected::Lines(expected), Expected::Lines(actual)) => {
            if expected.lines.len() != actual.lines.len() {
                let (expected, actual) = (expected.lines.len(), actual.lines.len());
                differences.push(format!("{expected} lines are expected, {actual} came"));
            }
            for (index, (expected, actual)) in expected.lines.iter().zip(&actual.lines).enumerate() {
                compare_line(index, expected, actual, differences);
            }
        }
        (Expected::Refused(expected), Expected::Refused(actual)) => {
            check("refusal", Some(&expected.refused), Some(&actual.refused), differences);
            check("about", expected.about.as_ref(), actual.about.as_ref(), differences);
            check("args", expected.args.as_ref(), actual.args.as_ref(), differences);
        }
        (Expected::Undecided(expected), Expected::Undecided(actual)) => {
            check("problem", Some(&expected.undecided), Some(&actual.undecided), differences);
            check("about", expected.about.as_ref(), actual.about.as_ref(), differences);
            check("args", expected.args.as_ref(), actual.args.as_ref(), differences);
        }
        (expected, actual) => differences.push(format!("expected {}, got {}", words(expected), words(actual))),
    }
}

fn compare_line(index: usize, expected: &ExpectedLine, actual: &ExpectedLine, differences: &mut Vec<String>) {
    let mut found = Vec::new();
    check("segment", Some(&expected.segment), Some(&actual.segment), &mut found);
    check("measure", expected.measure.as_ref(), actual.measure.as_ref(), &mut found);
    check("quantity", expected.quantity.as_ref(), actual.quantity.as_ref(), &mut found);
    check("unit_price", expected.unit_price.as_ref(), actual.unit_price.as_ref(), &mut found);
    check("rounding", expected.rounding.as_ref(), actual.rounding.as_ref(), &mut found);
    check("amount_fen", expected.amount_fen.as_ref(), actual.amount_fen.as_ref(), &mut found);
    check("weight", expected.weight.as_ref(), actual.weight.as_ref(), &mut found);
    let steps = |line: &ExpectedLine| Some(line.steps.as_ref()?.iter().map(step_words).collect::<Vec<_>>());
    check("steps", steps(expected).as_ref(), steps(actual).as_ref(), &mut found);
    differences.extend(found.into_iter().map(|difference| format!("line {index}: {difference}")));
}

fn check<T: PartialEq + fmt::Debug>(
    name: &str,
    expected: Option<&T>,
    actual: Option<&T>,
    differences: &mut Vec<String>,
) {
    if let Some(expected) = expected
        && Some(expected) != actual
    {
        let actual = actual.map_or_else(|| "nothing".to_owned(), |actual| format!("{actual:?}"));
        differences.push(format!("{name}: expected {expected:?}, got {actual}"));
    }
}

/// The step with its dates as day numbers, as an answer has them.
fn step_words(step: &ExpectedStep) -> String {
    let args: Vec<String> = step.args.iter().map(|arg| arg.decimal().to_string()).collect();
    format!("{}({}) = {}", step.kind, args.join(", "), step.value)
}

fn words(expected: &Expected) -> String {
    match expected {
        Expected::Lines(lines) => format!("{} lines", lines.lines.len()),
        Expected::Refused(refusal) => format!("refused {}", refusal.refused),
        Expected::Undecided(gap) => format!("undecided {} about {:?}", gap.undecided, gap.about),
    }
}

fn to_column(cells: &[Option<&Cell>], kind: Option<FactKind>) -> Result<Column, String> {
    let missing = (0..).zip(cells).filter(|(_, cell)| cell.is_none()).map(|(row, _)| row).collect();
    let cells = match kind.unwrap_or_else(|| infer_kind(cells)) {
        FactKind::Numbers => Cells::Numbers(to_numbers(&read(cells, |text| text.parse().ok(), "a number")?)?),
        FactKind::Dates => Cells::Dates(read(cells, |text| text.parse().ok(), "a date")?),
        FactKind::Flags => Cells::Flags(read_flags(cells)?),
        FactKind::Codes => Cells::Codes(to_codes(&read(cells, |text| Some(text.to_owned()), "a code")?)?),
    };
    Ok(Column { cells, missing })
}

fn infer_kind(cells: &[Option<&Cell>]) -> FactKind {
    let present = || cells.iter().flatten();
    let all_texts = |accept: fn(&str) -> bool| present().all(|cell| matches!(cell, Cell::Text(text) if accept(text)));
    if present().next().is_some() && present().all(|cell| matches!(cell, Cell::Flag(_))) {
        FactKind::Flags
    } else if all_texts(|text| text.parse::<Decimal>().is_ok()) {
        FactKind::Numbers
    } else if all_texts(|text| text.parse::<Date>().is_ok()) {
        FactKind::Dates
    } else {
        FactKind::Codes
    }
}

/// Reads texts; a missing cell gets the default, which nobody may use.
fn read<T: Default>(cells: &[Option<&Cell>], parse: impl Fn(&str) -> Option<T>, what: &str) -> Result<Vec<T>, String> {
    let one = |cell: &Option<&Cell>| match cell {
        None => Ok(T::default()),
        Some(Cell::Text(text)) => parse(text).ok_or_else(|| format!("{text:?} is not {what}")),
        Some(Cell::Flag(flag)) => Err(format!("{flag} is not {what}")),
    };
    cells.iter().map(one).collect()
}

fn read_flags(cells: &[Option<&Cell>]) -> Result<Vec<bool>, String> {
    let one = |cell: &Option<&Cell>| match cell {
        None => Ok(false),
        Some(Cell::Flag(flag)) => Ok(*flag),
        Some(Cell::Text(text)) => Err(format!("{text:?} is not a flag")),
    };
    cells.iter().map(one).collect()
}

fn to_numbers(decimals: &[Decimal]) -> Result<Numbers, String> {
    let scale = decimals.iter().map(|decimal| decimal.scale).max().unwrap_or(0);
    let common = |decimal: &Decimal| {
        decimal.rescale(scale).map(|decimal| decimal.mantissa).ok_or_else(|| format!("{decimal} is too large"))
    };
    Ok(Numbers { scale, mantissas: decimals.iter().map(common).collect::<Result<_, _>>()? })
}

fn to_codes(texts: &[String]) -> Result<Codes, String> {
    let mut names: Vec<String> = Vec::new();
    let mut cells = Vec::with_capacity(texts.len());
    for text in texts {
        let index = names.iter().position(|name| name == text).unwrap_or_else(|| {
            names.push(text.clone());
            names.len() - 1
        });
        cells.push(u16::try_from(index).map_err(|_| "too many different codes".to_owned())?);
    }
    Ok(Codes { names, cells })
}

fn empty_settings() -> serde_json::Value {
    serde_json::Value::Object(serde_json::Map::new())
}

/// A period in JSON: `"2025-03"`, or `{"start": …, "end": …}`.
mod period_text {
    use super::{Date, Deserialize, Period};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Dates { start: Date, end: Date },
    }

    pub fn serialize<S: serde::Serializer>(period: &Period, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(period)
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Period, D::Error> {
        let period = match Written::deserialize(deserializer)? {
            Written::Text(text) => text.parse().ok(),
            Written::Dates { start, end } => Period::new(start, end),
        };
        period
            .ok_or_else(|| serde::de::Error::custom("a period is \"2025-03\" or {\"start\", \"end\"} with a day in it"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{FeeLines, SubjectProblem};

    const CASE: &str = r#"{
        "name": "two homes",
        "settings": {"price": "2.80"},
        "period": "2025-03",
        "facts": {"unit.kind": "residential"},
        "subjects": [
            {"segments": [{"facts": {"unit.area": "89.5", "unit.sold": true, "unit.since": "2025-03-02"}}]},
            {"segments": [{"start": "2025-03-11", "facts": {"unit.area": null, "unit.kind": "shop"}}]}
        ],
        "expect": [
            {"lines": [{"measure": "m2", "amount_fen": 25060,
                        "steps": [{"kind": "product", "value": "250.60", "args": ["89.5", "2025-03-02"]}]}]},
            {"undecided": "missing-fact", "about": "unit.area"}
        ]
    }"#;

    fn strings(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn case() -> FeeCase {
        parse(CASE).unwrap().remove(0)
    }

    fn batch() -> FeeBatch {
        let declared = strings(&["unit.kind", "unit.area", "unit.sold", "unit.since"]);
        case().to_batch(&declared, &BTreeMap::new()).unwrap()
    }

    fn description() -> Description {
        Description { facts: Vec::new(), steps: strings(&["product"]), measures: strings(&["m2"]) }
    }

    fn answer() -> FeeAnswer {
        let problem = Problem { code: "missing-fact".to_owned(), about: "unit.area".to_owned(), args: Vec::new() };
        FeeAnswer {
            verdicts: vec![Verdict::Decided, Verdict::Undecided],
            problems: vec![SubjectProblem { subject: 1, problem }],
            lines: FeeLines {
                segment: vec![0],
                measure: vec![0],
                quantity: vec![895],
                quantity_scale: vec![1],
                unit_price: vec![280],
                unit_price_scale: vec![2],
                rounding: vec![Rounding::HalfUp],
                amounts: Amounts::Money(vec![25_060]),
            },
            steps: Steps {
                row: vec![0],
                kind: vec![0],
                value: vec![25_060],
                value_scale: vec![2],
                arg_count: vec![2],
                arg: vec![895, 20_149],
                arg_scale: vec![1, 0],
            },
        }
    }

    #[test]
    fn columns_follow_the_declared_order_and_infer_their_kind() {
        let batch = batch();
        assert_eq!(batch.segments.start[1].to_string(), "2025-03-11");
        assert_eq!(batch.segments.end[1].to_string(), "2025-04-01");
        let codes = Codes { names: strings(&["residential", "shop"]), cells: vec![0, 1] };
        assert_eq!(batch.facts[0], Column { cells: Cells::Codes(codes), missing: vec![] });
        let numbers = Numbers { scale: 1, mantissas: vec![895, 0] };
        assert_eq!(batch.facts[1], Column { cells: Cells::Numbers(numbers), missing: vec![1] });
        assert!(matches!(&batch.facts[2].cells, Cells::Flags(flags) if flags[0]));
        assert!(matches!(&batch.facts[3].cells, Cells::Dates(dates) if dates[0].to_string() == "2025-03-02"));
    }

    #[test]
    fn kinds_override_what_cells_look_like() {
        let kinds = BTreeMap::from([("unit.area".to_owned(), FactKind::Codes)]);
        let declared = strings(&["unit.kind", "unit.area", "unit.sold", "unit.since"]);
        let batch = case().to_batch(&declared, &kinds).unwrap();
        assert!(matches!(&batch.facts[1].cells, Cells::Codes(codes) if codes.names[0] == "89.5"));
    }

    #[test]
    fn an_undeclared_fact_is_an_error() {
        let error = case().to_batch(&strings(&["unit.kind"]), &BTreeMap::new()).unwrap_err();
        assert!(error.to_string().contains("unit.area"), "{error}");
    }

    #[test]
    fn the_right_answer_agrees() {
        assert_eq!(case().compare(&batch(), &answer(), &description()), Vec::<String>::new());
    }

    #[test]
    fn each_wrong_answer_is_told() {
        type Spoil = fn(&mut FeeAnswer);
        let wrong: [(&str, Spoil); 7] = [
            ("amount_fen", |a| {
                a.lines.amounts = Amounts::Money(vec![25_061]);
            }),
            ("steps", |a| a.steps.value[0] = 1),
            ("steps", |a| a.steps.arg[1] += 1),
            ("about", |a| a.problems[0].problem.about.clear()),
            ("expected undecided", |a| a.verdicts[1] = Verdict::Refused),
            ("malformed", |a| a.lines.segment[0] = 9),
            ("malformed", |a| a.steps.arg_count[0] = 9),
        ];
        for (word, spoil) in wrong {
            let mut answer = answer();
            spoil(&mut answer);
            let differences = case().compare(&batch(), &answer, &description());
            assert!(differences.len() == 1 && differences[0].contains(word), "{word}: {differences:?}");
        }
    }

    #[test]
    fn a_case_survives_being_written() {
        let text = serde_json::to_string(&case()).unwrap();
        assert_eq!(parse(&text).unwrap(), [case()]);
        let list = format!("[{CASE},{CASE}]");
        assert_eq!(parse(&list).unwrap().len(), 2);
        assert!(parse("{\"name\": \"x\"}").unwrap_err().to_string().contains("case 0 (x)"));
    }
}
