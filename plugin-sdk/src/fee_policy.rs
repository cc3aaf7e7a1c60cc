//! `fee-policy`: what does each subject owe for a period?

use std::ops::Range;

use guanjia_values::{
    Amounts, Currency, Decimal, Description, Exact, FeeAnswer, FeeBatch, FeeLines, Period, Problem, Rounding, Segments,
    Steps, SubjectProblem, Verdict,
};
use serde::de::DeserializeOwned;

use crate::facts::{FactRow, Measure, Step};
use crate::no::problem;
use crate::{Fact, Fits, No, Proration, settings};

/// Places that a step shows of a value that has more, such as a third: beyond the fen, and still readable.
pub(crate) const SHOWN_SCALE_MAX: u8 = 6;

/// A rule that charges. Implement it, and export it with [`export_fee_policy!`](crate::export_fee_policy).
pub trait FeePolicy {
    /// The settings, as the schema describes them. Decimals are texts.
    type Settings: DeserializeOwned;
    /// Facts that it reads; [`facts!`](crate::facts) makes it.
    const FACTS: &'static [&'static str];
    /// Explanation steps; [`steps!`](crate::steps) makes it.
    const STEPS: &'static [&'static str];
    /// Units of measure; [`measures!`](crate::measures) makes it.
    const MEASURES: &'static [&'static str];
    /// Whether the lines are money or shares of a total that the host knows.
    const AMOUNTS: AmountKind = AmountKind::Money;

    /// Problems of the settings that their schema cannot express. [`problem_at`] makes one.
    fn check(_settings: &Self::Settings) -> Vec<Problem> {
        Vec::new()
    }

    /// Charges one subject: at least one line, or a no. Whatever was written before a no is dropped.
    ///
    /// The answer must depend on nothing but the settings and the subject.
    fn charge(settings: &Self::Settings, subject: &Subject<'_>, out: &mut Lines) -> Result<(), No>;
}

/// What the numbers of the lines are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmountKind {
    /// Minor units that are owed; [`Lines::charge`] writes them.
    Money,
    /// Shares of a total; [`Lines::weigh`] writes them.
    Weights,
}

/// A problem of the settings at a JSON pointer, for [`FeePolicy::check`].
#[must_use]
pub fn problem_at(code: &str, pointer: &str, args: &[Decimal]) -> Problem {
    problem(code, pointer, args)
}

/// The contract itself: what a component exports. Every [`FeePolicy`] has it; implement it directly only to answer in
/// columns.
pub trait FeeGuest {
    fn describe() -> Description;
    fn check_settings(settings: &str) -> Vec<Problem>;
    fn evaluate(settings: &str, batch: &FeeBatch) -> Result<FeeAnswer, Problem>;
}

impl<P: FeePolicy> FeeGuest for P {
    fn describe() -> Description {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Description { facts: owned(P::FACTS), steps: owned(P::STEPS), measures: owned(P::MEASURES) }
    }

    fn check_settings(settings: &str) -> Vec<Problem> {
        match settings::parse(settings) {
            Ok(settings) => P::check(&settings),
            Err(problem) => vec![problem],
        }
    }

    fn evaluate(settings: &str, batch: &FeeBatch) -> Result<FeeAnswer, Problem> {
        let settings: P::Settings = settings::parse(settings)?;
        let mut out = Lines::with_capacity(P::AMOUNTS, batch.currency.digits, batch.segments.subject.len());
        let mut verdicts = Vec::with_capacity(usize::try_from(batch.subjects).unwrap_or(0));
        let mut problems = Vec::new();
        let mut first_row = 0;
        for index in 0..batch.subjects {
            let rows = rows_of(index, first_row, &batch.segments);
            first_row = rows.end;
            let subject = Subject { batch, facts: P::FACTS, index, rows };
            let mark = out.mark();
            let outcome = P::charge(&settings, &subject, &mut out).and_then(|()| out.finish_subject(&mark));
            let (verdict, problem) = match outcome {
                Ok(()) => (Verdict::Decided, None),
                Err(No::Refused(problem)) => (Verdict::Refused, Some(problem)),
                Err(No::Undecided(problem)) => (Verdict::Undecided, Some(problem)),
            };
            verdicts.push(verdict);
            if let Some(problem) = problem {
                out.roll_back(&mark);
                problems.push(SubjectProblem { subject: index, problem });
            }
        }
        let (lines, steps) = out.into_columns();
        Ok(FeeAnswer { verdicts, problems, lines, steps })
    }
}

