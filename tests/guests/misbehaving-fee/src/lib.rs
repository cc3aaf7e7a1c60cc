//! A fee policy that charges 1.00 for every subject, until a chosen one is in the batch: then it misbehaves as its
//! settings say. The host's tests bisect batches with it and expect exactly the chosen subjects to be held.
//!
//! `{"mode": "trap", "when_area": "94.56"}` traps when a subject of that area is in the batch;
//! `{"mode": "trap", "when_subject": 3}` when the batch has a fourth subject; with neither it always does.

use std::hint::black_box;
use std::sync::atomic::{AtomicI64, Ordering};

use guanjia_plugin_sdk::log::{self, Level};
use guanjia_plugin_sdk::values::{
    Amounts, Cells, Decimal, Description, FeeAnswer, FeeBatch, FeeLines, Problem, Rounding, Steps, SubjectProblem,
    Verdict,
};
use guanjia_plugin_sdk::{FeeGuest, settings};
use serde::Deserialize;

/// What everybody is charged, in minor units.
const AMOUNT: i64 = 100;
/// More than any host should let a guest return or hold.
const HUNDRED_MB_OF_NUMBERS: usize = 12_500_000;
/// Far more log than a call may leave.
const FLOOD_LINES: usize = 20_000;

/// The settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    mode: Mode,
    /// Misbehave only when a subject has this `unit.area`.
    #[serde(default)]
    when_area: Option<Decimal>,
    /// Misbehave only when the batch has a subject of this number.
    #[serde(default)]
    when_subject: Option<u32>,
}

/// How it misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Not at all.
    Ok,
    /// Panics.
    Trap,
    /// Never returns.
    Loop,
    /// Takes memory without end.
    Allocate,
    /// Calls itself without end.
    Recurse,
    /// Answers one subject too few.
    WrongVerdictCount,
    /// Answers a segment that the batch does not have.
    UnknownSegment,
    /// Answers a segment twice, out of order.
    DuplicateLine,
    /// Says that it decided, without any line.
    NoLine,
    /// Columns of one table differ in length.
    RaggedColumns,
    /// Charges more than sums of charges can hold.
    OverflowAmount,
    /// Returns 100 MB.
    HundredMb,
    /// Charges nothing and does not say why.
    ZeroWithoutStep,
    /// Answers with weights, one of them negative.
    NegativeWeight,
    /// A step explains a line that is not there.
    InvalidStepRow,
    /// A step has a kind that is not described.
    InvalidStepKind,
    /// A line has a unit of measure that is not described.
    InvalidMeasure,
    /// A decimal has 200 places.
    WrongScale,
    /// Says no without a reason.
    MissingProblem,
    /// Logs without end, and then answers well.
    LogFlood,
    /// Remembers how often it was asked, and charges by it.
    HiddenState,
    /// Refuses, as it may.
    Refuse,
    /// Cannot decide, as it may.
    Undecided,
    /// Decides nothing of the whole batch, as it may.
    Error,
}

/// The guest.
#[derive(Debug)]
pub struct Misbehaving;

static CALLS: AtomicI64 = AtomicI64::new(0);

impl FeeGuest for Misbehaving {
    fn describe() -> Description {
        Description {
            facts: vec!["unit.area".to_owned()],
            steps: vec!["flat".to_owned()],
            measures: vec!["period".to_owned()],
        }
    }

    fn check_settings(text: &str) -> Vec<Problem> {
        settings::parse::<Settings>(text).err().into_iter().collect()
    }

    fn evaluate(text: &str, batch: &FeeBatch) -> Result<FeeAnswer, Problem> {
        let settings: Settings = settings::parse(text)?;
        let mut answer = well_behaved(batch);
        let chosen: Vec<u32> = (0..batch.subjects).filter(|subject| is_chosen(&settings, *subject, batch)).collect();
        // Backwards, because taking the lines of a subject away moves those of later ones.
        for subject in chosen.into_iter().rev() {
            misbehave(settings.mode, subject, &mut answer)?;
        }
        answer.problems.reverse();
        Ok(answer)
    }
}

guanjia_plugin_sdk::export_fee_policy!(Misbehaving);

fn is_chosen(settings: &Settings, subject: u32, batch: &FeeBatch) -> bool {
    if settings.mode == Mode::Ok {
        return false;
    }
    let Some(area) = settings.when_area else {
        return settings.when_subject.is_none_or(|chosen| chosen == subject);
    };
    let Some(Cells::Numbers(numbers)) = batch.facts.first().map(|column| &column.cells) else {
        return false;
    };
    let rows = batch.segments.subject.iter().zip(&numbers.mantissas);
    rows.filter(|(owner, _)| **owner == subject)
        .any(|(_, mantissa)| Decimal { mantissa: *mantissa, scale: numbers.scale }.compare(area).is_eq())
}

