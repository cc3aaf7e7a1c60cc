//! Rulings: decisions that no billing run asks for, about a ticket, a sheet, an event.
//!
//! A ruling is made before the transaction that it belongs to, because no transaction waits for a plug-in, and is kept by it:
//! whatever is written because of a ruling is written with it, or not at all. What it holds runs again bit for bit, like a
//! decision of a run, and its explanation is told by the manifest's sentences.
//! A rule that fails decides nothing: the caller has a built-in answer, and says on its record why that was taken.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};
use tracing::warn;

use crate::{
    Date, Error, Result,
    access::codes,
    billing::{ExplainedStep, ReplayDifference, explain_hold, explain_row},
    decision::{Asked, HoldKind, Outcome, digest},
    effect::{JudgedEffect, judge},
    ids::*,
    plugin::{Binding, BindingMode, ExtensionPoint, InstalledPlugin, Language, QUARANTINE_FAILURES, StoredComponents},
    point::Question,
    ports::{Clock, CompanyStore, PolicyEngine},
    values::Verdict,
};

codes! {
    /// What a subject of a ruling is.
    Entity {
        Ticket = "ticket",
    }
}

/// Who a numbered subject of a question is. Not shown to the plug-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    pub entity: Entity,
    pub id: uuid::Uuid,
}

/// One call with everything that is needed to run it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    pub id: DecisionId,
    pub project_id: ProjectId,
    pub binding_id: BindingId,
    /// Whether it counts.
    pub mode: BindingMode,
    /// SHA-256 of the component.
    pub component_digest: String,
    pub settings: String,
    /// WIT package version that was served.
    pub wit: String,
    /// Engine profile.
    pub engine: String,
    /// One per subject of the question.
    pub about: Vec<About>,
    pub question: Question,
    pub outcome: Outcome,
    /// What it asked the host to do, and what became of that; nothing of a shadow.
    pub effects: Vec<JudgedEffect>,
    /// 0 where a failure hides it.
    pub fuel: i64,
    /// In microseconds.
    pub spent_us: i64,
    /// What the plug-in logged.
    pub log: Vec<String>,
    pub at: DateTime<Utc>,
}

/// How its subjects came out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulingCounts {
    pub subjects: i64,
    pub decided: i64,
    pub refused: i64,
    pub undecided: i64,
    /// The plug-in broke, ran out, or answered what cannot be true.
    pub failed: i64,
}

impl Ruling {
    #[must_use]
    pub fn counts(&self) -> RulingCounts {
        let subjects = i64::try_from(self.question.subjects()).unwrap_or(i64::MAX);
        let mut counts = RulingCounts { subjects, ..RulingCounts::default() };
        match &self.outcome {
            Outcome::Failure(_) => counts.failed = subjects,
            Outcome::Answer(answer) => {
                for verdict in answer.verdicts() {
                    *match verdict {
                        Verdict::Decided => &mut counts.decided,
                        Verdict::Refused => &mut counts.refused,
                        Verdict::Undecided => &mut counts.undecided,
                    } += 1;
                }
            }
        }
        counts
    }
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruled {
    /// Counts, unless it failed.
    pub ruling: Ruling,
    /// What was asked beside it.
    pub shadows: Vec<Ruling>,
    /// What is told where a subject was not decided, in the order of the subjects; `None` where it was.
    pub reasons: Vec<Option<Reason>>,
    /// The rule has broken so often that it is not asked again until somebody releases it.
    pub quarantine: Option<String>,
}

/// Why a rule decided nothing about a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    pub kind: HoldKind,
    pub zh: String,
    pub en: String,
}

/// Who answers for an extension point in a project on a day.
#[derive(Debug, Clone)]
pub struct Answering {
    pub active: Option<Binding>,
    /// The active one is quarantined, for this reason: it is not asked.
    pub stopped: Option<String>,
    pub shadows: Vec<Binding>,
}

/// Rulings of one company.
#[derive(Clone)]
pub struct Rulings {
    store: Arc<dyn CompanyStore>,
    engine: Arc<dyn PolicyEngine>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Rulings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rulings").field("company_id", &self.store.company_id()).finish_non_exhaustive()
    }
}

/// Rulings of a binding that are looked back over to see whether it is broken.
pub const RULINGS_WATCHED: u32 = 256;

impl Rulings {
    #[must_use]
    pub fn new(store: Arc<dyn CompanyStore>, engine: Arc<dyn PolicyEngine>, clock: Arc<dyn Clock>) -> Self {
        Self { store, engine, clock }
    }

