//! What a move changes: ticket, timers, history and events, computed from what was read. Nothing here waits, asks or writes,
//! so that everything that can happen to a ticket is tested without a database.

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;
use serde_json::{Value as Json, json};

use super::{
    FollowUp, FollowUpEntry, FollowUpResult, Intake, MoveRow, Routing, Ticket, TicketEdit, TicketKind, TicketMove,
    TicketState, Timer, TimerKind, WORDS_LENGTH_MAX, check_texts, refuse_fields,
    routing::RoutedBy,
    state::{illegal, possible, target},
};
use crate::{
    Error, Result,
    calendar::{Allowed, WorkingCalendar},
    ids::*,
};

/// What a plan is made with besides the ticket.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    pub at: DateTime<Utc>,
    /// Name of whoever acts.
    pub by: &'a str,
    /// Their staff record.
    pub me: StaffId,
    /// Whether they say who works on what.
    pub dispatches: bool,
    pub calendar: &'a WorkingCalendar,
    pub calendar_version: i64,
    pub zone: Tz,
    /// Of the ticket's kind: from solved to the follow-up.
    pub follow_up_within: Option<Allowed>,
}

/// A move that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub made: TicketMove,
    /// Why; of [`TicketMove::Solve`], what was done.
    pub reason: String,
    /// Of [`TicketMove::Dispatch`] and [`TicketMove::Transfer`]: who gets it. Dispatching to nobody offers it.
    pub to: Option<StaffId>,
    /// Of [`TicketMove::FollowUp`].
    pub follow_up: Option<FollowUpEntry>,
}

impl Wanted {
    #[must_use]
    pub fn plain(made: TicketMove) -> Self {
        Self { made, reason: String::new(), to: None, follow_up: None }
    }

    #[must_use]
    pub fn because(made: TicketMove, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..Self::plain(made) }
    }
}

/// Something that happened, before it has an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    pub kind: String,
    /// Without personal data.
    pub payload: Json,
}

impl NewEvent {
    #[must_use]
    pub fn about(kind: impl Into<String>, ticket: &Ticket) -> Self {
        let payload = json!({
            "ticket": ticket.id, "ticket_no": ticket.ticket_no, "kind": ticket.kind, "category": ticket.category,
            "priority": ticket.priority, "state": ticket.state, "channel": ticket.channel, "unit": ticket.unit_id,
            "assignee": ticket.assignee, "level": ticket.level, "late": ticket.late,
        });
        Self { kind: kind.into(), payload }
    }
}

/// What is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// As it is afterwards.
    pub ticket: Ticket,
    /// All that run afterwards.
    pub timers: Vec<Timer>,
    /// One, or two where a routing says at once who gets it.
    pub moves: Vec<MoveRow>,
    pub follow_up: Option<FollowUp>,
    pub events: Vec<NewEvent>,
}

/// The ticket as it will be taken in, before it is routed: what a router is asked about.
#[must_use]
pub fn draft(intake: &Intake, kind: &TicketKind, priority: super::Priority, scene: &Scene<'_>) -> Ticket {
    Ticket {
        id: TicketId::generate(),
        project_id: intake.project_id,
        ticket_no: String::new(),
        kind: intake.kind.clone(),
        category: intake.category.clone(),
        priority: intake.priority.unwrap_or(priority),
        channel: intake.channel,
        state: TicketState::Intake,
        unit_id: intake.unit_id,
        place: intake.place.trim().to_owned(),
        words: intake.words.trim().to_owned(),
        caller: intake.caller.clone(),
        assignee: None,
        offered: false,
        level: None,
        effective: None,
        late: false,
        follow_up: kind.follow_up,
        not_reached: 0,
        taken_in_by: scene.by.to_owned(),
        link_id: intake.link_id,
        taken_in_at: scene.at,
        response_due_at: None,
        solve_due_at: None,
        follow_up_due_at: None,
        accepted_at: None,
        started_at: None,
        solved_at: None,
        ended_at: None,
        moved_at: scene.at,
        moves: 0,
        routing: Routing {
            kind: intake.kind.clone(),
            priority: intake.priority.unwrap_or(priority),
            response: None,
            solve: None,
            dispatch: super::Dispatch::Wait,
            ranking: Vec::new(),
            escalations: Vec::new(),
            by: RoutedBy::BuiltIn,
            flagged: None,
        },
        calendar_version: scene.calendar_version,
        version: 0,
    }
}

