//! How a ticket finds its way: how urgent it is, who should have it, and until when. Asked at intake, and again when a
//! ticket is reopened, given back or handed on; always before anything is written.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

use super::{Ticket, kind::Terms};
use crate::{Error, Result, access::codes, calendar::Allowed, ids::*};

codes! {
    Priority {
        Urgent = "urgent",
        High = "high",
        Normal = "normal",
        Low = "low",
    }
}

codes! {
    /// What happens with a ticket that nobody has.
    Dispatch {
        /// The first of the ranking gets it; it waits where there is none.
        Assign = "assign",
        /// Whoever takes it first has it (抢单).
        Offer = "offer",
        /// Somebody decides by hand.
        Wait = "wait",
    }
}

codes! {
    /// How far up a ticket rises, lowest first.
    Level {
        Steward = "steward",
        Supervisor = "supervisor",
        /// 项目经理, who owns every complaint in the end (W31).
        ProjectHead = "project-head",
        Company = "company",
    }
}

/// Somebody who could do it, with the key of the step that says why; an empty one where nobody asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ranked {
    pub staff: StaffId,
    pub reason: String,
}

/// Up to whom a ticket rises when so much time has passed since it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscalationStep {
    pub after: Allowed,
    pub level: Level,
}

/// Who routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoutedBy {
    /// What the category says.
    BuiltIn,
    Decision(DecisionId),
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routing {
    pub kind: String,
    pub priority: Priority,
    pub response: Option<Allowed>,
    pub solve: Option<Allowed>,
    pub dispatch: Dispatch,
    /// Best first.
    pub ranking: Vec<Ranked>,
    pub escalations: Vec<EscalationStep>,
    pub by: RoutedBy,
    /// Why the built-in answer was taken although somebody else should have answered.
    pub flagged: Option<String>,
}

/// Steps that one ticket may rise by.
pub const ESCALATIONS_MAX: usize = 8;
/// Candidates that are kept.
pub const RANKING_MAX: usize = 64;

impl Routing {
    /// # Errors
    /// `Invalid` for durations that cannot be and for more steps or candidates than are kept.
    pub fn check(&self) -> Result<()> {
        let steps = self.escalations.iter().map(|step| step.after);
        for allowed in self.response.into_iter().chain(self.solve).chain(steps) {
            allowed.check()?;
        }
        if self.escalations.len() > ESCALATIONS_MAX || self.ranking.len() > RANKING_MAX {
            return Err(Error::invalid("a routing has more steps or candidates than are kept"));
        }
        Ok(())
    }

    /// Who gets a ticket that nobody has; none for an offer, `None` where it waits.
    #[must_use]
    pub fn dispatched_to(&self) -> Option<Option<StaffId>> {
        match self.dispatch {
            Dispatch::Assign => self.ranking.first().map(|first| Some(first.staff)),
            Dispatch::Offer => Some(None),
            Dispatch::Wait => None,
        }
    }
}

/// When a routing is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    Intake,
    Reopen,
    Return,
    Transfer,
}

/// What a router is told. No transaction is open while it thinks.
#[derive(Debug)]
pub struct RoutingQuestion<'a> {
    pub occasion: Occasion,
    /// As it will be; one that is taken in has no number yet.
    pub ticket: &'a Ticket,
    /// What its kind and category say.
    pub terms: &'a Terms,
    pub at: DateTime<Utc>,
}

/// Whoever routes tickets.
#[async_trait]
pub trait Router: Send + Sync {
    /// # Errors
    /// Whatever kept it from answering; a rule that fails is no error: the built-in answer applies, flagged.
    async fn route(&self, question: &RoutingQuestion<'_>) -> Result<Routing>;
}

/// Routes by what kind and category say.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn;

#[async_trait]
impl Router for BuiltIn {
    async fn route(&self, question: &RoutingQuestion<'_>) -> Result<Routing> {
        Ok(built_in(question.ticket, question.terms))
    }
}

/// What applies without a rule, and where a rule fails. The ticket's own priority wins over the category's: a person said it.
#[must_use]
pub fn built_in(ticket: &Ticket, terms: &Terms) -> Routing {
    Routing {
        kind: ticket.kind.clone(),
        priority: ticket.priority,
        response: terms.response,
        solve: terms.solve,
        dispatch: terms.dispatch,
        ranking: Vec::new(),
        escalations: terms.escalations.clone(),
        by: RoutedBy::BuiltIn,
        flagged: None,
    }
}