/// One line of 1.00 for each subject, on its first segment, with a step.
fn well_behaved(batch: &FeeBatch) -> FeeAnswer {
    let first_row = |subject: u32| batch.segments.subject.partition_point(|owner| *owner < subject);
    let rows: Vec<u32> =
        (0..batch.subjects).map(|subject| u32::try_from(first_row(subject)).unwrap_or(u32::MAX)).collect();
    let count = rows.len();
    FeeAnswer {
        verdicts: vec![Verdict::Decided; count],
        problems: Vec::new(),
        lines: FeeLines {
            segment: rows,
            measure: vec![0; count],
            quantity: vec![1; count],
            quantity_scale: vec![0; count],
            unit_price: vec![AMOUNT; count],
            unit_price_scale: vec![2; count],
            rounding: vec![Rounding::HalfUp; count],
            amounts: Amounts::Money(vec![AMOUNT; count]),
        },
        steps: Steps {
            row: (0..batch.subjects).collect(),
            kind: vec![0; count],
            value: vec![AMOUNT; count],
            value_scale: vec![2; count],
            arg_count: vec![0; count],
            arg: Vec::new(),
            arg_scale: Vec::new(),
        },
    }
}

fn misbehave(mode: Mode, subject: u32, answer: &mut FeeAnswer) -> Result<(), Problem> {
    let at = usize::try_from(subject).unwrap_or(usize::MAX);
    match mode {
        Mode::Ok => {}
        Mode::Trap => panic!("told to trap"),
        Mode::Loop => spin(),
        Mode::Allocate => allocate(),
        Mode::Recurse => {
            black_box(recurse(1));
        }
        Mode::WrongVerdictCount => drop(answer.verdicts.pop()),
        Mode::UnknownSegment => answer.lines.segment[at] = u32::MAX - 1,
        Mode::DuplicateLine => duplicate_line(at, answer),
        Mode::NoLine => remove_line(at, answer),
        Mode::RaggedColumns => drop(answer.lines.quantity.pop()),
        Mode::OverflowAmount => set_amount(at, i64::MAX, answer),
        Mode::HundredMb => answer.steps.arg = vec![1; HUNDRED_MB_OF_NUMBERS],
        Mode::ZeroWithoutStep => {
            set_amount(at, 0, answer);
            remove_step(at, answer);
        }
        Mode::NegativeWeight => {
            let mut weights = vec![1; answer.lines.segment.len()];
            weights[at] = -1;
            answer.lines.amounts = Amounts::Weights(weights);
        }
        Mode::InvalidStepRow => answer.steps.row[at] = u32::MAX - 1,
        Mode::InvalidStepKind => answer.steps.kind[at] = 999,
        Mode::InvalidMeasure => answer.lines.measure[at] = 999,
        Mode::WrongScale => answer.lines.quantity_scale[at] = 200,
        Mode::MissingProblem => {
            answer.verdicts[at] = Verdict::Refused;
            remove_line(at, answer);
        }
        Mode::LogFlood => {
            let line = "flood ".repeat(500);
            (0..FLOOD_LINES).for_each(|_| log::write(Level::Warn, &line));
        }
        Mode::HiddenState => set_amount(at, AMOUNT + CALLS.fetch_add(1, Ordering::Relaxed), answer),
        Mode::Refuse => say_no(Verdict::Refused, "told-to-refuse", subject, answer),
        Mode::Undecided => say_no(Verdict::Undecided, "told-to-be-undecided", subject, answer),
        Mode::Error => return Err(problem("told-to-fail")),
    }
    Ok(())
}

fn spin() {
    let mut rounds = 0_u64;
    while black_box(true) {
        rounds = black_box(rounds.wrapping_add(1));
    }
}

fn allocate() {
    let mut held: Vec<Vec<u8>> = Vec::new();
    while black_box(true) {
        held.push(black_box(vec![1; 1024 * 1024]));
    }
}

/// Not a tail call: the result of the inner one is used.
fn recurse(depth: u64) -> u64 {
    if black_box(false) {
        return depth;
    }
    black_box(recurse(black_box(depth.wrapping_add(1)))).wrapping_add(1)
}

fn set_amount(at: usize, amount: i64, answer: &mut FeeAnswer) {
    if let Amounts::Money(amounts) = &mut answer.lines.amounts {
        amounts[at] = amount;
    }
}

