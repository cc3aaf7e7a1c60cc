//! The double-entry journal: append-only transfers between ledger accounts, balanced by construction.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

use crate::{Date, Error, Fen, Result, access::codes, ids::*};

codes! {
    LedgerAccountKind {
        /// What owners owe: an asset, one account a project.
        Receivable = "receivable",
        /// What a fee item earns, one account each.
        Income = "income",
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerAccount {
    pub id: LedgerAccountId,
    pub project_id: ProjectId,
    pub kind: LedgerAccountKind,
    pub fee_item_id: Option<FeeItemId>,
}

codes! {
    /// What a journal entry is for.
    EntryKind {
        ChargeRun = "charge-run",
        Reversal = "reversal",
    }
}

/// The heading of a set of transfers that were posted together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    pub id: JournalEntryId,
    pub project_id: ProjectId,
    pub kind: EntryKind,
    pub run_id: Option<BillingRunId>,
    pub posted_at: DateTime<Utc>,
    /// Name of whoever posted it.
    pub posted_by: String,
}

/// One line a unit or party owes for a period (应收). Never edited once posted: reversed or adjusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    pub id: ChargeId,
    pub run_id: BillingRunId,
    pub unit_id: UnitId,
    pub fee_item_id: FeeItemId,
    pub payer_id: PartyId,
    pub period_start: Date,
    /// The dates that the line answers, half-open.
    pub from: Date,
    pub to: Date,
    /// 0 for the first charge of a unit, fee item and period; higher ones are adjustments of it.
    pub revision: i64,
    /// Counts the lines of one unit, fee item, period and revision; those that take another back come last.
    pub line_no: i64,
    pub amount: Fen,
    /// The charge of a lower revision that this one takes back, with the opposite amount.
    pub reverses: Option<ChargeId>,
    pub decision_id: DecisionId,
    /// Which line of the decision it is.
    pub decision_line: i64,
}
