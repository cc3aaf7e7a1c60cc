//! Installed plug-ins.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use guanjia_domain::{
    plugin::{
        CallLimits, CaseOutcome, GoldenCase, Install, Installation, InstalledPlugin, Judgement, PluginFile, Plugins,
        Trust, signature::judge,
    },
    ports::PulledPlugin,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{List, Reply, installations::InstallationBody};
use crate::{
    AppState,
    access::{
        Require, Signed,
        needs::{ManagePlugins, ReadPlugins},
    },
    fault::{Answer, Problem},
};

/// One version of a plug-in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PluginBody {
    pub id: String,
    pub version: String,
    /// SHA-256 of the component without its signatures.
    pub digest: String,
    /// As the plug-in says of itself; who signed it stands in `signers`.
    pub publisher: String,
    /// What its signatures are worth to the company today: `trusted`, `unknown-key`, `unsigned`.
    pub signature: String,
    pub signers: Vec<SignerBody>,
    pub title: TextBody,
    pub summary: TextBody,
    pub exports: Vec<ExportBody>,
    /// JSON Schema of the settings.
    pub settings_schema: serde_json::Value,
    /// Whether the component is free of floating point; null where it was only looked at and not compiled.
    pub float_free: Option<bool>,
    /// `pure`, or `virtual-wasi` for a component that brings the runtime of its language.
    pub runtime: String,
    pub size_bytes: i64,
    /// Its own examples. All of an installed plug-in's passed when it was installed.
    pub golden_cases: Vec<GoldenCaseBody>,
    /// What one call may use on this host.
    pub limits: LimitsBody,
}

/// One of a plug-in's own examples.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GoldenCaseBody {
    pub name: String,
    /// `fee-policy`, `late-fee-policy`.
    pub point: String,
    /// How many subjects are asked about in it.
    pub subjects: u32,
    /// `passed`; of a file that was looked at `failed` and `not-run`, too.
    pub outcome: String,
}

/// What one call of a plug-in may use. A plug-in cannot raise it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LimitsBody {
    pub memory_bytes: i64,
    /// Fuel of a call before its first subject.
    pub fuel_base: i64,
    pub fuel_per_subject: i64,
    /// By the clock, in milliseconds.
    pub deadline_ms: i64,
}

impl From<CallLimits> for LimitsBody {
    fn from(limits: CallLimits) -> Self {
        let CallLimits { memory_bytes, fuel_base, fuel_per_subject, deadline_ms } = limits;
        Self { memory_bytes, fuel_base, fuel_per_subject, deadline_ms }
    }
}

/// A sentence in both languages.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TextBody {
    pub zh: String,
    pub en: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExportBody {
    /// `fee-policy`, `late-fee-policy`.
    pub point: String,
    /// Version of the contract that it was built against.
    pub wit: String,
    /// Facts that it reads.
    pub facts: Vec<String>,
}

/// One key that signed a plug-in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignerBody {
    /// Public key (Ed25519), written `ed25519:` and 64 hexadecimal digits.
    pub key: String,
    /// A short name of the key, for people to compare.
    pub key_id: String,
    /// Who signed, in their own words.
    pub publisher: String,
    /// The name under which the company trusts the key.
    pub trusted_as: Option<String>,
}

impl PluginBody {
    pub(super) fn new(plugin: InstalledPlugin, judgement: Judgement, limits: CallLimits) -> Self {
        let exports = plugin.exports.into_iter();
        let signers = judgement.signers.into_iter().map(|signer| SignerBody {
            key_id: signer.key.id(),
            key: signer.key.to_string(),
            publisher: signer.publisher,
            trusted_as: signer.trusted_as,
        });
        Self {
            id: plugin.id,
            version: plugin.version,
            digest: plugin.digest,
            publisher: plugin.publisher,
            signature: judgement.state.to_string(),
            signers: signers.collect(),
            title: TextBody { zh: plugin.title.zh, en: plugin.title.en },
            summary: TextBody { zh: plugin.summary.zh, en: plugin.summary.en },
            exports: exports
                .map(|export| ExportBody {
                    point: export.point.to_string(),
                    wit: export.wit,
                    facts: export.description.facts,
                })
                .collect(),
            settings_schema: plugin.settings_schema,
            float_free: Some(plugin.float_free),
            runtime: plugin.tier.to_string(),
            size_bytes: plugin.size_bytes,
            golden_cases: plugin.cases.into_iter().map(|case| GoldenCaseBody::new(case, CaseOutcome::Passed)).collect(),
            limits: limits.into(),
        }
    }
}

impl GoldenCaseBody {
    pub(super) fn new(case: GoldenCase, outcome: CaseOutcome) -> Self {
        let GoldenCase { name, point, subjects } = case;
        Self { name, point: point.to_string(), subjects, outcome: outcome.to_string() }
    }
}