/// The rows of a subject, which follow each other.
fn rows_of(subject: u32, first: usize, segments: &Segments) -> Range<usize> {
    let mut end = first;
    while segments.subject.get(end) == Some(&subject) {
        end += 1;
    }
    first..end
}

/// One unit (or space, lease, party…) with one fee item in one period.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    batch: &'a FeeBatch,
    facts: &'static [&'static str],
    index: u32,
    rows: Range<usize>,
}

impl<'a> Subject<'a> {
    /// Its number in the batch. A rule must not depend on it: the host splits batches as it likes.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The whole period that is charged.
    #[must_use]
    pub fn period(&self) -> Period {
        self.batch.period
    }

    /// The currency of all amounts.
    #[must_use]
    pub fn currency(&self) -> &'a Currency {
        &self.batch.currency
    }

    /// The stretches of the period in which payer, status and price basis were constant, in their order.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = Segment<'a>> + use<'a> {
        let (batch, facts, first) = (self.batch, self.facts, self.rows.start);
        self.rows.clone().map(move |index| {
            let row = u32::try_from(index).expect("a batch has fewer than 2^32 segments");
            let start = batch.segments.start.get(index).copied().unwrap_or(batch.period.start);
            let end = batch.segments.end.get(index).copied().unwrap_or(batch.period.end);
            Segment {
                facts: FactRow::new(&batch.facts, facts, row),
                row,
                is_first: index == first,
                stretch: Period { start, end },
                period: batch.period,
            }
        })
    }
}

/// A stretch of the period with its facts.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    facts: FactRow<'a>,
    row: u32,
    is_first: bool,
    stretch: Period,
    period: Period,
}

impl<'a> Segment<'a> {
    /// The days of the stretch.
    #[must_use]
    pub fn stretch(&self) -> Period {
        self.stretch
    }

    /// How many days the stretch has.
    #[must_use]
    pub fn days(&self) -> i64 {
        self.stretch.days()
    }

    /// Whether the stretch is the whole period.
    #[must_use]
    pub fn is_whole_period(&self) -> bool {
        self.stretch == self.period
    }

    /// Whether it is the first stretch of its subject.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.is_first
    }

    /// Which part of the period's price the stretch owes.
    #[must_use]
    pub fn share(&self, proration: Proration) -> Exact {
        proration.share(self.stretch, self.period, self.is_first)
    }

    /// The counted days of the stretch and of the period: the arguments of a step about proration.
    #[must_use]
    pub fn days_of(&self, proration: Proration) -> [Decimal; 2] {
        let (part, whole) = proration.days(self.stretch, self.period);
        [Decimal::integer(part), Decimal::integer(whole)]
    }

    /// All facts of the stretch, with the accessors for those that may be missing.
    #[must_use]
    pub fn facts(&self) -> FactRow<'a> {
        self.facts
    }

    /// A number, or the no that says that it is missing.
    pub fn number(&self, fact: Fact) -> Result<Decimal, No> {
        self.facts.number(fact)
    }

    /// A code of an open set, or the no that says that it is missing.
    pub fn code(&self, fact: Fact) -> Result<&'a str, No> {
        self.facts.code(fact)
    }

    /// A date, or the no that says that it is missing.
    pub fn date(&self, fact: Fact) -> Result<guanjia_values::Date, No> {
        self.facts.date(fact)
    }

    /// A flag, or the no that says that it is missing.
    pub fn flag(&self, fact: Fact) -> Result<bool, No> {
        self.facts.flag(fact)
    }
}

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    pub measure: Measure,
    pub quantity: Decimal,
    /// Price of one unit of measure for the whole period, in major units.
    pub unit_price: Decimal,
}

/// Where the answer is written: first the steps of a line, then the line.
#[derive(Debug)]
pub struct Lines {
    kind: AmountKind,
    digits: u8,
    segment: Vec<u32>,
    measure: Vec<u16>,
    quantity: Vec<i64>,
    quantity_scale: Vec<u8>,
    unit_price: Vec<i64>,
    unit_price_scale: Vec<u8>,
    rounding: Vec<Rounding>,
    amounts: Vec<i64>,
    steps: StepColumns,
}

