//! What the host checks before it believes an answer. A plug-in can be wrong, but not absurd.

use crate::values::{
    Amounts, Description, FeeAnswer, FeeBatch, FeeLines, Steps, SubjectProblem, Verdict, WEIGHT_DIGITS,
};

/// Bounds of a believable answer.
#[derive(Debug, Clone, Copy)]
pub struct AnswerLimits {
    /// Lines that one subject may get: base fee, surcharge and the like over a few segments.
    pub lines_per_subject_max: usize,
    /// Steps that one line may carry; more than this nobody reads.
    pub steps_per_line_max: usize,
    /// Numbers in one step.
    pub args_per_step_max: u8,
    /// The largest amount of one line in minor units: ten million yuan, far above any unit's monthly fee and far below
    /// where sums of a million lines overflow.
    pub line_fen_max: i64,
    /// The largest weight: ten thousand m² times a quarter's days times a factor of a hundred stays below.
    pub weight_max: i64,
    /// Length of a problem's code and of what it is about.
    pub text_bytes_max: usize,
}

impl Default for AnswerLimits {
    fn default() -> Self {
        Self {
            lines_per_subject_max: 32,
            steps_per_line_max: 32,
            args_per_step_max: 16,
            line_fen_max: 1_000_000_000,
            weight_max: 1 << 52,
            text_bytes_max: 200,
        }
    }
}

/// A decimal may not have more places than the contract allows.
const SCALE_MAX: u8 = 9;

/// Checks an answer against the batch that was asked: each subject answered once and in order, columns of one length,
/// every index within its list, amounts within limits, and the last step of every line arriving at the line's amount.
///
/// # Errors
/// A sentence that says what cannot be true.
pub fn check_answer(
    batch: &FeeBatch,
    answer: &FeeAnswer,
    description: &Description,
    limits: &AnswerLimits,
) -> Result<(), String> {
    check_lengths(answer)?;
    check_verdicts(batch.subjects as usize, &answer.verdicts, &answer.problems, limits)?;
    check_lines(batch, answer, description, limits)?;
    check_steps(&answer.steps, answer.lines.segment.len(), description, limits)?;
    check_sums(batch, answer)
}

fn check_lengths(answer: &FeeAnswer) -> Result<(), String> {
    let FeeLines { segment, measure, quantity, quantity_scale, unit_price, unit_price_scale, rounding, amounts } =
        &answer.lines;
    let rows = segment.len();
    let columns = [
        ("measure", measure.len()),
        ("quantity", quantity.len()),
        ("quantity-scale", quantity_scale.len()),
        ("unit-price", unit_price.len()),
        ("unit-price-scale", unit_price_scale.len()),
        ("rounding", rounding.len()),
        ("amounts", amounts.len()),
    ];
    same_length("lines", rows, &columns)
}

fn check_step_lengths(steps: &Steps) -> Result<(), String> {
    let Steps { row, kind, value, value_scale, arg_count, arg, arg_scale } = steps;
    let columns = [
        ("kind", kind.len()),
        ("value", value.len()),
        ("value-scale", value_scale.len()),
        ("arg-count", arg_count.len()),
    ];
    same_length("steps", row.len(), &columns)?;
    let args: usize = arg_count.iter().map(|count| usize::from(*count)).sum();
    same_length("step arguments", args, &[("arg", arg.len()), ("arg-scale", arg_scale.len())])
}

fn same_length(what: &str, rows: usize, columns: &[(&str, usize)]) -> Result<(), String> {
    match columns.iter().find(|(_, length)| *length != rows) {
        Some((name, length)) => Err(format!("column {name} of {what} has {length} rows instead of {rows}")),
        None => Ok(()),
    }
}

