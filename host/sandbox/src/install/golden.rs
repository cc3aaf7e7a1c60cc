//! Golden cases: the plug-in's own examples, run in the sandbox that will run it for money.

use std::{
    collections::BTreeMap,
    fmt::Display,
    sync::Arc,
    time::{Duration, Instant},
};

use guanjia_domain::{
    Error, Result,
    billing::AnswerLimits,
    decision::Outcome,
    facts,
    plugin::{ExtensionPoint, check_settings},
    point::{Answer, Question},
    values::{
        Description, Steps, SubjectProblem,
        cases::{self, FactKind, FeeCase, GoldenCase, late_fee::LateFeeCase, record::TicketCase},
    },
};
use guanjia_packaging::Manifest;

use super::refused;
use crate::{prepared::Prepared, sandbox::Inner};

/// How far the golden cases of all extension points came.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Progress {
    pub passed: usize,
    /// Whether the one after those was begun: it failed, where nothing runs any more.
    pub running: bool,
}

impl Progress {
    /// One case, from its beginning to its end.
    fn case(&mut self, run: impl FnOnce() -> Result<()>) -> Result<()> {
        self.running = true;
        run()?;
        (self.passed, self.running) = (self.passed + 1, false);
        Ok(())
    }
}

/// The extension point of which this is a case.
pub(crate) fn point_of(value: &serde_json::Value) -> ExtensionPoint {
    cases::point_of(value).parse().unwrap_or(ExtensionPoint::FeePolicy)
}

/// Every case is one of an extension point that the plug-in answers: another would count for nothing.
pub(super) fn check_points(manifest: &Manifest) -> Result<()> {
    for value in &manifest.cases {
        let point = cases::point_of(value);
        if !manifest.exports.contains_key(point) {
            return Err(refused(format!(
                "a golden case is one of {point}, which the plug-in does not export. Take it out, or export {point}"
            )));
        }
    }
    Ok(())
}

/// Runs every case of one extension point whole, and once more subject by subject: an answer may not depend on who else was
/// asked about.
pub(super) fn run(
    inner: &Inner,
    prepared: &Prepared,
    manifest: &Manifest,
    point: ExtensionPoint,
    description: &Description,
    time: Duration,
    progress: &mut Progress,
) -> Result<()> {
    let trial = Trial { inner, prepared, manifest, description, started: Instant::now(), time };
    match point {
        ExtensionPoint::FeePolicy => trial.cases::<FeeCase>(progress),
        ExtensionPoint::LateFeePolicy => trial.cases::<LateFeeCase>(progress),
        ExtensionPoint::TicketPolicy => trial.cases::<TicketCase>(progress),
    }
}

/// A case whose questions and answers are those of the host.
trait Asks: GoldenCase {
    fn question(batch: Arc<Self::Batch>) -> Question;
    /// `None` for a question of another extension point.
    fn batch(question: &Question) -> Option<&Self::Batch>;
    /// `None` for an answer of another extension point.
    fn answer(answer: Answer) -> Option<Self::Answer>;
}

macro_rules! asks {
    ($($case:ty => $variant:ident,)*) => {$(
        impl Asks for $case {
            fn question(batch: Arc<Self::Batch>) -> Question {
                Question::$variant(batch)
            }

            fn batch(question: &Question) -> Option<&Self::Batch> {
                match question {
                    Question::$variant(batch) => Some(batch),
                    _ => None,
                }
            }

            fn answer(answer: Answer) -> Option<Self::Answer> {
                match answer {
                    Answer::$variant(answer) => Some(answer),
                    _ => None,
                }
            }
        }
    )*};
}

