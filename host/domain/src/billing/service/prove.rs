//! Proofs of lines: see [`crate::proof`].

use super::Billing;
use crate::{
    Error, Result,
    access::{Permission, Stamp},
    ids::DecisionId,
    plugin::Language,
    proof::{Issue, Proof, ProofSubject},
};

impl Billing {
    /// One line of a decision as a file that runs again anywhere. Of a line that takes another one back, it is the other one
    /// that is proved: the reversal itself is nothing that a plug-in answered.
    ///
    /// # Errors
    /// `Refused` without the permission; `NotFound` for a line that does not exist; `Invalid` when the plug-in answers
    /// otherwise than it is recorded.
    pub async fn prove(&self, stamp: &Stamp, decision_id: DecisionId, line: u32) -> Result<Proof> {
        stamp.actor.require(Permission::ReadCharges)?;
        let mut decision = self.store.decision(decision_id).await?;
        let mut line = line;
        let reversed = (line as usize).checked_sub(decision.own_line_count()).and_then(|at| decision.reverses.get(at));
        if let Some(reversed) = reversed {
            line = reversed.posted.line;
            decision = self.store.decision(reversed.posted.decision_id).await?;
        }
        let digest = &decision.component_digest;
        let plugin = self
            .store
            .plugin_by_digest(digest)
            .await?
            .ok_or_else(|| Error::not_found("plug-in with the digest", digest))?;
        let component = self.store.component(digest).await?;
        let run = self.store.run(decision.run_id).await?;
        let project = self.store.project(run.project_id).await?;
        let view = self.explain(stamp, decision.id, line, Language::Zh).await?.line;
        let about = ProofSubject {
            project: project.name,
            place: view.place.to_string(),
            fee_item: view.fee_item,
            from: view.from,
            to: view.to,
            amount_fen: view.amount.0,
        };
        let issue = Issue { at: stamp.at, by: stamp.actor.name.clone(), about };
        Proof::of_line(&decision, line, &plugin, &component, self.engine.as_ref(), issue).await
    }
}
