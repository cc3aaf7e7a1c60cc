//! A plug-in file on the table: what it is and what would be refused, before anything of it is installed.

use askama::Template;
use axum::{
    Form,
    extract::{Multipart, Path, State},
    response::{IntoResponse, Redirect, Response},
};
use guanjia_domain::{
    access::Permission,
    plugin::{Install, InstalledUpload, PluginFile, Plugins},
};
use serde::Deserialize;

use super::{
    Page, Section,
    plugin_about::About,
    plugins::{PullForm, component_of},
    show,
};
use crate::{
    AppState,
    access::{Require, Signed, needs::ManagePlugins},
    fault::Answer,
    urls,
};

#[derive(Template)]
#[template(path = "upload.html")]
struct UploadPage {
    page: Page,
    sha256: String,
    origin: String,
    is_bundle: bool,
    /// Why it would not be installed; empty where nothing is in the way.
    refusal: String,
    takes_long: bool,
    plugins: Vec<About>,
    /// Empty where it would be refused.
    install_url: String,
    /// Whether it may be tried as soon as it is installed.
    may_try: bool,
}

/// Keeps an uploaded file until somebody has looked at it.
pub(crate) async fn upload(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    form: Multipart,
) -> Answer<Response> {
    let file = component_of(form).await?;
    keep(&access, &app, &file, "").await
}

/// The same with what a registry has.
pub(crate) async fn pull(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    Form(form): Form<PullForm>,
) -> Answer<Response> {
    let pulled = app.registries.pull(form.reference.trim()).await?;
    keep(&access, &app, &pulled.file, &pulled.pinned).await
}

async fn keep(access: &Signed, app: &AppState, bytes: &[u8], origin: &str) -> Answer<Response> {
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    let file = PluginFile { bytes, name: "the plug-in", origin };
    let inspected = plugins.upload(&access.stamp(), file).await?;
    Ok(Redirect::to(&urls::upload(&inspected.sha256)).into_response())
}

pub(crate) async fn page(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    Path(sha256): Path<String>,
) -> Answer<Response> {
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    let upload = plugins.uploaded(&access.stamp(), &sha256).await?;
    let inspected = plugins.inspect(&access.stamp(), &upload.file).await?;
    let refusal = inspected.refusal();
    show(&UploadPage {
        page: Page::new(&access, Section::Plugins, None),
        origin: upload.origin,
        is_bundle: inspected.is_bundle,
        takes_long: inspected.takes_long(),
        install_url: if refusal.is_none() { urls::upload_install(&sha256) } else { String::new() },
        refusal: refusal.unwrap_or_default(),
        may_try: access.may(Permission::TryPlugins) && !inspected.is_bundle,
        plugins: inspected
            .plugins
            .into_iter()
            .map(|plugin| {
                let limits = app.engine.call_limits(plugin.inspection.plugin.tier);
                About::inspected(access.words, plugin, limits)
            })
            .collect(),
        sha256,
    })
}

#[derive(Deserialize)]
pub(crate) struct InstallForm {
    /// `trial` goes on to the form of a trial.
    #[serde(default)]
    then: String,
}

/// Installs exactly the file that was looked at.
pub(crate) async fn install(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    Path(sha256): Path<String>,
    Form(form): Form<InstallForm>,
) -> Answer<Response> {
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    let url = match plugins.install_uploaded(&access.stamp(), &sha256).await? {
        InstalledUpload::Bundle(_) => urls::PLUGINS.to_owned(),
        InstalledUpload::Component(Install::Done(plugin)) if form.then == "trial" => {
            urls::trials_of(&plugin.id, &plugin.version)
        }
        InstalledUpload::Component(Install::Done(plugin)) => urls::plugin(&plugin.id, &plugin.version),
        InstalledUpload::Component(Install::Later(installation)) => {
            (app.wake_worker)();
            urls::installation(installation.job.id)
        }
    };
    Ok(Redirect::to(&url).into_response())
}