asks! {
    FeeCase => Fee,
    LateFeeCase => LateFee,
    TicketCase => Ticket,
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
    fn cases<C: Asks>(&self, progress: &mut Progress) -> Result<()> {
        for value in self.manifest.cases.iter().filter(|value| cases::point_of(value) == C::POINT) {
            let cases = C::read(value).map_err(|error| refused(format!("a golden case cannot be read: {error}")))?;
            for case in &cases {
                progress.case(|| self.case(case))?;
            }
        }
        Ok(())
    }

    fn case<C: Asks>(&self, case: &C) -> Result<()> {
        let settings = case.settings_text();
        check_settings(&self.manifest.settings_schema, &settings).map_err(|error| fails(case, &error))?;
        let batch = case
            .to_batch(&self.description.facts, &kinds(C::POINT, self.description))
            .map_err(|error| fails(case, &error))?;
        let question = C::question(Arc::new(batch));
        let (whole, differences) = self.ask(case, &settings, &question)?;
        if !differences.is_empty() {
            return Err(fails(case, &differences.join("; ")));
        }
        for (index, answered) in whole.iter().enumerate() {
            // Cut out of the batch as the host would cut it, so that columns keep their scales.
            let (alone, _) = self.ask(case, &settings, &question.slice(index..index + 1))?;
            if alone.first() != Some(answered) {
                let subject = C::SUBJECT;
                return Err(fails(
                    case,
                    &format!(
                        "{subject} {index} gets another answer when it is asked about alone; {subject}s have to be independent"
                    ),
                ));
            }
        }
        Ok(())
    }

    /// One call, whose answer must be one that the host would believe, and can put into words: those words, and how they
    /// differ from what the case expects of its whole batch.
    fn ask<C: Asks>(&self, case: &C, settings: &str, question: &Question) -> Result<(Vec<C::Words>, Vec<String>)> {
        in_time(self.started, self.time)?;
        let evaluation = self.inner.evaluate_prepared(self.prepared, settings, question)?;
        let answer = match evaluation.outcome {
            Outcome::Answer(answer) => answer,
            Outcome::Failure(failure) => {
                return Err(fails(case, &format!("{}{}", failure.reason, last_words(&evaluation.log))));
            }
        };
        question.check(&answer, self.description, &AnswerLimits::default()).map_err(|reason| fails(case, &reason))?;
        check_words(self.manifest, self.description, answer.problems(), answer.steps())
            .map_err(|reason| fails(case, &reason))?;
        check_effects(self.manifest, question, &answer).map_err(|reason| fails(case, &reason))?;
        let point = answer.point();
        let (Some(batch), Some(answer)) = (C::batch(question), C::answer(answer)) else {
            return Err(fails(case, &format!("{point} answered")));
        };
        let words = C::words(batch, &answer, self.description).map_err(|error| fails(case, &error))?;
        let differences = case.compare(batch, &answer, self.description);
        Ok((words, differences))
    }
}

/// The manifest asks for every effect that an example has, and has the sentences that effects name.
fn check_effects(manifest: &Manifest, question: &Question, answer: &Answer) -> std::result::Result<(), String> {
    let asked =
        manifest.exports.get(question.point().code()).map(|export| export.effects.as_slice()).unwrap_or_default();
    for effect in answer.effects() {
        if !asked.contains(&effect.kind) {
            return Err(format!(
                "it has the effect {kind}, which plugin.toml does not ask for; add it to exports.{}.effects",
                question.point(),
                kind = effect.kind
            ));
        }
        for key in guanjia_domain::effect::messages(effect) {
            if !manifest.messages.contains_key(key) {
                return Err(format!("there are no words for the message {key}; add [messages.{key}] to plugin.toml"));
            }
        }
    }
    Ok(())
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

fn fails<C: GoldenCase>(case: &C, reason: &dyn Display) -> Error {
    refused(format!("golden case {:?}: {reason}. Mend the rule or the case, and build the plug-in again", case.name()))
}

/// Kinds of the declared facts, from the catalogue: a case need not repeat them.
fn kinds(point: &str, description: &Description) -> BTreeMap<String, FactKind> {
    let Ok(point) = point.parse::<ExtensionPoint>() else { return BTreeMap::new() };
    let kind = |name: &String| {
        let kind = match point.fact(name)?.kind {
            facts::FactKind::Number { .. } => FactKind::Numbers,
            facts::FactKind::Code => FactKind::Codes,
            facts::FactKind::Date => FactKind::Dates,
            facts::FactKind::Flag => FactKind::Flags,
        };
        Some((name.clone(), kind))
    };
    description.facts.iter().filter_map(kind).collect()
}
