//! Links for owners (业主自助链接): made for a unit or a ticket, listed, taken back.

use axum::{Json, http::StatusCode};
use chrono::{DateTime, Utc};
use guanjia_domain::{
    ids::{OwnerLinkId, TicketId, UnitId},
    ticket::link::{LINK_DAYS_DEFAULT, LinkAbout, OwnerLink, OwnerLinks},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{At, List, Reply, tickets::tickets};
use crate::{
    access::{
        Require, Signed,
        needs::{ReadTickets, WriteTickets},
    },
    fault::{Answer, Problem},
    urls,
};

pub(crate) fn owner_links(access: &Signed) -> OwnerLinks {
    OwnerLinks::new(access.store.clone())
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OwnerLinkBody {
    pub id: Uuid,
    pub unit: Option<Uuid>,
    pub ticket: Option<Uuid>,
    pub expires_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
    pub made_by: String,
    pub created_at: DateTime<Utc>,
    /// Path of the page; shown once, when the link is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl From<OwnerLink> for OwnerLinkBody {
    fn from(link: OwnerLink) -> Self {
        Self {
            id: link.id.0,
            unit: link.about.unit_id().map(|unit| unit.0),
            ticket: link.about.ticket_id().map(|ticket| ticket.0),
            expires_at: link.expires_at,
            revoked_at: link.revoked_at,
            made_by: link.made_by,
            created_at: link.created_at,
            path: None,
        }
    }
}

/// How long a link lives.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnerLinkEntry {
    /// 1 to 366; 90 without it.
    days: Option<i64>,
}

async fn made(access: &Signed, about: LinkAbout, entry: &OwnerLinkEntry) -> Answer<(StatusCode, Json<OwnerLinkBody>)> {
    let days = entry.days.unwrap_or(LINK_DAYS_DEFAULT);
    let (link, token) = owner_links(access).make(&access.stamp(), about, days).await?;
    let body = OwnerLinkBody { path: Some(urls::owner(&token)), ..link.into() };
    Ok((StatusCode::CREATED, Json(body)))
}

/// Makes a link through which a unit's owner reports, follows and rates.
#[utoipa::path(
    post, path = "/api/v1/units/{id}/owner-links", tag = "tickets", params(("id" = Uuid, Path)), request_body = OwnerLinkEntry,
    responses((status = 201, body = OwnerLinkBody), (status = 404, body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn create_unit_link(
    access: Require<WriteTickets>,
    At(id): At<UnitId>,
    Json(entry): Json<OwnerLinkEntry>,
) -> Answer<(StatusCode, Json<OwnerLinkBody>)> {
    made(&access, LinkAbout::Unit(id), &entry).await
}

/// Makes a link through which one ticket is followed and rated.
#[utoipa::path(
    post, path = "/api/v1/tickets/{id}/owner-links", tag = "tickets", params(("id" = Uuid, Path)), request_body = OwnerLinkEntry,
    responses((status = 201, body = OwnerLinkBody), (status = 404, body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn create_ticket_link(
    access: Require<WriteTickets>,
    At(id): At<TicketId>,
    Json(entry): Json<OwnerLinkEntry>,
) -> Answer<(StatusCode, Json<OwnerLinkBody>)> {
    made(&access, LinkAbout::Ticket(id), &entry).await
}

/// Lists the links of a unit, newest first.
#[utoipa::path(
    get, path = "/api/v1/units/{id}/owner-links", tag = "tickets", params(("id" = Uuid, Path)),
    responses((status = 200, body = List<OwnerLinkBody>), (status = 404, body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn list_unit_links(access: Require<ReadTickets>, At(id): At<UnitId>) -> Reply<List<OwnerLinkBody>> {
    access.store.project_of_unit(id).await?;
    Ok(Json(List::whole(owner_links(&access).of(&access.actor, LinkAbout::Unit(id)).await?)))
}

/// Lists the links of a ticket, newest first.
#[utoipa::path(
    get, path = "/api/v1/tickets/{id}/owner-links", tag = "tickets", params(("id" = Uuid, Path)),
    responses((status = 200, body = List<OwnerLinkBody>), (status = 404, body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn list_ticket_links(
    access: Require<ReadTickets>,
    At(id): At<TicketId>,
) -> Reply<List<OwnerLinkBody>> {
    tickets(&access).ticket(&access.actor, id).await?;
    Ok(Json(List::whole(owner_links(&access).of(&access.actor, LinkAbout::Ticket(id)).await?)))
}

/// Takes a link back: its page is gone at once.
#[utoipa::path(
    post, path = "/api/v1/owner-links/{id}/revoke", tag = "tickets", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = OwnerLinkBody),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "it was taken back already", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn revoke_link(access: Require<WriteTickets>, At(id): At<OwnerLinkId>) -> Reply<OwnerLinkBody> {
    Ok(Json(owner_links(&access).revoke(&access.stamp(), id).await?.into()))
}
