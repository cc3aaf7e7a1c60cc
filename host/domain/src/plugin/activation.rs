//! Switching rules on: at once or after a second person's approval, for one project or for all, and back again in one step.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

use super::{BindRequest, Binding, BindingMode, ExtensionPoint, Plugins, with_defaults};
use crate::{
    Date, Error, Period, Result,
    access::{Permission, Stamp, codes},
    billing::RunState,
    ids::*,
};

/// A note is read on one page: some sentences.
pub const NOTE_CHARS_MAX: usize = 1_000;

codes! {
    ProposalState {
        /// Waits for a second person.
        Open = "open",
        Approved = "approved",
        /// The second person said no.
        Refused = "refused",
        /// Whoever proposed it took it back.
        Withdrawn = "withdrawn",
    }
}

/// What a company asks before a rule counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivationRule {
    /// Whether somebody else than whoever wants it has to approve an active binding.
    pub second_person: bool,
}

/// A binding that is not in force yet: somebody else has to approve it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    pub id: ProposalId,
    /// What it becomes when it is approved.
    pub binding: Binding,
    /// Why, in the words of whoever proposed it.
    pub note: String,
    /// A trial of the candidate whose report speaks for it.
    pub trial_id: Option<TrialId>,
    pub state: ProposalState,
    pub proposed_by: String,
    pub proposed_at: DateTime<Utc>,
    pub decided_by: Option<String>,
    pub decided_at: Option<DateTime<Utc>>,
    /// Why it was refused.
    pub reason: String,
}

/// Why bindings are written; the audit trail names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Somebody switched it on, in one project or in several at once.
    Bound,
    Approved(ProposalId),
    /// The binding that is taken back.
    RolledBack(BindingId),
}

/// What came of switching a rule on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Activation {
    /// In force from their dates on.
    pub bindings: Vec<Binding>,
    /// Waiting for a second person.
    pub proposals: Vec<Proposal>,
    /// Months that are posted by another rule and that the new one would answer for: they can be re-rated.
    pub posted: Vec<PostedMonths>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostedMonths {
    pub project_id: ProjectId,
    pub fee_item_id: Option<FeeItemId>,
    /// Ascending.
    pub months: Vec<Period>,
}

/// One rule for the fee item of a name in every project that has one, or for every project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateRequest {
    pub point: ExtensionPoint,
    /// Empty for a point that answers for whole projects.
    pub fee_item: String,
    pub plugin_id: String,
    pub plugin_version: String,
    /// JSON.
    pub settings: String,
    pub effective_from: Date,
    /// Effects that are granted everywhere.
    pub granted: Vec<String>,
}

impl Plugins {
    /// Switches a plug-in on, or proposes to, where the company asks for a second person.
    ///
    /// # Errors
    /// `Refused` without the permission; `Invalid` for settings that do not fit or facts that the host lacks; `Conflict` when
    /// another binding is in the way.
    pub async fn switch_on(
        &self,
        stamp: &Stamp,
        request: BindRequest,
        note: &str,
        trial_id: Option<TrialId>,
    ) -> Result<Activation> {
        let binding = self.checked_binding(stamp, request).await?;
        self.activate(stamp, vec![binding], note, trial_id).await
    }

    /// Switches one rule on in every project that has a fee item of that name: in all of them or, when one of them is in the
    /// way, in none.
    ///
    /// # Errors
    /// As [`Plugins::switch_on`]; `NotFound` when no project has such a fee item.
    pub async fn switch_on_everywhere(
        &self,
        stamp: &Stamp,
        template: &TemplateRequest,
        note: &str,
    ) -> Result<Activation> {
        stamp.actor.require(Permission::ManagePlugins)?;
        let mut bindings = Vec::new();
        for project in self.store.projects().await? {
            let fee_item_id = if template.point.is_per_fee_item() {
                let items = self.store.fee_items(project.id).await?;
                let Some(item) = items.into_iter().find(|item| item.name == template.fee_item) else { continue };
                Some(item.id)
            } else {
                None
            };
            let request = BindRequest {
                project_id: project.id,
                point: template.point,
                fee_item_id,
                plugin_id: template.plugin_id.clone(),
                plugin_version: template.plugin_version.clone(),
                settings: template.settings.clone(),
                effective_from: template.effective_from,
                effective_to: None,
                mode: BindingMode::Active,
                tolerance_permille: 0,
                granted: template.granted.clone(),
            };
            bindings.push(self.checked_binding(stamp, request).await?);
        }
        if bindings.is_empty() {
            return Err(Error::not_found("fee item", &template.fee_item));
        }
        self.activate(stamp, bindings, note, None).await
    }

