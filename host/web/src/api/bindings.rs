//! Bindings: a plug-in version with settings, switched on for a project from a date.

use axum::{Json, extract::State, http::StatusCode};
use guanjia_domain::{
    Error,
    ids::{FeeItemId, ProjectId, TrialId},
    plugin::{BindRequest, Binding, Plugins},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Ask, List, Reply,
    activations::{ActivationBody, answered},
    date,
    units::ProjectQuery,
};
use crate::{
    AppState,
    access::{
        Require,
        needs::{ManagePlugins, ReadPlugins},
    },
    fault::{Answer, Problem},
};

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BindingBody {
    pub id: Uuid,
    pub project: Uuid,
    /// `fee-policy`, `late-fee-policy`, `ticket-policy`.
    pub point: String,
    pub fee_item: Option<Uuid>,
    pub plugin: String,
    pub version: String,
    pub digest: String,
    pub settings: serde_json::Value,
    pub from: String,
    /// The first day on which it no longer holds.
    pub to: Option<String>,
    /// `trial`, `shadow`, `active`.
    pub mode: String,
    /// By how much a shadow may differ before somebody is told, in permille of the total.
    pub tolerance_permille: i64,
    /// Effects that were granted, such as `notify`.
    pub granted: Vec<String>,
}

impl From<Binding> for BindingBody {
    fn from(binding: Binding) -> Self {
        Self {
            id: binding.id.0,
            project: binding.project_id.0,
            point: binding.point.to_string(),
            fee_item: binding.fee_item_id.map(|id| id.0),
            plugin: binding.plugin_id,
            version: binding.plugin_version,
            digest: binding.digest,
            settings: serde_json::from_str(&binding.settings).unwrap_or(serde_json::Value::Null),
            from: binding.effective_from.to_string(),
            to: binding.effective_to.map(|day| day.to_string()),
            mode: binding.mode.to_string(),
            tolerance_permille: binding.tolerance_permille,
            granted: binding.granted,
        }
    }
}

/// Lists a project's bindings.
#[utoipa::path(get, path = "/api/v1/bindings", tag = "bindings", params(ProjectQuery), responses((status = 200, body = List<BindingBody>)))]
pub(crate) async fn list_bindings(
    access: Require<ReadPlugins>,
    Ask(query): Ask<ProjectQuery>,
) -> Reply<List<BindingBody>> {
    access.store.project(query.project).await?;
    Ok(Json(List::whole(access.store.bindings(query.project).await?)))
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewBindingBody {
    #[schema(value_type = Uuid)]
    project: ProjectId,
    /// `fee-policy`, `late-fee-policy`, `ticket-policy`.
    point: String,
    #[schema(value_type = Option<Uuid>)]
    fee_item: Option<FeeItemId>,
    plugin: String,
    version: String,
    /// An object that fits the plug-in's settings schema.
    settings: serde_json::Value,
    /// First day, such as `2025-03-01`.
    from: String,
    /// The first day on which it no longer holds.
    to: Option<String>,
    /// `active` without it.
    mode: Option<String>,
    /// Why, for the second person and the audit trail.
    #[serde(default)]
    note: String,
    /// A trial whose report speaks for it.
    #[schema(value_type = Option<Uuid>)]
    trial: Option<TrialId>,
    /// Of a shadow: by how much, in permille of the total, it may differ before somebody is told. 0 without it.
    tolerance_permille: Option<i64>,
    /// Effects that are granted, among those that the plug-in asks for. None without it.
    #[serde(default)]
    granted: Vec<String>,
}

/// Switches a plug-in on, or proposes to where the company asks for a second person. Settings are checked against its schema
/// and by the plug-in itself. An open-ended earlier binding of the same fee item ends the day before.
#[utoipa::path(
    post, path = "/api/v1/bindings", tag = "bindings", request_body = NewBindingBody,
    responses(
        (status = 201, body = ActivationBody),
        (status = 202, description = "waits for a second person", body = ActivationBody),
        (status = 409, description = "another binding holds then", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "the settings do not fit", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create_binding(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    Json(body): Json<NewBindingBody>,
) -> Answer<(StatusCode, Json<ActivationBody>)> {
    let known = access.store.fee_items(access.store.project(body.project).await?.id).await?;
    if let Some(unknown) = body.fee_item.filter(|wanted| known.iter().all(|item| item.id != *wanted)) {
        return Err(Error::not_found("fee item", unknown).into());
    }
    let request = BindRequest {
        project_id: body.project,
        point: body.point.parse()?,
        fee_item_id: body.fee_item,
        plugin_id: body.plugin,
        plugin_version: body.version,
        settings: body.settings.to_string(),
        effective_from: date(&body.from)?,
        effective_to: body.to.as_deref().map(date).transpose()?,
        mode: body.mode.as_deref().unwrap_or("active").parse()?,
        tolerance_permille: body.tolerance_permille.unwrap_or(0),
        granted: body.granted,
    };
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    Ok(answered(plugins.switch_on(&access.stamp(), request, &body.note, body.trial).await?))
}
