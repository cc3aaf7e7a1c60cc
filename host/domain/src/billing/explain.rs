//! Explanations: typed steps told as sentences in Chinese or English.

use serde::{Deserialize, Serialize};

use crate::{
    Date, Decimal, Fen, Result,
    decision::{Decision, Outcome},
    plugin::{ExtensionPoint, InstalledPlugin, Language},
    point::{Answer, Question},
    values::{Problem, Steps},
};

/// One step of a line, ready to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedStep {
    /// Stable key of the step's kind.
    pub key: String,
    /// What the step is, such as 基础物业费.
    pub label: String,
    /// The formula with its numbers.
    pub text: String,
    /// What the step arrived at.
    pub value: String,
}

/// How a line came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineExplanation {
    pub steps: Vec<ExplainedStep>,
}

/// Explains line number `line` of a decision.
///
/// # Errors
/// [`crate::Error::Invalid`] when the plug-in does not export the decision's point, which the binding has ruled out.
pub fn explain_line(
    decision: &Decision,
    line: u32,
    plugin: &InstalledPlugin,
    language: Language,
) -> Result<LineExplanation> {
    let Some(answer) = decision.outcome.answer() else {
        return Ok(LineExplanation { steps: Vec::new() });
    };
    let mut steps = explain_row(answer, line, plugin, language)?;
    steps.extend(decision.allocated.get(line as usize).map(|amount| allocated_step(Fen(*amount), language)));
    Ok(LineExplanation { steps })
}

/// Explains one row of an answer, as the plug-in told it.
///
/// # Errors
/// [`crate::Error::Invalid`] when the plug-in does not export the answer's point.
pub fn explain_row(
    answer: &Answer,
    row: u32,
    plugin: &InstalledPlugin,
    language: Language,
) -> Result<Vec<ExplainedStep>> {
    let keys = &plugin.export(answer.point())?.description.steps;
    let steps = answer.steps();
    let first = steps.row.partition_point(|other| *other < row);
    let last = steps.row.partition_point(|other| *other <= row);
    let mut arg = steps.arg_count[..first].iter().map(|count| usize::from(*count)).sum::<usize>();
    let mut explained = Vec::with_capacity(last - first);
    for step in first..last {
        let count = usize::from(steps.arg_count[step]);
        let args: Vec<Decimal> = (arg..arg + count)
            .map(|index| Decimal { mantissa: steps.arg[index], scale: steps.arg_scale[index] })
            .collect();
        arg += count;
        explained.push(explain_step(steps, step, &args, keys, plugin, language));
    }
    Ok(explained)
}

/// What the host itself did with a weight.
pub(crate) fn allocated_step(amount: Fen, language: Language) -> ExplainedStep {
    let value = Decimal::new(amount.0, 2).to_string();
    let (label, text) = match language {
        Language::Zh => ("分摊所得", format!("按份额分摊本期总额（最大余数法）= {value} 元")),
        Language::En => ("Allocated share", format!("the period's total by shares, largest remainder = {value}")),
    };
    ExplainedStep { key: "allocated".to_owned(), label: label.to_owned(), text, value }
}

fn explain_step(
    steps: &Steps,
    step: usize,
    args: &[Decimal],
    keys: &[String],
    plugin: &InstalledPlugin,
    language: Language,
) -> ExplainedStep {
    let value = Decimal { mantissa: steps.value[step], scale: steps.value_scale[step] };
    let key = keys.get(usize::from(steps.kind[step])).cloned().unwrap_or_default();
    let Some(text) = plugin.steps.get(&key) else {
        return ExplainedStep { label: key.clone(), text: String::new(), key, value: shown(value) };
    };
    ExplainedStep {
        label: text.label.in_language(language).to_owned(),
        text: render_template(text.text.in_language(language), &text.args, args, Some(value)),
        key,
        value: shown(value),
    }
}

