//! Tickets as people and programs use them: reads, asks whoever routes, plans, writes; again where somebody was faster.

use chrono::{DateTime, Datelike, Utc};
use std::{fmt, sync::Arc};

use super::{
    Declaration, Declared, Intake, StateCount, Terms, Ticket, TicketEdit, TicketFilter, TicketHistory, TicketMove,
    TicketRow, TicketSetup, TicketState,
    plan::{self, Scene, Wanted},
    routing::{BuiltIn, Occasion, Router, Routing, RoutingQuestion},
    staff_of, timer,
};
use crate::{
    Error, Result,
    access::{Actor, Permission, Stamp},
    calendar::{self, CalendarVersion},
    estate::{Project, STALE},
    ids::*,
    ports::{CompanyStore, Page},
};

/// How often a move is planned anew when somebody was faster. Each time somebody else got further, so that more would mean a
/// crowd at one ticket.
const ATTEMPTS_MAX: usize = 5;

/// Tickets of one company.
#[derive(Clone)]
pub struct Tickets {
    store: Arc<dyn CompanyStore>,
    router: Arc<dyn Router>,
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").field("company_id", &self.store.company_id()).finish_non_exhaustive()
    }
}

/// One ticket with everything that happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketPage {
    pub row: TicketRow,
    pub project: Project,
    pub history: TicketHistory,
    /// What this reader may do now.
    pub offered: Vec<TicketMove>,
}

/// Where and by which hours a ticket is handled.
struct Place {
    project: Project,
    calendar: CalendarVersion,
    setup: TicketSetup,
}

impl Place {
    fn scene<'a>(&'a self, stamp: &'a Stamp, kind: &str) -> Result<Scene<'a>> {
        Ok(Scene {
            at: stamp.at,
            by: &stamp.actor.name,
            me: staff_of(&stamp.actor),
            dispatches: stamp.actor.may(Permission::DispatchTickets),
            calendar: &self.calendar.calendar,
            calendar_version: self.calendar.version,
            zone: calendar::zone(&self.project.time_zone)?,
            follow_up_within: self.setup.kinds.get(kind).and_then(|held| held.of.follow_up_within),
        })
    }
}

impl Tickets {
    /// Tickets that are routed by what their categories say.
    #[must_use]
    pub fn new(store: Arc<dyn CompanyStore>) -> Self {
        Self::routed_by(store, Arc::new(BuiltIn))
    }

    #[must_use]
    pub fn routed_by(store: Arc<dyn CompanyStore>, router: Arc<dyn Router>) -> Self {
        Self { store, router }
    }

    async fn place(&self, project: ProjectId) -> Result<Place> {
        Ok(Place {
            project: self.store.project(project).await?,
            calendar: self.store.calendar(Some(project)).await?.unwrap_or_default(),
            setup: TicketSetup::of(self.store.ticket_declarations(Some(project)).await?),
        })
    }

    /// Takes a ticket in.
    ///
    /// # Errors
    /// `NotFound` for an unknown project or a unit outside of it, `Refused` for an unknown kind or category or without the permission,
    /// `Invalid` for texts that cannot be kept.
    pub async fn take_in(&self, stamp: &Stamp, mut intake: Intake) -> Result<TicketRow> {
        stamp.actor.require(Permission::WriteTickets)?;
        let place = self.place(intake.project_id).await?;
        if let Some(unit) = intake.unit_id {
            if self.store.project_of_unit(unit).await? != intake.project_id {
                return Err(Error::not_found("unit", unit));
            }
            let places = self.store.places(&[unit]).await?;
            intake.place = places.first().map(|(_, place)| place.to_string()).unwrap_or_default();
        }
        let scene = place.scene(stamp, &intake.kind)?;
        let terms = place.setup.terms(&intake.kind, &intake.category)?;
        let kind = &place.setup.kinds.get(&intake.kind).ok_or_else(|| Error::not_found("kind", &intake.kind))?.of;
        let draft = plan::draft(&intake, kind, terms.priority, &scene);
        let routing = self.route(Occasion::Intake, &draft, &terms, stamp.at).await?;
        let mut planned = plan::take_in(draft, routing, &scene)?;
        let year = stamp.at.with_timezone(&scene.zone).year();
        planned.ticket.ticket_no = self.store.add_ticket(stamp, &planned, year).await?;
        let assignee = None;
        Ok(TicketRow { ticket: planned.ticket, assignee })
    }