/// How long the columns were, to return there.
struct Mark {
    lines: usize,
    steps: usize,
    args: usize,
}

impl Lines {
    fn with_capacity(kind: AmountKind, digits: u8, rows: usize) -> Self {
        Self {
            kind,
            digits,
            segment: Vec::with_capacity(rows),
            measure: Vec::with_capacity(rows),
            quantity: Vec::with_capacity(rows),
            quantity_scale: Vec::with_capacity(rows),
            unit_price: Vec::with_capacity(rows),
            unit_price_scale: Vec::with_capacity(rows),
            rounding: Vec::with_capacity(rows),
            amounts: Vec::with_capacity(rows),
            steps: StepColumns::with_capacity(rows),
        }
    }

    /// A step of the next line: what it arrived at, and the numbers that its sentence names. See [`Decimal::integer`]
    /// and `Date::days` for dates.
    pub fn step(&mut self, step: Step, value: Decimal, args: &[Decimal]) {
        self.steps.push(self.segment.len(), step, value, args);
    }

    /// A step whose value is computed, shown with at least the places of the currency and at most six.
    pub fn step_exact(&mut self, step: Step, value: Exact, args: &[Decimal]) -> Result<(), No> {
        self.step(step, self.shown(value)?, args);
        Ok(())
    }

    /// A computed value as steps show it, such as for the argument of the next one.
    pub fn shown(&self, value: Exact) -> Result<Decimal, No> {
        value.to_decimal(self.digits, SHOWN_SCALE_MAX).fits()
    }

    /// A step that says that the line rounds, where it does; its argument is the value before.
    pub fn step_rounding(&mut self, step: Step, amount: Exact, rounding: Rounding) -> Result<(), No> {
        let minor = amount.round_to(self.digits, rounding).fits()?;
        if Exact::from_minor(minor, self.digits) != amount {
            let before = self.shown(amount)?;
            self.step(step, Decimal::from_parts(minor, self.digits).fits()?, &[before]);
        }
        Ok(())
    }

    /// Ends a line of money: `amount` in major units, rounded to the minor unit here and nowhere else.
    pub fn charge(&mut self, segment: &Segment<'_>, item: Item, amount: Exact, rounding: Rounding) -> Result<(), No> {
        let minor = amount.round_to(self.digits, rounding).fits()?;
        self.push(AmountKind::Money, segment, item, minor, rounding)
    }

    /// Ends a line of weight: the share of a total that the host knows. It must not be negative.
    pub fn weigh(&mut self, segment: &Segment<'_>, item: Item, weight: i64) -> Result<(), No> {
        if weight < 0 {
            return Err(No::out_of_range());
        }
        self.push(AmountKind::Weights, segment, item, weight, Rounding::HalfUp)
    }

    fn push(
        &mut self,
        kind: AmountKind,
        segment: &Segment<'_>,
        item: Item,
        amount: i64,
        rounding: Rounding,
    ) -> Result<(), No> {
        if kind != self.kind {
            return Err(No::undecided("wrong-kind-of-amount", "", &[]));
        }
        self.segment.push(segment.row);
        self.measure.push(item.measure.0);
        self.quantity.push(item.quantity.mantissa);
        self.quantity_scale.push(item.quantity.scale);
        self.unit_price.push(item.unit_price.mantissa);
        self.unit_price_scale.push(item.unit_price.scale);
        self.rounding.push(rounding);
        self.amounts.push(amount);
        Ok(())
    }

    fn mark(&self) -> Mark {
        Mark { lines: self.segment.len(), steps: self.steps.0.row.len(), args: self.steps.0.arg.len() }
    }

    /// A subject without any line, or with steps that explain none, is a mistake of the rule: held, never 0.
    fn finish_subject(&self, mark: &Mark) -> Result<(), No> {
        let lines = self.segment.len();
        let stray_step = self.steps.0.row.len() > mark.steps
            && self.steps.0.row.last().is_some_and(|row| usize::try_from(*row) == Ok(lines));
        if lines == mark.lines || stray_step { Err(No::undecided("no-line", "", &[])) } else { Ok(()) }
    }

