//! What waits for a second person before it counts.

use async_trait::async_trait;
use guanjia_domain::{
    Error, Result,
    access::Stamp,
    ids::ProposalId,
    plugin::{ActivationRule, Cause, Proposal, ProposalState},
    ports::ActivationStore,
};
use serde_json::json;

use crate::{
    CompanyScope,
    audit::Change,
    db::{Row, Scope},
    value,
};

/// What [`read_proposal`] reads.
macro_rules! proposal_columns {
    () => {
        "id, binding, note, trial_id, state, proposed_by, created_at, decided_by, decided_at, reason"
    };
}

fn read_proposal(row: &Row) -> Result<Proposal> {
    let mut cells = row.cells();
    Ok(Proposal {
        id: cells.take()?,
        binding: value::json(&cells.take::<String>()?)?,
        note: cells.take()?,
        trial_id: cells.take()?,
        state: cells.take()?,
        proposed_by: cells.take()?,
        proposed_at: cells.take()?,
        decided_by: cells.take()?,
        decided_at: cells.take()?,
        reason: cells.take()?,
    })
}

impl Scope {
    async fn proposal(&mut self, proposal: ProposalId) -> Result<Proposal> {
        let statement = sql!("SELECT ", proposal_columns!(), " FROM proposal WHERE company_id = $1 AND id = $2");
        let row = self.row(statement, values![proposal]).await?;
        read_proposal(&row.ok_or_else(|| Error::not_found("proposal", proposal))?)
    }

    async fn activation_rule(&mut self) -> Result<ActivationRule> {
        let statement = sql!("SELECT second_person FROM activation_rule WHERE company_id = $1");
        let row = self.row(statement, values![]).await?;
        Ok(ActivationRule { second_person: row.map(|row| row.only()).transpose()?.unwrap_or(false) })
    }
}

#[async_trait]
impl ActivationStore for CompanyScope {
    async fn activation_rule(&self) -> Result<ActivationRule> {
        self.read().await?.activation_rule().await
    }

    async fn set_activation_rule(&self, stamp: &Stamp, rule: ActivationRule) -> Result<()> {
        let mut scope = self.write().await?;
        let before = scope.activation_rule().await?;
        scope
            .execute(
                sql!(
                    "INSERT INTO activation_rule (company_id, second_person, created_at) VALUES ($1, $2, $3) ",
                    "ON CONFLICT (company_id) DO UPDATE SET second_person = excluded.second_person"
                ),
                values![rule.second_person, stamp.at],
            )
            .await?;
        let change =
            Change { before: json!(before), ..Change::of("activation-rule.set", "activation rule", json!(rule)) };
        scope.audit(stamp, change).await?;
        scope.commit().await
    }

    async fn add_proposals(&self, stamp: &Stamp, proposals: &[Proposal]) -> Result<()> {
        let mut scope = self.write().await?;
        for proposal in proposals {
            let binding = &proposal.binding;
            scope.require_project(binding.project_id).await?;
            scope
                .execute(
                    sql!(
                        "INSERT INTO proposal (company_id, id, project_id, binding, note, trial_id, state, proposed_by, ",
                        "created_at, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
                    ),
                    values![
                        proposal.id,
                        binding.project_id,
                        value::to_json(binding)?,
                        &proposal.note,
                        proposal.trial_id,
                        proposal.state,
                        &proposal.proposed_by,
                        proposal.proposed_at,
                        &proposal.reason
                    ],
                )
                .await?;
            let payload = json!({ "plugin": binding.plugin_id, "version": binding.plugin_version, "from": binding.effective_from });
            scope
                .event(stamp.at, "binding.proposed", Some(binding.project_id), proposal.id.to_string(), &payload)
                .await?;
            let after = json!({ "binding": binding, "note": proposal.note, "trial": proposal.trial_id });
            scope.audit(stamp, Change::of("binding.propose", format!("proposal {}", proposal.id), after)).await?;
        }
        scope.commit().await
    }

    async fn proposals(&self, limit: u32) -> Result<Vec<Proposal>> {
        let statement = sql!(
            "SELECT ",
            proposal_columns!(),
            " FROM proposal WHERE company_id = $1 ORDER BY CASE WHEN state = 'open' THEN 0 ELSE 1 END, id DESC LIMIT $2"
        );
        let rows = self.read().await?.rows(statement, values![limit]).await?;
        rows.iter().map(read_proposal).collect()
    }

    async fn proposal(&self, proposal: ProposalId) -> Result<Proposal> {
        self.read().await?.proposal(proposal).await
    }

    async fn decide_proposal(
        &self,
        stamp: &Stamp,
        proposal: ProposalId,
        state: ProposalState,
        reason: &str,
    ) -> Result<Proposal> {
        let mut scope = self.write().await?;
        let changed = scope
            .execute(
                sql!(
                    "UPDATE proposal SET state = $3, decided_by = $4, decided_at = $5, reason = $6 ",
                    "WHERE company_id = $1 AND id = $2 AND state = 'open'"
                ),
                values![proposal, state, &stamp.actor.name, stamp.at, reason],
            )
            .await?;
        let decided = scope.proposal(proposal).await?;
        if changed != 1 {
            return Err(Error::Conflict(format!(
                "the proposal is {} already{}",
                decided.state,
                decided.decided_by.map(|by| format!(", by {by}")).unwrap_or_default()
            )));
        }
        if state == ProposalState::Approved {
            scope.switch_on(stamp, &decided.binding, Cause::Approved(proposal)).await?;
        }
        let binding = &decided.binding;
        let payload = json!({ "state": state, "plugin": binding.plugin_id });
        scope.event(stamp.at, "proposal.decided", Some(binding.project_id), proposal.to_string(), &payload).await?;
        let after = json!({ "state": state, "reason": reason });
        scope.audit(stamp, Change::of("proposal.decide", format!("proposal {proposal}"), after)).await?;
        scope.commit().await?;
        Ok(decided)
    }
}
