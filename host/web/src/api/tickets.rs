//! Tickets (工单): taken in, listed, edited and moved.

use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
};
use chrono::{DateTime, Utc};
use guanjia_domain::{
    access::Permission,
    ids::{ProjectId, StaffId, TicketId, UnitId},
    ticket::{
        Caller, Channel, FiredTimer, FollowUp, FollowUpEntry, Intake, MoveRow, Ticket, TicketEdit, TicketFilter,
        TicketPage, TicketRow, Tickets, Timer, plan::Wanted, staff_of,
    },
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Ask, At, List, Reply, etag, limit, require_match};
use crate::{
    access::{
        Require, Signed,
        needs::{ReadTickets, WriteTickets},
    },
    fault::{Answer, Fault, Problem},
    format,
};

pub(crate) fn tickets(access: &Signed) -> Tickets {
    Tickets::new(access.store.clone())
}

/// Whoever asked.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CallerBody {
    /// Masked for those who may not read personal data and do not work on the ticket.
    pub name: String,
    /// Absent for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// The caller as this reader may see them: whoever works on a ticket has to reach them.
pub(crate) fn caller_for(access: &Signed, ticket: &Ticket) -> CallerBody {
    let own = ticket.assignee == Some(staff_of(&access.actor));
    let Caller { name, phone } = ticket.caller.clone();
    if own || access.may(Permission::ReadPersonalData) {
        CallerBody { name, phone: Some(phone).filter(|phone| !phone.is_empty()) }
    } else {
        CallerBody { name: format::masked(&name), phone: None }
    }
}

/// One ticket.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TicketBody {
    pub id: Uuid,
    pub project: Uuid,
    /// Year and number in the project, such as `2026-000123`.
    pub ticket_no: String,
    /// `repair`, `complaint`, `request`, `enquiry`, `suggestion`, or a kind of the company's own.
    pub kind: String,
    /// Empty where nobody knows yet.
    pub category: String,
    /// `urgent`, `high`, `normal`, `low`.
    pub priority: String,
    /// `counter`, `phone`, `api`, `owner-link`.
    pub channel: String,
    /// `intake`, `dispatched`, `accepted`, `working`, `suspended`, `transferred`, `returned`, `solved`, `followed-up`,
    /// `closed`, `reopened`, `cancelled`.
    pub state: String,
    pub unit: Option<Uuid>,
    pub place: String,
    pub words: String,
    pub caller: CallerBody,
    pub assignee: Option<Uuid>,
    pub assignee_name: Option<String>,
    /// Whoever takes it first has it.
    pub offered: bool,
    /// How far it has risen: `steward`, `supervisor`, `project-head`, `company`.
    pub level: Option<String>,
    /// Of a complaint: whether it was justified; absent while nobody has judged.
    pub effective: Option<bool>,
    /// It was not solved in time.
    pub late: bool,
    /// It is past its next deadline.
    pub overdue: bool,
    /// It cannot be closed before its follow-up.
    pub follow_up: bool,
    /// How often nobody was reached.
    pub not_reached: i64,
    pub taken_in_by: String,
    pub taken_in_at: DateTime<Utc>,
    pub response_due_at: Option<DateTime<Utc>>,
    pub solve_due_at: Option<DateTime<Utc>>,
    pub follow_up_due_at: Option<DateTime<Utc>>,
    /// The next of them; none while nothing runs.
    pub due_at: Option<DateTime<Utc>>,
    pub accepted_at: Option<DateTime<Utc>>,
    pub started_at: Option<DateTime<Utc>>,
    pub solved_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub moved_at: DateTime<Utc>,
    /// Who said how urgent it is and who should have it.
    #[schema(value_type = Object)]
    pub routing: serde_json::Value,
    /// Counts every change; the number in the `ETag`.
    pub version: i64,
}

impl TicketBody {
    pub(crate) fn new(row: &TicketRow, access: &Signed) -> Self {
        let TicketRow { ticket, assignee } = row;
        let due_at = ticket.due_at();
        Self {
            id: ticket.id.0,
            project: ticket.project_id.0,
            ticket_no: ticket.ticket_no.clone(),
            kind: ticket.kind.clone(),
            category: ticket.category.clone(),
            priority: ticket.priority.to_string(),
            channel: ticket.channel.to_string(),
            state: ticket.state.to_string(),
            unit: ticket.unit_id.map(|unit| unit.0),
            place: ticket.place.clone(),
            words: ticket.words.clone(),
            caller: caller_for(access, ticket),
            assignee: ticket.assignee.map(|staff| staff.0),
            assignee_name: assignee.clone(),
            offered: ticket.offered,
            level: ticket.level.map(|level| level.to_string()),
            effective: ticket.effective,
            late: ticket.late,
            overdue: due_at.is_some_and(|due| due < access.at),
            follow_up: ticket.follow_up,
            not_reached: ticket.not_reached,
            taken_in_by: ticket.taken_in_by.clone(),
            taken_in_at: ticket.taken_in_at,
            response_due_at: ticket.response_due_at,
            solve_due_at: ticket.solve_due_at,
            follow_up_due_at: ticket.follow_up_due_at,
            due_at,
            accepted_at: ticket.accepted_at,
            started_at: ticket.started_at,
            solved_at: ticket.solved_at,
            ended_at: ticket.ended_at,
            moved_at: ticket.moved_at,
            routing: serde_json::json!(ticket.routing),
            version: ticket.version,
        }
    }
}