/// One verdict per subject, and one problem for each that was not decided, in their order.
pub(crate) fn check_verdicts(
    subjects: usize,
    verdicts: &[Verdict],
    problems: &[SubjectProblem],
    limits: &AnswerLimits,
) -> Result<(), String> {
    if verdicts.len() != subjects {
        return Err(format!("{} verdicts for {subjects} subjects", verdicts.len()));
    }
    let mut problems = problems.iter();
    for (subject, verdict) in verdicts.iter().enumerate() {
        if *verdict == Verdict::Decided {
            continue;
        }
        match problems.next() {
            Some(problem) if problem.subject as usize == subject => {
                let text = problem.problem.code.len().max(problem.problem.about.len());
                if problem.problem.code.is_empty() || text > limits.text_bytes_max {
                    return Err(format!("the problem of subject {subject} has no code, or an endless one"));
                }
                if problem.problem.code.chars().chain(problem.problem.about.chars()).any(char::is_control) {
                    return Err(format!("the problem of subject {subject} has a control character"));
                }
            }
            _ => return Err(format!("subject {subject} was not decided, and its problem is missing or out of order")),
        }
    }
    if problems.next().is_some() {
        return Err("a problem names a subject that was decided, or one that does not exist".into());
    }
    Ok(())
}

fn check_lines(
    batch: &FeeBatch,
    answer: &FeeAnswer,
    description: &Description,
    limits: &AnswerLimits,
) -> Result<(), String> {
    let lines = &answer.lines;
    if !lines.segment.is_sorted() {
        return Err("the lines are not in the order of the segments".into());
    }
    let mut counts = vec![0_usize; batch.subjects as usize];
    for (line, segment) in lines.segment.iter().enumerate() {
        let subject = batch
            .segments
            .subject
            .get(*segment as usize)
            .ok_or_else(|| format!("line {line} answers a segment that does not exist"))?;
        counts[*subject as usize] += 1;
        if usize::from(lines.measure[line]) >= description.measures.len() {
            return Err(format!("line {line} has an unknown unit of measure"));
        }
        if lines.quantity_scale[line].max(lines.unit_price_scale[line]) > SCALE_MAX {
            return Err(format!("line {line} has a decimal of more than {SCALE_MAX} places"));
        }
    }
    for (subject, (count, verdict)) in counts.iter().zip(&answer.verdicts).enumerate() {
        match (verdict, count) {
            (Verdict::Decided, 0) => return Err(format!("subject {subject} was decided without a line")),
            (Verdict::Refused | Verdict::Undecided, 1..) => {
                return Err(format!("subject {subject} has a line without being decided"));
            }
            (_, count) if *count > limits.lines_per_subject_max => {
                return Err(format!("subject {subject} has {count} lines"));
            }
            _ => {}
        }
    }
    match &lines.amounts {
        Amounts::Money(amounts) => outside(amounts, -limits.line_fen_max, limits.line_fen_max),
        Amounts::Weights(weights) => outside(weights, 0, limits.weight_max),
    }
}

fn outside(values: &[i64], least: i64, most: i64) -> Result<(), String> {
    match values.iter().enumerate().find(|(_, value)| !(least..=most).contains(value)) {
        Some((line, value)) => Err(format!("line {line} has the amount {value}, outside of {least} to {most}")),
        None => Ok(()),
    }
}

/// Steps explain rows that exist, in kinds that the plug-in has described, within bounds.
pub(crate) fn check_steps(
    steps: &Steps,
    lines: usize,
    description: &Description,
    limits: &AnswerLimits,
) -> Result<(), String> {
    check_step_lengths(steps)?;
    if !steps.row.is_sorted() {
        return Err("the steps are not in the order of the lines".into());
    }
    let mut per_line = 0;
    for (step, row) in steps.row.iter().enumerate() {
        per_line = if step > 0 && steps.row[step - 1] == *row { per_line + 1 } else { 1 };
        if *row as usize >= lines {
            return Err(format!("step {step} explains a line that does not exist"));
        }
        if usize::from(steps.kind[step]) >= description.steps.len() {
            return Err(format!("step {step} is of an unknown kind"));
        }
        if per_line > limits.steps_per_line_max || steps.arg_count[step] > limits.args_per_step_max {
            return Err(format!("line {row} is explained in more steps or numbers than allowed"));
        }
        if steps.value_scale[step] > SCALE_MAX {
            return Err(format!("step {step} has a decimal of more than {SCALE_MAX} places"));
        }
    }
    match steps.arg_scale.iter().position(|scale| *scale > SCALE_MAX) {
        Some(arg) => Err(format!("step argument {arg} has more than {SCALE_MAX} places")),
        None => Ok(()),
    }
}