/// Takes a routed draft in.
///
/// # Errors
/// `Invalid` for texts that cannot be kept and a routing that cannot be.
pub fn take_in(draft: Ticket, routing: Routing, scene: &Scene<'_>) -> Result<Planned> {
    refuse_fields(&check_texts(&draft.words, &draft.place, &draft.caller))?;
    let mut plan =
        Plan { ticket: draft, timers: Vec::new(), moves: Vec::new(), follow_up: None, events: Vec::new(), scene };
    plan.step(TicketMove::TakeIn, TicketState::Intake, "");
    plan.ticket.priority = routing.priority;
    plan.open(routing)?;
    plan.done()
}

/// Plans a move. `routing` is the answer of whoever was asked, where [`asks_routing`] says so.
///
/// # Errors
/// `Refused` with `illegal-move`, `follow-up-missing`, `not-yours`, `reason-missing` or `nobody-named`; `Conflict` where
/// somebody else has taken the ticket; `Invalid` for a follow-up that cannot be.
pub fn move_ticket(
    ticket: &Ticket,
    timers: &[Timer],
    wanted: &Wanted,
    routing: Option<Routing>,
    scene: &Scene<'_>,
) -> Result<Planned> {
    check_move(ticket, wanted, scene)?;
    let mut plan = Plan {
        ticket: ticket.clone(),
        timers: timers.to_vec(),
        moves: Vec::new(),
        follow_up: None,
        events: Vec::new(),
        scene,
    };
    plan.make(wanted, routing)?;
    plan.done()
}

/// The occasion on which a router is asked before a move is made.
#[must_use]
pub fn asks_routing(wanted: &Wanted) -> Option<super::routing::Occasion> {
    use super::routing::Occasion;
    match wanted.made {
        TicketMove::Reopen => Some(Occasion::Reopen),
        TicketMove::Return => Some(Occasion::Return),
        TicketMove::Transfer if wanted.to.is_none() => Some(Occasion::Transfer),
        TicketMove::FollowUp => {
            let result = wanted.follow_up.as_ref().map(|entry| entry.result);
            (result == Some(FollowUpResult::Dissatisfied)).then_some(Occasion::Reopen)
        }
        _ => None,
    }
}

/// What somebody may do with a ticket as far as its state, its kind and who has it decide: what a page offers.
#[must_use]
pub fn offered(ticket: &Ticket, me: StaffId, dispatches: bool) -> Vec<TicketMove> {
    let moves = possible(ticket.state).into_iter();
    moves.filter(|made| guard(ticket, *made).is_ok() && check_hands(ticket, *made, me, dispatches).is_ok()).collect()
}

/// What is refused although the table has it.
fn guard(ticket: &Ticket, made: TicketMove) -> Result<()> {
    let without =
        |made: TicketMove| possible(ticket.state).into_iter().filter(|other| *other != made).collect::<Vec<_>>();
    match (made, ticket.state) {
        // R82, R83: what has to be followed up is not closed before.
        (TicketMove::Close, TicketState::Solved) if ticket.follow_up => {
            let message = format!("a {} is closed after its follow-up; possible: follow-up, reopen", ticket.kind);
            Err(Error::refused("follow-up-missing", message))
        }
        // An enquiry is answered at the desk; what needs hands is not.
        (TicketMove::Solve, TicketState::Intake) if ticket.follow_up => {
            Err(illegal(ticket.state, made, &without(made)))
        }
        // What work was done for is solved or handed back, not forgotten.
        (TicketMove::Cancel, _) if ticket.started_at.is_some() => Err(illegal(ticket.state, made, &without(made))),
        _ => Ok(()),
    }
}

/// Work is done by whoever has the ticket; whoever dispatches may do it for them.
fn check_hands(ticket: &Ticket, made: TicketMove, me: StaffId, dispatches: bool) -> Result<()> {
    use TicketMove as M;
    match made {
        M::Accept | M::Start | M::Suspend | M::Resume | M::Transfer | M::Return => {}
        M::Solve if ticket.state != TicketState::Intake => {}
        _ => return Ok(()),
    }
    let mine = ticket.assignee == Some(me) || (made == M::Accept && ticket.offered);
    if mine || (dispatches && made != M::Accept) || (dispatches && ticket.assignee.is_some()) {
        return Ok(());
    }
    Err(Error::refused("not-yours", "somebody else has this ticket"))
}

