//! Work orders (派工单): the jobs under a ticket, with checklist, parts and time; and what the customer pays for one.
//!
//! Paid work is quoted before it is done: nobody owes what nobody accepted. What was accepted and done waits to be charged.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{fmt, str::FromStr, sync::Arc};

use super::{LINE_LENGTH_MAX, Ticket, WORDS_LENGTH_MAX, plan::NewEvent};
use crate::{
    Error, Fen, Result,
    access::{Actor, Permission, Stamp, codes},
    estate::STALE,
    ids::*,
    ports::{CompanyStore, Page},
};

codes! {
    WorkOrderState {
        Open = "open",
        Done = "done",
        Cancelled = "cancelled",
    }
}

codes! {
    /// What the customer pays.
    Payment {
        /// Nothing.
        Free = "free",
        Quoted = "quoted",
        Accepted = "accepted",
        Declined = "declined",
        /// Accepted and done: waits for its charge.
        ToCharge = "to-charge",
    }
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckItem {
    pub text: String,
    #[serde(default)]
    pub done: bool,
}

/// Something that was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    pub name: String,
    /// In thousandths of the unit it is counted in.
    pub quantity_milli: i64,
    /// What it is counted in, such as 个 or m.
    #[serde(default)]
    pub unit: String,
}

/// One work order as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkOrder {
    pub id: WorkOrderId,
    pub project_id: ProjectId,
    pub ticket_id: TicketId,
    /// From 1 in each ticket.
    pub number: i64,
    pub title: String,
    pub state: WorkOrderState,
    pub assignee: Option<StaffId>,
    pub checklist: Vec<CheckItem>,
    pub parts: Vec<Part>,
    /// Time that was worked.
    pub minutes: i64,
    pub payment: Payment,
    pub quote: Option<Fen>,
    /// What the quote is for.
    pub quoted_for: String,
    /// Who answered the quote for the customer.
    pub answered_by: Option<String>,
    pub answered_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    pub version: i64,
    pub created_at: DateTime<Utc>,
}

/// What may be changed while it is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkOrderEdit {
    pub title: String,
    pub assignee: Option<StaffId>,
    pub checklist: Vec<CheckItem>,
    pub parts: Vec<Part>,
    pub minutes: i64,
}

/// Lines of a checklist or of a list of parts: what one job has, with room.
const LINES_MAX: usize = 100;
/// Work orders of one ticket. Whoever needs more has several tickets.
pub const WORK_ORDERS_MAX: i64 = 50;
/// A month of working days around the clock.
const MINUTES_MAX: i64 = 31 * 24 * 60;
/// A million units of anything.
const QUANTITY_MAX_MILLI: i64 = 1_000_000_000;
/// A million yuan: beyond it a contract is signed, not a slip.
pub const QUOTE_MAX_FEN: i64 = 100_000_000;

impl WorkOrderEdit {
    fn check(&self) -> Result<()> {
        let long = |text: &str| text.trim().is_empty() || text.chars().count() > LINE_LENGTH_MAX;
        if long(&self.title) {
            return Err(Error::invalid(format!("a title has 1 to {LINE_LENGTH_MAX} characters")));
        }
        if self.checklist.len() > LINES_MAX || self.parts.len() > LINES_MAX {
            return Err(Error::invalid(format!("at most {LINES_MAX} things to do, and as many parts")));
        }
        if self.checklist.iter().any(|item| long(&item.text)) || self.parts.iter().any(|part| long(&part.name)) {
            return Err(Error::invalid(format!("a line has 1 to {LINE_LENGTH_MAX} characters")));
        }
        if self.parts.iter().any(|part| {
            !(1..=QUANTITY_MAX_MILLI).contains(&part.quantity_milli) || part.unit.chars().count() > LINE_LENGTH_MAX
        }) {
            return Err(Error::invalid("a quantity is more than 0 and at most a million"));
        }
        if !(0..=MINUTES_MAX).contains(&self.minutes) {
            return Err(Error::invalid(format!("between 0 and {MINUTES_MAX} minutes")));
        }
        Ok(())
    }
}