    async fn route(&self, occasion: Occasion, ticket: &Ticket, terms: &Terms, at: DateTime<Utc>) -> Result<Routing> {
        self.router.route(&RoutingQuestion { occasion, ticket, terms, at }).await
    }

    /// Makes a move. Where a version is given, only from that one.
    ///
    /// # Errors
    /// As [`plan::move_ticket`]; `Refused` with [`STALE`] from another version, or without the permission; `Conflict` in a crowd.
    pub async fn move_ticket(
        &self,
        stamp: &Stamp,
        ticket: TicketId,
        seen: Option<i64>,
        wanted: &Wanted,
    ) -> Result<TicketRow> {
        for _ in 0..ATTEMPTS_MAX {
            let row = self.store.ticket(ticket).await?;
            require(&stamp.actor, wanted.made, row.ticket.state)?;
            check_seen(seen, &row.ticket)?;
            let timers = self.store.ticket_timers(ticket).await?;
            let place = self.place(row.ticket.project_id).await?;
            let scene = place.scene(stamp, &row.ticket.kind)?;
            let routing = match plan::asks_routing(wanted) {
                // What was retired meanwhile says nothing any more: what it said at intake holds.
                Some(occasion) => match place.setup.terms(&row.ticket.kind, &row.ticket.category) {
                    Ok(terms) => Some(self.route(occasion, &row.ticket, &terms, stamp.at).await?),
                    Err(_) => Some(row.ticket.routing.clone()),
                },
                None => None,
            };
            let planned = plan::move_ticket(&row.ticket, &timers, wanted, routing, &scene)?;
            if self.store.move_ticket(stamp, &planned).await? {
                return self.store.ticket(ticket).await;
            }
        }
        Err(Error::Conflict("others are changing this ticket: try again".into()))
    }

    /// Corrects a ticket over the version that was seen.
    ///
    /// # Errors
    /// As [`plan::edit`]; `Refused` with [`STALE`] over another version, or without the permission.
    pub async fn edit(&self, stamp: &Stamp, ticket: TicketId, seen: i64, edit: &TicketEdit) -> Result<TicketRow> {
        stamp.actor.require(Permission::WriteTickets)?;
        let before = self.store.ticket(ticket).await?.ticket;
        check_seen(Some(seen), &before)?;
        if edit.category != before.category {
            self.place(before.project_id).await?.setup.terms(&before.kind, &edit.category)?;
        }
        let after = plan::edit(&before, edit)?;
        if !self.store.edit_ticket(stamp, &before, &after).await? {
            return Err(stale());
        }
        self.store.ticket(ticket).await
    }

    /// A ticket, for those who may read all of them and for whoever works on it.
    ///
    /// # Errors
    /// `NotFound`, also for what is somebody else's.
    pub async fn ticket(&self, actor: &Actor, ticket: TicketId) -> Result<TicketRow> {
        let row = self.store.ticket(ticket).await?;
        if actor.may(Permission::ReadTickets) || row.ticket.assignee == Some(staff_of(actor)) {
            return Ok(row);
        }
        Err(Error::not_found("ticket", ticket))
    }

    /// A ticket with its history.
    ///
    /// # Errors
    /// As [`Tickets::ticket`].
    pub async fn page(&self, actor: &Actor, ticket: TicketId) -> Result<TicketPage> {
        let row = self.ticket(actor, ticket).await?;
        let offered = plan::offered(&row.ticket, staff_of(actor), actor.may(Permission::DispatchTickets));
        let offered = offered.into_iter().filter(|made| require(actor, *made, row.ticket.state).is_ok()).collect();
        Ok(TicketPage {
            project: self.store.project(row.ticket.project_id).await?,
            history: self.store.ticket_history(ticket).await?,
            row,
            offered,
        })
    }

