//! Work orders (派工单) under a ticket, and what the customer pays for one.

use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
};
use chrono::{DateTime, Utc};
use guanjia_domain::{
    Fen,
    ids::{ProjectId, StaffId, TicketId, WorkOrderId},
    ticket::work_order::{CheckItem, Part, WorkOrder, WorkOrderEdit, WorkOrderMove, WorkOrders},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Ask, At, List, Reply, etag, limit, require_match};
use crate::{
    access::{Require, Signed, needs::ReadTickets},
    fault::{Answer, Fault, Problem},
};

pub(crate) fn work_orders(access: &Signed) -> WorkOrders {
    WorkOrders::new(access.store.clone())
}

/// One thing to do.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckItemBody {
    pub text: String,
    #[serde(default)]
    pub done: bool,
}

/// Something that was used.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartBody {
    pub name: String,
    /// In thousandths of the unit it is counted in.
    pub quantity_milli: i64,
    #[serde(default)]
    pub unit: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkOrderBody {
    pub id: Uuid,
    pub project: Uuid,
    pub ticket: Uuid,
    /// From 1 in each ticket.
    pub number: i64,
    pub title: String,
    /// `open`, `done`, `cancelled`.
    pub state: String,
    pub assignee: Option<Uuid>,
    pub checklist: Vec<CheckItemBody>,
    pub parts: Vec<PartBody>,
    /// Time that was worked.
    pub minutes: i64,
    /// `free`, `quoted`, `accepted`, `declined`, `to-charge`.
    pub payment: String,
    pub quote_fen: Option<i64>,
    pub quoted_for: String,
    pub answered_by: Option<String>,
    pub answered_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    /// Counts every change; the number in the `ETag`.
    pub version: i64,
}

impl From<WorkOrder> for WorkOrderBody {
    fn from(order: WorkOrder) -> Self {
        let item = |CheckItem { text, done }| CheckItemBody { text, done };
        let part = |Part { name, quantity_milli, unit }| PartBody { name, quantity_milli, unit };
        Self {
            id: order.id.0,
            project: order.project_id.0,
            ticket: order.ticket_id.0,
            number: order.number,
            title: order.title,
            state: order.state.to_string(),
            assignee: order.assignee.map(|staff| staff.0),
            checklist: order.checklist.into_iter().map(item).collect(),
            parts: order.parts.into_iter().map(part).collect(),
            minutes: order.minutes,
            payment: order.payment.to_string(),
            quote_fen: order.quote.map(|fen| fen.0),
            quoted_for: order.quoted_for,
            answered_by: order.answered_by,
            answered_at: order.answered_at,
            completed_at: order.completed_at,
            created_at: order.created_at,
            version: order.version,
        }
    }
}

/// What can be written down of a work order, all of it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkOrderEntry {
    title: String,
    /// Whoever has the ticket, without it.
    #[schema(value_type = Option<Uuid>)]
    assignee: Option<StaffId>,
    #[serde(default)]
    checklist: Vec<CheckItemBody>,
    #[serde(default)]
    parts: Vec<PartBody>,
    #[serde(default)]
    minutes: i64,
}

impl From<WorkOrderEntry> for WorkOrderEdit {
    fn from(entry: WorkOrderEntry) -> Self {
        let item = |CheckItemBody { text, done }| CheckItem { text, done };
        let part = |PartBody { name, quantity_milli, unit }| Part { name, quantity_milli, unit };
        Self {
            title: entry.title,
            assignee: entry.assignee,
            checklist: entry.checklist.into_iter().map(item).collect(),
            parts: entry.parts.into_iter().map(part).collect(),
            minutes: entry.minutes,
        }
    }
}

type Tagged = ([(HeaderName, HeaderValue); 1], Json<WorkOrderBody>);

fn tagged(order: WorkOrder) -> Tagged {
    ([(header::ETAG, etag(order.version))], Json(order.into()))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WorkOrdersQuery {
    #[param(value_type = Uuid)]
    project: ProjectId,
    /// Those that were accepted and done, and whose charge is still to be made.
    #[serde(default)]
    to_charge: bool,
    cursor: Option<String>,
    /// 50 by default, 500 at most.
    limit: Option<u32>,
}

/// Lists the work orders of a project, newest first.
#[utoipa::path(
    get, path = "/api/v1/work-orders", tag = "work-orders", params(WorkOrdersQuery),
    responses((status = 200, body = List<WorkOrderBody>)),
)]
pub(crate) async fn list_work_orders(
    access: Require<ReadTickets>,
    Ask(query): Ask<WorkOrdersQuery>,
) -> Reply<List<WorkOrderBody>> {
    let cursor = query.cursor.as_deref();
    let page = work_orders(&access).of_project(query.project, query.to_charge, cursor, limit(query.limit)).await?;
    Ok(Json(List::page(page, WorkOrderBody::from)))
}