/// What is done with a work order besides editing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkOrderMove {
    /// Name a price before the work.
    Quote {
        amount: Fen,
        what_for: String,
    },
    /// The customer accepts or declines the price.
    Answer {
        accepted: bool,
    },
    Complete,
    Cancel,
}

/// What a move changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedWork {
    pub order: WorkOrder,
    pub events: Vec<NewEvent>,
}

fn event(kind: &str, order: &WorkOrder) -> NewEvent {
    let payload = json!({
        "work_order": order.id, "number": order.number, "ticket": order.ticket_id, "state": order.state,
        "payment": order.payment, "quote_fen": order.quote.map(|fen| fen.0), "assignee": order.assignee,
    });
    NewEvent { kind: kind.to_owned(), payload }
}

fn require_open(order: &WorkOrder, ticket: &Ticket) -> Result<()> {
    if ticket.has_ended() {
        let message = format!("{} is {}: it is not changed any more", ticket.ticket_no, ticket.state);
        return Err(Error::refused("ticket-ended", message));
    }
    if order.state != WorkOrderState::Open {
        let message = format!("the work order is {}: it is not changed any more", order.state);
        return Err(Error::refused("work-order-ended", message));
    }
    Ok(())
}

/// Plans an edit.
///
/// # Errors
/// `Refused` with `ticket-ended` or `work-order-ended`, `Invalid` for what cannot be kept.
pub fn edit(order: &WorkOrder, ticket: &Ticket, edit: WorkOrderEdit) -> Result<PlannedWork> {
    require_open(order, ticket)?;
    edit.check()?;
    let mut after = order.clone();
    after.version += 1;
    (after.title, after.assignee) = (edit.title.trim().to_owned(), edit.assignee);
    (after.checklist, after.parts, after.minutes) = (edit.checklist, edit.parts, edit.minutes);
    let events = vec![event("work-order.edited", &after)];
    Ok(PlannedWork { order: after, events })
}

/// Plans a move.
///
/// # Errors
/// `Refused` with `ticket-ended`, `work-order-ended`, `no-quote`, `quote-unanswered`, `quote-declined`, `quote-accepted` or
/// `checklist-open`; `Invalid` for a price that cannot be.
pub fn make(
    order: &WorkOrder,
    ticket: &Ticket,
    made: &WorkOrderMove,
    by: &str,
    at: DateTime<Utc>,
) -> Result<PlannedWork> {
    require_open(order, ticket)?;
    let mut after = order.clone();
    after.version += 1;
    let mut events = Vec::new();
    match made {
        WorkOrderMove::Quote { amount, what_for } => {
            if order.payment == Payment::Accepted {
                return Err(Error::refused(
                    "quote-accepted",
                    "the customer has accepted a price: it is not raised afterwards",
                ));
            }
            if !(1..=QUOTE_MAX_FEN).contains(&amount.0) {
                return Err(Error::invalid(format!("a price is more than 0 and at most {QUOTE_MAX_FEN} fen")));
            }
            if what_for.trim().is_empty() || what_for.chars().count() > WORDS_LENGTH_MAX {
                return Err(Error::invalid(format!("say what it is for, in at most {WORDS_LENGTH_MAX} characters")));
            }
            (after.payment, after.quote) = (Payment::Quoted, Some(*amount));
            what_for.trim().clone_into(&mut after.quoted_for);
            (after.answered_by, after.answered_at) = (None, None);
            events.push(event("work-order.quoted", &after));
        }
        WorkOrderMove::Answer { accepted } => {
            if order.payment != Payment::Quoted {
                return Err(Error::refused("no-quote", "there is no price that waits for an answer"));
            }
            after.payment = if *accepted { Payment::Accepted } else { Payment::Declined };
            (after.answered_by, after.answered_at) = (Some(by.to_owned()), Some(at));
            events.push(event(if *accepted { "work-order.accepted" } else { "work-order.declined" }, &after));
        }
        WorkOrderMove::Complete => {
            match order.payment {
                Payment::Quoted => {
                    return Err(Error::refused("quote-unanswered", "the customer has not answered the price yet"));
                }
                Payment::Declined => {
                    return Err(Error::refused(
                        "quote-declined",
                        "the customer has declined the price: name another, or cancel",
                    ));
                }
                Payment::Free | Payment::Accepted | Payment::ToCharge => {}
            }
            let left = order.checklist.iter().filter(|item| !item.done).count();
            if left > 0 {
                return Err(Error::refused("checklist-open", format!("{left} things of the checklist are not done")));
            }
            (after.state, after.completed_at) = (WorkOrderState::Done, Some(at));
            let charged = order.payment == Payment::Accepted;
            if charged {
                after.payment = Payment::ToCharge;
            }
            events.push(event("work-order.completed", &after));
            if charged {
                let mut chargeable = event("work-order.chargeable", &after);
                chargeable.payload["amount_fen"] = json!(after.quote.map(|fen| fen.0));
                chargeable.payload["unit"] = json!(ticket.unit_id);
                chargeable.payload["ticket_no"] = json!(ticket.ticket_no);
                events.push(chargeable);
            }
        }
        WorkOrderMove::Cancel => {
            after.state = WorkOrderState::Cancelled;
            events.push(event("work-order.cancelled", &after));
        }
    }
    Ok(PlannedWork { order: after, events })
}

