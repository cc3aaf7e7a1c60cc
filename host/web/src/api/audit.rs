//! The audit trail and the event log.

use axum::Json;
use guanjia_domain::{audit::AuditRow, ids::EventId, ports::Event};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Ask, List, Reply, limit};
use crate::{
    access::{Require, needs::ReadAudit},
    fault::Fault,
};

/// One change: who did what to which thing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditBody {
    /// Counts from 1, without gaps.
    pub seq: i64,
    pub at: String,
    pub actor: String,
    /// Door and request.
    pub origin: String,
    pub action: String,
    pub subject: String,
    pub before: serde_json::Value,
    pub after: serde_json::Value,
    /// SHA-256 over the previous row's hash and this row.
    pub hash: String,
}

impl From<AuditRow> for AuditBody {
    fn from(row: AuditRow) -> Self {
        Self {
            seq: row.seq,
            at: row.at.to_rfc3339(),
            actor: row.actor,
            origin: row.origin,
            action: row.action,
            subject: row.subject,
            before: row.before,
            after: row.after,
            hash: row.hash,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CursorQuery {
    pub(super) cursor: Option<String>,
    /// 50 by default, 500 at most.
    pub(super) limit: Option<u32>,
}

pub(super) fn foreign_cursor<E>(_: E) -> Fault {
    Fault::malformed("the cursor is not one that this list gave")
}

/// Lists changes, newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(CursorQuery), responses((status = 200, body = List<AuditBody>)))]
pub(crate) async fn list_audit(access: Require<ReadAudit>, Ask(query): Ask<CursorQuery>) -> Reply<List<AuditBody>> {
    let before = query.cursor.as_deref().map(str::parse).transpose().map_err(foreign_cursor)?;
    let limit = limit(query.limit);
    let rows = access.store.audit(before, limit).await?;
    let next = (rows.len() == limit as usize).then(|| rows.last().map(|row| row.seq.to_string())).flatten();
    Ok(Json(List { next, ..List::whole(rows) }))
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventBody {
    pub id: Uuid,
    pub at: String,
    /// Stable code such as `billing-run.posted`.
    pub kind: String,
    pub project: Option<Uuid>,
    pub subject: String,
    pub payload: serde_json::Value,
}

impl From<Event> for EventBody {
    fn from(event: Event) -> Self {
        Self {
            id: event.id.0,
            at: event.at.to_rfc3339(),
            kind: event.kind,
            project: event.project_id.map(|id| id.0),
            subject: event.subject,
            payload: event.payload,
        }
    }
}

/// Lists events, oldest first. The last page's cursor is the one to ask with again later.
#[utoipa::path(get, path = "/api/v1/events", tag = "audit", params(CursorQuery), responses((status = 200, body = List<EventBody>)))]
pub(crate) async fn list_events(access: Require<ReadAudit>, Ask(query): Ask<CursorQuery>) -> Reply<List<EventBody>> {
    let after: Option<EventId> = query.cursor.as_deref().map(str::parse).transpose().map_err(foreign_cursor)?;
    let events = access.store.events(after, limit(query.limit)).await?;
    let next = events.last().map(|event| event.id).or(after).map(|id| id.to_string());
    Ok(Json(List { next, ..List::whole(events) }))
}
