//! `guanjia:ticket-policy`: what is a ticket, how urgent is it, who should take it, and by when?

use crate::{AnswerOf, BatchOf, Decimal, RecordPoint};

/// `ticket-policy`.
#[derive(Debug, Clone, Copy)]
pub struct TicketPoint;

impl RecordPoint for TicketPoint {
    const CODE: &'static str = "ticket-policy";
    const SUBJECTS: &'static str = "tickets";
    type Shared = ();
    type Subject = Ticket;
    type Decided = Route;
    const RESULT_SCALE: u8 = 0;

    /// Minutes until it has to be solved, 0 where nothing is set.
    fn result(route: &Route) -> i64 {
        route.solve.as_ref().map_or(0, |solve| i64::from(solve.minutes))
    }
}

/// One call of a ticket policy.
pub type TicketBatch = BatchOf<TicketPoint>;
/// What a ticket policy answered.
pub type TicketAnswer = AnswerOf<TicketPoint>;

/// A ticket as a rule sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields, default))]
pub struct Ticket {
    /// Why the question is asked: `intake`, `reopened`, `returned`, `transferred`.
    pub occasion: String,
    pub kind: String,
    /// Empty where none was chosen.
    pub category: String,
    pub channel: String,
    /// What the customer said, where the manifest asks for the words.
    pub words: Option<String>,
    pub candidates: Vec<Candidate>,
}

/// Somebody who may take a ticket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields, default))]
pub struct Candidate {
    /// Codes of the posts that they hold at the project on the day.
    pub posts: Vec<String>,
    /// Level in the skill that the category asks for.
    pub skill: Option<u32>,
    pub on_shift: bool,
    /// Whether the unit lies in a service area that they answer for.
    pub own_area: bool,
    /// Tickets in hand.
    pub load: u32,
    /// Minutes since a ticket was last given to them.
    pub idle_minutes: Option<u32>,
    /// Whether they had this ticket before.
    pub had_it: bool,
}

/// What a rule decides about a ticket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields, default))]
pub struct Route {
    pub kind: String,
    /// `urgent`, `high`, `normal` or `low`.
    pub priority: String,
    pub response: Option<Allowed>,
    pub solve: Option<Allowed>,
    /// `assign`, `offer` or `wait`.
    pub dispatch: String,
    /// In the order of preference.
    pub ranking: Vec<Ranked>,
    /// In the order of their times.
    pub escalations: Vec<Escalation>,
}

/// A time, counted from the moment of asking.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Allowed {
    pub minutes: u32,
    /// `working` or `around`.
    pub clock: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Ranked {
    /// Counts from 0 among the candidates of the ticket.
    pub candidate: u32,
    /// Index into [`crate::Description::steps`].
    pub reason: u16,
    pub score: Decimal,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Escalation {
    pub after: Allowed,
    /// `steward`, `supervisor`, `project-head`, `company`.
    pub level: String,
}
