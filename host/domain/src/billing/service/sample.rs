//! The nightly sample: posted decisions, asked again by the running build. A build that answers otherwise than the one that
//! charged is found before anybody has to rely on it.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Billing, Progress, ReplayDifference, ReplayReport, RunProgress, Work};
use crate::{
    Error, Result,
    access::{Permission, Stamp},
    decision::{Decision, digest},
    ids::*,
    job::{Job, JobKind, JobSubject, ended},
};

/// Decisions a sample. They ask about 65,000 subjects at most, which takes less than a second; in a year they are more than
/// twenty thousand.
pub const SAMPLE_DECISIONS: usize = 64;
/// How many samples a list shows: two months of nights.
pub const SAMPLES_SHOWN: u32 = 60;

/// What one sample found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplaySample {
    /// The job that took it.
    pub job_id: JobId,
    pub at: DateTime<Utc>,
    /// Version of the host that replayed.
    pub build: String,
    #[serde(flatten)]
    pub report: ReplayReport,
}

impl Billing {
    /// Takes a sample now, apart from the one of the night.
    ///
    /// # Errors
    /// `Refused` without the permission to read charges.
    pub async fn start_sample(&self, stamp: &Stamp) -> Result<Job> {
        stamp.actor.require(Permission::ReadCharges)?;
        let job = Job::new(JobKind::ReplaySample, JobSubject::Nothing, stamp);
        self.store.add_job(stamp, &job).await?;
        Ok(job)
    }

    /// The newest samples first, at most [`SAMPLES_SHOWN`].
    ///
    /// # Errors
    /// `Refused` without the permission to read charges.
    pub async fn samples(&self, stamp: &Stamp) -> Result<Vec<ReplaySample>> {
        stamp.actor.require(Permission::ReadCharges)?;
        self.store.replay_samples(SAMPLES_SHOWN).await
    }

    /// Takes the sample of a claimed job and keeps what it found.
    ///
    /// # Errors
    /// Whatever stopped it; the job's row says the same. A difference is a finding, not an error.
    pub async fn work_on_sample(
        &self,
        stamp: &Stamp,
        job: &Job,
        worker: &str,
        progress: &dyn Progress,
    ) -> Result<ReplaySample> {
        let (store, clock) = (self.store.as_ref(), self.clock.as_ref());
        let work = Work::new(store, clock, job, worker, progress);
        ended(store, clock, job, worker, self.sample(stamp, job.id, work).await).await
    }

    async fn sample(&self, stamp: &Stamp, job_id: JobId, mut work: Work<'_>) -> Result<ReplaySample> {
        let picked = pick(job_id, &self.store.posted_decision_counts().await?);
        let mut at = RunProgress { done: 0, total: i64::try_from(picked.len()).expect("a sample is small") };
        let mut report = ReplayReport::default();
        for (run_id, nth) in picked {
            // A run that is posted keeps its decisions, so that there is one.
            let Some(decision) = self.store.nth_decision(run_id, nth).await? else { continue };
            at.done += 1;
            // A quieter night would give an answer instead, which says nothing about the build.
            if decision.outcome.ended_by_the_clock() {
                continue;
            }
            match self.replay_into(&decision, &mut report).await {
                Ok(()) => {}
                Err(error @ (Error::Unavailable { .. } | Error::Cancelled)) => return Err(error),
                // The component is gone or does not run any more: that is what the sample is for.
                Err(error) => report.different.push(not_replayed(&decision, &error)?),
            }
            work.report(at).await?;
        }
        if !report.different.is_empty() {
            tell(&report);
        }
        let build = env!("CARGO_PKG_VERSION").to_owned();
        let sample = ReplaySample { job_id, at: self.clock.now(), build, report };
        self.store.add_replay_sample(stamp, &sample).await?;
        Ok(sample)
    }
}

/// Says it where whoever runs the host looks.
fn tell(report: &ReplayReport) {
    let decisions = report.different.iter().map(|difference| difference.decision.to_string());
    tracing::error!(
        different = report.different.len(),
        decisions = %decisions.collect::<Vec<_>>().join(", "),
        "posted decisions come out otherwise on this build: do not post with it before the cause is known"
    );
}

fn not_replayed(decision: &Decision, error: &Error) -> Result<ReplayDifference> {
    Ok(ReplayDifference {
        decision: decision.id,
        recorded: digest(&decision.outcome)?,
        replayed: String::new(),
        reason: error.to_string(),
    })
}

/// Which decisions of which runs, counted from 0: all of few, and of many as many as a sample has, each as likely as another.
/// They follow from the job and from what is posted, so that one that goes on after its host died goes on with the same.
fn pick(job: JobId, counts: &[(BillingRunId, i64)]) -> Vec<(BillingRunId, i64)> {
    let counts = || counts.iter().map(|(run, count)| (*run, u64::try_from(*count).unwrap_or(0)));
    let total: u64 = counts().map(|(_, count)| count).sum();
    let mut picked = BTreeSet::new();
    let mut round = 0_u64;
    while picked.len() < SAMPLE_DECISIONS.min(usize::try_from(total).unwrap_or(usize::MAX)) {
        picked.insert(draw(job, round) % total);
        round += 1;
        // Drawing the last of few takes long: then the first that are missing will do.
        if round > 64 * SAMPLE_DECISIONS as u64 {
            picked.extend((0..total).take(SAMPLE_DECISIONS));
        }
    }
    let mut found = Vec::with_capacity(picked.len());
    let mut before = 0;
    for (run, count) in counts() {
        found.extend(picked.range(before..before + count).map(|at| {
            (run, i64::try_from(at - before).expect("a decision's number is below the count, which is an i64"))
        }));
        before += count;
    }
    found.truncate(SAMPLE_DECISIONS);
    found
}

fn draw(job: JobId, round: u64) -> u64 {
    let hash = Sha256::new().chain_update(job.0.as_bytes()).chain_update(round.to_le_bytes()).finalize();
    let (first, _) = hash.split_at(8);
    u64::from_le_bytes(first.try_into().expect("eight bytes were split off"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever there is: never more than a sample, never one twice, never one that is not there; all of few.
        #[test]
        fn a_sample_is_of_what_there_is(sizes in proptest::collection::vec(0_i64..200, 0..12)) {
            let counts: Vec<_> = sizes.iter().map(|count| (BillingRunId::generate(), *count)).collect();
            let total = usize::try_from(sizes.iter().sum::<i64>()).unwrap();
            let job = JobId::generate();
            let picked = pick(job, &counts);
            prop_assert_eq!(picked.len(), total.min(SAMPLE_DECISIONS));
            prop_assert_eq!(picked.iter().collect::<BTreeSet<_>>().len(), picked.len());
            for (run, nth) in &picked {
                let (_, count) = counts.iter().find(|(id, _)| id == run).unwrap();
                prop_assert!((0..*count).contains(nth));
            }
            prop_assert_eq!(pick(job, &counts), picked, "a job that goes on picks the same");
        }
    }

    #[test]
    fn another_night_takes_others() {
        let counts = [(BillingRunId::generate(), 10_000)];
        assert_ne!(pick(JobId::generate(), &counts), pick(JobId::generate(), &counts));
    }
}
