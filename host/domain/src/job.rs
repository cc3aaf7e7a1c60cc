//! Durable work: a job is a row with a lease. Whoever holds the lease works and reports progress; when a host dies, the
//! lease runs out and another host goes on where the last report stands.

mod work;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

pub use work::{Progress, RunProgress, Watch};
pub(crate) use work::{Work, ended};

use crate::{
    Error, Period, Result,
    access::{Stamp, codes},
    ids::*,
};

codes! {
    JobKind {
        /// Compute the decisions of a billing run.
        PreviewRun = "preview-run",
        /// Post the approved lines of a billing run.
        PostRun = "post-run",
        /// Ask a candidate about recorded inputs.
        Trial = "trial",
        /// Ask some posted decisions again ([`crate::billing::ReplaySample`]).
        ReplaySample = "replay-sample",
        /// Check a component that takes long to compile, and keep it.
        InstallPlugin = "install-plugin",
    }
}

/// What a job works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobSubject {
    Run(BillingRunId),
    Trial(TrialId),
    /// No single record: the company, or the host itself.
    Nothing,
}

impl From<BillingRunId> for JobSubject {
    fn from(run: BillingRunId) -> Self {
        Self::Run(run)
    }
}

impl From<TrialId> for JobSubject {
    fn from(trial: TrialId) -> Self {
        Self::Trial(trial)
    }
}

/// For logs: what it is and its id.
impl fmt::Display for JobSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(run) => write!(f, "billing-run {run}"),
            Self::Trial(trial) => write!(f, "trial {trial}"),
            Self::Nothing => f.write_str("nothing"),
        }
    }
}

codes! {
    JobState {
        Ready = "ready",
        Running = "running",
        Done = "done",
        Failed = "failed",
        Cancelled = "cancelled",
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub id: JobId,
    pub kind: JobKind,
    pub about: JobSubject,
    pub state: JobState,
    pub done: i64,
    pub total: i64,
    /// How often it was started since it last got further.
    pub attempts: i64,
    pub cancel_requested: bool,
    /// Why it failed, as a sentence.
    pub error: Option<String>,
    /// Who asked for it.
    pub requested_by: String,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}

impl Job {
    /// A job that waits for a worker.
    #[must_use]
    pub fn new(kind: JobKind, about: impl Into<JobSubject>, stamp: &Stamp) -> Self {
        Self {
            id: JobId::generate(),
            kind,
            about: about.into(),
            state: JobState::Ready,
            done: 0,
            total: 0,
            attempts: 0,
            cancel_requested: false,
            error: None,
            requested_by: stamp.actor.name.clone(),
            created_at: stamp.at,
            finished_at: None,
        }
    }

    /// The billing run that it works on.
    #[must_use]
    pub fn run_id(&self) -> Option<BillingRunId> {
        match self.about {
            JobSubject::Run(run) => Some(run),
            JobSubject::Trial(_) | JobSubject::Nothing => None,
        }
    }

    /// The trial that it works on.
    #[must_use]
    pub fn trial_id(&self) -> Option<TrialId> {
        match self.about {
            JobSubject::Trial(trial) => Some(trial),
            JobSubject::Run(_) | JobSubject::Nothing => None,
        }
    }

    /// Whether somebody still has to do it, or does it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, JobState::Ready | JobState::Running)
    }

    /// Of the jobs of one subject the one that counts: one that is still to be done, else the newest.
    #[must_use]
    pub fn current(jobs: Vec<Self>) -> Option<Self> {
        jobs.into_iter().max_by_key(|job| (job.is_open(), job.id))
    }
}

/// How long a worker may be silent before another one takes over. Progress is reported every batch, which takes
/// milliseconds, so half a minute means that the worker is gone.
pub const LEASE_SECONDS: i64 = 30;
/// After so many starts without progress, a job that keeps killing its host is left alone.
pub const ATTEMPTS_MAX: i64 = 5;

/// What begins by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Scheduled {
    /// A preview of the running month of a project.
    PreviewMonth { project_id: ProjectId },
    /// Posted decisions of the company, asked again by the running build.
    ReplaySample,
}

impl Scheduled {
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::PreviewMonth { .. } => "preview-month",
            Self::ReplaySample => "replay-sample",
        }
    }

    #[must_use]
    pub fn project_id(self) -> Option<ProjectId> {
        match self {
            Self::PreviewMonth { project_id } => Some(project_id),
            Self::ReplaySample => None,
        }
    }
}