/// Lists installed plug-ins.
#[utoipa::path(get, path = "/api/v1/plugins", tag = "plugins", responses((status = 200, body = List<PluginBody>)))]
pub(crate) async fn list_plugins(access: Require<ReadPlugins>, State(app): State<AppState>) -> Reply<List<PluginBody>> {
    let trusted = access.store.trusted_publishers().await?;
    let plugins = access.store.plugins().await?.into_iter().map(|plugin| {
        let judgement = judge(&plugin.signatures, &trusted);
        let limits = app.engine.call_limits(plugin.tier);
        PluginBody::new(plugin, judgement, limits)
    });
    Ok(Json(List { items: plugins.collect(), next: None }))
}

/// Where a plug-in lies.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct PullBody {
    /// Such as `registry.example.com/rules/area-fee:1.0.0`, or with `@sha256:…` instead of the tag.
    reference: String,
}

/// A plug-in that came from a registry.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PulledBody {
    /// The reference by digest: what brings the same again.
    pub pinned: String,
    #[serde(flatten)]
    pub plugin: PluginBody,
}

/// Installs a component from one of the registries that the operator of the host allows. It is checked like a file, and in
/// the background where that takes long.
#[utoipa::path(
    post, path = "/api/v1/plugins/pull", tag = "plugins", request_body = PullBody,
    responses(
        (status = 201, body = PulledBody),
        (status = 202, body = InstallationBody, description = "it is being checked in the background"),
        (status = 404, description = "the registry does not have it", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`registry-not-allowed`; or not a plug-in that this host accepts", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn pull_plugin(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    Json(body): Json<PullBody>,
) -> Answer<Response> {
    let PulledPlugin { file, pinned } = app.registries.pull(&body.reference).await?;
    match hand_in(&access, &app, &file, &pinned).await? {
        Install::Done(plugin) => {
            let plugin = judged(&access, &app, *plugin).await?;
            Ok((StatusCode::CREATED, Json(PulledBody { pinned, plugin })).into_response())
        }
        Install::Later(installation) => Ok(accepted(*installation)),
    }
}

/// Hands a file in, and wakes the worker where it has to check it.
pub(crate) async fn hand_in(access: &Signed, app: &AppState, file: &[u8], origin: &str) -> Answer<Install> {
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    let handed_in = plugins.hand_in(&access.stamp(), PluginFile { bytes: file, name: "the plug-in", origin }).await?;
    if matches!(handed_in, Install::Later(_)) {
        (app.wake_worker)();
    }
    Ok(handed_in)
}

async fn judged(access: &Signed, app: &AppState, plugin: InstalledPlugin) -> Answer<PluginBody> {
    let judgement = Trust::new(access.store.clone()).judge(&plugin).await?;
    let limits = app.engine.call_limits(plugin.tier);
    Ok(PluginBody::new(plugin, judgement, limits))
}

fn accepted(installation: Installation) -> Response {
    (StatusCode::ACCEPTED, Json(InstallationBody::from(installation))).into_response()
}

/// Installs a component. It is checked first: signatures, type, imports, manifest, golden cases. The same file again changes
/// nothing; the same component with more signatures adds those. One that brings the runtime of its language takes long to
/// compile: it is checked in the background, and `/api/v1/installations/{id}` tells what came of it.
#[utoipa::path(
    post, path = "/api/v1/plugins", tag = "plugins", request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses(
        (status = 201, body = PluginBody),
        (status = 202, body = InstallationBody, description = "it is being checked in the background"),
        (status = 409, description = "the version is installed with other bytes", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "not a plug-in that this host accepts; `untrusted-plugin`: the company asks for a trusted signature", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn install_plugin(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    component: Bytes,
) -> Answer<Response> {
    match hand_in(&access, &app, &component, "").await? {
        Install::Done(plugin) => Ok((StatusCode::CREATED, Json(judged(&access, &app, *plugin).await?)).into_response()),
        Install::Later(installation) => Ok(accepted(*installation)),
    }
}

/// Installs all plug-ins of a bundle or, where one of them is refused, none. Each is checked like a file of its own.
#[utoipa::path(
    post, path = "/api/v1/plugins/bundle", tag = "plugins", request_body(content = Vec<u8>, content_type = "application/x-tar"),
    responses(
        (status = 201, body = List<PluginBody>),
        (status = 409, description = "a version is installed with other bytes", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "one of them is refused, or it is no bundle; `bundle-takes-long`: one of them takes long to compile", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn install_bundle(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    bundle: Bytes,
) -> Answer<Response> {
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    let mut items = Vec::new();
    for plugin in plugins.install_bundle(&access.stamp(), &bundle).await? {
        items.push(judged(&access, &app, plugin).await?);
    }
    Ok((StatusCode::CREATED, Json(List { items, next: None })).into_response())
}
