//! Switching rules on and off again: proposals that wait for a second person, every project at once, and back in one step.

use axum::{Json, extract::State, http::StatusCode};
use guanjia_domain::{
    ids::{FeeItemId, ProjectId, ProposalId},
    plugin::{Activation, ActivationRule, Plugins, PostedMonths, Proposal, TemplateRequest, migrate_settings},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{At, List, Reply, bindings::BindingBody, date};
use crate::{
    AppState,
    access::{
        Require,
        needs::{ApprovePlugins, ManagePlugins, ManageUsers, ReadPlugins},
    },
    fault::{Answer, Problem},
};

/// Proposals that a list shows; what is older stands in the audit trail.
pub(crate) const PROPOSALS_SHOWN: u32 = 200;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProposalBody {
    pub id: Uuid,
    /// What it becomes when it is approved.
    pub binding: BindingBody,
    pub note: String,
    pub trial: Option<Uuid>,
    /// `open`, `approved`, `refused`, `withdrawn`.
    pub state: String,
    pub proposed_by: String,
    pub proposed_at: String,
    pub decided_by: Option<String>,
    pub decided_at: Option<String>,
    pub reason: String,
}

impl From<Proposal> for ProposalBody {
    fn from(proposal: Proposal) -> Self {
        Self {
            id: proposal.id.0,
            binding: proposal.binding.into(),
            note: proposal.note,
            trial: proposal.trial_id.map(|id| id.0),
            state: proposal.state.to_string(),
            proposed_by: proposal.proposed_by,
            proposed_at: proposal.proposed_at.to_rfc3339(),
            decided_by: proposal.decided_by,
            decided_at: proposal.decided_at.map(|at| at.to_rfc3339()),
            reason: proposal.reason,
        }
    }
}

/// What came of switching a rule on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActivationBody {
    /// In force from their dates on.
    pub bindings: Vec<BindingBody>,
    /// Waiting for a second person.
    pub proposals: Vec<ProposalBody>,
    /// Months that another rule has posted and that the new one would answer for.
    pub posted: Vec<PostedBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PostedBody {
    pub project: Uuid,
    pub fee_item: Option<Uuid>,
    /// First days.
    pub months: Vec<String>,
}

impl From<PostedMonths> for PostedBody {
    fn from(posted: PostedMonths) -> Self {
        Self {
            project: posted.project_id.0,
            fee_item: posted.fee_item_id.map(|id| id.0),
            months: posted.months.iter().map(|month| month.start.to_string()).collect(),
        }
    }
}

impl From<Activation> for ActivationBody {
    fn from(activation: Activation) -> Self {
        Self {
            bindings: activation.bindings.into_iter().map(BindingBody::from).collect(),
            proposals: activation.proposals.into_iter().map(ProposalBody::from).collect(),
            posted: activation.posted.into_iter().map(PostedBody::from).collect(),
        }
    }
}

/// 201 when it is in force, 202 when it waits for a second person.
pub(crate) fn answered(activation: Activation) -> (StatusCode, Json<ActivationBody>) {
    let status = if activation.proposals.is_empty() { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    (status, Json(activation.into()))
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct TemplateBody {
    /// `fee-policy`, `late-fee-policy`.
    point: String,
    /// Name of the fee item in each project; left out for a rule that answers for whole projects.
    #[serde(default)]
    fee_item: String,
    plugin: String,
    version: String,
    settings: serde_json::Value,
    /// First day.
    from: String,
    #[serde(default)]
    note: String,
    /// Effects that are granted everywhere.
    #[serde(default)]
    granted: Vec<String>,
}

/// Switches one rule on in every project, or every one that has a fee item of that name: in all of them or in none.
#[utoipa::path(
    post, path = "/api/v1/bindings/everywhere", tag = "bindings", request_body = TemplateBody,
    responses(
        (status = 201, body = ActivationBody),
        (status = 202, description = "waits for a second person", body = ActivationBody),
        (status = 409, description = "another binding holds then", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn bind_everywhere(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    Json(body): Json<TemplateBody>,
) -> Answer<(StatusCode, Json<ActivationBody>)> {
    let template = TemplateRequest {
        point: body.point.parse()?,
        fee_item: body.fee_item,
        plugin_id: body.plugin,
        plugin_version: body.version,
        settings: body.settings.to_string(),
        effective_from: date(&body.from)?,
        granted: body.granted,
    };
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    Ok(answered(plugins.switch_on_everywhere(&access.stamp(), &template, &body.note).await?))
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct RollBackBody {
    #[schema(value_type = Uuid)]
    project: ProjectId,
    /// `fee-policy`, `late-fee-policy`.
    point: String,
    #[schema(value_type = Option<Uuid>)]
    fee_item: Option<FeeItemId>,
    /// The first day on which what held before holds again.
    from: String,
}

/// Takes the rule that holds on a day back: what held before it holds again from that day on.
#[utoipa::path(
    post, path = "/api/v1/bindings/roll-back", tag = "bindings", request_body = RollBackBody,
    responses(
        (status = 201, body = ActivationBody),
        (status = 422, description = "nothing held there before", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn roll_back(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    Json(body): Json<RollBackBody>,
) -> Answer<(StatusCode, Json<ActivationBody>)> {
    access.store.project(body.project).await?;
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    let from = date(&body.from)?;
    let activation = plugins.roll_back(&access.stamp(), body.project, body.point.parse()?, body.fee_item, from).await?;
    Ok(answered(activation))
}

/// Lists what waits for a second person, and what was decided last.
#[utoipa::path(get, path = "/api/v1/proposals", tag = "bindings", responses((status = 200, body = List<ProposalBody>)))]
pub(crate) async fn list_proposals(access: Require<ReadPlugins>) -> Reply<List<ProposalBody>> {
    Ok(Json(List::whole(access.store.proposals(PROPOSALS_SHOWN).await?)))
}

/// Approves a proposal: somebody else than whoever made it.
#[utoipa::path(
    post, path = "/api/v1/proposals/{id}/approve", tag = "bindings", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = ActivationBody),
        (status = 409, description = "it is decided already, or another binding holds then", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn approve_proposal(
    access: Require<ApprovePlugins>,
    State(app): State<AppState>,
    At(id): At<ProposalId>,
) -> Reply<ActivationBody> {
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    Ok(Json(plugins.approve_proposal(&access.stamp(), id).await?.into()))
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ReasonBody {
    #[serde(default)]
    reason: String,
}

/// Says no to a proposal; whoever made it takes it back the same way.
#[utoipa::path(
    post, path = "/api/v1/proposals/{id}/refuse", tag = "bindings", params(("id" = Uuid, Path)), request_body = ReasonBody,
    responses(
        (status = 200, body = ProposalBody),
        (status = 409, description = "it is decided already", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn refuse_proposal(
    access: Require<ReadPlugins>,
    State(app): State<AppState>,
    At(id): At<ProposalId>,
    Json(body): Json<ReasonBody>,
) -> Reply<ProposalBody> {
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    Ok(Json(plugins.refuse_proposal(&access.stamp(), id, &body.reason).await?.into()))
}

/// What the company asks before a rule counts.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ActivationRuleBody {
    /// Whether somebody else than whoever wants it has to approve an active binding.
    second_person: bool,
}

/// Tells what the company asks before a rule counts.
#[utoipa::path(get, path = "/api/v1/activation-rule", tag = "bindings", responses((status = 200, body = ActivationRuleBody)))]
pub(crate) async fn read_activation_rule(access: Require<ReadPlugins>) -> Reply<ActivationRuleBody> {
    let ActivationRule { second_person } = access.store.activation_rule().await?;
    Ok(Json(ActivationRuleBody { second_person }))
}

/// Says what the company asks before a rule counts.
#[utoipa::path(
    put, path = "/api/v1/activation-rule", tag = "bindings", request_body = ActivationRuleBody,
    responses((status = 200, body = ActivationRuleBody)),
)]
pub(crate) async fn set_activation_rule(
    access: Require<ManageUsers>,
    State(app): State<AppState>,
    Json(body): Json<ActivationRuleBody>,
) -> Reply<ActivationRuleBody> {
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    plugins.set_activation_rule(&access.stamp(), ActivationRule { second_person: body.second_person }).await?;
    Ok(Json(body))
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SettingsBody {
    settings: serde_json::Value,
}

/// Settings carried over to a version, for a person to look at.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SettingsMigrationBody {
    pub settings: serde_json::Value,
    /// Old name and new name.
    pub renamed: Vec<(String, String)>,
    /// Fields with their values that the version does not know.
    pub dropped: Vec<(String, serde_json::Value)>,
    /// Fields that were not set, with the version's default.
    pub added: Vec<(String, serde_json::Value)>,
    pub problems: Vec<String>,
}

/// Carries settings of another version over to this one. Nothing is written.
#[utoipa::path(
    post, path = "/api/v1/plugins/{plugin}/{version}/settings-migration", tag = "plugins", request_body = SettingsBody,
    params(("plugin" = String, Path), ("version" = String, Path)),
    responses((status = 200, body = SettingsMigrationBody)),
)]
pub(crate) async fn migrate(
    access: Require<ReadPlugins>,
    At((id, version)): At<(String, String)>,
    Json(body): Json<SettingsBody>,
) -> Reply<SettingsMigrationBody> {
    let plugin = access
        .store
        .plugin(&id, &version)
        .await?
        .ok_or_else(|| guanjia_domain::Error::not_found("plug-in", format!("{id}@{version}")))?;
    let migrated = migrate_settings(&body.settings.to_string(), &plugin.settings_schema, &plugin.settings_renames)?;
    Ok(Json(SettingsMigrationBody {
        settings: migrated.settings,
        renamed: migrated.renamed,
        dropped: migrated.dropped,
        added: migrated.added,
        problems: migrated.problems,
    }))
}
