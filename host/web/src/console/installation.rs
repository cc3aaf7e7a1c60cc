//! A plug-in on its way to being installed.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use guanjia_domain::{
    ids::JobId,
    job::JobState,
    plugin::{Installation, Plugins},
};

use super::{Page, Section, show};
use crate::{
    AppState,
    access::{Require, Signed, needs::ManagePlugins},
    fault::Answer,
    urls,
};

#[derive(Template)]
#[template(path = "installation.html")]
struct InstallationPage {
    page: Page,
    title: String,
    state: String,
    code: &'static str,
    label: String,
    /// Empty once it is over.
    progress_url: String,
    cancel_url: String,
    done: i64,
    total: i64,
    failure: String,
}

/// The page of an installation that succeeded is the plug-in's.
pub(crate) async fn page(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    Path(id): Path<JobId>,
) -> Answer<Response> {
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    let installation = plugins.installation(&access.stamp(), id).await?;
    let Installation { job, plugin_id, plugin_version, installed, .. } = installation;
    if installed {
        return Ok(Redirect::to(&urls::plugin(&plugin_id, &plugin_version)).into_response());
    }
    let words = access.words;
    let open = job.is_open();
    let or_nothing = |url: String| if open { url } else { String::new() };
    show(&InstallationPage {
        page: Page::new(&access, Section::Plugins, None),
        title: format!("{plugin_id} {plugin_version}"),
        state: words.code("install-state", job.state.code()),
        code: state_class(job.state),
        label: words.t(if job.state == JobState::Ready { "progress-waiting" } else { "progress-checking" }),
        progress_url: or_nothing(urls::installation_progress(id)),
        cancel_url: or_nothing(urls::installation_cancel(id)),
        done: job.done,
        total: job.total.max(1),
        failure: job.error.filter(|_| !open).unwrap_or_default(),
    })
}

pub(crate) async fn cancel(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    Path(id): Path<JobId>,
) -> Answer<Response> {
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    plugins.cancel_installation(&access.stamp(), id).await?;
    Ok(Redirect::to(&urls::installation(id)).into_response())
}

/// An installation in the list of what is being checked.
pub(super) struct OpenView {
    pub title: String,
    pub state: String,
    pub url: String,
}

/// What is being checked, for those who may install.
pub(super) async fn open(access: &Signed, app: &AppState) -> Answer<Vec<OpenView>> {
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    let view = |installation: Installation| OpenView {
        title: format!("{} {}", installation.plugin_id, installation.plugin_version),
        state: access.words.code("install-state", installation.job.state.code()),
        url: urls::installation(installation.job.id),
    };
    Ok(plugins.open_installations(&access.stamp()).await?.into_iter().map(view).collect())
}

/// The colour of a state, under a name that the style sheet has.
fn state_class(state: JobState) -> &'static str {
    match state {
        JobState::Ready | JobState::Running => "computing",
        JobState::Done => "good",
        JobState::Failed => "trap",
        JobState::Cancelled => "cancelled",
    }
}
