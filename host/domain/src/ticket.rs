//! Tickets (工单): whatever somebody asks of the office, from intake to the call back.
//!
//! What may happen to a ticket is a table ([`state`]); what a move changes is computed by pure functions ([`plan`]) from the
//! ticket as it was read, and written only if nobody else has written meanwhile. So two people can press at the same time,
//! timers can fire in between, and nothing holds a lock while a rule is asked.

pub mod kind;
pub mod link;
pub mod plan;
pub mod routing;
mod service;
pub mod state;
pub mod timer;
pub mod work_order;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

use crate::{
    Error, Result,
    access::{Actor, codes},
    estate::FieldProblem,
    ids::*,
};

pub use kind::{Declaration, Declared, Held, Noun, Terms, TicketCategory, TicketKind, TicketSetup};
pub use routing::{Dispatch, EscalationStep, Level, Priority, Ranked, RoutedBy, Routing};
pub use service::{TicketPage, Tickets};
pub use state::{TicketMove, TicketState};
pub use timer::{Timer, TimerKind};

codes! {
    /// How a ticket came in.
    Channel {
        Counter = "counter",
        Phone = "phone",
        Api = "api",
        OwnerLink = "owner-link",
    }
}

/// Whoever asked. Personal data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    pub name: String,
    pub phone: String,
}

/// One ticket as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    pub id: TicketId,
    pub project_id: ProjectId,
    /// Year and number in the project, such as `2026-000123`.
    pub ticket_no: String,
    /// Code of a [`TicketKind`].
    pub kind: String,
    /// Code of a [`TicketCategory`]; empty where nobody knows yet.
    pub category: String,
    pub priority: Priority,
    pub channel: Channel,
    pub state: TicketState,
    /// None for what belongs to no unit.
    pub unit_id: Option<UnitId>,
    /// Where it is, as lists show it: the unit's place, or what was said about a common area.
    pub place: String,
    pub words: String,
    pub caller: Caller,
    /// Who works on it. The record of the person is the organisation's; this column refers to nothing yet.
    pub assignee: Option<StaffId>,
    /// Everybody who can may take it (抢单).
    pub offered: bool,
    /// How far it has risen.
    pub level: Option<Level>,
    /// Of a complaint: whether it was justified (有效); none while nobody has judged.
    pub effective: Option<bool>,
    /// It was not solved in time.
    pub late: bool,
    /// It cannot be closed before its follow-up.
    pub follow_up: bool,
    /// How often nobody was reached.
    pub not_reached: i64,
    pub taken_in_by: String,
    /// The link through which its owner sees it.
    pub link_id: Option<OwnerLinkId>,
    pub taken_in_at: DateTime<Utc>,
    pub response_due_at: Option<DateTime<Utc>>,
    pub solve_due_at: Option<DateTime<Utc>>,
    pub follow_up_due_at: Option<DateTime<Utc>>,
    /// Since it was last opened.
    pub accepted_at: Option<DateTime<Utc>>,
    /// When work on it first began; from then on it cannot be cancelled.
    pub started_at: Option<DateTime<Utc>>,
    pub solved_at: Option<DateTime<Utc>>,
    /// Closed or cancelled.
    pub ended_at: Option<DateTime<Utc>>,
    /// The last move. Moves of one ticket never go back in time, whatever clocks do.
    pub moved_at: DateTime<Utc>,
    /// How many moves were made.
    pub moves: i64,
    pub routing: Routing,
    /// Version of the working calendar that its deadlines were made with.
    pub calendar_version: i64,
    /// Counts every change.
    pub version: i64,
}

/// Kind whose tickets rise to the project head, and are judged.
pub const COMPLAINT: &str = "complaint";