    async fn activate(
        &self,
        stamp: &Stamp,
        bindings: Vec<Binding>,
        note: &str,
        trial_id: Option<TrialId>,
    ) -> Result<Activation> {
        let note = checked_note(note)?;
        if let Some(trial_id) = trial_id {
            // One of this company's own, and of what is switched on: another one's report would speak for nothing.
            let trial = self.store.trial(trial_id).await?;
            let plugin = self.store.plugin_by_digest(&trial.candidate.digest).await?;
            // A form says the defaults, too; a file mostly does not.
            let gone_by = |settings: &str| match &plugin {
                Some(plugin) => with_defaults(&plugin.settings_schema, settings),
                None => settings.to_owned(),
            };
            let of = |binding: &Binding| {
                trial.candidate.digest == binding.digest
                    && gone_by(&trial.candidate.settings) == gone_by(&binding.settings)
                    && binding.fee_item_id == Some(trial.fee_item_id)
            };
            if trial.finished_at.is_none() || !bindings.iter().all(of) {
                return Err(Error::invalid(
                    "the trial is not finished, or it tried another plug-in, other settings or another fee item",
                ));
            }
        }
        let posted = self.posted_months(&bindings).await?;
        let counts = bindings.iter().any(|binding| binding.mode == BindingMode::Active);
        if !(counts && self.store.activation_rule().await?.second_person) {
            self.store.add_bindings(stamp, &bindings, Cause::Bound).await?;
            return Ok(Activation { bindings, proposals: Vec::new(), posted });
        }
        let propose = |binding| Proposal {
            id: ProposalId::generate(),
            binding,
            note: note.clone(),
            trial_id,
            state: ProposalState::Open,
            proposed_by: stamp.actor.name.clone(),
            proposed_at: stamp.at,
            decided_by: None,
            decided_at: None,
            reason: String::new(),
        };
        let proposals: Vec<Proposal> = bindings.into_iter().map(propose).collect();
        self.store.add_proposals(stamp, &proposals).await?;
        Ok(Activation { bindings: Vec::new(), proposals, posted })
    }

    /// Approves a proposal: somebody else than whoever made it. It is in force from its date on, on every host.
    ///
    /// # Errors
    /// `Refused` with `four-eyes` for the proposer; `Conflict` when it is not open any more or another binding is in the way.
    pub async fn approve_proposal(&self, stamp: &Stamp, proposal_id: ProposalId) -> Result<Activation> {
        stamp.actor.require(Permission::ApprovePlugins)?;
        let proposal = self.store.proposal(proposal_id).await?;
        if proposal.proposed_by == stamp.actor.name {
            return Err(Error::refused(
                "four-eyes",
                format!("{} proposed this: a second person has to approve it", proposal.proposed_by),
            ));
        }
        let proposal = self.store.decide_proposal(stamp, proposal_id, ProposalState::Approved, "").await?;
        let bindings = vec![proposal.binding];
        let posted = self.posted_months(&bindings).await?;
        Ok(Activation { bindings, proposals: Vec::new(), posted })
    }

