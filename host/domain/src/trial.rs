//! Trials: what a candidate would have answered on the recorded inputs of past periods.
//!
//! A trial reads decisions of posted runs, asks the candidate the same questions and counts the differences. It changes
//! nothing but its own report, so nobody has to approve it. The subjects' inputs are those that were frozen when they were
//! charged: a unit whose area was corrected since is tried with the area it had.

mod explain;
mod facts;
mod run;
mod service;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr};

use crate::{
    Error, Period, Result,
    access::codes,
    difference::{Change, Difference, Direction, Mover, Tally},
    ids::*,
    job::{Job, JobState},
    plugin::ExtensionPoint,
};

pub use explain::{MoverExplanation, MoverSide, SideLine};
pub(crate) use facts::FactMap;
pub use facts::MISSING_FACT;
pub use service::{NOTHING_RECORDED, TrialRequest, Trials};

/// The longest stretch that one trial covers: ten years. Longer ones are several questions.
pub const TRIAL_MONTHS_MAX: usize = 120;

/// A plug-in version with settings that is asked instead of the one that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub plugin_id: String,
    pub plugin_version: String,
    /// Digest of the component: what is really run.
    pub digest: String,
    /// Canonical JSON.
    pub settings: String,
}

/// A candidate tried out on a fee item of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    pub id: TrialId,
    pub project_id: ProjectId,
    pub point: ExtensionPoint,
    pub fee_item_id: FeeItemId,
    pub candidate: Candidate,
    /// Posted runs of the months in it are tried.
    pub period: Period,
    pub created_by: String,
    pub created_at: DateTime<Utc>,
    /// When all of it was tried.
    pub finished_at: Option<DateTime<Utc>>,
    /// What was found so far.
    pub report: TrialReport,
}

/// What a trial found, month by month and altogether.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialReport {
    /// Months that are done, ascending: where an interrupted trial goes on.
    pub periods: Vec<TrialPeriod>,
    /// Whose answers it was compared with: decisions by digest of the component.
    pub recorded: BTreeMap<String, i64>,
    /// Subjects that were held without a question, such as for want of a binding: there is nothing to try them with.
    pub unasked: i64,
    pub difference: Difference,
}

/// One month of a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialPeriod {
    pub period: Period,
    pub decisions: i64,
    pub total: Tally,
    /// Subjects by what became of them; nothing stands for none.
    pub changes: BTreeMap<Change, i64>,
}

impl TrialReport {
    /// The movers in one order, which numbers them: rises, falls, newly held, released, the largest first.
    pub fn movers(&self) -> impl Iterator<Item = (Direction, Mover)> + use<'_> {
        let of = |direction: &Direction| {
            let direction = *direction;
            self.difference.movers(direction).iter().map(move |mover| (direction, *mover))
        };
        Direction::ALL.iter().flat_map(of)
    }

    /// Adds a month that is done.
    ///
    /// # Errors
    /// [`Error::Overflow`] when a total does not fit.
    fn add(&mut self, month: TriedPeriod) -> Result<()> {
        let TriedPeriod { period, decisions, recorded, unasked, difference } = month;
        let changes = Change::ALL.iter().map(|change| (*change, difference.subjects(*change)));
        self.periods.push(TrialPeriod {
            period,
            decisions,
            total: difference.total()?,
            changes: changes.filter(|(_, subjects)| *subjects > 0).collect(),
        });
        for (digest, decisions) in recorded {
            *self.recorded.entry(digest).or_default() += decisions;
        }
        self.unasked += unasked;
        self.difference.merge(&difference)
    }
}

/// What trying one month came to.
#[derive(Debug)]
struct TriedPeriod {
    period: Period,
    decisions: i64,
    recorded: BTreeMap<String, i64>,
    unasked: i64,
    difference: Difference,
}

impl TriedPeriod {
    fn new(period: Period) -> Self {
        Self { period, decisions: 0, recorded: BTreeMap::new(), unasked: 0, difference: Difference::default() }
    }
}

codes! {
    TrialState {
        /// Waits for a worker.
        Waiting = "waiting",
        Running = "running",
        Done = "done",
        /// May be gone on with once the cause is mended.
        Failed = "failed",
        /// Was asked to stop; may be gone on with.
        Cancelled = "cancelled",
    }
}

/// A trial with the job that works on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialView {
    pub trial: Trial,
    /// The job that counts: the open one, else the newest.
    pub job: Option<Job>,
}

impl TrialView {
    #[must_use]
    pub fn state(&self) -> TrialState {
        if self.trial.finished_at.is_some() {
            return TrialState::Done;
        }
        match self.job.as_ref().map(|job| job.state) {
            Some(JobState::Ready) => TrialState::Waiting,
            Some(JobState::Running) => TrialState::Running,
            Some(JobState::Failed) => TrialState::Failed,
            // A job that is done has finished its trial.
            Some(JobState::Cancelled | JobState::Done) | None => TrialState::Cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::difference::{Answered, SubjectPlace};

    fn month(number: u8, pairs: &[(i64, i64)]) -> TriedPeriod {
        let mut month = TriedPeriod::new(Period::month(2025, number).expect("is a month"));
        for ((before, after), subject) in pairs.iter().zip(0..) {
            let place = SubjectPlace {
                decision_id: DecisionId(uuid::Uuid::from_u128(u128::from(number))),
                subject,
                unit_id: UnitId(uuid::Uuid::from_u128(u128::from(number) * 100 + u128::from(subject))),
            };
            month.difference.add(place, Answered::Value(*before), Answered::Value(*after)).expect("fits");
        }
        month.decisions = 1;
        month.recorded.insert("aa".into(), 1);
        month.unasked = 2;
        month
    }

    #[test]
    fn months_add_up_and_movers_are_numbered_across_them() {
        let mut report = TrialReport::default();
        report.add(month(1, &[(100, 110), (100, 100)])).expect("fits");
        report.add(month(2, &[(100, 130), (100, 60)])).expect("fits");
        assert_eq!(report.periods.iter().map(|month| month.total.after).collect::<Vec<_>>(), [210, 190]);
        assert_eq!(report.periods[0].changes, BTreeMap::from([(Change::Same, 1), (Change::Up, 1)]));
        assert_eq!((report.recorded["aa"], report.unasked), (2, 4));
        let movers: Vec<_> = report.movers().map(|(direction, mover)| (direction, mover.after)).collect();
        let expected = [(Direction::Up, Some(130)), (Direction::Up, Some(110)), (Direction::Down, Some(60))];
        assert_eq!(movers, expected);
    }
}
