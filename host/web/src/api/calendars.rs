//! Working calendars (工作日历), and what they make of a duration.

use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue, header},
};
use chrono::{DateTime, Duration, Utc};
use guanjia_domain::{
    calendar::{self, Allowed, CalendarVersion, Calendars, WorkingCalendar},
    ids::ProjectId,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Ask, List, Reply, etag, require_match, ticket_kinds::ScopeQuery};
use crate::{
    access::{
        Require, Signed,
        needs::{ManageOffice, ReadTickets},
    },
    fault::{Answer, Fault, Problem},
};

pub(crate) fn calendars(access: &Signed) -> Calendars {
    Calendars::new(access.store.clone())
}

/// The hours that count.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CalendarEntry {
    /// Seven days, Monday first, each with hours such as `08:30-12:00`; none on days that are free.
    pub week: Vec<Vec<String>>,
    /// Days that differ: holidays have no hours, make-up working days have some.
    #[serde(default)]
    pub days: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CalendarBody {
    #[serde(flatten)]
    pub calendar: CalendarEntry,
    /// Whose it is; none for the company's.
    pub project: Option<Uuid>,
    /// From 1 in each scope; 0 for what holds until somebody writes one.
    pub version: i64,
    pub made_by: String,
}

impl From<CalendarVersion> for CalendarBody {
    fn from(kept: CalendarVersion) -> Self {
        let texts = |hours: Vec<calendar::Hours>| hours.iter().map(ToString::to_string).collect();
        Self {
            calendar: CalendarEntry {
                week: kept.calendar.week.map(texts).into(),
                days: kept.calendar.days.into_iter().map(|(day, hours)| (day.to_string(), texts(hours))).collect(),
            },
            project: kept.project_id.map(|project| project.0),
            version: kept.version,
            made_by: kept.made_by,
        }
    }
}

/// Lists the versions of a scope's own calendar, newest first; where it has none, what holds.
#[utoipa::path(
    get, path = "/api/v1/calendars", tag = "calendars", params(ScopeQuery), responses((status = 200, body = List<CalendarBody>)),
)]
pub(crate) async fn list_calendars(
    access: Require<ReadTickets>,
    Ask(query): Ask<ScopeQuery>,
) -> Reply<List<CalendarBody>> {
    let mut versions = calendars(&access).versions(query.project).await?;
    if versions.is_empty() {
        versions.push(calendars(&access).of(query.project).await?);
    }
    Ok(Json(List::whole(versions)))
}

/// Writes the next version of a scope's calendar, over the version that was seen: `"0"` where it had none of its own.
/// Deadlines that run are left as they are.
#[utoipa::path(
    put, path = "/api/v1/calendars", tag = "calendars",
    params(ScopeQuery, ("If-Match" = String, Header, description = "the scope's own `version` that was seen, between quotes")),
    request_body = CalendarEntry,
    responses(
        (status = 200, body = CalendarBody),
        (status = 412, description = "`stale`: it was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "hours that cannot be", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: `If-Match` is missing", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn set_calendar(
    access: Require<ManageOffice>,
    Ask(query): Ask<ScopeQuery>,
    headers: HeaderMap,
    Json(entry): Json<CalendarEntry>,
) -> Answer<([(HeaderName, HeaderValue); 1], Json<CalendarBody>)> {
    let spelt = serde_json::to_value(&entry).and_then(serde_json::from_value);
    let calendar: WorkingCalendar =
        spelt.map_err(|error| Fault::malformed(format!("the calendar cannot be used: {error}")))?;
    let seen = calendars(&access).versions(query.project).await?.first().map_or(0, |kept| kept.version);
    require_match(&headers, seen)?;
    let kept = calendars(&access).set(&access.stamp(), query.project, seen, calendar).await?;
    Ok(([(header::ETAG, etag(kept.version))], Json(kept.into())))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ResolveQuery {
    #[param(value_type = Uuid)]
    project: ProjectId,
    /// Now, without it.
    from: Option<DateTime<Utc>>,
    minutes: Option<i64>,
    /// `working` without it, or `around`.
    clock: Option<String>,
}

/// When a duration is used up.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DueBody {
    pub from: DateTime<Utc>,
    pub due_at: DateTime<Utc>,
    /// Version of the calendar that holds at the project.
    pub version: i64,
}

/// Says when a duration that begins at an instant is used up at a project; an hour without `minutes`.
#[utoipa::path(
    get, path = "/api/v1/calendars/due", tag = "calendars", params(ResolveQuery), responses((status = 200, body = DueBody)),
)]
pub(crate) async fn resolve_due(access: Require<ReadTickets>, Ask(query): Ask<ResolveQuery>) -> Reply<DueBody> {
    const HOUR: i64 = 60;
    let project = access.store.project(query.project).await?;
    let kept = calendars(&access).of(Some(query.project)).await?;
    let clock = query.clock.as_deref().unwrap_or("working").parse()?;
    let allowed = Allowed { minutes: query.minutes.unwrap_or(HOUR), clock }.check()?;
    let (from, zone) = (query.from.unwrap_or(access.at), calendar::zone(&project.time_zone)?);
    let due_at = kept.calendar.resolve(from, Duration::minutes(allowed.minutes), allowed.clock, zone)?;
    Ok(Json(DueBody { from, due_at, version: kept.version }))
}