/// Repeats the line at the end, and its step at the front: also a single line is then out of order.
fn duplicate_line(at: usize, answer: &mut FeeAnswer) {
    let lines = &mut answer.lines;
    let new_row = u32::try_from(lines.segment.len()).unwrap_or(u32::MAX);
    lines.segment.push(lines.segment[at]);
    lines.measure.push(0);
    lines.quantity.push(1);
    lines.quantity_scale.push(0);
    lines.unit_price.push(AMOUNT);
    lines.unit_price_scale.push(2);
    lines.rounding.push(Rounding::HalfUp);
    if let Amounts::Money(amounts) = &mut lines.amounts {
        amounts.push(AMOUNT);
    }
    let steps = &mut answer.steps;
    steps.row.insert(0, new_row);
    steps.kind.insert(0, 0);
    steps.value.insert(0, AMOUNT);
    steps.value_scale.insert(0, 2);
    steps.arg_count.insert(0, 0);
}

fn remove_step(at: usize, answer: &mut FeeAnswer) {
    let steps = &mut answer.steps;
    steps.row.remove(at);
    steps.kind.remove(at);
    steps.value.remove(at);
    steps.value_scale.remove(at);
    steps.arg_count.remove(at);
}

fn remove_line(at: usize, answer: &mut FeeAnswer) {
    remove_step(at, answer);
    answer.steps.row[at..].iter_mut().for_each(|row| *row -= 1);
    let lines = &mut answer.lines;
    lines.segment.remove(at);
    lines.measure.remove(at);
    lines.quantity.remove(at);
    lines.quantity_scale.remove(at);
    lines.unit_price.remove(at);
    lines.unit_price_scale.remove(at);
    lines.rounding.remove(at);
    if let Amounts::Money(amounts) = &mut lines.amounts {
        amounts.remove(at);
    }
}

/// A proper no.
fn say_no(verdict: Verdict, code: &str, subject: u32, answer: &mut FeeAnswer) {
    let at = usize::try_from(subject).unwrap_or(usize::MAX);
    answer.verdicts[at] = verdict;
    answer.problems.push(SubjectProblem { subject, problem: problem(code) });
    remove_line(at, answer);
}

fn problem(code: &str) -> Problem {
    Problem { code: code.to_owned(), about: String::new(), args: Vec::new() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use guanjia_plugin_sdk::testing;
    use guanjia_plugin_sdk::values::cases;
    use rstest::rstest;

    const CASE: &str = r#"{"name": "two homes", "period": "2025-03", "expect": [],
        "subjects": [{"segments": [{"facts": {"unit.area": "89.50"}}]}, {"segments": [{"facts": {"unit.area": "94.56"}}]}]}"#;

    fn batch() -> FeeBatch {
        let case = cases::parse(CASE).unwrap().remove(0);
        case.to_batch(&Misbehaving::describe().facts, &std::collections::BTreeMap::new()).unwrap()
    }

    fn answer(settings: &str) -> FeeAnswer {
        Misbehaving::evaluate(settings, &batch()).unwrap()
    }

    #[test]
    fn golden_cases() {
        testing::run_cases::<Misbehaving>(env!("CARGO_MANIFEST_DIR"));
    }

    #[rstest]
    #[case::wrong_verdict_count("wrong-verdict-count")]
    #[case::unknown_segment("unknown-segment")]
    #[case::duplicate_line("duplicate-line")]
    #[case::no_line("no-line")]
    #[case::ragged_columns("ragged-columns")]
    #[case::overflow_amount("overflow-amount")]
    #[case::hundred_mb("hundred-mb")]
    #[case::zero_without_step("zero-without-step")]
    #[case::negative_weight("negative-weight")]
    #[case::invalid_step_row("invalid-step-row")]
    #[case::invalid_step_kind("invalid-step-kind")]
    #[case::invalid_measure("invalid-measure")]
    #[case::wrong_scale("wrong-scale")]
    #[case::missing_problem("missing-problem")]
    #[case::refuse("refuse")]
    #[case::undecided("undecided")]
    fn only_the_chosen_one_makes_it_misbehave(#[case] mode: &str) {
        let well = answer(r#"{"mode": "ok"}"#);
        assert_eq!(answer(&format!(r#"{{"mode": "{mode}", "when_area": "12"}}"#)), well);
        assert_ne!(answer(&format!(r#"{{"mode": "{mode}", "when_area": "94.560"}}"#)), well);
        assert_ne!(answer(&format!(r#"{{"mode": "{mode}", "when_subject": 1}}"#)), well);
    }

    #[test]
    fn hidden_state_changes_the_answer() {
        let settings = r#"{"mode": "hidden-state"}"#;
        assert_ne!(answer(settings), answer(settings));
    }

    #[test]
    #[should_panic(expected = "told to trap")]
    fn it_traps() {
        answer(r#"{"mode": "trap"}"#);
    }

    #[test]
    fn it_decides_nothing() {
        assert_eq!(Misbehaving::evaluate(r#"{"mode": "error"}"#, &batch()), Err(problem("told-to-fail")));
        assert_eq!(Misbehaving::check_settings(r#"{"mode": "unheard-of"}"#).len(), 1);
    }
}
