//! The billing service: what doors and workers call.

mod compute;
mod held;
mod post;
mod prove;
mod replay;
mod rerate;
mod run_lines;
mod sample;
mod shadow;
mod view;
mod watch;

use std::sync::Arc;

use crate::{
    Error, Period, Result,
    access::{Permission, Stamp},
    billing::{BillingRun, RunState},
    ids::*,
    job::{Job, JobKind, JobState, Work, ended},
    ports::{Clock, CompanyStore, PolicyEngine},
};

pub use crate::job::{Progress, RunProgress};
pub use held::{HELD_GROUPS_MAX, HeldGroup, HeldView};
pub use replay::{ReplayDifference, ReplayReport};
pub use rerate::{Adjustment, NO_BINDING};
pub use run_lines::{LineFilter, LineList};
pub use sample::{ReplaySample, SAMPLE_DECISIONS};
pub use view::{ChargeExplanation, Comparison, ComparisonRow, FactValue, LineAdjustment, LineView};

/// Subjects in one call of a plug-in. Between 256 and 4,096 a call costs the same per subject; larger batches only lose
/// more when they have to be split.
pub const BATCH_SUBJECTS: u32 = 1_024;

/// Billing runs of one company.
#[derive(Clone)]
pub struct Billing {
    store: Arc<dyn CompanyStore>,
    engine: Arc<dyn PolicyEngine>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Billing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Billing").field("company_id", &self.store.company_id()).finish_non_exhaustive()
    }
}

impl Billing {
    #[must_use]
    pub fn new(store: Arc<dyn CompanyStore>, engine: Arc<dyn PolicyEngine>, clock: Arc<dyn Clock>) -> Self {
        Self { store, engine, clock }
    }

    /// Makes a run for a period and the job that computes it. An earlier preview of the period that nobody approved is
    /// replaced. Subjects that have a posted charge for the period are left out, so that previewing and posting again
    /// charges only what is missing.
    ///
    /// # Errors
    /// `Refused` without the permission, `Conflict` while an approved run of the period waits to be posted.
    pub async fn start_preview(
        &self,
        stamp: &Stamp,
        project_id: ProjectId,
        period: Period,
    ) -> Result<(BillingRun, Job)> {
        stamp.actor.require(Permission::PreviewCharges)?;
        if period.start >= period.end {
            return Err(Error::invalid("the period ends before it starts"));
        }
        let run = BillingRun::new(project_id, period, stamp);
        let job = Job::new(JobKind::PreviewRun, run.id, stamp);
        self.store.create_run(stamp, &run, &job).await?;
        Ok((run, job))
    }

    /// Approves a previewed run: somebody else than whoever made it.
    ///
    /// # Errors
    /// `Refused` with `four-eyes` for the maker, `Conflict` when the run is not previewed.
    pub async fn approve(&self, stamp: &Stamp, run_id: BillingRunId) -> Result<BillingRun> {
        stamp.actor.require(Permission::ApproveCharges)?;
        let run = self.store.run(run_id).await?;
        if run.created_by == stamp.actor.name {
            return Err(Error::refused(
                "four-eyes",
                format!("{} made this run: a second person has to approve it", run.created_by),
            ));
        }
        self.store.set_run_state(stamp, run_id, &[RunState::Previewed], RunState::Approved).await
    }

    /// Starts posting an approved run, or goes on with one that was interrupted. A posted run is returned as it is.
    ///
    /// # Errors
    /// `Conflict` when the run is not approved.
    pub async fn start_post(&self, stamp: &Stamp, run_id: BillingRunId) -> Result<(BillingRun, Option<Job>)> {
        stamp.actor.require(Permission::PostCharges)?;
        let run = self.store.run(run_id).await?;
        let run = match run.state {
            RunState::Posted => return Ok((run, None)),
            RunState::Posting => run,
            _ => match self.store.set_run_state(stamp, run_id, &[RunState::Approved], RunState::Posting).await {
                // Somebody else began in the same moment: that is as good.
                Err(Error::Conflict(reason)) => match self.store.run(run_id).await? {
                    run if run.state == RunState::Posted => return Ok((run, None)),
                    run if run.state == RunState::Posting => run,
                    _ => return Err(Error::Conflict(reason)),
                },
                changed => changed?,
            },
        };
        let job = self.continuation(stamp, &run, JobKind::PostRun).await?;
        Ok((run, Some(job)))
    }