fn check_move(ticket: &Ticket, wanted: &Wanted, scene: &Scene<'_>) -> Result<()> {
    use TicketMove as M;
    // Two people grab one ticket: the second hears that it is gone, not how states work.
    let taken = ticket.accepted_at.is_some() && ticket.assignee != Some(scene.me);
    if wanted.made == M::Accept && taken && matches!(ticket.state, TicketState::Accepted | TicketState::Working) {
        return Err(Error::Conflict("somebody else has taken this ticket already".into()));
    }
    target(ticket.state, wanted.made)?;
    guard(ticket, wanted.made)?;
    check_hands(ticket, wanted.made, scene.me, scene.dispatches)?;
    let needs_reason = matches!(wanted.made, M::Suspend | M::Transfer | M::Return | M::Solve | M::Reopen | M::Cancel);
    if needs_reason && wanted.reason.trim().is_empty() {
        return Err(Error::refused("reason-missing", format!("say why: {} takes a reason", wanted.made)));
    }
    if wanted.reason.chars().count() > WORDS_LENGTH_MAX {
        return Err(Error::invalid(format!("a reason has at most {WORDS_LENGTH_MAX} characters")));
    }
    if wanted.to.is_some() && !matches!(wanted.made, M::Dispatch | M::Transfer) {
        return Err(Error::invalid(format!("{} names nobody", wanted.made)));
    }
    match (&wanted.follow_up, wanted.made) {
        (Some(entry), M::FollowUp) => entry.check(),
        (None, M::FollowUp) => Err(Error::invalid("say what the follow-up found")),
        (Some(_), made) => Err(Error::invalid(format!("{made} is no follow-up"))),
        (None, _) => Ok(()),
    }
}

struct Plan<'a> {
    ticket: Ticket,
    timers: Vec<Timer>,
    moves: Vec<MoveRow>,
    follow_up: Option<FollowUp>,
    events: Vec<NewEvent>,
    scene: &'a Scene<'a>,
}

