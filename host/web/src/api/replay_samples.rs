//! Samples of posted decisions that the running build was asked again.

use axum::{Json, extract::State, http::StatusCode};
use guanjia_domain::{billing::ReplaySample, job::Job};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{List, Reply, decisions::ReplayBody};
use crate::{
    AppState,
    access::{Require, needs::ReadCharges},
    fault::Answer,
};

/// What one sample found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReplaySampleBody {
    /// The job that took it.
    pub job: Uuid,
    pub at: String,
    /// Version of the host that replayed.
    pub build: String,
    #[serde(flatten)]
    pub report: ReplayBody,
}

impl From<ReplaySample> for ReplaySampleBody {
    fn from(sample: ReplaySample) -> Self {
        Self { job: sample.job_id.0, at: sample.at.to_rfc3339(), build: sample.build, report: sample.report.into() }
    }
}

/// Work that was asked for and goes on after the answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StartedBody {
    pub job: Uuid,
}

impl From<Job> for StartedBody {
    fn from(job: Job) -> Self {
        Self { job: job.id.0 }
    }
}

/// The samples of the last nights, the newest first. A difference means that this build does not answer as the one that
/// charged did.
#[utoipa::path(get, path = "/api/v1/replay-samples", tag = "decisions", responses((status = 200, body = List<ReplaySampleBody>)))]
pub(crate) async fn list_replay_samples(access: Require<ReadCharges>) -> Reply<List<ReplaySampleBody>> {
    Ok(Json(List::whole(access.billing.samples(&access.stamp()).await?)))
}

/// Takes a sample now, apart from the one of the night. It is in the list once the job is done.
#[utoipa::path(post, path = "/api/v1/replay-samples", tag = "decisions", responses((status = 202, body = StartedBody)))]
pub(crate) async fn create_replay_sample(
    access: Require<ReadCharges>,
    State(app): State<AppState>,
) -> Answer<(StatusCode, Json<StartedBody>)> {
    let job = access.billing.start_sample(&access.stamp()).await?;
    (app.wake_worker)();
    Ok((StatusCode::ACCEPTED, Json(job.into())))
}
