//! Golden cases: the plug-in's own examples, run in the sandbox that will run it for money.

pub(super) mod late_fee;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use guanjia_domain::{
    Error, Result,
    billing::{AnswerLimits, check_answer},
    decision::Outcome,
    facts,
    plugin::{ExtensionPoint, check_settings},
    point::{Answer, Question},
    values::{
        Description, FeeAnswer, FeeBatch, Steps, SubjectProblem,
        cases::{self, Expected, FactKind, FeeCase, late_fee::is_late_fee},
    },
};
use guanjia_packaging::Manifest;
use std::sync::Arc;

use super::refused;
use crate::{prepared::Prepared, sandbox::Inner};

/// Every case is one of an extension point that the plug-in answers: another would count for nothing.
pub(super) fn check_points(manifest: &Manifest) -> Result<()> {
    for value in &manifest.cases {
        let point = if is_late_fee(value) { ExtensionPoint::LateFeePolicy } else { ExtensionPoint::FeePolicy };
        if !manifest.exports.contains_key(point.code()) {
            return Err(refused(format!(
                "a golden case is one of {point}, which the plug-in does not export. Take it out, or export {point}"
            )));
        }
    }
    Ok(())
}

/// Runs every case whole, and once more subject by subject: an answer may not depend on who else was asked about.
pub(super) fn run(
    inner: &Inner,
    prepared: &Prepared,
    manifest: &Manifest,
    description: &Description,
    time: Duration,
) -> Result<()> {
    let trial = Trial { inner, prepared, manifest, description, started: Instant::now(), time };
    for value in manifest.cases.iter().filter(|value| !is_late_fee(value)) {
        let cases =
            cases::from_value(value).map_err(|error| refused(format!("a golden case cannot be read: {error}")))?;
        for case in &cases {
            trial.case(case)?;
        }
    }
    Ok(())
}

struct Trial<'a> {
    inner: &'a Inner,
    prepared: &'a Prepared,
    manifest: &'a Manifest,
    description: &'a Description,
    started: Instant,
    time: Duration,
}

impl Trial<'_> {
    fn case(&self, case: &FeeCase) -> Result<()> {
        let settings = case.settings_text();
        check_settings(&self.manifest.settings_schema, &settings).map_err(|error| fails(case, &error))?;
        let batch = case
            .to_batch(&self.description.facts, &kinds(self.manifest, self.description))
            .map_err(|error| fails(case, &error))?;
        let answer = self.ask(case, &settings, &batch)?;
        let differences = case.compare(&batch, &answer, self.description);
        if !differences.is_empty() {
            return Err(fails(case, &differences.join("; ")));
        }
        let whole = self.words(case, &batch, &answer)?;
        let mut alone = Vec::with_capacity(whole.len());
        let question = Question::Fee(Arc::new(batch));
        for subject in 0..question.subjects() {
            let Question::Fee(single) = question.slice(subject..subject + 1) else { continue };
            let answer = self.ask(case, &settings, &single)?;
            alone.extend(self.words(case, &single, &answer)?);
        }
        match whole.iter().zip(&alone).position(|(whole, alone)| whole != alone) {
            None => Ok(()),
            Some(subject) => Err(fails(
                case,
                &format!(
                    "subject {subject} gets another answer when it is asked about alone; subjects have to be independent"
                ),
            )),
        }
    }

    /// One call, whose answer must be one that the host would believe, and can put into words.
    fn ask(&self, case: &FeeCase, settings: &str, batch: &FeeBatch) -> Result<FeeAnswer> {
        in_time(self.started, self.time)?;
        let question = Question::Fee(Arc::new(batch.clone()));
        let evaluation = self.inner.evaluate_prepared(self.prepared, settings, &question)?;
        let answer = match evaluation.outcome {
            Outcome::Answer(Answer::Fee(answer)) => answer,
            Outcome::Answer(other) => return Err(fails(case, &format!("{} answered", other.point()))),
            Outcome::Failure(failure) => {
                return Err(fails(case, &format!("{}{}", failure.reason, last_words(&evaluation.log))));
            }
        };
        check_answer(batch, &answer, self.description, &AnswerLimits::default())
            .map_err(|reason| fails(case, &reason))?;
        check_words(self.manifest, self.description, &answer.problems, &answer.steps)
            .map_err(|reason| fails(case, &reason))?;
        Ok(answer)
    }

    fn words(&self, case: &FeeCase, batch: &FeeBatch, answer: &FeeAnswer) -> Result<Vec<Expected>> {
        cases::outcome(batch, answer, self.description).map_err(|error| fails(case, &error))
    }
}

/// The manifest has a sentence for every problem, and every step carries the numbers that its sentence names.
fn check_words(
    manifest: &Manifest,
    description: &Description,
    problems: &[SubjectProblem],
    steps: &Steps,
) -> std::result::Result<(), String> {
    for entry in problems {
        let code = &entry.problem.code;
        let message = manifest.message(code).ok_or_else(|| {
            format!("there are no words for the problem {code}; add [messages.{code}] to plugin.toml")
        })?;
        // The SDK's own codes carry no arguments.
        if !message.args.is_empty() && message.args.len() != entry.problem.args.len() {
            return Err(format!("the problem {code} does not carry the arguments that plugin.toml names"));
        }
    }
    for (kind, count) in steps.kind.iter().zip(&steps.arg_count) {
        let key = description.steps.get(usize::from(*kind));
        let Some(step) = key.and_then(|key| manifest.steps.get(key)) else { continue };
        if step.args.len() != usize::from(*count) {
            let key = key.map_or("", String::as_str);
            return Err(format!("the step {key} carries {count} arguments; plugin.toml names {}", step.args.len()));
        }
    }
    Ok(())
}

/// Asked before every call: one case may have thousands of subjects, and each is asked about alone, too.
fn in_time(started: Instant, time: Duration) -> Result<()> {
    if started.elapsed() <= time {
        return Ok(());
    }
    Err(refused(format!("the golden cases run longer than {time:?}. Make them fewer or smaller, or the rule faster")))
}

/// What the plug-in logged before it failed. Nobody's data is in an example, so it may be shown: languages say there what
/// went wrong.
fn last_words(log: &[String]) -> String {
    if log.is_empty() { String::new() } else { format!(". It said:\n{}\n", log.join("\n")) }
}

fn fails(case: &FeeCase, reason: &dyn std::fmt::Display) -> Error {
    failed(&case.name, reason)
}

fn failed(name: &str, reason: &dyn std::fmt::Display) -> Error {
    refused(format!("golden case {name:?}: {reason}. Mend the rule or the case, and build the plug-in again"))
}

/// Kinds of the declared facts, from the catalogue or the manifest: a case need not repeat them.
fn kinds(manifest: &Manifest, description: &Description) -> BTreeMap<String, FactKind> {
    let kind = |name: &String| {
        let registered = ExtensionPoint::FeePolicy.fact(name).map(|fact| fact.kind);
        let custom = || manifest.custom_facts.get(name)?.kind.parse().ok();
        let kind = match registered.or_else(custom)? {
            facts::FactKind::Number { .. } => FactKind::Numbers,
            facts::FactKind::Code => FactKind::Codes,
            facts::FactKind::Date => FactKind::Dates,
            facts::FactKind::Flag => FactKind::Flags,
        };
        Some((name.clone(), kind))
    };
    description.facts.iter().filter_map(kind).collect()
}