/// Lists the work orders of a ticket.
#[utoipa::path(
    get, path = "/api/v1/tickets/{id}/work-orders", tag = "work-orders", params(("id" = Uuid, Path)),
    responses((status = 200, body = List<WorkOrderBody>), (status = 404, body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn list_orders_of_ticket(
    access: Require<ReadTickets>,
    At(id): At<TicketId>,
) -> Reply<List<WorkOrderBody>> {
    Ok(Json(List::whole(work_orders(&access).of_ticket(id).await?)))
}

/// Adds a work order to a ticket.
#[utoipa::path(
    post, path = "/api/v1/tickets/{id}/work-orders", tag = "work-orders", params(("id" = Uuid, Path)), request_body = WorkOrderEntry,
    responses(
        (status = 201, body = WorkOrderBody),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`ticket-ended`, `too-many-work-orders`, or what cannot be kept", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create_work_order(
    access: Require<ReadTickets>,
    At(id): At<TicketId>,
    Json(entry): Json<WorkOrderEntry>,
) -> Answer<(StatusCode, Tagged)> {
    let order = work_orders(&access).add(&access.stamp(), id, entry.into()).await?;
    Ok((StatusCode::CREATED, tagged(order)))
}

/// Reads one work order.
#[utoipa::path(
    get, path = "/api/v1/work-orders/{id}", tag = "work-orders", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = WorkOrderBody, headers(("ETag" = String, description = "what an edit sends as `If-Match`"))),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn read_work_order(access: Require<ReadTickets>, At(id): At<WorkOrderId>) -> Answer<Tagged> {
    Ok(tagged(work_orders(&access).order(id).await?))
}

/// Edits a work order, if it still is what was read.
#[utoipa::path(
    put, path = "/api/v1/work-orders/{id}", tag = "work-orders",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "the `ETag` of the state that was edited")),
    request_body = WorkOrderEntry,
    responses(
        (status = 200, body = WorkOrderBody, headers(("ETag" = String, description = "of the state after the edit"))),
        (status = 412, description = "`stale`: it was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`ticket-ended`, `work-order-ended`, or what cannot be kept", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: `If-Match` is missing", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn edit_work_order(
    access: Require<ReadTickets>,
    At(id): At<WorkOrderId>,
    headers: HeaderMap,
    Json(entry): Json<WorkOrderEntry>,
) -> Answer<Tagged> {
    let stored = work_orders(&access).order(id).await?;
    require_match(&headers, stored.version)?;
    Ok(tagged(work_orders(&access).edit(&access.stamp(), id, stored.version, entry.into()).await?))
}

/// What is done with a work order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkOrderMoveEntry {
    /// `quote`, `accept`, `decline`, `complete`, `cancel`.
    #[serde(rename = "move")]
    made: String,
    /// Of `quote`: the price.
    amount_fen: Option<i64>,
    /// Of `quote`: what it is for.
    #[serde(default)]
    what_for: String,
}

impl WorkOrderMoveEntry {
    fn made(self) -> Answer<WorkOrderMove> {
        Ok(match (self.made.as_str(), self.amount_fen) {
            ("quote", Some(fen)) => WorkOrderMove::Quote { amount: Fen(fen), what_for: self.what_for },
            ("quote", None) => return Err(Fault::malformed("a quote names its amount_fen")),
            ("accept", None) => WorkOrderMove::Answer { accepted: true },
            ("decline", None) => WorkOrderMove::Answer { accepted: false },
            ("complete", None) => WorkOrderMove::Complete,
            ("cancel", None) => WorkOrderMove::Cancel,
            (_, Some(_)) => return Err(Fault::malformed("only a quote names an amount")),
            (other, None) => {
                let known = "known are quote, accept, decline, complete, cancel";
                return Err(Fault::malformed(format!("{other:?} is no move of a work order; {known}")));
            }
        })
    }
}

/// Quotes, answers, completes or cancels. With `If-Match`, only from that version. What the customer accepted is left as
/// the event `work-order.chargeable` when it is done.
#[utoipa::path(
    post, path = "/api/v1/work-orders/{id}/moves", tag = "work-orders",
    params(("id" = Uuid, Path), ("If-Match" = Option<String>, Header, description = "the `ETag` of the work order that was seen")),
    request_body = WorkOrderMoveEntry,
    responses(
        (status = 200, body = WorkOrderBody, headers(("ETag" = String, description = "of the state after the move"))),
        (status = 412, description = "`stale`: it was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (
            status = 422, description = "`work-order-ended`, `ticket-ended`, `no-quote`, `quote-unanswered`, `quote-declined`, `quote-accepted`, `checklist-open`",
            body = Problem, content_type = "application/problem+json",
        ),
    ),
)]
pub(crate) async fn move_work_order(
    access: Require<ReadTickets>,
    At(id): At<WorkOrderId>,
    headers: HeaderMap,
    Json(entry): Json<WorkOrderMoveEntry>,
) -> Answer<Tagged> {
    let stored = work_orders(&access).order(id).await?;
    if headers.contains_key(header::IF_MATCH) {
        require_match(&headers, stored.version)?;
    }
    Ok(tagged(work_orders(&access).make(&access.stamp(), id, stored.version, &entry.made()?).await?))
}
