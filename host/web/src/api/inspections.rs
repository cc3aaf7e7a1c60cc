//! Looking at a plug-in file before it is installed.

use axum::{Json, body::Bytes, extract::State};
use guanjia_domain::plugin::{Inspected, InspectedFile, Plugins};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Reply,
    plugins::{GoldenCaseBody, PluginBody},
};
use crate::{
    AppState,
    access::{Require, needs::ManagePlugins},
    fault::Problem,
};

/// A file that was looked at. Nothing of it is kept.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InspectionBody {
    /// Of the whole file.
    pub sha256: String,
    /// Whether it is a bundle, whose plug-ins are installed together or not at all.
    pub bundle: bool,
    /// Why the file would not be installed, and what to do; null where nothing is in the way.
    pub refusal: Option<String>,
    pub plugins: Vec<InspectedBody>,
}

/// One component of the file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InspectedBody {
    #[serde(flatten)]
    pub plugin: PluginBody,
    /// `accepted`: all checks passed; `later`: it takes long to compile, which is done when it is installed; `refused`.
    pub verdict: String,
    /// Why it would be refused, and what to do; empty where it would not.
    pub reason: String,
    /// Whether the very same component is installed.
    pub installed: bool,
    /// The newest installed version that is older.
    pub since: Option<String>,
    /// What is different since that version.
    pub difference: Option<serde_json::Value>,
}

impl InspectedBody {
    fn new(app: &AppState, inspected: Inspected) -> Self {
        let Inspected { inspection, judgement, since, installed } = inspected;
        let cases = inspection.cases().map(|(case, outcome)| GoldenCaseBody::new(case.clone(), outcome)).collect();
        let limits = app.engine.call_limits(inspection.plugin.tier);
        let (since, difference) = since.unzip();
        Self {
            verdict: inspection.verdict.code().to_owned(),
            reason: inspection.verdict.reason().to_owned(),
            installed,
            since,
            difference: difference.map(|difference| serde_json::json!(difference)),
            plugin: PluginBody {
                float_free: inspection.float_free,
                golden_cases: cases,
                ..PluginBody::new(inspection.plugin, judgement, limits)
            },
        }
    }
}

/// Looks at a component file or a bundle: what it is, who signed it, what it reads, its golden cases with their outcome, and
/// what is different from the version that is installed. All checks of an installation are done, except that one that takes
/// long to compile is not compiled; nothing is kept.
#[utoipa::path(
    post, path = "/api/v1/plugins/inspect", tag = "plugins", request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, body = InspectionBody),
        (status = 422, description = "neither a plug-in nor a bundle", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn inspect_plugin(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    file: Bytes,
) -> Reply<InspectionBody> {
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    let inspected = plugins.inspect(&access.stamp(), &file).await?;
    let refusal = inspected.refusal();
    let InspectedFile { sha256, is_bundle, plugins } = inspected;
    let plugins = plugins.into_iter().map(|plugin| InspectedBody::new(&app, plugin)).collect();
    Ok(Json(InspectionBody { sha256, bundle: is_bundle, refusal, plugins }))
}