/// Every line is explained, and its last step arrives at its amount.
fn check_sums(batch: &FeeBatch, answer: &FeeAnswer) -> Result<(), String> {
    let (amounts, digits) = match &answer.lines.amounts {
        Amounts::Money(amounts) => (amounts, batch.currency.digits),
        Amounts::Weights(weights) => (weights, WEIGHT_DIGITS),
    };
    let steps = &answer.steps;
    let mut step = 0;
    for (line, amount) in amounts.iter().enumerate() {
        let first = step;
        while step < steps.row.len() && steps.row[step] as usize == line {
            step += 1;
        }
        if step == first {
            return Err(format!("line {line} is not explained"));
        }
        if !same_value(steps.value[step - 1], steps.value_scale[step - 1], *amount, digits) {
            return Err(format!("the last step of line {line} does not arrive at its amount"));
        }
    }
    Ok(())
}

/// Whether two decimals are the same number.
pub(crate) fn same_value(left: i64, left_scale: u8, right: i64, right_scale: u8) -> bool {
    let scaled = |mantissa: i64, by: u8| i128::from(mantissa) * 10_i128.pow(u32::from(by));
    let common = left_scale.max(right_scale);
    scaled(left, common - left_scale) == scaled(right, common - right_scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{Currency, Date, Period, Problem, Rounding, Segments};
    use rstest::rstest;

    fn batch() -> FeeBatch {
        let (start, end) = (Date(0), Date(31));
        FeeBatch {
            period: Period { start, end },
            currency: Currency { code: "CNY".into(), digits: 2 },
            subjects: 3,
            segments: Segments {
                subject: vec![0, 1, 1, 2],
                start: vec![start, start, Date(10), start],
                end: vec![end, Date(10), end, end],
            },
            facts: vec![],
        }
    }

    fn description() -> Description {
        Description { facts: vec![], steps: vec!["base".into()], measures: vec!["m2".into()] }
    }

    /// Subjects 0 and 1 decided, 2 not.
    fn answer() -> FeeAnswer {
        FeeAnswer {
            verdicts: vec![Verdict::Decided, Verdict::Decided, Verdict::Undecided],
            problems: vec![SubjectProblem {
                subject: 2,
                problem: Problem { code: "missing-fact".into(), about: "unit.area".into(), args: vec![] },
            }],
            lines: FeeLines {
                segment: vec![0, 1, 2],
                measure: vec![0; 3],
                quantity: vec![895_000; 3],
                quantity_scale: vec![4; 3],
                unit_price: vec![280; 3],
                unit_price_scale: vec![2; 3],
                rounding: vec![Rounding::HalfUp; 3],
                amounts: Amounts::Money(vec![25_060, 8_000, 17_060]),
            },
            steps: Steps {
                row: vec![0, 1, 2],
                kind: vec![0; 3],
                value: vec![25_060, 800, 1_706_000],
                value_scale: vec![2, 1, 4],
                arg_count: vec![1, 0, 0],
                arg: vec![5],
                arg_scale: vec![0],
            },
        }
    }

    #[test]
    fn a_believable_answer_passes() {
        assert_eq!(check_answer(&batch(), &answer(), &description(), &AnswerLimits::default()), Ok(()));
    }

    #[rstest]
    #[case::one_verdict_less(|a: &mut FeeAnswer| { a.verdicts.pop(); }, "2 verdicts for 3 subjects")]
    #[case::problem_missing(|a: &mut FeeAnswer| a.problems.clear(), "subject 2 was not decided")]
    #[case::problem_elsewhere(|a: &mut FeeAnswer| a.problems[0].subject = 1, "subject 2 was not decided")]
    #[case::problem_without_code(|a: &mut FeeAnswer| a.problems[0].problem.code.clear(), "has no code")]
    #[case::problem_too_many(|a: &mut FeeAnswer| a.problems.push(a.problems[0].clone()), "names a subject that was decided")]
    #[case::problem_that_moves_the_cursor(|a: &mut FeeAnswer| a.problems[0].problem.about = "\u{1b}[2J".into(), "has a control character")]
    #[case::unknown_segment(|a: &mut FeeAnswer| a.lines.segment[2] = 9, "segment that does not exist")]
    #[case::out_of_order(|a: &mut FeeAnswer| a.lines.segment.swap(0, 1), "not in the order of the segments")]
    #[case::line_for_undecided(|a: &mut FeeAnswer| a.lines.segment[2] = 3, "subject 2 has a line without being decided")]
    #[case::decided_without_line(|a: &mut FeeAnswer| a.lines.segment[0] = 1, "subject 0 was decided without a line")]
    #[case::short_column(|a: &mut FeeAnswer| { a.lines.quantity.pop(); }, "column quantity of lines has 2 rows instead of 3")]
    #[case::unknown_measure(|a: &mut FeeAnswer| a.lines.measure[1] = 1, "unknown unit of measure")]
    #[case::too_many_places(|a: &mut FeeAnswer| a.lines.quantity_scale[1] = 10, "more than 9 places")]
    #[case::absurd_amount(|a: &mut FeeAnswer| a.lines.amounts = Amounts::Money(vec![25_060, i64::MAX, 17_060]), "outside of")]
    #[case::absurd_credit(|a: &mut FeeAnswer| a.lines.amounts = Amounts::Money(vec![25_060, i64::MIN, 17_060]), "outside of")]
    #[case::negative_weight(|a: &mut FeeAnswer| a.lines.amounts = Amounts::Weights(vec![1, -1, 1]), "outside of 0")]
    #[case::step_of_no_line(|a: &mut FeeAnswer| a.steps.row[2] = 3, "explains a line that does not exist")]
    #[case::step_of_unknown_kind(|a: &mut FeeAnswer| a.steps.kind[0] = 1, "unknown kind")]
    #[case::unexplained(|a: &mut FeeAnswer| a.steps.row[1] = 2, "line 1 is not explained")]
    #[case::does_not_add_up(|a: &mut FeeAnswer| a.steps.value[0] = 25_061, "does not arrive at its amount")]
    #[case::lost_arguments(|a: &mut FeeAnswer| a.steps.arg.clear(), "column arg of step arguments has 0 rows instead of 1")]
    fn an_absurd_answer_is_named(#[case] spoil: fn(&mut FeeAnswer), #[case] expected: &str) {
        let mut answer = answer();
        spoil(&mut answer);
        let verdict = check_answer(&batch(), &answer, &description(), &AnswerLimits::default());
        let sentence = verdict.expect_err("must not be believed");
        assert!(sentence.contains(expected), "{sentence:?} does not say {expected:?}");
    }

    #[test]
    fn the_limit_itself_is_allowed_and_one_more_is_not() {
        let limits = AnswerLimits::default();
        assert_eq!(
            outside(&[limits.line_fen_max, -limits.line_fen_max], -limits.line_fen_max, limits.line_fen_max),
            Ok(())
        );
        assert!(outside(&[limits.line_fen_max + 1], -limits.line_fen_max, limits.line_fen_max).is_err());
    }
}
