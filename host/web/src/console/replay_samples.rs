//! 重放抽查: posted decisions that the running build was asked again.

use askama::Template;
use axum::{
    extract::{Query, State},
    response::{IntoResponse, Redirect, Response},
};
use guanjia_domain::{billing::ReplayDifference, ids::JobId};
use serde::Deserialize;

use super::{Page, Section, show};
use crate::{
    AppState,
    access::{Require, needs::ReadCharges},
    fault::Answer,
    urls,
};

#[derive(Deserialize)]
pub(crate) struct SamplesQuery {
    /// A sample that was asked for just now.
    job: Option<JobId>,
}

#[derive(Template)]
#[template(path = "replay_samples.html")]
struct SamplesPage {
    page: Page,
    rows: Vec<Row>,
    /// The newest sample found a difference.
    differs: bool,
    /// The sample that was asked for is not done.
    waiting: bool,
}

struct Row {
    at: String,
    build: String,
    decisions: i64,
    identical: i64,
    different: Vec<ReplayDifference>,
}

pub(crate) async fn list(access: Require<ReadCharges>, Query(query): Query<SamplesQuery>) -> Answer<Response> {
    let samples = access.billing.samples(&access.stamp()).await?;
    let waiting = match query.job {
        Some(job) => access.store.job(job).await?.is_open(),
        None => false,
    };
    let page = Page::new(&access, Section::Plugins, None);
    let differs = samples.first().is_some_and(|sample| !sample.report.different.is_empty());
    let rows = samples.into_iter().map(|sample| Row {
        at: page.time(&sample.at),
        build: sample.build,
        decisions: sample.report.decisions,
        identical: sample.report.identical,
        different: sample.report.different,
    });
    show(&SamplesPage { rows: rows.collect(), differs, waiting, page })
}

/// Takes a sample now.
pub(crate) async fn start(access: Require<ReadCharges>, State(app): State<AppState>) -> Answer<Response> {
    let job = access.billing.start_sample(&access.stamp()).await?;
    (app.wake_worker)();
    Ok(Redirect::to(&urls::replay_sample(job.id)).into_response())
}
