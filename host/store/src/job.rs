//! Durable jobs.

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use guanjia_domain::{
    Error, Result,
    access::Stamp,
    ids::{BillingRunId, JobId, TrialId},
    job::{Job, JobState, JobSubject, LEASE_SECONDS},
    ports::JobStore,
};
use serde_json::json;

use crate::{
    CompanyScope,
    audit::Change,
    db::{Cells, Scope},
};

/// The columns that [`read_job`] reads.
#[doc(hidden)]
#[macro_export]
macro_rules! job_columns {
    () => {
        "id, kind, run_id, trial_id, state, done, total, attempts, cancel_requested, error, requested_by, created_at, finished_at"
    };
}

pub(crate) fn read_job(cells: &mut Cells<'_>) -> Result<Job> {
    Ok(Job {
        id: cells.take()?,
        kind: cells.take()?,
        about: read_subject(cells)?,
        state: cells.take()?,
        done: cells.take()?,
        total: cells.take()?,
        attempts: cells.take()?,
        cancel_requested: cells.take()?,
        error: cells.take()?,
        requested_by: cells.take()?,
        created_at: cells.take()?,
        finished_at: cells.take()?,
    })
}

/// A column for each kind of record; none of them is filled where a job is about nothing.
fn read_subject(cells: &mut Cells<'_>) -> Result<JobSubject> {
    let (run, trial): (Option<BillingRunId>, Option<TrialId>) = (cells.take()?, cells.take()?);
    Ok(run.map(JobSubject::Run).or(trial.map(JobSubject::Trial)).unwrap_or(JobSubject::Nothing))
}

impl Scope {
    pub(crate) async fn write_job(&mut self, job: &Job) -> Result<()> {
        self.execute(
            sql!(
                "INSERT INTO job (company_id, ",
                job_columns!(),
                ") ",
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
            ),
            values![
                job.id,
                job.kind,
                job.run_id(),
                job.trial_id(),
                job.state,
                job.done,
                job.total,
                job.attempts,
                job.cancel_requested,
                &job.error,
                &job.requested_by,
                job.created_at,
                job.finished_at
            ],
        )
        .await?;
        Ok(())
    }

    pub(crate) async fn jobs_of_trial(&mut self, trial: TrialId) -> Result<Vec<Job>> {
        let statement = sql!(
            "SELECT ",
            job_columns!(),
            " FROM job WHERE company_id = $1 AND trial_id = $2 ORDER BY created_at, id"
        );
        let rows = self.rows(statement, values![trial]).await?;
        rows.iter().map(|row| read_job(&mut row.cells())).collect()
    }

    /// Asks the jobs of a run to stop; those that nobody has started are over at once.
    pub(crate) async fn cancel_jobs(&mut self, run: BillingRunId, now: DateTime<Utc>) -> Result<()> {
        self.execute(
            sql!(
                "UPDATE job SET cancel_requested = TRUE, ",
                "finished_at = CASE WHEN state = 'ready' THEN $3 ELSE finished_at END, ",
                "state = CASE WHEN state = 'ready' THEN 'cancelled' ELSE state END ",
                "WHERE company_id = $1 AND run_id = $2 AND state IN ('ready', 'running')"
            ),
            values![run, now],
        )
        .await?;
        Ok(())
    }
}

#[async_trait]
impl JobStore for CompanyScope {
    async fn job(&self, job: JobId) -> Result<Job> {
        let statement = sql!("SELECT ", job_columns!(), " FROM job WHERE company_id = $1 AND id = $2");
        let row = self.read().await?.row(statement, values![job]).await?;
        read_job(&mut row.ok_or_else(|| Error::not_found("job", job))?.cells())
    }

    async fn jobs_of_run(&self, run: BillingRunId) -> Result<Vec<Job>> {
        let statement =
            sql!("SELECT ", job_columns!(), " FROM job WHERE company_id = $1 AND run_id = $2 ORDER BY created_at, id");
        let rows = self.read().await?.rows(statement, values![run]).await?;
        rows.iter().map(|row| read_job(&mut row.cells())).collect()
    }

    async fn add_job(&self, stamp: &Stamp, job: &Job) -> Result<()> {
        let mut scope = self.write().await?;
        scope.write_job(job).await?;
        scope
            .audit(
                stamp,
                Change::of(
                    "job.add",
                    format!("job {}", job.id),
                    json!({ "kind": job.kind, "about": job.about.to_string() }),
                ),
            )
            .await?;
        scope.commit().await
    }

    async fn claim(&self, job: JobId, worker: &str, now: DateTime<Utc>) -> Result<bool> {
        let mut scope = self.write().await?;
        let claimed = scope
            .execute(
                sql!(
                    "UPDATE job SET state = 'running', worker = $3, lease_until = $4, attempts = attempts + 1 ",
                    "WHERE company_id = $1 AND id = $2 ",
                    "AND (state = 'ready' OR (state = 'running' AND (lease_until < $5 OR worker = $3)))"
                ),
                values![job, worker, now + Duration::seconds(LEASE_SECONDS), now],
            )
            .await?;
        scope.commit().await?;
        Ok(claimed == 1)
    }

    async fn report(&self, job: JobId, worker: &str, done: i64, total: i64, now: DateTime<Utc>) -> Result<bool> {
        let mut scope = self.write().await?;
        let row = scope
            .row(
                sql!(
                    "UPDATE job SET attempts = CASE WHEN done < $4 THEN 1 ELSE attempts END, done = $4, total = $5, lease_until = $6 ",
                    "WHERE company_id = $1 AND id = $2 AND worker = $3 AND state = 'running' RETURNING cancel_requested"
                ),
                values![job, worker, done, total, now + Duration::seconds(LEASE_SECONDS)],
            )
            .await?;
        scope.commit().await?;
        match row.map(|row| row.only::<bool>()).transpose()? {
            Some(true) => Err(Error::Cancelled),
            Some(false) => Ok(true),
            None => Ok(false),
        }
    }

    async fn finish(
        &self,
        job: JobId,
        worker: &str,
        error: Option<&str>,
        cancelled: bool,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let state = match (error, cancelled) {
            (_, true) => JobState::Cancelled,
            (Some(_), false) => JobState::Failed,
            (None, false) => JobState::Done,
        };
        let mut scope = self.write().await?;
        // A worker that lost its lease has nothing to say any more: whoever took over will finish the job.
        scope
            .execute(
                sql!(
                    "UPDATE job SET state = $4, error = $5, finished_at = $6, worker = NULL, lease_until = NULL ",
                    "WHERE company_id = $1 AND id = $2 AND worker = $3 AND state = 'running'"
                ),
                values![job, worker, state, error.map(str::to_owned), now],
            )
            .await?;
        scope.commit().await
    }

    async fn request_cancel(&self, stamp: &Stamp, job: JobId) -> Result<()> {
        let mut scope = self.write().await?;
        let changed = scope
            .execute(
                sql!(
                    "UPDATE job SET cancel_requested = TRUE, ",
                    "finished_at = CASE WHEN state = 'ready' THEN $3 ELSE finished_at END, ",
                    "state = CASE WHEN state = 'ready' THEN 'cancelled' ELSE state END ",
                    "WHERE company_id = $1 AND id = $2 AND state IN ('ready', 'running')"
                ),
                values![job, stamp.at],
            )
            .await?;
        if changed == 0 {
            return Err(Error::Conflict("the job is over or unknown".into()));
        }
        scope.audit(stamp, Change::of("job.cancel", format!("job {job}"), json!({}))).await?;
        scope.commit().await
    }
}
