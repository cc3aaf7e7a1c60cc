//! What a manifest must look like, said in sentences.

use std::collections::BTreeSet;

use guanjia_values::cases::{
    self, CaseError,
    late_fee::{self, is_late_fee},
};
use serde_json::Value;

use super::template::{self, Piece};
use super::{
    ARGS_MAX, CASE_SUBJECTS_MAX, CASES_MAX, ENTRIES_MAX, Export, FACTS_MAX, ID_LENGTH_MAX, Localized, Manifest, schema,
    text,
};

/// The extension points that this version of the product knows.
const POINTS: [&str; 2] = ["fee-policy", "late-fee-policy"];

/// All that is wrong, one sentence each.
pub fn problems(manifest: &Manifest) -> Vec<String> {
    let mut problems = Vec::new();
    if !is_kebab(&manifest.id) {
        problems.push(format!("id {:?} must be kebab-case with at most {ID_LENGTH_MAX} characters", manifest.id));
    }
    check_text("publisher", &manifest.publisher, &mut problems);
    check_text("licence", &manifest.licence, &mut problems);
    check_localized("title", &manifest.title, &mut problems);
    check_localized("summary", &manifest.summary, &mut problems);
    if manifest.exports.is_empty() {
        problems.push("exports: a plug-in answers at least one extension point".to_owned());
    }
    for (point, export) in &manifest.exports {
        check_export(point, export, &mut problems);
    }
    check_custom_facts(manifest, &mut problems);
    problems.extend(schema::problems(&manifest.settings_schema));
    check_steps(manifest, &mut problems);
    check_messages(manifest, &mut problems);
    check_cases(manifest, &mut problems);
    problems
}

fn check_export(point: &str, export: &Export, problems: &mut Vec<String>) {
    if !POINTS.contains(&point) {
        problems.push(format!("exports.{point}: the extension points are {}", POINTS.join(", ")));
    }
    if export.facts.len() > FACTS_MAX {
        problems.push(format!("exports.{point}.facts: at most {FACTS_MAX} are allowed"));
    }
    let mut seen = BTreeSet::new();
    for fact in &export.facts {
        if !is_fact_name(fact) {
            problems.push(format!("exports.{point}.facts: {fact:?} is not a fact's name such as unit.area"));
        }
        if !seen.insert(fact) {
            problems.push(format!("exports.{point}.facts: {fact} stands there twice"));
        }
    }
}

/// Kinds of facts, as a manifest writes them.
const FACT_KINDS: [&str; 4] = ["number", "code", "date", "flag"];

/// Every custom field that is asked for has its kind and title, and nothing else has.
fn check_custom_facts(manifest: &Manifest, problems: &mut Vec<String>) {
    let asked: BTreeSet<&String> =
        manifest.exports.values().flat_map(|export| &export.facts).filter(|fact| is_custom_fact(fact)).collect();
    for fact in asked.iter().filter(|fact| !manifest.custom_facts.contains_key(**fact)) {
        problems
            .push(format!("custom-facts: {fact} is asked for; say its kind and title in [custom-facts.\"{fact}\"]"));
    }
    for (name, fact) in &manifest.custom_facts {
        let place = format!("custom-facts.{name}");
        if !asked.contains(name) {
            problems
                .push(format!("{place}: no export asks for it, or it is no custom field such as unit.custom.colour"));
        }
        if !FACT_KINDS.contains(&fact.kind.as_str()) {
            problems.push(format!("{place}.kind: the kinds are {}", FACT_KINDS.join(", ")));
        }
        check_localized(&format!("{place}.title"), &fact.title, problems);
    }
}

/// Whether a fact is a company's own.
fn is_custom_fact(name: &str) -> bool {
    name.strip_prefix("unit.custom.").or_else(|| name.strip_prefix("payer.custom.")).is_some_and(is_kebab)
}

fn check_steps(manifest: &Manifest, problems: &mut Vec<String>) {
    check_count("steps", manifest.steps.len(), problems);
    for (key, step) in &manifest.steps {
        let place = format!("steps.{key}");
        check_key(&place, key, problems);
        check_args(&place, &step.args, problems);
        check_localized(&format!("{place}.label"), &step.label, problems);
        check_localized(&format!("{place}.text"), &step.text, problems);
        for text in [&step.text.zh, &step.text.en] {
            check_template(&place, text, &step.args, "value", problems);
        }
    }
}