impl Plan<'_> {
    /// Moves of one ticket never go back in time: a clock that is set back stands still here until it has caught up.
    fn at(&self) -> DateTime<Utc> {
        self.scene.at.max(self.ticket.moved_at)
    }

    fn step(&mut self, made: TicketMove, to: TicketState, reason: &str) {
        let at = self.at();
        let from = (made != TicketMove::TakeIn).then_some(self.ticket.state);
        let number = self.ticket.moves + 1;
        self.ticket.state = to;
        self.ticket.moved_at = at;
        self.ticket.moves = number;
        let (by, reason) = (self.scene.by.to_owned(), reason.trim().to_owned());
        self.moves.push(MoveRow { number, made, from, to, at, by, reason, assignee: self.ticket.assignee });
        let kind = match made {
            TicketMove::TakeIn => "ticket.taken-in",
            TicketMove::Dispatch if self.ticket.offered => "ticket.offered",
            TicketMove::Dispatch => "ticket.dispatched",
            TicketMove::Accept => "ticket.accepted",
            TicketMove::Start => "ticket.started",
            TicketMove::Suspend => "ticket.suspended",
            TicketMove::Resume => "ticket.resumed",
            TicketMove::Transfer => "ticket.transferred",
            TicketMove::Return => "ticket.returned",
            TicketMove::Solve => "ticket.solved",
            TicketMove::FollowUp => "ticket.followed-up",
            TicketMove::Close => "ticket.closed",
            TicketMove::Reopen => "ticket.reopened",
            TicketMove::Cancel => "ticket.cancelled",
        };
        let mut event = NewEvent::about(kind, &self.ticket);
        event.payload["from"] = json!(from);
        self.events.push(event);
    }

    fn make(&mut self, wanted: &Wanted, routing: Option<Routing>) -> Result<()> {
        use TicketMove as M;
        let (made, reason) = (wanted.made, wanted.reason.as_str());
        let to = target(self.ticket.state, made)?;
        match made {
            M::TakeIn => return Err(illegal(self.ticket.state, made, &possible(self.ticket.state))),
            M::Dispatch => self.give(wanted.to, reason),
            M::Accept => {
                let at = self.at();
                if self.ticket.assignee.is_none() || self.ticket.offered {
                    self.ticket.assignee = Some(self.scene.me);
                }
                self.ticket.offered = false;
                self.ticket.accepted_at.get_or_insert(at);
                self.forget(&[TimerKind::Response]);
                self.step(made, to, reason);
            }
            M::Start => {
                let at = self.at();
                self.ticket.started_at.get_or_insert(at);
                self.step(made, to, reason);
            }
            M::Suspend => {
                let at = self.at();
                for timer in &mut self.timers {
                    timer.pause(at, self.scene.calendar, self.scene.zone)?;
                }
                self.step(made, to, reason);
            }
            M::Resume => {
                self.resume()?;
                self.step(made, to, reason);
            }
            M::Transfer => {
                self.resume()?;
                self.ticket.assignee = wanted.to;
                self.ticket.offered = false;
                self.step(made, to, reason);
                self.route_on(routing);
            }
            M::Return => {
                self.ticket.assignee = None;
                self.ticket.offered = false;
                self.step(made, to, reason);
                self.route_on(routing);
            }
            M::Solve => self.solve(reason)?,
            M::FollowUp => {
                let entry = wanted.follow_up.clone().ok_or_else(|| Error::invalid("say what the follow-up found"))?;
                self.follow_up(entry, reason, routing)?;
            }
            M::Reopen => self.reopen(reason, routing)?,
            M::Close | M::Cancel => {
                self.timers.clear();
                self.ticket.ended_at = Some(self.at());
                self.ticket.offered = false;
                // A complaint that nobody has called unfounded was justified.
                if made == M::Close && self.ticket.is_complaint() {
                    self.ticket.effective.get_or_insert(true);
                }
                self.step(made, to, reason);
            }
        }
        Ok(())
    }

    fn give(&mut self, to: Option<StaffId>, reason: &str) {
        self.ticket.assignee = to;
        self.ticket.offered = to.is_none();
        self.step(TicketMove::Dispatch, TicketState::Dispatched, reason);
    }

    /// Lets the clocks run again, and moves the deadlines by what the pause took.
    fn resume(&mut self) -> Result<()> {
        let at = self.at();
        for timer in &mut self.timers {
            if timer.due_at.is_some() {
                continue;
            }
            timer.resume(at, self.scene.calendar, self.scene.zone)?;
            match timer.kind {
                TimerKind::Response => self.ticket.response_due_at = timer.due_at,
                TimerKind::Solve => self.ticket.solve_due_at = timer.due_at,
                TimerKind::Escalation | TimerKind::FollowUp => {}
            }
        }
        self.ticket.calendar_version = self.scene.calendar_version;
        Ok(())
    }

    fn solve(&mut self, reason: &str) -> Result<()> {
        let at = self.at();
        let ticket = &mut self.ticket;
        ticket.solved_at = Some(at);
        ticket.accepted_at.get_or_insert(at);
        ticket.late |= ticket.solve_due_at.is_some_and(|due| due < at);
        self.timers.clear();
        self.follow_up_later()?;
        self.step(TicketMove::Solve, TicketState::Solved, reason);
        Ok(())
    }

    fn follow_up_later(&mut self) -> Result<()> {
        self.forget(&[TimerKind::FollowUp]);
        let allowed = self.scene.follow_up_within.filter(|_| self.ticket.follow_up);
        self.ticket.follow_up_due_at =
            allowed.map(|allowed| self.start(TimerKind::FollowUp, None, allowed)).transpose()?;
        Ok(())
    }

    fn follow_up(&mut self, entry: FollowUpEntry, reason: &str, routing: Option<Routing>) -> Result<()> {
        let result = entry.result;
        let words = if reason.trim().is_empty() { entry.words.clone() } else { reason.to_owned() };
        self.follow_up =
            Some(FollowUp { id: FollowUpId::generate(), entry, by: self.scene.by.to_owned(), at: self.at() });
        match result {
            FollowUpResult::Satisfied => {
                self.timers.clear();
                self.ticket.follow_up_due_at = None;
                self.step(TicketMove::FollowUp, TicketState::FollowedUp, &words);
            }
            FollowUpResult::NotReached => {
                self.ticket.not_reached += 1;
                self.follow_up_later()?;
                self.step(TicketMove::FollowUp, TicketState::Solved, &words);
            }
            FollowUpResult::Dissatisfied => {
                self.step(TicketMove::FollowUp, TicketState::Solved, &words);
                self.reopen(&words, routing)?;
            }
        }
        Ok(())
    }

    fn reopen(&mut self, reason: &str, routing: Option<Routing>) -> Result<()> {
        let ticket = &mut self.ticket;
        (ticket.solved_at, ticket.accepted_at, ticket.follow_up_due_at) = (None, None, None);
        (ticket.assignee, ticket.offered, ticket.not_reached) = (None, false, 0);
        self.timers.clear();
        self.step(TicketMove::Reopen, TicketState::Reopened, reason);
        let routing = routing.unwrap_or_else(|| self.ticket.routing.clone());
        self.open(routing)
    }

    /// Starts the deadlines of a routing from now on, and gives the ticket to whom it says.
    fn open(&mut self, routing: Routing) -> Result<()> {
        routing.check()?;
        self.ticket.calendar_version = self.scene.calendar_version;
        self.ticket.response_due_at =
            routing.response.map(|allowed| self.start(TimerKind::Response, None, allowed)).transpose()?;
        self.ticket.solve_due_at =
            routing.solve.map(|allowed| self.start(TimerKind::Solve, None, allowed)).transpose()?;
        for step in &routing.escalations {
            // What it has risen to already, it does not rise to again.
            if self.ticket.level < Some(step.level) {
                self.start(TimerKind::Escalation, Some(step.level), step.after)?;
            }
        }
        self.ticket.routing = routing;
        self.dispatch_as_routed();
        Ok(())
    }

    /// Takes over who should have it; its deadlines run on.
    fn route_on(&mut self, routing: Option<Routing>) {
        if let Some(routing) = routing {
            let ticket = &mut self.ticket.routing;
            (ticket.dispatch, ticket.ranking) = (routing.dispatch, routing.ranking);
            (ticket.by, ticket.flagged) = (routing.by, routing.flagged);
            self.dispatch_as_routed();
        }
    }

    fn dispatch_as_routed(&mut self) {
        if let Some(to) = self.ticket.routing.dispatched_to() {
            self.give(to, "");
        }
    }

    /// Starts a timer and says when it is due.
    fn start(&mut self, kind: TimerKind, level: Option<super::Level>, allowed: Allowed) -> Result<DateTime<Utc>> {
        let Scene { calendar, zone, .. } = *self.scene;
        let due = calendar.resolve(self.at(), Duration::minutes(allowed.minutes), allowed.clock, zone)?;
        let id = TimerId::generate();
        self.timers.push(Timer { id, kind, level, clock: allowed.clock, due_at: Some(due), left_ms: None });
        Ok(due)
    }

    fn forget(&mut self, kinds: &[TimerKind]) {
        self.timers.retain(|timer| !kinds.contains(&timer.kind));
    }

    fn done(mut self) -> Result<Planned> {
        self.ticket.version = self.ticket.version.checked_add(1).ok_or(Error::Overflow("counting versions"))?;
        let Self { ticket, timers, moves, follow_up, events, .. } = self;
        Ok(Planned { ticket, timers, moves, follow_up, events })
    }
}

/// Plans an edit.
///
/// # Errors
/// `Refused` with `ticket-ended`, or `not-a-complaint` where one is judged that is none; `Invalid` for texts that cannot be kept.
pub fn edit(ticket: &Ticket, edit: &TicketEdit) -> Result<Ticket> {
    if ticket.has_ended() {
        let message = format!("{} is {}: it is not changed any more", ticket.ticket_no, ticket.state);
        return Err(Error::refused("ticket-ended", message));
    }
    if edit.effective.is_some() && !ticket.is_complaint() {
        return Err(Error::refused("not-a-complaint", "only a complaint is judged effective or not"));
    }
    refuse_fields(&check_texts(&edit.words, &edit.place, &edit.caller))?;
    let mut after = ticket.clone();
    after.category.clone_from(&edit.category);
    after.priority = edit.priority;
    // The place of a unit is the unit's.
    if ticket.unit_id.is_none() {
        edit.place.trim().clone_into(&mut after.place);
    }
    edit.words.trim().clone_into(&mut after.words);
    after.caller = edit.caller.clone();
    after.effective = edit.effective;
    after.version = after.version.checked_add(1).ok_or(Error::Overflow("counting versions"))?;
    Ok(after)
}

#[cfg(test)]
mod tests;