/// Work orders of one company.
#[derive(Clone)]
pub struct WorkOrders {
    store: Arc<dyn CompanyStore>,
}

impl fmt::Debug for WorkOrders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkOrders").field("company_id", &self.store.company_id()).finish_non_exhaustive()
    }
}

/// Whoever works, and whoever says who works.
fn require(actor: &Actor) -> Result<()> {
    if actor.may(Permission::DispatchTickets) { Ok(()) } else { actor.require(Permission::WorkTickets) }
}

impl WorkOrders {
    #[must_use]
    pub fn new(store: Arc<dyn CompanyStore>) -> Self {
        Self { store }
    }

    /// Adds a work order to a ticket.
    ///
    /// # Errors
    /// `NotFound` for an unknown ticket, `Refused` with `ticket-ended`, with `too-many-work-orders`, or without the permission; `Invalid`
    /// for what cannot be kept.
    pub async fn add(&self, stamp: &Stamp, ticket: TicketId, edit: WorkOrderEdit) -> Result<WorkOrder> {
        require(&stamp.actor)?;
        edit.check()?;
        let ticket = self.store.ticket(ticket).await?.ticket;
        let last = self.store.work_orders(ticket.id).await?.last().map_or(0, |order| order.number);
        if last >= WORK_ORDERS_MAX {
            return Err(Error::refused("too-many-work-orders", format!("a ticket has at most {WORK_ORDERS_MAX}")));
        }
        let order = WorkOrder {
            id: WorkOrderId::generate(),
            project_id: ticket.project_id,
            ticket_id: ticket.id,
            number: last + 1,
            title: edit.title.trim().to_owned(),
            state: WorkOrderState::Open,
            assignee: edit.assignee.or(ticket.assignee),
            checklist: edit.checklist,
            parts: edit.parts,
            minutes: edit.minutes,
            payment: Payment::Free,
            quote: None,
            quoted_for: String::new(),
            answered_by: None,
            answered_at: None,
            completed_at: None,
            version: 1,
            created_at: stamp.at,
        };
        require_open(&order, &ticket)?;
        let planned = PlannedWork { events: vec![event("work-order.added", &order)], order };
        self.store.add_work_order(stamp, &planned).await?;
        Ok(planned.order)
    }

    /// # Errors
    /// `NotFound` for an unknown one.
    pub async fn order(&self, order: WorkOrderId) -> Result<WorkOrder> {
        self.store.work_order(order).await
    }

    /// Those of a ticket, in their order.
    ///
    /// # Errors
    /// `NotFound` for an unknown ticket.
    pub async fn of_ticket(&self, ticket: TicketId) -> Result<Vec<WorkOrder>> {
        self.store.ticket(ticket).await?;
        self.store.work_orders(ticket).await
    }