impl Ticket {
    /// What it has to meet next; none while nothing runs.
    #[must_use]
    pub fn due_at(&self) -> Option<DateTime<Utc>> {
        use TicketState as S;
        match self.state {
            S::Suspended | S::FollowedUp | S::Closed | S::Cancelled => None,
            S::Solved => self.follow_up_due_at,
            _ if self.accepted_at.is_some() => self.solve_due_at,
            _ => match (self.response_due_at, self.solve_due_at) {
                (Some(response), Some(solve)) => Some(response.min(solve)),
                (response, solve) => response.or(solve),
            },
        }
    }

    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.state, TicketState::Closed | TicketState::Cancelled)
    }

    #[must_use]
    pub fn is_complaint(&self) -> bool {
        self.kind == COMPLAINT
    }
}

/// The staff record of whoever is logged in. Until users and staff are tied together, a user is known to tickets by the
/// user's own id.
#[must_use]
pub fn staff_of(actor: &Actor) -> StaffId {
    StaffId(actor.user_id.0)
}

/// Most characters of what a caller says, or of a reason: a page. What is longer belongs into an attachment.
pub const WORDS_LENGTH_MAX: usize = 2_000;
/// Most characters of a name or place: what a line of a list can show.
pub const LINE_LENGTH_MAX: usize = 80;
/// Most characters of a phone number with its prefixes.
pub const PHONE_LENGTH_MAX: usize = 24;
/// Best score of a follow-up; the lowest is 1.
pub const SCORE_MAX: i64 = 5;

/// What is written down when somebody asks for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intake {
    pub project_id: ProjectId,
    pub kind: String,
    pub category: String,
    pub channel: Channel,
    pub unit_id: Option<UnitId>,
    /// For what belongs to no unit; a unit's place is written by the host.
    pub place: String,
    pub words: String,
    pub caller: Caller,
    /// Over the category's.
    pub priority: Option<Priority>,
    pub link_id: Option<OwnerLinkId>,
}

/// What may be corrected while a ticket is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TicketEdit {
    pub category: String,
    pub priority: Priority,
    pub place: String,
    pub words: String,
    pub caller: Caller,
    /// Of a complaint.
    pub effective: Option<bool>,
}

impl TicketEdit {
    #[must_use]
    pub fn of(ticket: &Ticket) -> Self {
        Self {
            category: ticket.category.clone(),
            priority: ticket.priority,
            place: ticket.place.clone(),
            words: ticket.words.clone(),
            caller: ticket.caller.clone(),
            effective: ticket.effective,
        }
    }
}

/// Texts that cannot be kept.
fn check_texts(words: &str, place: &str, caller: &Caller) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    if words.trim().is_empty() {
        problems.push(FieldProblem::new("words", "say what it is about"));
    }
    let fields = [
        ("words", words, WORDS_LENGTH_MAX),
        ("place", place, LINE_LENGTH_MAX),
        ("caller.name", &caller.name, LINE_LENGTH_MAX),
        ("caller.phone", &caller.phone, PHONE_LENGTH_MAX),
    ];
    for (field, text, most) in fields {
        if text.chars().count() > most {
            problems.push(FieldProblem::new(field, format!("at most {most} characters")));
        }
    }
    problems
}

/// Problems of fields as one refusal that names them all.
pub(crate) fn refuse_fields(problems: &[FieldProblem]) -> Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    let told: Vec<_> = problems.iter().map(|problem| format!("{}: {}", problem.field, problem.reason)).collect();
    Err(Error::invalid(told.join("; ")))
}

codes! {
    /// What a follow-up (回访) found.
    FollowUpResult {
        Satisfied = "satisfied",
        Dissatisfied = "dissatisfied",
        NotReached = "not-reached",
    }
}

codes! {
    /// How the customer was asked.
    FollowUpChannel {
        Call = "call",
        Visit = "visit",
        Message = "message",
        OwnerLink = "owner-link",
    }
}

/// What a follow-up leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowUpEntry {
    pub result: FollowUpResult,
    pub channel: FollowUpChannel,
    /// 1 to [`SCORE_MAX`], where the customer gave one.
    pub score: Option<i64>,
    pub words: String,
}

