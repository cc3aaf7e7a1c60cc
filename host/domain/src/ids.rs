//! Typed identifiers over UUIDv7, which sort by the time of their making.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new identifier. The time in it only sorts; no rule reads it.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

ids! {
    /// A management company (物业公司): the unit of isolation.
    CompanyId,
    /// A managed estate (项目).
    ProjectId,
    BuildingId,
    /// A stair or lift core (单元) of a building.
    EntranceId,
    /// A separately owned space: home, shop, parking space.
    UnitId,
    ParkingAreaId,
    /// A person or firm (业主, 住户, 租户).
    PartyId,
    TenureId,
    VehicleId,
    FeeItemId,
    FeeAssignmentId,
    BindingId,
    /// A binding that waits for a second person.
    ProposalId,
    /// A candidate run over past periods.
    TrialId,
    /// A time during which a binding is not asked.
    QuarantineId,
    BillingRunId,
    DecisionId,
    /// One posted line (应收), and the journal transfer that it caused.
    ChargeId,
    LedgerAccountId,
    JournalEntryId,
    UserId,
    /// A login session or an API token.
    TokenId,
    JobId,
    ScheduleId,
    EventId,
    MeterId,
    MeterReadingId,
    /// A key that a company trusts.
    PublisherId,
    /// A person who works for the company.
    StaffId,
    TicketId,
    /// A deadline or escalation step of a ticket.
    TimerId,
    FollowUpId,
    WorkOrderId,
    /// A signed link for an owner.
    OwnerLinkId,
}