    /// Those of a project, newest first; with `to_charge`, those whose charge is still to be made.
    ///
    /// # Errors
    /// `NotFound` for an unknown project.
    pub async fn of_project(
        &self,
        project: ProjectId,
        to_charge: bool,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<WorkOrder>> {
        self.store.project(project).await?;
        self.store.work_orders_of_project(project, to_charge, cursor, limit).await
    }

    /// Edits a work order over the version that was seen.
    ///
    /// # Errors
    /// As [`edit`]; `Refused` with [`STALE`] over another version, or without the permission.
    pub async fn edit(&self, stamp: &Stamp, order: WorkOrderId, seen: i64, change: WorkOrderEdit) -> Result<WorkOrder> {
        self.change(stamp, order, seen, |order, ticket| edit(order, ticket, change)).await
    }

    /// Makes a move from the version that was seen.
    ///
    /// # Errors
    /// As [`make`]; `Refused` with [`STALE`] from another version, or without the permission.
    pub async fn make(&self, stamp: &Stamp, order: WorkOrderId, seen: i64, made: &WorkOrderMove) -> Result<WorkOrder> {
        let by = stamp.actor.name.clone();
        self.change(stamp, order, seen, |order, ticket| make(order, ticket, made, &by, stamp.at)).await
    }

    async fn change(
        &self,
        stamp: &Stamp,
        order: WorkOrderId,
        seen: i64,
        plan: impl FnOnce(&WorkOrder, &Ticket) -> Result<PlannedWork>,
    ) -> Result<WorkOrder> {
        require(&stamp.actor)?;
        let before = self.store.work_order(order).await?;
        let stale = || Error::refused(STALE, "the work order was changed meanwhile: read it again");
        if before.version != seen {
            return Err(stale());
        }
        let ticket = self.store.ticket(before.ticket_id).await?.ticket;
        let planned = plan(&before, &ticket)?;
        if !self.store.change_work_order(stamp, &before, &planned).await? {
            return Err(stale());
        }
        Ok(planned.order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticket::{Channel, Dispatch, Intake, Priority, TicketSetup, kind::REPAIR, plan::Scene, plan::draft};
    use rstest::rstest;

    fn ticket() -> Ticket {
        let calendar = crate::calendar::WorkingCalendar::default();
        let scene = Scene {
            at: DateTime::UNIX_EPOCH,
            by: "li",
            me: StaffId::generate(),
            dispatches: true,
            calendar: &calendar,
            calendar_version: 0,
            zone: chrono_tz::Tz::UTC,
            follow_up_within: None,
        };
        let intake = Intake {
            project_id: ProjectId::generate(),
            kind: REPAIR.into(),
            category: String::new(),
            channel: Channel::Phone,
            unit_id: None,
            place: "大堂".into(),
            words: "漏水".into(),
            caller: super::super::Caller::default(),
            priority: None,
            link_id: None,
        };
        let ticket = draft(&intake, &TicketSetup::of(vec![]).kinds[REPAIR].of, Priority::Normal, &scene);
        assert_eq!(ticket.routing.dispatch, Dispatch::Wait);
        ticket
    }

    fn order(payment: Payment, open_items: usize) -> WorkOrder {
        WorkOrder {
            id: WorkOrderId::generate(),
            project_id: ProjectId::generate(),
            ticket_id: TicketId::generate(),
            number: 1,
            title: "换水管".into(),
            state: WorkOrderState::Open,
            assignee: None,
            checklist: vec![CheckItem { text: "关总阀".into(), done: false }; open_items],
            parts: vec![],
            minutes: 30,
            payment,
            quote: (payment != Payment::Free).then_some(Fen(8_000)),
            quoted_for: String::new(),
            answered_by: None,
            answered_at: None,
            completed_at: None,
            version: 3,
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    fn quote(fen: i64) -> WorkOrderMove {
        WorkOrderMove::Quote { amount: Fen(fen), what_for: "材料和人工".into() }
    }

    /// Each payment with each move: what it becomes, or why it is refused.
    #[rstest]
    #[case::free_done(Payment::Free, WorkOrderMove::Complete, Ok(Payment::Free))]
    #[case::free_quoted(Payment::Free, quote(8_000), Ok(Payment::Quoted))]
    #[case::free_answered(Payment::Free, WorkOrderMove::Answer { accepted: true }, Err("no-quote"))]
    #[case::accepted(Payment::Quoted, WorkOrderMove::Answer { accepted: true }, Ok(Payment::Accepted))]
    #[case::declined(Payment::Quoted, WorkOrderMove::Answer { accepted: false }, Ok(Payment::Declined))]
    #[case::quoted_done(Payment::Quoted, WorkOrderMove::Complete, Err("quote-unanswered"))]
    #[case::declined_done(Payment::Declined, WorkOrderMove::Complete, Err("quote-declined"))]
    #[case::quoted_anew(Payment::Declined, quote(5_000), Ok(Payment::Quoted))]
    #[case::raised_afterwards(Payment::Accepted, quote(9_000), Err("quote-accepted"))]
    #[case::accepted_done(Payment::Accepted, WorkOrderMove::Complete, Ok(Payment::ToCharge))]
    #[case::accepted_twice(Payment::Accepted, WorkOrderMove::Answer { accepted: true }, Err("no-quote"))]
    fn nobody_owes_what_nobody_accepted(
        #[case] payment: Payment,
        #[case] made: WorkOrderMove,
        #[case] expected: std::result::Result<Payment, &str>,
    ) {
        let found = match make(&order(payment, 0), &ticket(), &made, "li", DateTime::UNIX_EPOCH) {
            Ok(planned) => {
                let charges = planned.events.iter().filter(|event| event.kind == "work-order.chargeable");
                let amounts: Vec<_> = charges.map(|event| event.payload["amount_fen"].as_i64()).collect();
                let expected = if planned.order.payment == Payment::ToCharge { vec![Some(8_000)] } else { vec![] };
                assert_eq!(amounts, expected);
                assert_eq!(planned.order.version, 4);
                Ok(planned.order.payment)
            }
            Err(Error::Refused { code, .. }) => Err(code),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(found, expected);
    }

    #[rstest]
    #[case::nothing(0)]
    #[case::less(-1)]
    #[case::a_fortune(QUOTE_MAX_FEN + 1)]
    fn prices_have_bounds(#[case] fen: i64) {
        assert!(make(&order(Payment::Free, 0), &ticket(), &quote(fen), "li", DateTime::UNIX_EPOCH).is_err());
    }

    #[test]
    fn what_is_left_to_do_is_not_done() {
        let refused = make(&order(Payment::Free, 2), &ticket(), &WorkOrderMove::Complete, "li", DateTime::UNIX_EPOCH);
        assert!(matches!(refused, Err(Error::Refused { code: "checklist-open", .. })));
    }

    #[test]
    fn what_has_ended_stays() {
        let mut closed = ticket();
        closed.state = super::super::TicketState::Closed;
        let order = order(Payment::Free, 0);
        let refused = make(&order, &closed, &WorkOrderMove::Cancel, "li", DateTime::UNIX_EPOCH);
        assert!(matches!(refused, Err(Error::Refused { code: "ticket-ended", .. })));
        let done =
            make(&order, &ticket(), &WorkOrderMove::Complete, "li", DateTime::UNIX_EPOCH).expect("is possible").order;
        let again = make(&done, &ticket(), &WorkOrderMove::Cancel, "li", DateTime::UNIX_EPOCH);
        assert!(matches!(again, Err(Error::Refused { code: "work-order-ended", .. })));
        let change =
            WorkOrderEdit { title: "换".into(), assignee: None, checklist: vec![], parts: vec![], minutes: 0 };
        assert!(edit(&done, &ticket(), change.clone()).is_err());
        assert!(edit(&order, &ticket(), WorkOrderEdit { minutes: -1, ..change }).is_err());
    }
}
