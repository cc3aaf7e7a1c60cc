//! Golden cases: the plug-in's own examples, run in the sandbox that will run it for money.

use std::{collections::BTreeMap, time::Instant};

use guanjia_domain::{
    Error, Result,
    billing::{AnswerLimits, PreparedBatch, check_answer, split},
    decision::{Outcome, Subjects},
    facts::{self, FeeFact},
    ids::{PartyId, UnitId},
    plugin::check_settings,
    values::{
        Description, FeeAnswer, FeeBatch,
        cases::{self, Expected, FactKind, FeeCase},
    },
};
use guanjia_packaging::Manifest;
use std::sync::Arc;
use uuid::Uuid;

use super::refused;
use crate::{limits::GOLDEN_CASES_TIME, prepared::Prepared, sandbox::Inner};

/// Runs every case whole, and once more subject by subject: an answer may not depend on who else was asked about.
pub(super) fn run(inner: &Inner, prepared: &Prepared, manifest: &Manifest, description: &Description) -> Result<()> {
    let trial = Trial { inner, prepared, manifest, description };
    let started = Instant::now();
    for value in &manifest.cases {
        let cases =
            cases::from_value(value).map_err(|error| refused(format!("a golden case cannot be read: {error}")))?;
        for case in &cases {
            trial.case(case)?;
            if started.elapsed() > GOLDEN_CASES_TIME {
                return Err(refused(format!(
                    "the golden cases run longer than {GOLDEN_CASES_TIME:?}. Make them fewer or smaller, or the rule faster"
                )));
            }
        }
    }
    Ok(())
}

struct Trial<'a> {
    inner: &'a Inner,
    prepared: &'a Prepared,
    manifest: &'a Manifest,
    description: &'a Description,
}

impl Trial<'_> {
    fn case(&self, case: &FeeCase) -> Result<()> {
        let settings = case.settings_text();
        check_settings(&self.manifest.settings_schema, &settings).map_err(|error| fails(case, &error))?;
        let batch =
            case.to_batch(&self.description.facts, &kinds(self.description)).map_err(|error| fails(case, &error))?;
        let answer = self.ask(case, &settings, &batch)?;
        let differences = case.compare(&batch, &answer, self.description);
        if !differences.is_empty() {
            return Err(fails(case, &differences.join("; ")));
        }
        let whole = self.words(case, &batch, &answer)?;
        let mut alone = Vec::with_capacity(whole.len());
        for single in singles(batch) {
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
        let evaluation = self.inner.evaluate_prepared(self.prepared, settings, batch)?;
        let answer = match evaluation.outcome {
            Outcome::Answer(answer) => answer,
            Outcome::Failure(failure) => {
                // Nobody's data is in an example, so its log may be shown: languages say there what went wrong.
                let last_words = evaluation.log.join("\n");
                let said = if last_words.is_empty() { String::new() } else { format!(". It said:\n{last_words}\n") };
                return Err(fails(case, &format!("{}{said}", failure.reason)));
            }
        };
        check_answer(batch, &answer, self.description, &AnswerLimits::default())
            .map_err(|reason| fails(case, &reason))?;
        self.check_words(case, &answer)?;
        Ok(answer)
    }

    /// The manifest has a sentence for every problem, and every step carries the numbers that its sentence names.
    fn check_words(&self, case: &FeeCase, answer: &FeeAnswer) -> Result<()> {
        for entry in &answer.problems {
            let code = &entry.problem.code;
            let message = self.manifest.message(code).ok_or_else(|| {
                fails(case, &format!("there are no words for the problem {code}; add [messages.{code}] to plugin.toml"))
            })?;
            // The SDK's own codes carry no arguments.
            if !message.args.is_empty() && message.args.len() != entry.problem.args.len() {
                return Err(fails(
                    case,
                    &format!("the problem {code} does not carry the arguments that plugin.toml names"),
                ));
            }
        }
        for (kind, count) in answer.steps.kind.iter().zip(&answer.steps.arg_count) {
            let key = self.description.steps.get(usize::from(*kind));
            let Some(step) = key.and_then(|key| self.manifest.steps.get(key)) else { continue };
            if step.args.len() != usize::from(*count) {
                let key = key.map_or("", String::as_str);
                return Err(fails(
                    case,
                    &format!("the step {key} carries {count} arguments; plugin.toml names {}", step.args.len()),
                ));
            }
        }
        Ok(())
    }

    fn words(&self, case: &FeeCase, batch: &FeeBatch, answer: &FeeAnswer) -> Result<Vec<Expected>> {
        cases::outcome(batch, answer, self.description).map_err(|error| fails(case, &error))
    }
}

fn fails(case: &FeeCase, reason: &dyn std::fmt::Display) -> Error {
    refused(format!("golden case {:?}: {reason}. Mend the rule or the case, and build the plug-in again", case.name))
}

/// Kinds of the declared facts, from the catalogue: a case need not repeat them.
fn kinds(description: &Description) -> BTreeMap<String, FactKind> {
    let kind = |name: &String| {
        let kind = match FeeFact::by_name(name)?.definition().kind {
            facts::FactKind::Number { .. } => FactKind::Numbers,
            facts::FactKind::Code => FactKind::Codes,
            facts::FactKind::Date => FactKind::Dates,
            facts::FactKind::Flag => FactKind::Flags,
        };
        Some((name.clone(), kind))
    };
    description.facts.iter().filter_map(kind).collect()
}

/// The batch subject by subject, split as a run splits one that failed.
fn singles(batch: FeeBatch) -> Vec<FeeBatch> {
    let (subjects, segments) = (batch.subjects as usize, batch.segments.subject.len());
    // Nobody lives in an example.
    let subjects =
        Subjects { units: vec![UnitId(Uuid::nil()); subjects], payers: vec![PartyId(Uuid::nil()); segments] };
    let buildings = vec![Arc::from(""); subjects.units.len()];
    let mut open = vec![PreparedBatch { batch: Arc::new(batch), subjects, buildings }];
    let mut singles = Vec::new();
    while let Some(prepared) = open.pop() {
        if prepared.batch.subjects > 1 {
            let (first, second) = split(&prepared);
            open.extend([second, first]);
        } else {
            singles.push(Arc::unwrap_or_clone(prepared.batch));
        }
    }
    singles
}
