//! Replay: asks the same component the same question again and compares the answers bit for bit.

use serde::{Deserialize, Serialize};

use super::{Billing, Progress, RunProgress, compute::DECISIONS_PER_READ};
use crate::{
    Error, Result,
    access::{Permission, Stamp},
    decision::{Asked, Decision, Outcome, digest},
    ids::*,
    plugin::StoredComponents,
};

/// What a replay found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayReport {
    pub decisions: i64,
    pub identical: i64,
    pub different: Vec<ReplayDifference>,
}

/// A decision that came out otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayDifference {
    pub decision: DecisionId,
    /// SHA-256 of the recorded and of the new outcome.
    pub recorded: String,
    pub replayed: String,
    pub reason: String,
}

impl Billing {
    /// Replays all decisions of a run.
    ///
    /// # Errors
    /// When the store or the engine fails; a difference is a finding, not an error.
    pub async fn replay_run(
        &self,
        stamp: &Stamp,
        run_id: BillingRunId,
        progress: &dyn Progress,
    ) -> Result<ReplayReport> {
        stamp.actor.require(Permission::ReadCharges)?;
        let run = self.store.run(run_id).await?;
        let mut report = ReplayReport::default();
        let mut at = RunProgress { done: 0, total: run.lines };
        let mut after = None;
        loop {
            let decisions = self.store.decisions(run_id, after, DECISIONS_PER_READ).await?;
            let Some(last) = decisions.last() else { return Ok(report) };
            after = Some(last.id);
            for decision in &decisions {
                self.replay_into(decision, &mut report).await?;
                if let Some(answer) = decision.outcome.answer() {
                    at.done += i64::try_from(answer.values().len()).expect("a batch is far smaller than 2^63");
                }
            }
            progress.report(at);
        }
    }

    /// Replays one decision.
    ///
    /// # Errors
    /// See [`Billing::replay_run`].
    pub async fn replay_decision(&self, stamp: &Stamp, decision_id: DecisionId) -> Result<ReplayReport> {
        stamp.actor.require(Permission::ReadCharges)?;
        let decision = self.store.decision(decision_id).await?;
        let mut report = ReplayReport::default();
        self.replay_into(&decision, &mut report).await?;
        Ok(report)
    }

    pub(super) async fn replay_into(&self, decision: &Decision, report: &mut ReplayReport) -> Result<()> {
        report.decisions += 1;
        match self.replay(decision).await? {
            None => report.identical += 1,
            Some(difference) => report.different.push(difference),
        }
        Ok(())
    }

    async fn replay(&self, decision: &Decision) -> Result<Option<ReplayDifference>> {
        let plugin = self
            .store
            .plugin_by_digest(&decision.component_digest)
            .await?
            .ok_or_else(|| Error::not_found("plug-in with the digest", &decision.component_digest))?;
        self.engine.prepare(&decision.component_digest, &StoredComponents(self.store.as_ref())).await?;
        let export = plugin.export(decision.question.point())?;
        let asked =
            Asked { engine: self.engine.as_ref(), digest: &decision.component_digest, settings: &decision.settings };
        let outcome = asked.ask(&decision.question, &export.description).await?.outcome;
        if decision.outcome.is_same(&outcome) {
            return Ok(None);
        }
        Ok(Some(ReplayDifference {
            decision: decision.id,
            recorded: digest(&decision.outcome)?,
            replayed: digest(&outcome)?,
            reason: describe(&outcome),
        }))
    }
}

fn describe(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Answer(_) => "the answer is another one".into(),
        Outcome::Failure(failure) => format!("{}: {}", failure.kind, failure.reason),
    }
}
