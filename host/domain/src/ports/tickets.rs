//! Tickets and working calendars of one company.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Page;
use crate::{
    Result,
    access::Stamp,
    calendar::CalendarVersion,
    ids::*,
    ticket::{
        Declaration, StateCount, Ticket, TicketFilter, TicketHistory, TicketRow, Timer,
        link::{LinkAbout, OwnerLink},
        plan::Planned,
        timer::Firing,
        work_order::{PlannedWork, WorkOrder},
    },
};

#[async_trait]
pub trait CalendarStore: Send + Sync {
    /// The latest calendar of a project, else the company's; without a project, the company's.
    async fn calendar(&self, project: Option<ProjectId>) -> Result<Option<CalendarVersion>>;
    /// A scope's own versions, newest first; the latest few hundred.
    async fn calendar_versions(&self, project: Option<ProjectId>) -> Result<Vec<CalendarVersion>>;
    /// Adds the version after the latest one.
    ///
    /// # Errors
    /// `Refused` with [`crate::estate::STALE`] when the scope's latest version is another than the one before.
    async fn add_calendar(&self, stamp: &Stamp, version: &CalendarVersion) -> Result<()>;
}

/// Tickets. A change is planned from what was read, and written only over just that.
#[async_trait]
pub trait TicketStore: Send + Sync {
    /// What the company declares and, where one is named, the project.
    async fn ticket_declarations(&self, project: Option<ProjectId>) -> Result<Vec<Declaration>>;
    /// Writes a declaration over the version before its own.
    ///
    /// # Errors
    /// `Refused` with [`crate::estate::STALE`] over another version.
    async fn declare_ticket(&self, stamp: &Stamp, declaration: &Declaration) -> Result<()>;
    /// Writes a ticket that was taken in with the next number of its project and year, and returns the number.
    async fn add_ticket(&self, stamp: &Stamp, planned: &Planned, year: i32) -> Result<String>;
    async fn ticket(&self, ticket: TicketId) -> Result<TicketRow>;
    /// Those that have not fired.
    async fn ticket_timers(&self, ticket: TicketId) -> Result<Vec<Timer>>;
    async fn ticket_history(&self, ticket: TicketId) -> Result<TicketHistory>;
    /// Writes a move over the version before its own; `false` when somebody was faster.
    async fn move_ticket(&self, stamp: &Stamp, planned: &Planned) -> Result<bool>;
    /// Writes an edit over the version that it was made from; `false` when somebody was faster.
    async fn edit_ticket(&self, stamp: &Stamp, before: &Ticket, after: &Ticket) -> Result<bool>;
    /// Newest first; of tickets past their deadline, and where `by_due` asks for it, the one that is due first comes first,
    /// and those without a deadline are left out.
    ///
    /// Words are searched through a window of the newest tickets that fit otherwise: a page may be short, or empty, and have
    /// a cursor all the same.
    async fn tickets(
        &self,
        filter: &TicketFilter,
        by_due: bool,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<TicketRow>>;
    /// Of the open tickets of a project.
    async fn ticket_counts(&self, project: ProjectId, at: DateTime<Utc>) -> Result<Vec<StateCount>>;
    /// A timer that has not fired, with its ticket.
    async fn timer(&self, timer: TimerId) -> Result<Option<(TicketRow, Timer)>>;
    /// Lays a timer aside as fired and writes what it does, where it does something; `false` when another host was faster or
    /// the ticket was changed meanwhile.
    async fn fire_timer(&self, stamp: &Stamp, ticket: &Ticket, timer: &Timer, firing: Option<&Firing>) -> Result<bool>;
}

/// Links for owners.
#[async_trait]
pub trait OwnerLinkStore: Send + Sync {
    /// The key that signs the company's links; none before the first one was made.
    async fn owner_link_secret(&self) -> Result<Option<Vec<u8>>>;
    /// Keeps a link, and makes the company's key where there is none. Returns the key.
    async fn add_owner_link(&self, stamp: &Stamp, link: &OwnerLink) -> Result<Vec<u8>>;
    async fn owner_link(&self, link: OwnerLinkId) -> Result<OwnerLink>;
    /// Newest first; at most a hundred.
    async fn owner_links(&self, about: LinkAbout) -> Result<Vec<OwnerLink>>;
    /// # Errors
    /// `NotFound` for an unknown link, `Conflict` for one that was taken back already.
    async fn revoke_owner_link(&self, stamp: &Stamp, link: OwnerLinkId) -> Result<()>;
    /// How many tickets came through a link since an instant.
    async fn count_reports(&self, link: OwnerLinkId, since: DateTime<Utc>) -> Result<i64>;
    /// Those that came through a link, newest first.
    async fn tickets_of_link(&self, link: OwnerLinkId, limit: u32) -> Result<Vec<TicketRow>>;
}

/// Work orders under tickets.
#[async_trait]
pub trait WorkOrderStore: Send + Sync {
    /// # Errors
    /// `Conflict` when the ticket has another one of that number by now.
    async fn add_work_order(&self, stamp: &Stamp, planned: &PlannedWork) -> Result<()>;
    async fn work_order(&self, order: WorkOrderId) -> Result<WorkOrder>;
    /// Those of a ticket, in their order.
    async fn work_orders(&self, ticket: TicketId) -> Result<Vec<WorkOrder>>;
    /// Those of a project, newest first; with `to_charge`, those whose charge is still to be made.
    async fn work_orders_of_project(
        &self,
        project: ProjectId,
        to_charge: bool,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<WorkOrder>>;
    /// Writes a change over what it was planned from; `false` when somebody was faster.
    async fn change_work_order(&self, stamp: &Stamp, before: &WorkOrder, planned: &PlannedWork) -> Result<bool>;
}
