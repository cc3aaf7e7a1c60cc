//! Following work as server-sent events.

use axum::{
    http::HeaderValue,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::stream;
use guanjia_domain::{Error, job::Job};
use serde::Serialize;
use std::{convert::Infallible, time::Duration};
use utoipa::ToSchema;

use crate::fault::Answer;

/// How often the job's row is looked at: progress seems steady, and the database hardly notices.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(300);
/// A stream ends after this many looks (a minute) and the browser opens the next one, so that a host that stops is not
/// kept waiting for long.
const PROGRESS_LOOKS_MAX: u32 = 200;

/// One look at the work on something.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProgressBody {
    /// State of what is worked on.
    pub state: String,
    /// State of its newest job: `ready`, `running`, `done`, `failed`, `cancelled`; absent without one.
    pub job: Option<String>,
    pub done: i64,
    pub total: i64,
    /// Why the job failed.
    pub error: Option<String>,
}

impl ProgressBody {
    pub(super) fn new(state: &str, job: Option<Job>) -> Self {
        Self {
            state: state.to_owned(),
            job: job.as_ref().map(|job| job.state.to_string()),
            done: job.as_ref().map_or(0, |job| job.done),
            total: job.as_ref().map_or(0, |job| job.total),
            error: job.and_then(|job| job.error),
        }
    }

    /// Whether there is nothing more to wait for.
    fn over(&self) -> bool {
        !matches!(self.job.as_deref(), Some("ready" | "running"))
    }
}

/// `progress` while the work goes on, then `done`. The first look decides whether there is anything to follow.
pub(super) async fn follow<F>(look: impl Fn() -> F + Send + 'static) -> Answer<Response>
where
    F: Future<Output = Result<ProgressBody, Error>> + Send + 'static,
{
    let first = look().await?;
    let events = stream::unfold(Some((look, Some(first), 0)), |state| async move {
        let (look, first, looks) = state?;
        let progress = match first {
            Some(first) => first,
            None => {
                tokio::time::sleep(PROGRESS_INTERVAL).await;
                look().await.ok()?
            }
        };
        let over = progress.over();
        let event = Event::default()
            .event(if over { "done" } else { "progress" })
            .retry(PROGRESS_INTERVAL)
            .json_data(&progress)
            .ok()?;
        let next = (!over && looks < PROGRESS_LOOKS_MAX).then_some((look, None, looks + 1));
        Some((Ok::<_, Infallible>(event), next))
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::default()).into_response();
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}
