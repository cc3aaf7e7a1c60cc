//! Proofs: one decision about one subject as a file that anybody can run again, on another machine and without a database.
//!
//! A proof holds the question about its own subject only: subjects are independent, so that what a neighbour was asked is
//! neither needed nor shown. The component travels with it.

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Date, Error, Result,
    billing::{ExplainedStep, ReplayDifference, ReplayReport, explain_row},
    decision::{Asked, Decision, Outcome, digest},
    ids::DecisionId,
    plugin::{InstalledPlugin, Language, check_settings},
    point::{Answer, Question},
    ports::{ComponentSource, PolicyEngine},
    values::Description,
};

/// What a file of this kind begins with; another shape gets another number.
const FORMAT: &str = "guanjia-proof/1";
/// The largest proof that is read: a component of 24 MiB in base64, and a question of one subject beside it.
pub const PROOF_BYTES_MAX: usize = 40 << 20;

/// One decision about one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    pub format: String,
    pub issued_at: DateTime<Utc>,
    pub issued_by: String,
    pub about: ProofSubject,
    /// The recorded decision that it is taken from.
    pub decision: DecisionId,
    pub plugin: ProofPlugin,
    /// Engine profile under which the decision was made.
    pub engine: String,
    /// Canonical JSON, as the plug-in was given it.
    pub settings: String,
    pub question: Question,
    pub outcome: Outcome,
    /// What the host allocated from the subject's weight, in minor units.
    pub allocated_fen: Option<i64>,
    /// How the line came about, for people.
    pub steps: ProofSteps,
    /// The component file in base64.
    pub component: String,
}

/// What the line is, for people. It names no person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofSubject {
    pub project: String,
    pub place: String,
    pub fee_item: String,
    pub from: Date,
    /// The first day that no longer belongs to it.
    pub to: Date,
    pub amount_fen: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofPlugin {
    pub id: String,
    pub version: String,
    pub publisher: String,
    /// SHA-256 of the component file.
    pub digest: String,
    /// WIT package version that was served.
    pub wit: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofSteps {
    pub zh: Vec<ExplainedStep>,
    pub en: Vec<ExplainedStep>,
}

/// Who wants the proof, and what it is about.
#[derive(Debug, Clone)]
pub struct Issue {
    pub at: DateTime<Utc>,
    pub by: String,
    pub about: ProofSubject,
}

impl Proof {
    /// Proves line `line` of a decision: asks the plug-in about the line's subject alone, and takes the answer only when it
    /// says what the record says.
    ///
    /// # Errors
    /// `Invalid` for a line that does not exist, or when the record and the plug-in differ; whatever the engine fails with.
    pub async fn of_line(
        decision: &Decision,
        line: u32,
        plugin: &InstalledPlugin,
        component: &[u8],
        engine: &dyn PolicyEngine,
        issue: Issue,
    ) -> Result<Self> {
        let missing = || Error::not_found("line", format!("{}/{line}", decision.id));
        let recorded = decision.outcome.answer().ok_or_else(missing)?;
        let results = decision.question.results(recorded);
        let holds = |first: u32, rows: u32| (first..first + rows).contains(&line);
        let subject = results.iter().position(|result| holds(result.first, result.rows)).ok_or_else(missing)?;
        let question = decision.question.slice(subject..subject + 1);
        let description = &plugin.export(question.point())?.description;
        engine.prepare(&decision.component_digest, &Bytes(component)).await?;
        let asked = Asked { engine, digest: &decision.component_digest, settings: &decision.settings };
        let outcome = asked.ask(&question, description).await?.outcome;
        let row = line - results[subject].first;
        if let Some(answer) = outcome.answer()
            && says_the_same(&decision.question, recorded, subject, &question, answer)
        {
            let steps = ProofSteps {
                zh: explain_row(answer, row, plugin, Language::Zh)?,
                en: explain_row(answer, row, plugin, Language::En)?,
            };
            return Ok(Self {
                format: FORMAT.to_owned(),
                issued_at: issue.at,
                issued_by: issue.by,
                about: issue.about,
                decision: decision.id,
                plugin: ProofPlugin {
                    id: plugin.id.clone(),
                    version: plugin.version.clone(),
                    publisher: plugin.publisher.clone(),
                    digest: decision.component_digest.clone(),
                    wit: decision.wit.clone(),
                },
                engine: decision.engine.clone(),
                settings: decision.settings.clone(),
                question,
                allocated_fen: decision.allocated.get(line as usize).copied(),
                outcome,
                steps,
                component: STANDARD.encode(component),
            });
        }
        Err(Error::invalid(format!(
            "the plug-in {} {} answers about this line alone otherwise than it is recorded; replay the decision",
            plugin.id, plugin.version
        )))
    }

    /// Reads a proof. Nothing in it is believed yet.
    ///
    /// # Errors
    /// `Invalid` that says what is wrong with the file.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > PROOF_BYTES_MAX {
            return Err(Error::invalid(format!("a proof has at most {PROOF_BYTES_MAX} bytes; this file is larger")));
        }
        let proof: Self = serde_json::from_slice(bytes)
            .map_err(|error| Error::invalid(format!("this is not a proof of a decision: {error}")))?;
        if proof.format != FORMAT {
            return Err(Error::invalid(format!("this is a {:?}; this host reads {FORMAT:?}", proof.format)));
        }
        Ok(proof)
    }

    /// # Errors
    /// `Unavailable` when the proof cannot be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec_pretty(self).map_err(|error| Error::unavailable("writing a proof", error))
    }

    /// Runs the proof again: installs its component in the engine after all checks, asks the question and compares the answer
    /// bit for bit.
    ///
    /// # Errors
    /// `Invalid` when the proof contradicts itself, so that nothing can be compared; a difference is a finding, not an error.
    pub async fn replay(&self, engine: &dyn PolicyEngine) -> Result<ReplayReport> {
        let component = STANDARD
            .decode(&self.component)
            .map_err(|error| Error::invalid(format!("the component of the proof is not base64: {error}")))?;
        if hex::encode(Sha256::digest(&component)) != self.plugin.digest {
            return Err(Error::invalid(
                "the component in the proof is not the one that it names: their digests differ".to_owned(),
            ));
        }
        let plugin = engine.verify(component.clone()).await?;
        if (&plugin.id, &plugin.version) != (&self.plugin.id, &self.plugin.version) {
            return Err(Error::invalid(format!(
                "the proof names {} {}, its component is {} {}",
                self.plugin.id, self.plugin.version, plugin.id, plugin.version
            )));
        }
        check_settings(&plugin.settings_schema, &self.settings)?;
        let description: &Description = &plugin.export(self.question.point())?.description;
        check_columns(&self.question, description)?;
        engine.prepare(&self.plugin.digest, &Bytes(&component)).await?;
        let asked = Asked { engine, digest: &self.plugin.digest, settings: &self.settings };
        let outcome = asked.ask(&self.question, description).await?.outcome;
        let mut report = ReplayReport { decisions: 1, ..ReplayReport::default() };
        match self.difference(&outcome, &plugin)? {
            None => report.identical = 1,
            Some(reason) => report.different.push(ReplayDifference {
                decision: self.decision,
                recorded: digest(&self.outcome)?,
                replayed: digest(&outcome)?,
                reason,
            }),
        }
        Ok(report)
    }

    /// What is otherwise than the proof says: the answer, or what the proof tells people about it.
    fn difference(&self, outcome: &Outcome, plugin: &InstalledPlugin) -> Result<Option<String>> {
        if !self.outcome.is_same(outcome) {
            return Ok(Some("the answer is another one".to_owned()));
        }
        let Some(answer) = outcome.answer() else { return Ok(None) };
        let rows = u32::try_from(answer.values().len()).unwrap_or(u32::MAX);
        for row in 0..rows {
            let zh = explain_row(answer, row, plugin, Language::Zh)?;
            let en = explain_row(answer, row, plugin, Language::En)?;
            if self.steps == (ProofSteps { zh, en }) {
                let value = self.allocated_fen.or_else(|| answer.values().get(row as usize).copied());
                return Ok((value != Some(self.about.amount_fen))
                    .then(|| "the amount that the proof states is not the one that was answered".to_owned()));
            }
        }
        Ok(Some("the steps that the proof tells are not the ones that were answered".to_owned()))
    }
}