impl FollowUpEntry {
    /// # Errors
    /// `Invalid` for scores that do not exist, for a score of somebody who was not reached, and for a dissatisfied customer
    /// without a word of why.
    pub fn check(&self) -> Result<()> {
        if self.score.is_some_and(|score| !(1..=SCORE_MAX).contains(&score)) {
            return Err(Error::invalid(format!("a score is between 1 and {SCORE_MAX}")));
        }
        if self.result == FollowUpResult::NotReached && self.score.is_some() {
            return Err(Error::invalid("who was not reached gave no score"));
        }
        if self.result == FollowUpResult::Dissatisfied && self.words.trim().is_empty() {
            return Err(Error::invalid("write down what the customer is dissatisfied with"));
        }
        if self.words.chars().count() > WORDS_LENGTH_MAX {
            return Err(Error::invalid(format!("at most {WORDS_LENGTH_MAX} characters")));
        }
        Ok(())
    }
}

/// One follow-up as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowUp {
    pub id: FollowUpId,
    pub entry: FollowUpEntry,
    pub by: String,
    pub at: DateTime<Utc>,
}

/// One move as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveRow {
    /// From 1 in each ticket.
    pub number: i64,
    pub made: TicketMove,
    /// None for the intake.
    pub from: Option<TicketState>,
    pub to: TicketState,
    pub at: DateTime<Utc>,
    pub by: String,
    pub reason: String,
    /// Who has the ticket after the move.
    pub assignee: Option<StaffId>,
}

/// A timer that has fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiredTimer {
    pub kind: TimerKind,
    pub level: Option<Level>,
    pub due_at: DateTime<Utc>,
    pub fired_at: DateTime<Utc>,
}

/// Everything that happened to a ticket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketHistory {
    /// Oldest first.
    pub moves: Vec<MoveRow>,
    pub follow_ups: Vec<FollowUp>,
    pub fired: Vec<FiredTimer>,
    /// What still runs.
    pub timers: Vec<Timer>,
}

/// What a list of tickets is narrowed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketFilter {
    pub project_id: Option<ProjectId>,
    pub state: Option<TicketState>,
    /// Neither closed nor cancelled.
    pub open: bool,
    pub kind: Option<String>,
    pub assignee: Option<StaffId>,
    /// Offered to whoever takes it.
    pub offered: bool,
    pub unit_id: Option<UnitId>,
    /// Past its next deadline at this instant.
    pub overdue_at: Option<DateTime<Utc>>,
    /// A whole ticket number, a whole phone number, or any part of what was said, of the caller's name or of the place.
    pub text: String,
    /// Whether names and phone numbers are searched ([`crate::ports::UnitSearch::personal_data`]).
    pub personal_data: bool,
}

/// What a search text can be. Numbers are looked up; words are searched page by page, from the newest ticket back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    Nothing,
    TicketNo,
    Phone,
    Words,
}

impl TicketFilter {
    #[must_use]
    pub fn text_kind(&self) -> TextKind {
        let text = self.text.trim();
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if text.is_empty() {
            return TextKind::Nothing;
        }
        if text
            .split_once('-')
            .is_some_and(|(year, number)| year.len() == 4 && number.len() >= 6 && digits(year) && digits(number))
        {
            return TextKind::TicketNo;
        }
        if self.personal_data
            && text.len() >= 7
            && text.bytes().all(|byte| byte.is_ascii_digit() || b"+- ".contains(&byte))
        {
            return TextKind::Phone;
        }
        TextKind::Words
    }
}

/// One line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRow {
    pub ticket: Ticket,
    /// Name of whoever works on it, where it is known.
    pub assignee: Option<String>,
}

/// How many open tickets a project has in each state, and how many of them are past their deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateCount {
    pub state: TicketState,
    pub tickets: i64,
    pub overdue: i64,
}
