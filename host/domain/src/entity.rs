//! Records that the shared mechanisms hang on, named by what they are and their id: custom fields, attachments, looks at
//! personal data.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

use crate::{
    Error, Result,
    access::{Permission, codes},
    ids::{PartyId, UnitId},
};

codes! {
    /// What a record is.
    Entity {
        Unit = "unit",
        Party = "party",
        Ticket = "ticket",
        Staff = "staff",
    }
}

impl Entity {
    /// What a person needs to see what hangs on such a record. What is kept of a person is personal data.
    #[must_use]
    pub fn read_permission(self) -> Permission {
        match self {
            Self::Unit => Permission::ReadEstate,
            Self::Party => Permission::ReadPersonalData,
            Self::Ticket => Permission::ReadTickets,
            Self::Staff => Permission::ReadStaff,
        }
    }

    /// What a person needs to change what hangs on such a record.
    #[must_use]
    pub fn write_permission(self) -> Permission {
        match self {
            Self::Unit | Self::Party => Permission::WriteEstate,
            Self::Ticket => Permission::WriteTickets,
            Self::Staff => Permission::WriteStaff,
        }
    }

    /// Whether a company may declare fields of its own for such records. Tickets and staff follow with their own pages.
    #[must_use]
    pub fn takes_custom_fields(self) -> bool {
        matches!(self, Self::Unit | Self::Party)
    }
}

/// One record of a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordRef {
    pub entity: Entity,
    pub id: Uuid,
}

impl fmt::Display for RecordRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.entity, self.id)
    }
}

impl From<UnitId> for RecordRef {
    fn from(unit: UnitId) -> Self {
        Self { entity: Entity::Unit, id: unit.0 }
    }
}

impl From<PartyId> for RecordRef {
    fn from(party: PartyId) -> Self {
        Self { entity: Entity::Party, id: party.0 }
    }
}