/// A question of a file is input from outside: it has one column per fact, each fact has every row, and each row belongs to
/// a subject that there is.
fn check_columns(question: &Question, description: &Description) -> Result<()> {
    let columns = question.columns().len();
    if columns != description.facts.len() {
        return Err(Error::invalid(format!(
            "the proof has {columns} columns of facts; its plug-in reads {}",
            description.facts.len()
        )));
    }
    question.check_question().map_err(|reason| Error::invalid(format!("the proof asks what cannot be asked: {reason}")))
}

/// Whether one answer says of its only subject what another says of one of many.
fn says_the_same(whole: &Question, recorded: &Answer, subject: usize, alone: &Question, answer: &Answer) -> bool {
    let (before, after) = (whole.results(recorded), alone.results(answer));
    let (Some(before), [after]) = (before.get(subject), after.as_slice()) else { return false };
    before.verdict == after.verdict
        && before.rows == after.rows
        && before.value == after.value
        && steps_of(recorded, before.first, before.rows) == steps_of(answer, after.first, after.rows)
}

/// One step of an answer, apart from the others.
#[derive(PartialEq)]
struct Step {
    /// Counted from the subject's first.
    row: u32,
    kind: u16,
    value: (i64, u8),
    args: Vec<(i64, u8)>,
}

/// The steps of some rows.
fn steps_of(answer: &Answer, first: u32, rows: u32) -> Vec<Step> {
    let steps = answer.steps();
    let from = steps.row.partition_point(|row| *row < first);
    let to = steps.row.partition_point(|row| *row < first + rows);
    let mut arg = steps.arg_count[..from].iter().map(|count| usize::from(*count)).sum::<usize>();
    let mut read = Vec::with_capacity(to - from);
    for step in from..to {
        let count = usize::from(steps.arg_count[step]);
        let args = (arg..arg + count).map(|index| (steps.arg[index], steps.arg_scale[index])).collect();
        arg += count;
        let value = (steps.value[step], steps.value_scale[step]);
        read.push(Step { row: steps.row[step] - first, kind: steps.kind[step], value, args });
    }
    read
}

/// A component that is at hand.
struct Bytes<'a>(&'a [u8]);

#[async_trait::async_trait]
impl ComponentSource for Bytes<'_> {
    async fn component(&self, _: &str) -> Result<Vec<u8>> {
        Ok(self.0.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::nothing(b"".as_slice(), "not a proof")]
    #[case::other_json(br#"{"run":1}"#.as_slice(), "not a proof")]
    #[case::no_json(b"\x00\x01".as_slice(), "not a proof")]
    fn what_is_no_proof_is_refused(#[case] bytes: &[u8], #[case] words: &str) {
        let error = Proof::from_json(bytes).expect_err("is no proof").to_string();
        assert!(error.contains(words), "{error}");
    }

    #[test]
    fn a_file_that_is_too_large_is_not_even_parsed() {
        let error = Proof::from_json(&vec![b' '; PROOF_BYTES_MAX + 1]).expect_err("is too large").to_string();
        assert!(error.contains("at most"), "{error}");
    }
}
