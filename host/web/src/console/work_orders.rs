//! 派工单 on the page of their ticket: added, quoted, answered, done.

use axum::{
    Form,
    extract::Path,
    response::{Redirect, Response},
};
use guanjia_domain::{
    Decimal, Error, Fen,
    ids::{TicketId, WorkOrderId},
    ticket::work_order::{CheckItem, Payment, WorkOrder, WorkOrderEdit, WorkOrderMove, WorkOrderState},
};
use serde::Deserialize;

use super::ticket::answer;
use crate::{
    access::{Require, needs::ReadTickets},
    api::work_orders::work_orders,
    fault::Answer,
    format, urls,
    words::Words,
};

/// One work order with what may be done with it.
pub(super) struct OrderLine {
    pub(super) title: String,
    pub(super) state: String,
    pub(super) state_code: &'static str,
    pub(super) checklist: Vec<Check>,
    pub(super) parts: String,
    pub(super) payment: String,
    pub(super) quote: String,
    pub(super) url: String,
    pub(super) version: i64,
    /// Neither done nor cancelled.
    pub(super) open: bool,
    pub(super) may_quote: bool,
    pub(super) asks: bool,
    pub(super) may_complete: bool,
}

pub(super) struct Check {
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) done: bool,
}

pub(super) fn line(order: WorkOrder, words: Words) -> OrderLine {
    let open = order.state == WorkOrderState::Open;
    let parts = order.parts.iter().map(|part| {
        let quantity = Decimal::new(part.quantity_milli, 3).trimmed(0);
        format!("{} {quantity} {}", part.name, part.unit).trim_end().to_owned()
    });
    let done = order.checklist.iter().all(|item| item.done);
    OrderLine {
        title: format!("{}. {}", order.number, order.title),
        state: words.t(&format!("work-order-state-{}", order.state)),
        state_code: order.state.code(),
        parts: parts.collect::<Vec<_>>().join("、"),
        payment: if order.payment == Payment::Free {
            String::new()
        } else {
            words.t(&format!("work-order-payment-{}", order.payment))
        },
        quote: order.quote.map(format::yuan).unwrap_or_default(),
        url: urls::work_order(order.id),
        version: order.version,
        open,
        may_quote: open && matches!(order.payment, Payment::Free | Payment::Declined | Payment::Quoted),
        asks: open && order.payment == Payment::Quoted,
        may_complete: open && done && matches!(order.payment, Payment::Free | Payment::Accepted),
        checklist: order
            .checklist
            .into_iter()
            .enumerate()
            .map(|(number, CheckItem { text, done })| Check { number, text, done })
            .collect(),
    }
}

#[derive(Deserialize)]
pub(crate) struct AddForm {
    title: String,
    /// One thing to do a line.
    #[serde(default)]
    checklist: String,
}

pub(crate) async fn add(
    access: Require<ReadTickets>,
    Path(id): Path<TicketId>,
    Form(form): Form<AddForm>,
) -> Answer<Response> {
    let lines = form.checklist.lines().map(str::trim).filter(|line| !line.is_empty());
    let edit = WorkOrderEdit {
        title: form.title,
        assignee: None,
        checklist: lines.map(|text| CheckItem { text: text.to_owned(), done: false }).collect(),
        parts: Vec::new(),
        minutes: 0,
    };
    let outcome = work_orders(&access).add(&access.stamp(), id, edit).await.map(drop);
    answer(&access, id, outcome).await
}

#[derive(Deserialize)]
pub(crate) struct OrderForm {
    version: i64,
    #[serde(rename = "move")]
    made: String,
    /// Of a quote, in yuan.
    #[serde(default)]
    amount: String,
    #[serde(default)]
    what_for: String,
    /// Of `check`: which thing was done.
    number: Option<usize>,
}

/// A price that was typed, in fen; 0, which is refused, for what is no amount.
fn fen(typed: &str) -> Fen {
    let exact = typed.trim().parse::<Decimal>().ok().and_then(|yuan| yuan.rescale(2));
    Fen(exact.map_or(0, |exact| exact.mantissa))
}

pub(crate) async fn make(
    access: Require<ReadTickets>,
    Path(id): Path<WorkOrderId>,
    Form(form): Form<OrderForm>,
) -> Answer<Response> {
    let orders = work_orders(&access);
    let order = orders.order(id).await?;
    let made = match form.made.as_str() {
        "quote" => Ok(WorkOrderMove::Quote { amount: fen(&form.amount), what_for: form.what_for }),
        "accept" => Ok(WorkOrderMove::Answer { accepted: true }),
        "decline" => Ok(WorkOrderMove::Answer { accepted: false }),
        "complete" => Ok(WorkOrderMove::Complete),
        "cancel" => Ok(WorkOrderMove::Cancel),
        _ => Err(()),
    };
    let outcome = match (made, form.number) {
        (Ok(made), _) => orders.make(&access.stamp(), id, form.version, &made).await.map(drop),
        (Err(()), Some(number)) => {
            let mut checklist = order.checklist;
            if let Some(item) = checklist.get_mut(number) {
                item.done = !item.done;
            }
            let edit = WorkOrderEdit {
                title: order.title,
                assignee: order.assignee,
                checklist,
                parts: order.parts,
                minutes: order.minutes,
            };
            orders.edit(&access.stamp(), id, form.version, edit).await.map(drop)
        }
        (Err(()), None) => Err(Error::invalid("there is no such move")),
    };
    answer(&access, order.ticket_id, outcome).await
}

/// Whoever loads the address of a form anew is shown the ticket.
pub(crate) async fn show(access: Require<ReadTickets>, Path(id): Path<WorkOrderId>) -> Answer<Redirect> {
    Ok(Redirect::to(&urls::ticket(work_orders(&access).order(id).await?.ticket_id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::whole("80", 8_000)]
    #[case::cents(" 80.50 ", 8_050)]
    #[case::too_fine("80.505", 0)]
    #[case::words("八十", 0)]
    fn prices_are_typed_in_yuan(#[case] typed: &str, #[case] expected: i64) {
        assert_eq!(fen(typed), Fen(expected));
    }
}
