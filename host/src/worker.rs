//! The background worker: claims jobs of all companies and fires schedules. Any number of hosts may run one; the
//! database decides who gets what.

use guanjia_domain::{
    Error, Result,
    access::{OPERATOR, Stamp},
    billing::{BillingRun, Progress, RunProgress},
    job::{Job, JobKind, JobState, JobSubject, Schedule, Scheduled},
    ticket::timer::TIMERS_CLAIMED_MAX,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::Notify;
use tracing::{Instrument, error, info, info_span, warn};

use crate::boot::{Host, Office};

/// How long an idle worker sleeps when nobody wakes it: how late a job of another host's making, or a schedule, starts.
const IDLE: Duration = Duration::from_secs(2);

/// Runs until `stop` is notified; the job at hand, being resumable, is given back for the next worker.
pub async fn run(host: Host, wake: Arc<Notify>, stop: Arc<Notify>) {
    tokio::select! {
        () = stop.notified() => {}
        () = work(&host, &wake) => {}
    }
    if let Err(error) = host.directory.release_jobs(host.presence.name()).await {
        warn!(error = &error as &dyn std::error::Error, "the job at hand is left to its lease");
    }
}

async fn work(host: &Host, wake: &Notify) {
    loop {
        let worked = one_round(host).await;
        match worked {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => error!(error = &error as &dyn std::error::Error, "the worker could not look for work"),
        }
        tokio::select! {
            () = wake.notified() => {}
            () = tokio::time::sleep(IDLE) => {}
        }
    }
}

/// Fires what is due and does one job. Says whether there was anything to do.
async fn one_round(host: &Host) -> Result<bool> {
    let worker = host.presence.name();
    let mut worked = false;
    host.presence.release_the_dead(&*host.directory).await?;
    for (company_id, schedule) in host.directory.due_schedules(host.clock.now()).await? {
        worked |= fire(&host.office(company_id), &schedule).await?;
    }
    worked |= fire_timers(host, worker).await?;
    let Some((company_id, job)) = host.directory.claim_job(worker, host.clock.now()).await? else {
        return Ok(worked);
    };
    do_job(&host.office(company_id), &job, worker).await;
    Ok(true)
}

/// Fires a handful of timers that are due. Says whether there were any.
async fn fire_timers(host: &Host, worker: &str) -> Result<bool> {
    let claimed = host.directory.claim_timers(worker, host.clock.now(), TIMERS_CLAIMED_MAX).await?;
    let worked = !claimed.is_empty();
    for (company_id, timer) in claimed {
        let office = host.office(company_id);
        let stamp = office.stamp(Some(OPERATOR), "timer").await?;
        // One that cannot be fired must not hold up the others: it comes again when its lease is over.
        if let Err(error) = office.tickets.fire(&stamp, timer).await {
            error!(error = &error as &dyn std::error::Error, timer.id = %timer, "a timer could not be fired");
        }
    }
    Ok(worked)
}

async fn do_job(office: &Office, job: &Job, worker: &str) {
    let span = info_span!("job", job.id = %job.id, job.kind = %job.kind, about = %job.about, company.id = %office.store.company_id());
    async {
        let result = match office.stamp(Some(&job.requested_by), "job").await {
            Ok(stamp) => do_claimed(office, &stamp, job, &()).await,
            Err(error) => {
                let reason = error.to_string();
                office.store.finish(job.id, worker, Some(&reason), false, office.host.clock.now()).await.and(Err(error))
            }
        };
        match result {
            Ok(()) => info!("job done"),
            Err(Error::Cancelled) => info!("job cancelled"),
            Err(error) => error!(error = &error as &dyn std::error::Error, "job failed"),
        }
    }
    .instrument(span)
    .await;
}

/// Does a job that this process has claimed: the service of its subject knows how.
async fn do_claimed(office: &Office, stamp: &Stamp, job: &Job, progress: &dyn Progress) -> Result<()> {
    let worker = office.host.presence.name();
    match job.kind {
        JobKind::PreviewRun | JobKind::PostRun => office.billing.work(stamp, job, worker, progress).await.map(drop),
        JobKind::ReplaySample => office.billing.work_on_sample(stamp, job, worker, progress).await.map(drop),
        JobKind::InstallPlugin => office.plugins.work(stamp, job, office.host.clock.as_ref(), worker, progress).await,
        JobKind::Trial => office.trials.work(job, worker, progress).await.map(drop),
    }
}

/// Makes the job that a schedule stands for. A preview is of the month that runs on its day.
async fn fire(office: &Office, schedule: &Schedule) -> Result<bool> {
    let stamp = office.stamp(Some(OPERATOR), "schedule").await?;
    let next_at = Schedule::next_after(&schedule.cron, &schedule.time_zone, stamp.at)?;
    let (run, job) = match schedule.work {
        Scheduled::PreviewMonth { project_id } => {
            let run = BillingRun::new(project_id, schedule.month_of(schedule.next_at)?, &stamp);
            let job = Job::new(JobKind::PreviewRun, run.id, &stamp);
            (Some(run), job)
        }
        Scheduled::ReplaySample => (None, Job::new(JobKind::ReplaySample, JobSubject::Nothing, &stamp)),
    };
    office.store.fire_schedule(&stamp, schedule, next_at, run.as_ref(), &job).await
}

/// Does one job in this process, with progress for whoever watches; while another worker has it, waits for its end, and
/// takes over should that worker die.
///
/// # Errors
/// Whatever stopped the job.
pub async fn do_here(office: &Office, stamp: &Stamp, job: &Job, progress: &dyn Progress) -> Result<()> {
    /// How often a job that another worker does is looked at.
    const LOOK: Duration = Duration::from_millis(200);
    let Host { directory, presence, clock, .. } = &office.host;
    loop {
        presence.release_the_dead(&**directory).await?;
        if office.store.claim(job.id, presence.name(), clock.now()).await? {
            return do_claimed(office, stamp, job, progress).await;
        }
        let job = office.store.job(job.id).await?;
        progress.report(RunProgress { done: job.done, total: job.total });
        match job.state {
            JobState::Done => return Ok(()),
            JobState::Cancelled => return Err(Error::Cancelled),
            JobState::Failed => return Err(Error::Conflict(job.error.unwrap_or_else(|| "the job failed".into()))),
            JobState::Ready | JobState::Running => tokio::time::sleep(LOOK).await,
        }
    }
}