fn check_messages(manifest: &Manifest, problems: &mut Vec<String>) {
    check_count("messages", manifest.messages.len(), problems);
    for (code, message) in &manifest.messages {
        let place = format!("messages.{code}");
        check_key(&place, code, problems);
        check_args(&place, &message.args, problems);
        for text in [&message.zh, &message.en] {
            check_text(&place, text, problems);
            check_template(&place, text, &message.args, "about", problems);
        }
    }
}

fn check_cases(manifest: &Manifest, problems: &mut Vec<String>) {
    if manifest.cases.len() > CASES_MAX {
        problems.push(format!("cases: at most {CASES_MAX} are allowed"));
    }
    let mut subjects = 0;
    for case in &manifest.cases {
        match subjects_of(case) {
            Ok(count) => subjects += count,
            Err(error) => problems.push(format!("cases: {error}")),
        }
    }
    if subjects > CASE_SUBJECTS_MAX {
        problems.push(format!("cases: they have {subjects} subjects; {CASE_SUBJECTS_MAX} are allowed together"));
    }
}

/// How many subjects a golden case has, in the form of its own extension point.
fn subjects_of(case: &Value) -> Result<usize, CaseError> {
    if is_late_fee(case) {
        return Ok(late_fee::from_value(case)?.iter().map(|case| case.charges.len()).sum());
    }
    Ok(cases::from_value(case)?.iter().map(|case| case.subjects.len()).sum())
}

fn check_count(place: &str, count: usize, problems: &mut Vec<String>) {
    if count > ENTRIES_MAX {
        problems.push(format!("{place}: at most {ENTRIES_MAX} are allowed"));
    }
}

fn check_key(place: &str, key: &str, problems: &mut Vec<String>) {
    if !is_kebab(key) {
        problems.push(format!("{place}: the key must be kebab-case"));
    }
}

fn check_args(place: &str, args: &[String], problems: &mut Vec<String>) {
    if args.len() > ARGS_MAX {
        problems.push(format!("{place}.args: at most {ARGS_MAX} are allowed"));
    }
    let mut seen = BTreeSet::new();
    for arg in args {
        if !is_kebab(arg) || ["value", "about"].contains(&arg.as_str()) {
            problems.push(format!("{place}.args: {arg:?} must be kebab-case and neither value nor about"));
        }
        if !seen.insert(arg) {
            problems.push(format!("{place}.args: {arg} stands there twice"));
        }
    }
}

fn check_template(place: &str, text: &str, args: &[String], extra: &str, problems: &mut Vec<String>) {
    for piece in template::pieces(text) {
        match piece {
            Piece::Text(_) => {}
            Piece::StrayBrace(brace) => problems.push(format!("{place}: a brace {brace} without its twin in {text:?}")),
            Piece::Placeholder { name, format } => {
                if let Some(format) = format.filter(|format| *format != "date") {
                    problems.push(format!("{place}: {{{name}:{format}}} has a format other than date"));
                } else if name != extra && !args.iter().any(|arg| arg == name) {
                    problems.push(format!("{place}: {{{name}}} is none of its arguments"));
                }
            }
        }
    }
}

fn check_localized(place: &str, text: &Localized, problems: &mut Vec<String>) {
    check_text(&format!("{place}.zh"), &text.zh, problems);
    check_text(&format!("{place}.en"), &text.en, problems);
}

fn check_text(place: &str, words: &str, problems: &mut Vec<String>) {
    problems.extend(text::problem(words).map(|problem| format!("{place} {problem}")));
}

/// Words of lower-case ASCII letters and digits, joined by single hyphens, starting with a letter.
fn is_kebab(text: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    text.len() <= ID_LENGTH_MAX && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.split('-').all(word)
}

/// At least two kebab-case words with points between them: whose fact it is, and which.
fn is_fact_name(text: &str) -> bool {
    text.contains('.') && text.split('.').all(is_kebab)
}