    fn roll_back(&mut self, mark: &Mark) {
        self.segment.truncate(mark.lines);
        self.measure.truncate(mark.lines);
        self.quantity.truncate(mark.lines);
        self.quantity_scale.truncate(mark.lines);
        self.unit_price.truncate(mark.lines);
        self.unit_price_scale.truncate(mark.lines);
        self.rounding.truncate(mark.lines);
        self.amounts.truncate(mark.lines);
        self.steps.truncate(mark.steps, mark.args);
    }

    fn into_columns(self) -> (FeeLines, Steps) {
        let lines = FeeLines {
            segment: self.segment,
            measure: self.measure,
            quantity: self.quantity,
            quantity_scale: self.quantity_scale,
            unit_price: self.unit_price,
            unit_price_scale: self.unit_price_scale,
            rounding: self.rounding,
            amounts: match self.kind {
                AmountKind::Money => Amounts::Money(self.amounts),
                AmountKind::Weights => Amounts::Weights(self.amounts),
            },
        };
        (lines, self.steps.0)
    }
}

/// Explanation steps under construction.
#[derive(Debug)]
pub(crate) struct StepColumns(pub(crate) Steps);

impl StepColumns {
    /// Most rules explain a row in one or two steps of two numbers each.
    pub(crate) fn with_capacity(rows: usize) -> Self {
        let (steps, args) = (rows.saturating_mul(2), rows.saturating_mul(4));
        Self(Steps {
            row: Vec::with_capacity(steps),
            kind: Vec::with_capacity(steps),
            value: Vec::with_capacity(steps),
            value_scale: Vec::with_capacity(steps),
            arg_count: Vec::with_capacity(steps),
            arg: Vec::with_capacity(args),
            arg_scale: Vec::with_capacity(args),
        })
    }

    /// Arguments beyond 255 are dropped: one byte counts them, and no sentence names so many numbers.
    pub(crate) fn push(&mut self, row: usize, step: Step, value: Decimal, args: &[Decimal]) {
        let count = u8::try_from(args.len()).unwrap_or(u8::MAX);
        self.0.row.push(u32::try_from(row).expect("a batch has fewer than 2^32 rows"));
        self.0.kind.push(step.0);
        self.0.value.push(value.mantissa);
        self.0.value_scale.push(value.scale);
        self.0.arg_count.push(count);
        for arg in &args[..usize::from(count)] {
            self.0.arg.push(arg.mantissa);
            self.0.arg_scale.push(arg.scale);
        }
    }

    pub(crate) fn truncate(&mut self, steps: usize, args: usize) {
        self.0.row.truncate(steps);
        self.0.kind.truncate(steps);
        self.0.value.truncate(steps);
        self.0.value_scale.truncate(steps);
        self.0.arg_count.truncate(steps);
        self.0.arg.truncate(args);
        self.0.arg_scale.truncate(args);
    }
}