    /// Says no to a proposal, with the reason; whoever made it takes it back the same way.
    ///
    /// # Errors
    /// `Refused` without the permission; `Conflict` when it is not open any more.
    pub async fn refuse_proposal(&self, stamp: &Stamp, proposal_id: ProposalId, reason: &str) -> Result<Proposal> {
        let reason = checked_note(reason)?;
        let own = self.store.proposal(proposal_id).await?.proposed_by == stamp.actor.name;
        let (permission, state) = if own {
            (Permission::ManagePlugins, ProposalState::Withdrawn)
        } else {
            (Permission::ApprovePlugins, ProposalState::Refused)
        };
        stamp.actor.require(permission)?;
        self.store.decide_proposal(stamp, proposal_id, state, &reason).await
    }

    /// Takes the rule that holds on a day back, from that day to its end: what held before it holds again. One step, and
    /// without a second person, because the rule that returns was in force before. A next rule stays.
    ///
    /// # Errors
    /// `Refused` without the permission; `Invalid` when nothing held there before.
    pub async fn roll_back(
        &self,
        stamp: &Stamp,
        project_id: ProjectId,
        point: ExtensionPoint,
        fee_item_id: Option<FeeItemId>,
        from: Date,
    ) -> Result<Activation> {
        stamp.actor.require(Permission::ManagePlugins)?;
        let mut history: Vec<Binding> = self
            .store
            .bindings(project_id)
            .await?
            .into_iter()
            .filter(|binding| {
                binding.mode == BindingMode::Active && binding.point == point && binding.fee_item_id == fee_item_id
            })
            .collect();
        // Ids follow the time of binding: of two from the same day, the later one replaced the other.
        history.sort_by_key(|binding| (binding.effective_from, binding.id));
        let held = |binding: &Binding| binding.effective_to != Some(binding.effective_from);
        let position = history
            .iter()
            .position(|binding| binding.holds_on(from))
            .ok_or_else(|| Error::invalid(format!("nothing is switched on there on {from}")))?;
        let (taken_back, until) = (history[position].id, history[position].effective_to);
        // What never held on any day counts only when the rule that replaced it is taken back whole.
        let whole = from == history[position].effective_from;
        let replaced = |binding: &Binding| whole && binding.effective_from == from;
        let before = history[..position]
            .iter()
            .rposition(|binding| held(binding) || replaced(binding))
            .map(|before| history.swap_remove(before))
            .ok_or_else(|| Error::invalid("no other rule held there before: bind one instead".to_owned()))?;
        // What follows the rule that is taken back goes on following.
        let binding = Binding { id: BindingId::generate(), effective_from: from, effective_to: until, ..before };
        let bindings = vec![binding];
        self.store.add_bindings(stamp, &bindings, Cause::RolledBack(taken_back)).await?;
        let posted = self.posted_months(&bindings).await?;
        Ok(Activation { bindings, proposals: Vec::new(), posted })
    }

    /// What the company asks before a rule counts.
    ///
    /// # Errors
    /// `Refused` without the permission.
    pub async fn set_activation_rule(&self, stamp: &Stamp, rule: ActivationRule) -> Result<()> {
        stamp.actor.require(Permission::ManageUsers)?;
        self.store.set_activation_rule(stamp, rule).await
    }

    /// Months posted already that active bindings would answer for.
    async fn posted_months(&self, bindings: &[Binding]) -> Result<Vec<PostedMonths>> {
        let mut posted = Vec::new();
        for binding in bindings.iter().filter(|binding| binding.mode == BindingMode::Active) {
            let runs = self.store.runs(binding.project_id).await?;
            let mut months: Vec<Period> = runs
                .into_iter()
                .filter(|run| run.state == RunState::Posted && binding.holds_on(run.period.start))
                .map(|run| run.period)
                .collect();
            months.sort_by_key(|month| month.start);
            months.dedup();
            if !months.is_empty() {
                let Binding { project_id, fee_item_id, .. } = *binding;
                posted.push(PostedMonths { project_id, fee_item_id, months });
            }
        }
        Ok(posted)
    }
}

fn checked_note(note: &str) -> Result<String> {
    let note = note.trim();
    if note.chars().count() > NOTE_CHARS_MAX {
        return Err(Error::invalid(format!("a note has at most {NOTE_CHARS_MAX} characters")));
    }
    Ok(note.to_owned())
}