/// When every company's posted decisions are sampled, unless it says otherwise: when nobody bills, and not on the hour,
/// where other things begin.
pub const REPLAY_SAMPLE_CRON: &str = "23 3 * * *";
/// The time zone of what belongs to no project.
pub const COMPANY_TIME_ZONE: &str = "Asia/Shanghai";

/// Work that begins by itself, on a cron expression in its time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    pub id: ScheduleId,
    #[serde(flatten)]
    pub work: Scheduled,
    /// Five fields: minute, hour, day of month, month, day of week.
    pub cron: String,
    /// IANA name.
    pub time_zone: String,
    pub enabled: bool,
    pub next_at: DateTime<Utc>,
}

impl Schedule {
    /// What every company begins with.
    ///
    /// # Errors
    /// None: the expression and the time zone are this file's.
    pub fn nightly_sample(now: DateTime<Utc>) -> Result<Self> {
        Ok(Self {
            id: ScheduleId::generate(),
            work: Scheduled::ReplaySample,
            cron: REPLAY_SAMPLE_CRON.to_owned(),
            time_zone: COMPANY_TIME_ZONE.to_owned(),
            enabled: true,
            next_at: Self::next_after(REPLAY_SAMPLE_CRON, COMPANY_TIME_ZONE, now)?,
        })
    }

    /// The first time after `now` that the expression names.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an expression or time zone that cannot be read.
    pub fn next_after(cron: &str, time_zone: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>> {
        let zone: chrono_tz::Tz =
            time_zone.parse().map_err(|_| Error::invalid(format!("{time_zone:?} is not a time zone")))?;
        let expression: croner::Cron =
            cron.parse().map_err(|error| Error::invalid(format!("{cron:?} is not a cron expression: {error}")))?;
        let next = expression
            .find_next_occurrence(&now.with_timezone(&zone), false)
            .map_err(|error| Error::invalid(format!("{cron:?} never happens: {error}")))?;
        Ok(next.with_timezone(&Utc))
    }

    /// The calendar month that an instant falls into at the project.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a time zone that cannot be read.
    pub fn month_of(&self, at: DateTime<Utc>) -> Result<Period> {
        use chrono::Datelike;
        let zone: chrono_tz::Tz =
            self.time_zone.parse().map_err(|_| Error::invalid(format!("{:?} is not a time zone", self.time_zone)))?;
        let local = at.with_timezone(&zone);
        let month = u8::try_from(local.month()).expect("a month is at most 12");
        Period::month(local.year(), month).ok_or_else(|| Error::invalid("the calendar ends before this month"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("is an instant")
    }

    #[rstest]
    #[case::later_today("0 2 1 * *", "2025-02-28T17:00:00Z", "2025-02-28T18:00:00Z")]
    #[case::next_month("0 2 1 * *", "2025-02-28T18:00:00Z", "2025-03-31T18:00:00Z")]
    fn a_schedule_follows_the_clock_of_its_project(#[case] cron: &str, #[case] now: &str, #[case] next: &str) {
        assert_eq!(Schedule::next_after(cron, "Asia/Shanghai", at(now)).expect("is a schedule"), at(next));
    }

    #[test]
    fn the_month_is_the_one_at_the_project() {
        let schedule = Schedule {
            id: ScheduleId::generate(),
            work: Scheduled::PreviewMonth { project_id: ProjectId::generate() },
            cron: "0 2 1 * *".into(),
            time_zone: "Asia/Shanghai".into(),
            enabled: true,
            next_at: at("2025-02-28T18:00:00Z"),
        };
        let month = schedule.month_of(schedule.next_at).expect("is a month");
        assert_eq!(month.start.to_string(), "2025-03-01");
    }

    #[test]
    fn a_night_has_one_sample() {
        let schedule = Schedule::nightly_sample(at("2025-02-28T12:00:00Z")).expect("is a schedule");
        assert_eq!(schedule.next_at, at("2025-02-28T19:23:00Z"));
        let after = Schedule::next_after(&schedule.cron, &schedule.time_zone, schedule.next_at).expect("goes on");
        assert_eq!(after, at("2025-03-01T19:23:00Z"));
    }

    #[rstest]
    #[case::no_cron("every day", "Asia/Shanghai")]
    #[case::no_zone("0 2 1 * *", "Middle/Earth")]
    fn what_cannot_be_read_is_refused(#[case] cron: &str, #[case] zone: &str) {
        assert!(Schedule::next_after(cron, zone, at("2025-01-01T00:00:00Z")).is_err());
    }
}