/// Exports a [`FeePolicy`] (or a [`FeeGuest`]) from the component. On anything but wasm32 it does nothing.
#[macro_export]
#[rustfmt::skip] // It moves the nested macro call to another column.
macro_rules! export_fee_policy {
    ($policy:ty) => {
        #[cfg(target_arch = "wasm32")]
        // The generated exports of a component are unsafe functions.
        #[allow(unsafe_code)]
        const _: () = {
            type Component = $crate::bindings::Fee<$policy>;
            $crate::bindings::fee::export!(Component with_types_in $crate::bindings::fee);
        };
    };
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::prelude::{facts, measures, steps};
    use guanjia_values::{Cells, Codes, Column, Date, Numbers};

    facts! { AREA = "unit.area", KIND = "unit.kind" }
    steps! { PRODUCT = "product", ROUNDED = "rounded" }
    measures! { M2 = "m2" }

    /// Doubles the area; the kind chooses how it goes wrong.
    struct Doubling;

    impl FeePolicy for Doubling {
        type Settings = serde::de::IgnoredAny;
        const FACTS: &'static [&'static str] = FACTS;
        const STEPS: &'static [&'static str] = STEPS;
        const MEASURES: &'static [&'static str] = MEASURES;

        fn charge(_: &Self::Settings, subject: &Subject<'_>, out: &mut Lines) -> Result<(), No> {
            for segment in subject.segments() {
                let area = segment.number(AREA)?;
                let amount = area.exact().checked_mul(Exact::integer(2)).fits()?;
                out.step_exact(PRODUCT, amount, &[area])?;
                out.step_rounding(ROUNDED, amount, Rounding::HalfUp)?;
                match segment.code(KIND)? {
                    "stray-step" => continue,
                    "refused" => return Err(No::refused("not-this-one", &[area])),
                    "weight" => {
                        out.weigh(&segment, Item { measure: M2, quantity: area, unit_price: area }, 1)?;
                    }
                    _ => {}
                }
                let item = Item { measure: M2, quantity: area, unit_price: Decimal::integer(2) };
                out.charge(&segment, item, amount, Rounding::HalfUp)?;
            }
            Ok(())
        }
    }

    fn batch(kinds: &[&str], missing: &[u32]) -> FeeBatch {
        let rows = u32::try_from(kinds.len()).unwrap();
        let period = Period::month(2025, 3).unwrap();
        let codes = Codes {
            names: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            cells: (0..u16::try_from(rows).unwrap()).collect(),
        };
        let numbers = Numbers { scale: 3, mantissas: vec![94_563; kinds.len()] };
        FeeBatch {
            period,
            currency: Currency::cny(),
            subjects: rows,
            segments: Segments {
                subject: (0..rows).collect(),
                start: vec![period.start; kinds.len()],
                end: vec![period.end; kinds.len()],
            },
            facts: vec![
                Column { cells: Cells::Numbers(numbers), missing: missing.to_vec() },
                Column { cells: Cells::Codes(codes), missing: Vec::new() },
            ],
        }
    }

    #[test]
    fn a_no_takes_back_what_was_written_and_spoils_nobody_else() {
        let batch = batch(&["ok", "refused", "ok", "ok", "stray-step", "weight", "ok"], &[3]);
        let answer = Doubling::evaluate("{}", &batch).unwrap();
        let codes: Vec<_> = answer.problems.iter().map(|p| (p.subject, p.problem.code.as_str())).collect();
        assert_eq!(codes, [(1, "not-this-one"), (3, "missing-fact"), (4, "no-line"), (5, "wrong-kind-of-amount")]);
        assert_eq!(answer.lines.segment, [0, 2, 6]);
        assert_eq!(answer.lines.amounts, Amounts::Money(vec![18_913; 3]));
        assert_eq!(answer.steps.row, [0, 0, 1, 1, 2, 2]);
        assert_eq!(answer.steps.arg.len(), 6);
        assert_eq!(answer.steps.value[..2], [189_126, 18_913]);
    }

    #[test]
    fn an_amount_that_fits_no_minor_unit_is_undecided() {
        let mut batch = batch(&["ok"], &[]);
        batch.facts[0].cells = Cells::Numbers(Numbers { scale: 0, mantissas: vec![i64::MAX] });
        let answer = Doubling::evaluate("{}", &batch).unwrap();
        assert_eq!(answer.problems[0].problem.code, "out-of-range");
    }

    #[test]
    fn a_subject_without_segments_is_undecided() {
        let mut batch = batch(&["ok"], &[]);
        batch.subjects = 2;
        let answer = Doubling::evaluate("{}", &batch).unwrap();
        assert_eq!(answer.verdicts, [Verdict::Decided, Verdict::Undecided]);
    }

    #[test]
    fn a_fact_of_another_kind_is_told() {
        let mut batch = batch(&["ok"], &[]);
        batch.facts[1].cells = Cells::Dates(vec![Date::from_days(0)]);
        let answer = Doubling::evaluate("{}", &batch).unwrap();
        let problem = &answer.problems[0].problem;
        assert_eq!((problem.code.as_str(), problem.about.as_str()), ("wrong-kind-of-fact", "unit.kind"));
    }

    #[test]
    fn settings_that_cannot_be_read_decide_nothing() {
        let problem = Doubling::evaluate("{", &batch(&["ok"], &[])).unwrap_err();
        assert_eq!(problem.code, "invalid-settings");
        assert_eq!(Doubling::check_settings("{").len(), 1);
    }
}
