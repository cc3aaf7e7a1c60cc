//! The state of a run.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

use crate::{
    Error, Fen, Period, Result,
    access::{Stamp, codes},
    decision::HoldKind,
    ids::*,
};

codes! {
    RunState {
        /// Decisions are being made; may be interrupted and resumed.
        Computing = "computing",
        /// All decisions stand; waits for approval.
        Previewed = "previewed",
        Approved = "approved",
        /// Charges are being written; may be interrupted and resumed.
        Posting = "posting",
        Posted = "posted",
        /// Given up, or replaced by a later preview of the same period. Its decisions stay.
        Cancelled = "cancelled",
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillingRun {
    pub id: BillingRunId,
    pub project_id: ProjectId,
    pub period: Period,
    /// 0 charges what is not charged yet; a higher one corrects what is posted of one fee item, on top of all lower ones.
    pub revision: i64,
    /// The fee item that is re-rated; `None` for a regular run, which charges all of them.
    pub fee_item_id: Option<FeeItemId>,
    pub state: RunState,
    pub created_by: String,
    pub created_at: DateTime<Utc>,
    pub approved_by: Option<String>,
    pub approved_at: Option<DateTime<Utc>>,
    pub posted_by: Option<String>,
    pub posted_at: Option<DateTime<Utc>>,
    /// Lines of all decisions so far; those that take a posted line back count, too.
    pub lines: i64,
    /// Subjects held so far.
    pub held: i64,
    /// Sum of all lines so far: of a re-rating, by how much more is owed.
    pub total: Fen,
    /// Lines that are posted.
    pub posted_lines: i64,
}

impl BillingRun {
    /// A run as it begins.
    #[must_use]
    pub fn new(project_id: ProjectId, period: Period, stamp: &Stamp) -> Self {
        Self {
            id: BillingRunId::generate(),
            project_id,
            period,
            revision: 0,
            fee_item_id: None,
            state: RunState::Computing,
            created_by: stamp.actor.name.clone(),
            created_at: stamp.at,
            approved_by: None,
            approved_at: None,
            posted_by: None,
            posted_at: None,
            lines: 0,
            held: 0,
            total: Fen::ZERO,
            posted_lines: 0,
        }
    }

    /// A run that corrects what is posted of a fee item, as it begins.
    #[must_use]
    pub fn rerating(
        project_id: ProjectId,
        period: Period,
        fee_item_id: FeeItemId,
        revision: i64,
        stamp: &Stamp,
    ) -> Self {
        Self { revision, fee_item_id: Some(fee_item_id), ..Self::new(project_id, period, stamp) }
    }

    /// Whether it corrects what is posted instead of charging what is not.
    #[must_use]
    pub fn is_rerating(&self) -> bool {
        self.revision > 0
    }
}

/// Lines and sum of one fee item in one building; `building` is the parking area for parking spaces. Lines that are taken
/// back count against those that are charged, so that the totals of a period's runs add up to what stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTotal {
    pub fee_item_id: FeeItemId,
    pub building: String,
    pub lines: i64,
    pub amount: Fen,
}

/// A subject that got no line, with the reason. Nothing becomes 0: it waits until the cause is mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldSubject {
    pub run_id: BillingRunId,
    pub fee_item_id: FeeItemId,
    pub unit_id: UnitId,
    pub kind: HoldKind,
    /// Stable code: of the policy's problem, or of the host's finding ([`crate::hold::HoldCause`]).
    pub code: String,
    /// Fact, setting or limit that it is about; may be empty.
    pub about: String,
    /// A sentence for the log and the developer; code and `about` are what is told to the clerk.
    pub reason: String,
    /// The call that came to nothing, if one was made.
    pub decision_id: Option<DecisionId>,
}

/// How many subjects of a fee item are held for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldCount {
    pub fee_item_id: FeeItemId,
    pub kind: HoldKind,
    pub code: String,
    pub about: String,
    pub count: i64,
}

/// Which held subjects are wanted: those that agree in everything that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldFilter {
    pub fee_item_id: Option<FeeItemId>,
    pub kind: Option<HoldKind>,
    pub code: Option<String>,
    pub about: Option<String>,
}