/// A ticket with everything that happened to it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TicketDetail {
    #[serde(flatten)]
    pub ticket: TicketBody,
    /// Oldest first.
    pub moves: Vec<MoveBody>,
    pub follow_ups: Vec<FollowUpBody>,
    /// Deadlines and escalation steps: those that have fired, then those that run.
    pub timers: Vec<TimerBody>,
    /// The moves that the reader may make now.
    pub possible: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MoveBody {
    pub number: i64,
    #[serde(rename = "move")]
    pub made: String,
    pub from: Option<String>,
    pub to: String,
    pub at: DateTime<Utc>,
    pub by: String,
    pub reason: String,
    pub assignee: Option<Uuid>,
}

impl From<MoveRow> for MoveBody {
    fn from(row: MoveRow) -> Self {
        Self {
            number: row.number,
            made: row.made.to_string(),
            from: row.from.map(|state| state.to_string()),
            to: row.to.to_string(),
            at: row.at,
            by: row.by,
            reason: row.reason,
            assignee: row.assignee.map(|staff| staff.0),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FollowUpBody {
    pub id: Uuid,
    /// `satisfied`, `dissatisfied`, `not-reached`.
    pub result: String,
    /// `call`, `visit`, `message`, `owner-link`.
    pub channel: String,
    /// 1 to 5.
    pub score: Option<i64>,
    pub words: String,
    pub by: String,
    pub at: DateTime<Utc>,
}

impl From<FollowUp> for FollowUpBody {
    fn from(FollowUp { id, entry, by, at }: FollowUp) -> Self {
        let FollowUpEntry { result, channel, score, words } = entry;
        Self { id: id.0, result: result.to_string(), channel: channel.to_string(), score, words, by, at }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TimerBody {
    /// `response`, `solve`, `escalation`, `follow-up`.
    pub kind: String,
    pub level: Option<String>,
    /// None while the ticket is suspended.
    pub due_at: Option<DateTime<Utc>>,
    /// What is left of it meanwhile, in milliseconds of its clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fired_at: Option<DateTime<Utc>>,
}

impl From<FiredTimer> for TimerBody {
    fn from(timer: FiredTimer) -> Self {
        Self {
            kind: timer.kind.to_string(),
            level: timer.level.map(|level| level.to_string()),
            due_at: Some(timer.due_at),
            left_ms: None,
            fired_at: Some(timer.fired_at),
        }
    }
}

impl From<Timer> for TimerBody {
    fn from(timer: Timer) -> Self {
        Self {
            kind: timer.kind.to_string(),
            level: timer.level.map(|level| level.to_string()),
            due_at: timer.due_at,
            left_ms: timer.left_ms,
            fired_at: None,
        }
    }
}

/// A body with its entity tag.
type Tagged<T> = ([(HeaderName, HeaderValue); 1], Json<T>);

fn tagged(row: &TicketRow, access: &Signed) -> Tagged<TicketBody> {
    ([(header::ETAG, etag(row.ticket.version))], Json(TicketBody::new(row, access)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TicketsQuery {
    #[param(value_type = Uuid)]
    project: ProjectId,
    state: Option<String>,
    /// Neither closed nor cancelled.
    #[serde(default)]
    open: bool,
    kind: Option<String>,
    /// A staff id, or `me`.
    assignee: Option<String>,
    /// Waits for whoever takes it.
    #[serde(default)]
    offered: bool,
    #[param(value_type = Option<Uuid>)]
    unit: Option<UnitId>,
    /// Past the next deadline; in the order of deadlines.
    #[serde(default)]
    overdue: bool,
    /// A whole ticket number, a whole phone number, or a part of what was said, of the caller's name or of the place. Words
    /// are searched from the newest ticket back: a page may be short and have a `next` all the same.
    #[serde(default)]
    text: String,
    /// `due` for the order of deadlines; newest first without it.
    order: Option<String>,
    cursor: Option<String>,
    /// 50 by default, 500 at most.
    limit: Option<u32>,
}

impl TicketsQuery {
    fn filter(&self, access: &Signed) -> Answer<TicketFilter> {
        let assignee = match self.assignee.as_deref() {
            None => None,
            Some("me") => Some(staff_of(&access.actor)),
            Some(id) => Some(id.parse().map_err(|_| Fault::malformed("an assignee is an id, or `me`"))?),
        };
        Ok(TicketFilter {
            project_id: Some(self.project),
            state: self.state.as_deref().map(str::parse).transpose()?,
            open: self.open,
            kind: self.kind.clone(),
            assignee,
            offered: self.offered,
            unit_id: self.unit,
            overdue_at: self.overdue.then_some(access.at),
            text: self.text.clone(),
            personal_data: access.may(Permission::ReadPersonalData),
        })
    }
}

/// Lists tickets, newest first.
#[utoipa::path(
    get, path = "/api/v1/tickets", tag = "tickets", params(TicketsQuery), responses((status = 200, body = List<TicketBody>)),
)]
pub(crate) async fn list_tickets(
    access: Require<ReadTickets>,
    Ask(query): Ask<TicketsQuery>,
) -> Reply<List<TicketBody>> {
    let by_due = match query.order.as_deref() {
        None => false,
        Some("due") => true,
        Some(other) => return Err(Fault::malformed(format!("{other:?} is no order; known is due"))),
    };
    let filter = query.filter(&access)?;
    let cursor = query.cursor.as_deref();
    let page = tickets(&access).list(&access.actor, filter, by_due, cursor, limit(query.limit)).await?;
    Ok(Json(List::page(page, |row| TicketBody::new(&row, &access))))
}

/// Whoever asks.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallerEntry {
    #[serde(default)]
    name: String,
    #[serde(default)]
    phone: String,
}

impl From<CallerEntry> for Caller {
    fn from(entry: CallerEntry) -> Self {
        Self { name: entry.name.trim().to_owned(), phone: entry.phone.trim().to_owned() }
    }
}

/// What is written down when somebody asks for something.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TicketEntry {
    #[schema(value_type = Uuid)]
    project: ProjectId,
    kind: String,
    #[serde(default)]
    category: String,
    /// `counter`, `phone`; `api` without it.
    channel: Option<String>,
    #[schema(value_type = Option<Uuid>)]
    unit: Option<UnitId>,
    /// Where it is, of what belongs to no unit.
    #[serde(default)]
    place: String,
    words: String,
    #[serde(default)]
    caller: CallerEntry,
    /// Over the category's: `urgent`, `high`, `normal`, `low`.
    priority: Option<String>,
}

/// Takes a ticket in and routes it.
#[utoipa::path(
    post, path = "/api/v1/tickets", tag = "tickets", request_body = TicketEntry,
    responses(
        (status = 201, body = TicketBody),
        (status = 404, description = "no such project, or no such unit in it", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`unknown-kind`, `unknown-category`, or texts that cannot be kept", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create_ticket(
    access: Require<WriteTickets>,
    Json(entry): Json<TicketEntry>,
) -> Answer<(StatusCode, Tagged<TicketBody>)> {
    let intake = Intake {
        project_id: entry.project,
        kind: entry.kind,
        category: entry.category,
        channel: entry.channel.as_deref().map_or(Ok(Channel::Api), str::parse)?,
        unit_id: entry.unit,
        place: entry.place,
        words: entry.words,
        caller: entry.caller.into(),
        priority: entry.priority.as_deref().map(str::parse).transpose()?,
        link_id: None,
    };
    if intake.channel == Channel::OwnerLink {
        return Err(Fault::malformed("what comes through an owner's link comes through the link"));
    }
    let row = tickets(&access).take_in(&access.stamp(), intake).await?;
    Ok((StatusCode::CREATED, tagged(&row, &access)))
}

/// Reads one ticket with its history.
#[utoipa::path(
    get, path = "/api/v1/tickets/{id}", tag = "tickets", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = TicketDetail, headers(("ETag" = String, description = "what an edit sends as `If-Match`"))),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn read_ticket(access: Require<ReadTickets>, At(id): At<TicketId>) -> Answer<Tagged<TicketDetail>> {
    let TicketPage { row, history, offered, .. } = tickets(&access).page(&access.actor, id).await?;
    let fired = history.fired.into_iter().map(TimerBody::from);
    let detail = TicketDetail {
        ticket: TicketBody::new(&row, &access),
        moves: history.moves.into_iter().map(MoveBody::from).collect(),
        follow_ups: history.follow_ups.into_iter().map(FollowUpBody::from).collect(),
        timers: fired.chain(history.timers.into_iter().map(TimerBody::from)).collect(),
        possible: offered.iter().map(ToString::to_string).collect(),
    };
    Ok(([(header::ETAG, etag(row.ticket.version))], Json(detail)))
}

/// What can be corrected of a ticket, all of it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TicketChange {
    #[serde(default)]
    category: String,
    priority: String,
    /// Of what belongs to no unit.
    #[serde(default)]
    place: String,
    words: String,
    #[serde(default)]
    caller: CallerEntry,
    /// Of a complaint: whether it was justified.
    effective: Option<bool>,
}

/// Corrects a ticket, if it still is what was read. One that is closed or cancelled is not changed any more.
#[utoipa::path(
    put, path = "/api/v1/tickets/{id}", tag = "tickets",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "the `ETag` of the ticket that is corrected")),
    request_body = TicketChange,
    responses(
        (status = 200, body = TicketBody, headers(("ETag" = String, description = "of the ticket after the edit"))),
        (status = 412, description = "`stale`: it was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`ticket-ended`, `unknown-category`, `not-a-complaint`, or texts that cannot be kept", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: `If-Match` is missing", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn edit_ticket(
    access: Require<WriteTickets>,
    At(id): At<TicketId>,
    headers: HeaderMap,
    Json(change): Json<TicketChange>,
) -> Answer<Tagged<TicketBody>> {
    let stored = tickets(&access).ticket(&access.actor, id).await?.ticket;
    require_match(&headers, stored.version)?;
    let edit = TicketEdit {
        category: change.category,
        priority: change.priority.parse()?,
        place: change.place,
        words: change.words,
        caller: change.caller.into(),
        effective: change.effective,
    };
    let row = tickets(&access).edit(&access.stamp(), id, stored.version, &edit).await?;
    Ok(tagged(&row, &access))
}

/// What a follow-up found.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FollowUpBodyEntry {
    /// `satisfied`, `dissatisfied`, `not-reached`.
    result: String,
    /// `call`, `visit`, `message`; `call` without it.
    channel: Option<String>,
    /// 1 to 5.
    score: Option<i64>,
    #[serde(default)]
    words: String,
}

/// A move.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoveEntry {
    /// `dispatch`, `accept`, `start`, `suspend`, `resume`, `transfer`, `return`, `solve`, `follow-up`, `close`, `reopen`, `cancel`.
    #[serde(rename = "move")]
    made: String,
    /// Why; of `solve`, what was done.
    #[serde(default)]
    reason: String,
    /// Of `dispatch` and `transfer`: who gets it. Dispatching to nobody offers it to whoever takes it.
    #[schema(value_type = Option<Uuid>)]
    to: Option<StaffId>,
    /// Of `follow-up`.
    follow_up: Option<FollowUpBodyEntry>,
}