    /// A page of tickets. Without the permission to read all, one's own.
    ///
    /// # Errors
    /// `Invalid` for a list of no project and nobody in particular, which no index serves, and for another list's cursor.
    pub async fn list(
        &self,
        actor: &Actor,
        mut filter: TicketFilter,
        by_due: bool,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<TicketRow>> {
        if !actor.may(Permission::ReadTickets) {
            filter.assignee = Some(staff_of(actor));
        }
        filter.personal_data = actor.may(Permission::ReadPersonalData);
        if filter.project_id.is_none() && filter.assignee.is_none() {
            return Err(Error::invalid("name a project, or whose tickets"));
        }
        if let Some(project) = filter.project_id {
            self.store.project(project).await?;
        }
        self.store.tickets(&filter, by_due, cursor, limit).await
    }

    /// How many open tickets a project has in each state.
    ///
    /// # Errors
    /// `NotFound` for an unknown project, `Refused` without the permission.
    pub async fn counts(&self, actor: &Actor, project: ProjectId, at: DateTime<Utc>) -> Result<Vec<StateCount>> {
        actor.require(Permission::ReadTickets)?;
        self.store.project(project).await?;
        self.store.ticket_counts(project, at).await
    }

    /// The kinds and categories that hold at a project, or for the company.
    ///
    /// # Errors
    /// `NotFound` for an unknown project.
    pub async fn setup(&self, project: Option<ProjectId>) -> Result<TicketSetup> {
        if let Some(project) = project {
            self.store.project(project).await?;
        }
        Ok(TicketSetup::of(self.store.ticket_declarations(project).await?))
    }

    /// Declares a kind or category over the scope's own version that was seen: 0 where it had none. Tickets that are
    /// there keep their deadlines.
    ///
    /// # Errors
    /// As [`TicketSetup::check`]; `Refused` with [`STALE`] over another version.
    pub async fn declare(
        &self,
        stamp: &Stamp,
        project: Option<ProjectId>,
        code: &str,
        seen: i64,
        declared: Declared,
    ) -> Result<Declaration> {
        stamp.actor.require(Permission::ManageOffice)?;
        self.setup(project).await?.check(code, &declared)?;
        let version = seen.checked_add(1).ok_or(Error::Overflow("counting versions"))?;
        let declaration = Declaration { project_id: project, code: code.to_owned(), declared, version };
        self.store.declare_ticket(stamp, &declaration).await?;
        Ok(declaration)
    }

    /// Fires a claimed timer; `false` where there was nothing left to fire, or its clock has been set back.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn fire(&self, stamp: &Stamp, timer: TimerId) -> Result<bool> {
        let Some((row, timer)) = self.store.timer(timer).await? else { return Ok(false) };
        if timer.due_at.is_none_or(|due| due > stamp.at) {
            return Ok(false);
        }
        let firing = timer::fire(&row.ticket, &timer).map(|mut firing| {
            firing.ticket.version += 1;
            firing
        });
        self.store.fire_timer(stamp, &row.ticket, &timer, firing.as_ref()).await
    }
}

fn stale() -> Error {
    Error::refused(STALE, "the ticket was changed meanwhile: read it again")
}

fn check_seen(seen: Option<i64>, ticket: &Ticket) -> Result<()> {
    if seen.is_none_or(|seen| seen == ticket.version) { Ok(()) } else { Err(stale()) }
}

/// The permission that a move takes.
fn require(actor: &Actor, made: TicketMove, state: TicketState) -> Result<()> {
    use TicketMove as M;
    let permission = match made {
        M::Dispatch => Permission::DispatchTickets,
        M::Solve if state == TicketState::Intake => Permission::WriteTickets,
        // Whoever says who works may also do it for them.
        M::Accept | M::Start | M::Suspend | M::Resume | M::Transfer | M::Return | M::Solve => {
            if actor.may(Permission::DispatchTickets) {
                return Ok(());
            }
            Permission::WorkTickets
        }
        M::TakeIn | M::FollowUp | M::Close | M::Reopen | M::Cancel => Permission::WriteTickets,
    };
    actor.require(permission)
}
