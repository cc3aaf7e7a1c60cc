//! A claimed job while it is worked on: progress for whoever watches, and the lease that comes with it.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::Job;
use crate::{
    Error, Result,
    ids::JobId,
    ports::{Clock, CompanyStore},
};

/// How far a job has come, for a progress bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunProgress {
    pub done: i64,
    pub total: i64,
}

/// Watches a job from inside the process that runs it.
pub trait Progress: Send + Sync {
    fn report(&self, progress: RunProgress);
}

/// Nobody watches.
impl Progress for () {
    fn report(&self, _: RunProgress) {}
}

/// Is told by long work how far it is, and may end it.
#[async_trait]
pub trait Watch: Send {
    /// # Errors
    /// What ends the work, such as [`Error::Cancelled`].
    async fn tell(&mut self, at: RunProgress) -> Result<()>;
}

#[async_trait]
impl Watch for () {
    async fn tell(&mut self, _: RunProgress) -> Result<()> {
        Ok(())
    }
}

/// Whoever only looks on ends nothing.
#[async_trait]
impl Watch for &dyn Progress {
    async fn tell(&mut self, at: RunProgress) -> Result<()> {
        self.report(at);
        Ok(())
    }
}

#[async_trait]
impl Watch for Work<'_> {
    async fn tell(&mut self, at: RunProgress) -> Result<()> {
        self.report(at).await
    }
}

/// How often progress is stored while a job runs: often enough for a moving bar and a prompt cancel, and far more often
/// than a lease needs; seldom enough that it costs a long run nothing.
const REPORT_INTERVAL: TimeDelta = TimeDelta::milliseconds(200);

/// A claimed job being worked on.
pub(crate) struct Work<'a> {
    store: &'a dyn CompanyStore,
    clock: &'a dyn Clock,
    job: JobId,
    worker: &'a str,
    progress: &'a dyn Progress,
    reported_at: Option<DateTime<Utc>>,
}

impl<'a> Work<'a> {
    pub(crate) fn new(
        store: &'a dyn CompanyStore,
        clock: &'a dyn Clock,
        job: &Job,
        worker: &'a str,
        progress: &'a dyn Progress,
    ) -> Self {
        Self { store, clock, job: job.id, worker, progress, reported_at: None }
    }

    /// Tells whoever watches how far the job is; now and then stores it and finds out whether to go on.
    ///
    /// # Errors
    /// `Cancelled` when it was asked to stop, `Conflict` when another worker has taken it over.
    pub(crate) async fn report(&mut self, at: RunProgress) -> Result<()> {
        self.progress.report(at);
        let now = self.clock.now();
        if at.done < at.total && self.reported_at.is_some_and(|before| now - before < REPORT_INTERVAL) {
            return Ok(());
        }
        self.reported_at = Some(now);
        if self.store.report(self.job, self.worker, at.done, at.total, now).await? {
            return Ok(());
        }
        Err(Error::Conflict("another worker has taken over this job".into()))
    }
}

/// Writes down how a job ended.
///
/// # Errors
/// What stopped it, or what keeps its end from being written.
pub(crate) async fn ended<T>(
    store: &dyn CompanyStore,
    clock: &dyn Clock,
    job: &Job,
    worker: &str,
    result: Result<T>,
) -> Result<T> {
    let cancelled = matches!(result, Err(Error::Cancelled));
    let error = result.as_ref().err().map(ToString::to_string);
    store.finish(job.id, worker, error.as_deref(), cancelled, clock.now()).await?;
    result
}
