//! Plug-ins that are being checked in the background.

use axum::{Json, extract::State, response::Response};
use guanjia_domain::{
    ids::JobId,
    plugin::{Installation, Plugins},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    At, List, Reply,
    progress::{ProgressBody, follow},
};
use crate::{
    AppState,
    access::{Require, needs::ManagePlugins},
    fault::{Answer, Problem},
};

/// A component that takes long to compile, on its way to being installed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InstallationBody {
    pub id: Uuid,
    /// As its manifest says.
    pub plugin: String,
    pub version: String,
    /// The reference by digest where it came from a registry; empty for a file.
    pub origin: String,
    /// `ready`, `running`, `done`, `failed`, `cancelled`.
    pub state: String,
    /// Whether it passed all checks and is among the installed plug-ins.
    pub installed: bool,
    pub done: i64,
    pub total: i64,
    /// Why it is not installed.
    pub error: Option<String>,
    pub requested_by: String,
    pub created_at: String,
}

impl From<Installation> for InstallationBody {
    fn from(installation: Installation) -> Self {
        let Installation { job, plugin_id, plugin_version, origin, installed } = installation;
        Self {
            id: job.id.0,
            plugin: plugin_id,
            version: plugin_version,
            origin,
            state: job.state.to_string(),
            installed,
            done: job.done,
            total: job.total,
            error: job.error,
            requested_by: job.requested_by,
            created_at: job.created_at.to_rfc3339(),
        }
    }
}

/// Lists plug-ins that are being checked, oldest first.
#[utoipa::path(get, path = "/api/v1/installations", tag = "plugins", responses((status = 200, body = List<InstallationBody>)))]
pub(crate) async fn list_installations(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
) -> Reply<List<InstallationBody>> {
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    let open = plugins.open_installations(&access.stamp()).await?;
    Ok(Json(List { items: open.into_iter().map(InstallationBody::from).collect(), next: None }))
}

/// Tells where the installation of a plug-in stands.
#[utoipa::path(
    get, path = "/api/v1/installations/{id}", tag = "plugins", params(("id" = Uuid, Path)),
    responses((status = 200, body = InstallationBody), (status = 404, body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn read_installation(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    At(id): At<JobId>,
) -> Reply<InstallationBody> {
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    Ok(Json(plugins.installation(&access.stamp(), id).await?.into()))
}

/// Follows an installation as server-sent events: `progress` while it goes on, then `done`.
#[utoipa::path(
    get, path = "/api/v1/installations/{id}/progress", tag = "plugins", params(("id" = Uuid, Path)),
    responses((status = 200, body = ProgressBody, content_type = "text/event-stream")),
)]
pub(crate) async fn installation_progress(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    At(id): At<JobId>,
) -> Answer<Response> {
    let (plugins, stamp) = (Plugins::new(access.store.clone(), app.engine.clone()), access.stamp());
    follow(move || {
        let (plugins, stamp) = (plugins.clone(), stamp.clone());
        async move {
            let job = plugins.installation(&stamp, id).await?.job;
            Ok(ProgressBody::new(job.state.code(), Some(job)))
        }
    })
    .await
}

/// Stops an installation; nothing of it is kept.
#[utoipa::path(
    post, path = "/api/v1/installations/{id}/cancel", tag = "plugins", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = InstallationBody),
        (status = 409, description = "it is over", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn cancel_installation(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    At(id): At<JobId>,
) -> Reply<InstallationBody> {
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    plugins.cancel_installation(&access.stamp(), id).await?;
    Ok(Json(plugins.installation(&access.stamp(), id).await?.into()))
}
