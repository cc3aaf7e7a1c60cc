//! Who may do what: roles are named sets of typed permissions.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

use crate::{
    Error, Result,
    ids::{CompanyId, UserId},
};

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $code)] $variant,)* }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable code that is stored and shown to scripts.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.code())
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                match text {
                    $($code => Ok(Self::$variant),)*
                    _ => Err(Error::invalid(format!(
                        concat!(stringify!($name), " {:?} is not known; known are {}"),
                        text,
                        [$($code),*].join(", "),
                    ))),
                }
            }
        }
    };
}
pub(crate) use codes;

codes! {
    /// What a person is in the company. A user may have several.
    Role {
        Admin = "admin",
        Manager = "manager",
        Finance = "finance",
        Cashier = "cashier",
        FrontDesk = "front-desk",
        Steward = "steward",
        Engineer = "engineer",
        Quality = "quality",
        /// Everybody else who works for the company: sees what is their own.
        Staff = "staff",
    }
}

codes! {
    /// One thing that a door asks for before it does its work.
    Permission {
        ReadEstate = "estate:read",
        WriteEstate = "estate:write",
        /// Meters with their readings, and shared costs: the figures that a period is charged by.
        WriteReadings = "readings:write",
        /// Identity numbers and full phone numbers.
        ReadPersonalData = "personal-data:read",
        ReadCharges = "charges:read",
        PreviewCharges = "charges:preview",
        ApproveCharges = "charges:approve",
        PostCharges = "charges:post",
        ReadPlugins = "plugins:read",
        ManagePlugins = "plugins:manage",
        /// Say yes or no to a rule that somebody else wants to switch on.
        ApprovePlugins = "plugins:approve",
        /// Try a candidate on past inputs and read what it would have charged; nothing is changed by it.
        TryPlugins = "plugins:try",
        /// Departments, posts, service areas, people and what they are assigned to.
        ReadStaff = "staff:read",
        WriteStaff = "staff:write",
        /// Say yes or no to an assignment that a rule refuses, and that somebody else asks for all the same.
        ApproveStaff = "staff:approve",
        /// Tickets of every project. One's own need no permission.
        ReadTickets = "tickets:read",
        /// Take tickets in, edit them and call the customer back.
        WriteTickets = "tickets:write",
        /// Accept tickets, work on them and report them solved.
        WorkTickets = "tickets:work",
        /// Say who works on a ticket.
        DispatchTickets = "tickets:dispatch",
        /// What a company declares for itself: custom fields, kinds of tickets, working calendars, templates.
        ManageOffice = "office:manage",
        ManageUsers = "users:manage",
        ReadAudit = "audit:read",
    }
}

impl Role {
    /// What the role may do. The table is the whole truth; a snapshot of it is tested.
    #[must_use]
    pub fn permissions(self) -> &'static [Permission] {
        use Permission as P;
        match self {
            Role::Admin => Permission::ALL,
            Role::Manager => &[
                P::ReadEstate,
                P::WriteEstate,
                P::WriteReadings,
                P::ReadPersonalData,
                P::ReadCharges,
                P::PreviewCharges,
                P::ApproveCharges,
                P::PostCharges,
                P::ReadPlugins,
                P::ApprovePlugins,
                P::TryPlugins,
                P::ReadStaff,
                P::WriteStaff,
                P::ApproveStaff,
                P::ReadTickets,
                P::WriteTickets,
                P::WorkTickets,
                P::DispatchTickets,
                P::ReadAudit,
            ],
            Role::Finance => &[
                P::ReadEstate,
                P::WriteReadings,
                P::ReadCharges,
                P::PreviewCharges,
                P::ApproveCharges,
                P::PostCharges,
                P::ReadPlugins,
                P::TryPlugins,
            ],
            Role::Cashier => &[P::ReadEstate, P::WriteReadings, P::ReadCharges, P::PreviewCharges],
            Role::FrontDesk => &[
                P::ReadEstate,
                P::WriteEstate,
                P::WriteReadings,
                P::ReadPersonalData,
                P::ReadCharges,
                P::ReadStaff,
                P::ReadTickets,
                P::WriteTickets,
                P::DispatchTickets,
            ],
            Role::Steward => &[
                P::ReadEstate,
                P::WriteReadings,
                P::ReadPersonalData,
                P::ReadCharges,
                P::ReadStaff,
                P::ReadTickets,
                P::WriteTickets,
                P::WorkTickets,
            ],
            // Engineers walk round and read the meters.
            Role::Engineer => &[P::ReadEstate, P::WriteReadings, P::ReadTickets, P::WorkTickets],
            Role::Quality => &[P::ReadEstate, P::ReadStaff, P::ReadTickets],
            Role::Staff => &[P::ReadEstate],
        }
    }
}

/// A person (or the operator at the host's own machine) on whose behalf something happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    pub company_id: CompanyId,
    pub user_id: UserId,
    pub name: String,
    pub roles: Vec<Role>,
}

impl Actor {
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.roles.iter().any(|role| role.permissions().contains(&permission))
    }

    /// # Errors
    /// [`Error::Refused`] with the code `permission` when no role of the actor has it.
    pub fn require(&self, permission: Permission) -> Result<()> {
        if self.may(permission) {
            return Ok(());
        }
        Err(Error::refused(
            "permission",
            format!("{} may not do this: it takes the permission {permission}", self.name),
        ))
    }
}

/// Who changes something, when and from where: goes into the audit row of every change.
#[derive(Debug, Clone)]
pub struct Stamp {
    pub actor: Actor,
    pub at: DateTime<Utc>,
    /// `cli`, `api`, `console` or `job`, with the request id where there is one.
    pub origin: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    pub id: UserId,
    /// Login name, unique in the company.
    pub name: String,
    pub roles: Vec<Role>,
    pub disabled: bool,
}

/// Name of the user that stands for whoever sits at the host's own machine.
pub const OPERATOR: &str = "operator";
