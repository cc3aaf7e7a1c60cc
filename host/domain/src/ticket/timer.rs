//! Deadlines and escalation steps as rows that fire once.
//!
//! A timer knows its clock and either when it is due or, while its ticket is suspended, how much time is left. What firing
//! does is computed here; claiming and writing are the store's.

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{fmt, str::FromStr};

use super::{Level, Ticket, TicketState, plan::NewEvent};
use crate::{
    Error, Result,
    access::codes,
    calendar::{Clock, WorkingCalendar},
    ids::*,
};

codes! {
    TimerKind {
        /// Somebody has to accept it.
        Response = "response",
        Solve = "solve",
        Escalation = "escalation",
        /// The customer has to be called back.
        FollowUp = "follow-up",
    }
}

/// One that has not fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer {
    pub id: TimerId,
    pub kind: TimerKind,
    /// Of an escalation.
    pub level: Option<Level>,
    pub clock: Clock,
    /// None while its ticket is suspended.
    pub due_at: Option<DateTime<Utc>>,
    /// What is left of it while it stands still, in milliseconds of its clock.
    pub left_ms: Option<i64>,
}

/// How long a host that has claimed timers may be silent before another one fires them. Firing takes milliseconds.
pub const TIMER_LEASE_SECONDS: i64 = 30;
/// Timers that one host claims at a time: what fires within a second, so that several hosts share a pile.
pub const TIMERS_CLAIMED_MAX: u32 = 50;

impl Timer {
    /// Stops its clock.
    ///
    /// # Errors
    /// Where the calendar ends.
    pub fn pause(&mut self, at: DateTime<Utc>, calendar: &WorkingCalendar, zone: Tz) -> Result<()> {
        if let Some(due) = self.due_at.take() {
            self.left_ms = Some(calendar.between(at, due, self.clock, zone)?.num_milliseconds());
        }
        Ok(())
    }

    /// Lets its clock run again.
    ///
    /// # Errors
    /// Where the calendar ends.
    pub fn resume(&mut self, at: DateTime<Utc>, calendar: &WorkingCalendar, zone: Tz) -> Result<()> {
        if let Some(left) = self.left_ms.take() {
            self.due_at = Some(calendar.resolve(at, Duration::milliseconds(left), self.clock, zone)?);
        }
        Ok(())
    }
}

/// What a timer does to its ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firing {
    /// As it is afterwards.
    pub ticket: Ticket,
    pub event: NewEvent,
}

/// Computes what firing does; `None` where the ticket has gone past it, so that the timer is only laid aside.
///
/// A complaint that is not solved in time rises to the project head, whatever its steps are (W31).
#[must_use]
pub fn fire(ticket: &Ticket, timer: &Timer) -> Option<Firing> {
    let waits = match timer.kind {
        TimerKind::Response => ticket.accepted_at.is_none(),
        TimerKind::Solve | TimerKind::Escalation => ticket.solved_at.is_none(),
        TimerKind::FollowUp => ticket.state == TicketState::Solved,
    };
    if ticket.has_ended() || ticket.state == TicketState::Suspended || !waits {
        return None;
    }
    let mut after = ticket.clone();
    let kind = match timer.kind {
        TimerKind::Response => "ticket.response-due",
        TimerKind::FollowUp => "ticket.follow-up-due",
        TimerKind::Solve => {
            after.late = true;
            if ticket.is_complaint() {
                after.level = after.level.max(Some(Level::ProjectHead));
            }
            "ticket.solve-due"
        }
        TimerKind::Escalation => {
            after.level = after.level.max(timer.level);
            "ticket.escalated"
        }
    };
    let mut event = NewEvent::about(kind, &after);
    event.payload["due_at"] = json!(timer.due_at);
    Some(Firing { ticket: after, event })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_only_rise() {
        assert!(Level::Steward < Level::Supervisor && Level::ProjectHead < Level::Company);
        assert!(Some(Level::Steward) > None);
    }
}