    /// Goes on with a run that was cancelled or interrupted while it was computed or posted.
    ///
    /// # Errors
    /// `Conflict` when nothing of the run is left to do.
    pub async fn resume(&self, stamp: &Stamp, run_id: BillingRunId) -> Result<Job> {
        let run = self.store.run(run_id).await?;
        let (permission, kind) = match run.state {
            RunState::Computing => (Permission::PreviewCharges, JobKind::PreviewRun),
            RunState::Posting => (Permission::PostCharges, JobKind::PostRun),
            state => return Err(Error::Conflict(format!("the run is {state}: there is nothing to go on with"))),
        };
        stamp.actor.require(permission)?;
        self.continuation(stamp, &run, kind).await
    }

    /// The run's unfinished job, or a new one.
    async fn continuation(&self, stamp: &Stamp, run: &BillingRun, kind: JobKind) -> Result<Job> {
        let unfinished = self.store.jobs_of_run(run.id).await?.into_iter().find(|job| {
            job.kind == kind && !job.cancel_requested && matches!(job.state, JobState::Ready | JobState::Running)
        });
        if let Some(job) = unfinished {
            return Ok(job);
        }
        let job = Job::new(kind, run.id, stamp);
        self.store.add_job(stamp, &job).await?;
        Ok(job)
    }

    /// Gives up a run that is not posted; its decisions stay for whoever asks.
    ///
    /// # Errors
    /// `Conflict` once posting has begun.
    pub async fn cancel(&self, stamp: &Stamp, run_id: BillingRunId) -> Result<BillingRun> {
        stamp.actor.require(Permission::PreviewCharges)?;
        // The store cancels the run's jobs with it.
        let open = [RunState::Computing, RunState::Previewed, RunState::Approved];
        self.store.set_run_state(stamp, run_id, &open, RunState::Cancelled).await
    }

    /// Does a job that this worker has claimed, to its end or until it is asked to stop.
    ///
    /// # Errors
    /// Whatever stopped it; the job's row says the same.
    pub async fn work(&self, stamp: &Stamp, job: &Job, worker: &str, progress: &dyn Progress) -> Result<BillingRun> {
        let (store, clock) = (self.store.as_ref(), self.clock.as_ref());
        let work = Work::new(store, clock, job, worker, progress);
        let result = match (job.kind, job.run_id()) {
            (JobKind::PreviewRun, Some(run_id)) => self.compute(stamp, run_id, work).await,
            (JobKind::PostRun, Some(run_id)) => self.post(stamp, run_id, work).await,
            (kind, _) => Err(Error::invalid(format!("a {kind} is no work on a billing run"))),
        };
        ended(store, clock, job, worker, result).await
    }

    /// Months from the project's first posted one up to and including `through` that have no posted run: what a skipped
    /// month leaves behind. Just `through` when nothing was ever posted.
    ///
    /// # Errors
    /// When the store fails, or a month lies beyond the calendar.
    pub async fn missing_months(&self, project_id: ProjectId, through: Period) -> Result<Vec<Period>> {
        let posted: Vec<Period> = self
            .store
            .runs(project_id)
            .await?
            .into_iter()
            .filter(|run| run.state == RunState::Posted)
            .map(|run| run.period)
            .collect();
        let mut month = posted.iter().map(|period| period.start).min().unwrap_or(through.start);
        let mut missing = Vec::new();
        while month <= through.start {
            let period = Period::month(month.year(), month.month())
                .ok_or_else(|| Error::invalid("the calendar ends before this month"))?;
            if !posted.iter().any(|done| done.start == period.start) {
                missing.push(period);
            }
            month = period.end;
        }
        Ok(missing)
    }
}