impl MoveEntry {
    fn wanted(self) -> Answer<Wanted> {
        let follow_up = self.follow_up.map(|entry| {
            Ok::<_, guanjia_domain::Error>(FollowUpEntry {
                result: entry.result.parse()?,
                channel: entry.channel.as_deref().unwrap_or("call").parse()?,
                score: entry.score,
                words: entry.words.trim().to_owned(),
            })
        });
        Ok(Wanted { made: self.made.parse()?, reason: self.reason, to: self.to, follow_up: follow_up.transpose()? })
    }
}

/// Moves a ticket on. With `If-Match`, only from that version.
#[utoipa::path(
    post, path = "/api/v1/tickets/{id}/moves", tag = "tickets",
    params(("id" = Uuid, Path), ("If-Match" = Option<String>, Header, description = "the `ETag` of the ticket that was seen")),
    request_body = MoveEntry,
    responses(
        (status = 200, body = TicketBody, headers(("ETag" = String, description = "of the ticket after the move"))),
        (status = 409, description = "somebody else has taken it", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`stale`: it was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (
            status = 422, description = "`illegal-move` with the state and what is possible, `follow-up-missing`, `not-yours`, `reason-missing`",
            body = Problem, content_type = "application/problem+json",
        ),
    ),
)]
pub(crate) async fn move_ticket(
    access: Require<ReadTickets>,
    At(id): At<TicketId>,
    headers: HeaderMap,
    Json(entry): Json<MoveEntry>,
) -> Answer<Tagged<TicketBody>> {
    let mut seen = None;
    if headers.contains_key(header::IF_MATCH) {
        let stored = tickets(&access).ticket(&access.actor, id).await?.ticket;
        require_match(&headers, stored.version)?;
        seen = Some(stored.version);
    }
    let row = tickets(&access).move_ticket(&access.stamp(), id, seen, &entry.wanted()?).await?;
    Ok(tagged(&row, &access))
}