    /// Who answers for a point that is bound to whole projects.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn answering(&self, project: ProjectId, point: ExtensionPoint, day: Date) -> Result<Answering> {
        let bindings = self.store.bindings(project).await?;
        let held = |mode: BindingMode| {
            let of = move |binding: &&Binding| {
                binding.point == point && binding.mode == mode && binding.fee_item_id.is_none() && binding.holds_on(day)
            };
            bindings.iter().filter(of)
        };
        // Ids follow the time of binding: where one corrected another on its first day, the later one holds.
        let active = held(BindingMode::Active).max_by_key(|binding| binding.id).cloned();
        let shadows: Vec<Binding> = held(BindingMode::Shadow).cloned().collect();
        if active.is_none() && shadows.is_empty() {
            return Ok(Answering { active, stopped: None, shadows });
        }
        let quarantines = self.store.quarantines(project).await?;
        let stopped_by = |id: BindingId| quarantines.iter().find(|quarantine| quarantine.binding_id == id);
        let stopped = active.as_ref().and_then(|binding| Some(stopped_by(binding.id)?.reason.clone()));
        let shadows = shadows.into_iter().filter(|binding| stopped_by(binding.id).is_none()).collect();
        Ok(Answering { active, stopped, shadows })
    }

    /// The plug-in of a binding: what it declares is what a question has to hold.
    ///
    /// # Errors
    /// `NotFound` when it is gone.
    pub async fn plugin(&self, binding: &Binding) -> Result<InstalledPlugin> {
        self.store
            .plugin_by_digest(&binding.digest)
            .await?
            .ok_or_else(|| Error::not_found("plug-in with the digest", &binding.digest))
    }

    /// Asks a rule. Nothing is kept yet: whoever writes what follows from it writes the ruling, too.
    ///
    /// # Errors
    /// When the engine itself fails; what the plug-in does wrong is an outcome.
    pub async fn ask(
        &self,
        binding: &Binding,
        plugin: &InstalledPlugin,
        question: Question,
        about: Vec<About>,
        at: DateTime<Utc>,
    ) -> Result<Ruled> {
        let export = plugin.export(binding.point)?;
        self.engine.prepare(&binding.digest, &StoredComponents(self.store.as_ref())).await?;
        let asked = Asked { engine: self.engine.as_ref(), digest: &binding.digest, settings: &binding.settings };
        let began = self.clock.now();
        let evaluation = asked.ask(&question, &export.description).await?;
        let spent_us = (self.clock.now() - began).num_microseconds().unwrap_or(i64::MAX).max(0);
        let counts = binding.mode == BindingMode::Active;
        let effects = match evaluation.outcome.answer() {
            Some(answer) if counts => judge(answer.effects(), binding.point, &binding.granted),
            _ => Vec::new(),
        };
        let ruling = Ruling {
            id: DecisionId::generate(),
            project_id: binding.project_id,
            binding_id: binding.id,
            mode: binding.mode,
            component_digest: binding.digest.clone(),
            settings: binding.settings.clone(),
            wit: export.wit.clone(),
            engine: evaluation.engine.to_string(),
            about,
            question,
            outcome: evaluation.outcome,
            effects,
            fuel: evaluation.fuel,
            spent_us,
            log: evaluation.log,
            at,
        };
        let reasons = reasons(&ruling, plugin);
        let quarantine = self.broken(&ruling).await?;
        Ok(Ruled { ruling, shadows: Vec::new(), reasons, quarantine })
    }

    /// Whether a rule that has just failed has broken on more than it answered, and often enough to be stopped.
    async fn broken(&self, ruling: &Ruling) -> Result<Option<String>> {
        let Outcome::Failure(failure) = &ruling.outcome else { return Ok(None) };
        warn!(binding = %ruling.binding_id, kind = %failure.kind, reason = %failure.reason, "a rule failed");
        let before = self.store.ruling_counts(ruling.binding_id, RULINGS_WATCHED).await?;
        let now = ruling.counts();
        let (failed, answered) = (before.failed + now.failed, before.subjects - before.failed);
        let broken = failed >= QUARANTINE_FAILURES && failed > answered;
        Ok(broken.then(|| format!("broke on {failed} subjects and answered {answered}: {}", failure.reason)))
    }

    /// Asks a recorded question again.
    ///
    /// # Errors
    /// When the store or the engine fails; a difference is a finding.
    pub async fn replay(&self, ruling: &Ruling) -> Result<Option<ReplayDifference>> {
        let digest_of = &ruling.component_digest;
        let plugin = self
            .store
            .plugin_by_digest(digest_of)
            .await?
            .ok_or_else(|| Error::not_found("plug-in with the digest", digest_of))?;
        self.engine.prepare(digest_of, &StoredComponents(self.store.as_ref())).await?;
        let export = plugin.export(ruling.question.point())?;
        let asked = Asked { engine: self.engine.as_ref(), digest: digest_of, settings: &ruling.settings };
        let outcome = asked.ask(&ruling.question, &export.description).await?.outcome;
        if ruling.outcome.is_same(&outcome) {
            return Ok(None);
        }
        Ok(Some(ReplayDifference {
            decision: ruling.id,
            recorded: digest(&ruling.outcome)?,
            replayed: digest(&outcome)?,
            reason: match outcome {
                Outcome::Answer(_) => "the answer is another one".into(),
                Outcome::Failure(failure) => format!("{}: {}", failure.kind, failure.reason),
            },
        }))
    }
}

/// The steps of one subject of a ruling, as the manifest tells them.
///
/// # Errors
/// `Invalid` when the record does not fit its plug-in.
pub fn explain(
    ruling: &Ruling,
    subject: u32,
    plugin: &InstalledPlugin,
    language: Language,
) -> Result<Vec<ExplainedStep>> {
    match ruling.outcome.answer() {
        Some(answer) => explain_row(answer, subject, plugin, language),
        None => Ok(Vec::new()),
    }
}

/// Why a rule decided nothing about each of its subjects.
fn reasons(ruling: &Ruling, plugin: &InstalledPlugin) -> Vec<Option<Reason>> {
    let kind = match &ruling.outcome {
        Outcome::Failure(failure) => failure.kind,
        Outcome::Answer(_) => HoldKind::PolicyError,
    };
    let told = |subject, language| explain_hold(&ruling.question, &ruling.outcome, subject, plugin, language);
    let reason = |subject| Some(Reason { kind, zh: told(subject, Language::Zh)?, en: told(subject, Language::En)? });
    (0..ruling.question.subjects()).map(reason).collect()
}