/// A policy's own problem as a sentence; its bare code where the manifest has no sentence for it.
#[must_use]
pub fn render_problem(problem: &Problem, plugin: &InstalledPlugin, language: Language) -> String {
    match plugin.messages.get(&problem.code) {
        Some(message) => {
            let text = render_template(message.text.in_language(language), &message.args, &problem.args, None);
            text.replace("{about}", &problem.about)
        }
        None if problem.about.is_empty() => problem.code.clone(),
        None => format!("{} {}", problem.code, problem.about),
    }
}

/// Why a subject of a call was held, in the words of whoever said so; `None` when it was decided.
#[must_use]
pub(crate) fn explain_hold(
    question: &Question,
    outcome: &Outcome,
    subject: usize,
    plugin: &InstalledPlugin,
    language: Language,
) -> Option<String> {
    match outcome {
        Outcome::Failure(failure) => Some(failure.cause.told(language)),
        Outcome::Answer(answer) => {
            let problem = answer.problems().iter().find(|problem| problem.subject as usize == subject)?;
            Some(problem_sentence(&problem.problem, question.point(), plugin, language))
        }
    }
}

/// A policy's own problem as a sentence that names facts by their titles.
pub(crate) fn problem_sentence(
    problem: &Problem,
    point: ExtensionPoint,
    plugin: &InstalledPlugin,
    language: Language,
) -> String {
    let Some(fact) = plugin.fact(point, &problem.about) else { return render_problem(problem, plugin, language) };
    render_problem(&Problem { about: fact.title(language).to_owned(), ..problem.clone() }, plugin, language)
}

/// Puts numbers into a template: `{name}` is the argument of that name, `{name:date}` the same as a civil date, `{value}`
/// the step's value. What is not known stays as it stands, so that a gap is seen.
#[must_use]
pub fn render_template(template: &str, names: &[String], args: &[Decimal], value: Option<Decimal>) -> String {
    let mut text = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let Some(close) = rest[open..].find('}').map(|offset| open + offset) else { break };
        text.push_str(&rest[..open]);
        let placeholder = &rest[open + 1..close];
        match fill(placeholder, names, args, value) {
            Some(filled) => text.push_str(&filled),
            None => text.push_str(&rest[open..=close]),
        }
        rest = &rest[close + 1..];
    }
    text.push_str(rest);
    text
}

fn fill(placeholder: &str, names: &[String], args: &[Decimal], value: Option<Decimal>) -> Option<String> {
    let (name, as_date) = match placeholder.strip_suffix(":date") {
        Some(name) => (name, true),
        None => (placeholder, false),
    };
    let number = if name == "value" { value? } else { *args.get(names.iter().position(|known| known == name)?)? };
    if as_date {
        return (number.scale == 0)
            .then(|| i32::try_from(number.mantissa).ok())
            .flatten()
            .map(|day| Date(day).to_string());
    }
    Some(shown(number))
}

/// A number as people write it: an area of 118.2700 m² is 118.27 m².
fn shown(number: Decimal) -> String {
    number.trimmed(SHOWN_SCALE_MIN).to_string()
}

/// Zeros behind the second place say nothing; before it they say that fen were counted.
const SHOWN_SCALE_MIN: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::numbers("{area} m² × {price} = {value}", "89.50 m² × 2.80 = 250.60")]
    #[case::dates("from {since:date}", "from 1970-02-01")]
    #[case::unknown_stays("{nothing} {area", "{nothing} {area")]
    #[case::plain("no charge", "no charge")]
    fn templates_are_filled(#[case] template: &str, #[case] expected: &str) {
        let names = ["area", "price", "since"].map(String::from);
        let args = [
            Decimal { mantissa: 8_950, scale: 2 },
            Decimal { mantissa: 280, scale: 2 },
            Decimal { mantissa: 31, scale: 0 },
        ];
        assert_eq!(render_template(template, &names, &args, Some(Decimal { mantissa: 25_060, scale: 2 })), expected);
    }
}
