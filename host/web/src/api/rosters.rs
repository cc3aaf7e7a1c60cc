//! Rosters (排班): who is on duty when, and the hours in which nobody is.

use axum::{Json, http::StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use guanjia_domain::{
    Error,
    ids::{PostId, ProjectId, ShiftId, StaffId},
    staff::{DutyFilter, DutyGap, ROSTER_DAYS_MAX, Shift, ShiftRow, duty_gaps},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    Ask, At, List, Reply,
    staff::{Fields, staffing},
};
use crate::{
    access::{
        Require, Signed,
        needs::{ReadStaff, WriteStaff},
    },
    fault::{Answer, Fault, Problem},
};

/// Shifts of one answer: a quarter of a large project's squads.
const SHIFTS_MAX: u32 = 10_000;
/// How many have to be on duty where a check does not say so.
const NEEDED_DEFAULT: usize = 1;

/// Somebody on duty.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShiftBody {
    pub id: Uuid,
    pub staff: Uuid,
    pub staff_name: String,
    pub staff_no: String,
    /// As what; none for whatever they hold at the project.
    pub post: Option<Uuid>,
    pub post_name: Option<String>,
    /// Where, such as the control room.
    pub place: Option<String>,
    pub starts_at: DateTime<Utc>,
    /// The first instant at which it is over.
    pub ends_at: DateTime<Utc>,
}

impl From<ShiftRow> for ShiftBody {
    fn from(ShiftRow { shift, staff, staff_no, post }: ShiftRow) -> Self {
        Self {
            id: shift.id.0,
            staff: shift.staff_id.0,
            staff_name: staff,
            staff_no,
            post: shift.post_id.map(|post| post.0),
            post_name: post,
            place: shift.place,
            starts_at: shift.starts_at,
            ends_at: shift.ends_at,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RosterQuery {
    #[param(value_type = Uuid)]
    project: ProjectId,
    /// Shifts that have some part from this instant on.
    from: DateTime<Utc>,
    /// Up to this instant; 93 days later at most.
    to: DateTime<Utc>,
    #[param(value_type = Option<Uuid>)]
    staff: Option<StaffId>,
    /// Kind of post that they are on duty in.
    post_kind: Option<String>,
    /// Something that they can do.
    skill: Option<String>,
    place: Option<String>,
}

impl RosterQuery {
    fn filter(&self) -> Answer<DutyFilter> {
        let length = self.to - self.from;
        if length <= TimeDelta::zero() || length > TimeDelta::days(ROSTER_DAYS_MAX) {
            return Err(Fault::malformed(format!("`to` lies after `from`, within {ROSTER_DAYS_MAX} days")));
        }
        Ok(DutyFilter {
            staff_id: self.staff,
            post_kind: self.post_kind.as_deref().map(str::parse).transpose()?,
            skill: self.skill.as_deref().map(str::parse).transpose()?,
            place: self.place.clone(),
            ..DutyFilter::between(self.project, self.from, self.to)
        })
    }
}

/// # Errors
/// 422 for more shifts than one answer has: a part of them would look like all.
async fn all(access: &Signed, filter: &DutyFilter) -> Answer<Vec<ShiftRow>> {
    let rows = access.store.shifts(filter, SHIFTS_MAX + 1).await?;
    if rows.len() > SHIFTS_MAX as usize {
        let sentence = format!("there are more than {SHIFTS_MAX} shifts: ask for fewer days");
        return Err(Error::refused("too-many-shifts", sentence).into());
    }
    Ok(rows)
}

/// Lists the shifts of a project in the order of their start.
#[utoipa::path(get, path = "/api/v1/rosters", tag = "rosters", params(RosterQuery), responses((status = 200, body = List<ShiftBody>)))]
pub(crate) async fn list_shifts(access: Require<ReadStaff>, Ask(query): Ask<RosterQuery>) -> Reply<List<ShiftBody>> {
    Ok(Json(List::whole(all(&access, &query.filter()?).await?)))
}

/// Shifts that are put on the roster together.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewShifts {
    #[schema(value_type = Uuid)]
    project: ProjectId,
    /// 2000 at most.
    shifts: Vec<NewShift>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewShift {
    #[schema(value_type = Uuid)]
    staff: StaffId,
    #[schema(value_type = Option<Uuid>)]
    post: Option<PostId>,
    place: Option<String>,
    starts_at: DateTime<Utc>,
    /// Within 24 hours.
    ends_at: DateTime<Utc>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShiftIds {
    pub ids: Vec<Uuid>,
}

/// Puts shifts on the roster: all of them or, where one cannot be, none.
#[utoipa::path(
    post, path = "/api/v1/rosters", tag = "rosters", request_body = NewShifts,
    responses(
        (status = 201, body = ShiftIds),
        (status = 404, description = "no such project, person or post", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`on-duty-already`, `not-employed`, `too-many-shifts`, or `errors` names the fields", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create_shifts(
    access: Require<WriteStaff>,
    Json(new): Json<NewShifts>,
) -> Answer<(StatusCode, Json<ShiftIds>)> {
    let project_id = new.project;
    let shift = |new: NewShift| Shift {
        id: ShiftId::generate(),
        project_id,
        staff_id: new.staff,
        post_id: new.post,
        place: new.place.map(|place| place.trim().to_owned()).filter(|place| !place.is_empty()),
        starts_at: new.starts_at,
        ends_at: new.ends_at,
    };
    let shifts: Vec<Shift> = new.shifts.into_iter().map(shift).collect();
    let problems = |shifts: &Vec<Shift>| shifts.iter().flat_map(Shift::problems).collect();
    let shifts = Fields::default().done(shifts, problems)?;
    staffing(&access).add_shifts(&access.stamp(), &shifts).await?;
    Ok((StatusCode::CREATED, Json(ShiftIds { ids: shifts.iter().map(|shift| shift.id.0).collect() })))
}

/// Takes a shift off the roster.
#[utoipa::path(
    delete, path = "/api/v1/rosters/{id}", tag = "rosters", params(("id" = Uuid, Path)),
    responses((status = 204), (status = 404, body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn delete_shift(access: Require<WriteStaff>, At(id): At<ShiftId>) -> Answer<StatusCode> {
    staffing(&access).remove_shift(&access.stamp(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct OnDutyQuery {
    #[param(value_type = Uuid)]
    project: ProjectId,
    /// Now without it.
    at: Option<DateTime<Utc>>,
    /// Kind of post that they are on duty in.
    post_kind: Option<String>,
    /// Something that they can do.
    skill: Option<String>,
    place: Option<String>,
}

/// Lists who is on duty at a project at an instant.
#[utoipa::path(get, path = "/api/v1/rosters/on-duty", tag = "rosters", params(OnDutyQuery), responses((status = 200, body = List<ShiftBody>)))]
pub(crate) async fn list_on_duty(access: Require<ReadStaff>, Ask(query): Ask<OnDutyQuery>) -> Reply<List<ShiftBody>> {
    let filter = DutyFilter {
        post_kind: query.post_kind.as_deref().map(str::parse).transpose()?,
        skill: query.skill.as_deref().map(str::parse).transpose()?,
        place: query.place,
        ..DutyFilter::at(query.project, query.at.unwrap_or(access.at))
    };
    Ok(Json(List::whole(all(&access, &filter).await?)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct GapsQuery {
    #[param(value_type = Uuid)]
    project: ProjectId,
    from: DateTime<Utc>,
    /// 93 days later at most.
    to: DateTime<Utc>,
    /// Kind of post that has to be on duty, such as `squad-leader`.
    post_kind: Option<String>,
    skill: Option<String>,
    /// Where, such as the control room.
    place: Option<String>,
    /// How many have to be on duty at any time; 1 without it.
    needed: Option<usize>,
}

/// A stretch in which fewer are on duty than should be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GapBody {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// How many are on duty in it.
    pub on_duty: usize,
}

impl From<DutyGap> for GapBody {
    fn from(DutyGap { from, to, on_duty }: DutyGap) -> Self {
        Self { from, to, on_duty }
    }
}

/// Lists the hours in which nobody, or too few, are on duty: a squad leader is in the control room at every hour of the day.
#[utoipa::path(get, path = "/api/v1/rosters/gaps", tag = "rosters", params(GapsQuery), responses((status = 200, body = List<GapBody>)))]
pub(crate) async fn list_gaps(access: Require<ReadStaff>, Ask(query): Ask<GapsQuery>) -> Reply<List<GapBody>> {
    let GapsQuery { project, from, to, post_kind, skill, place, needed } = query;
    let roster = RosterQuery { project, from, to, staff: None, post_kind, skill, place };
    let rows = all(&access, &roster.filter()?).await?;
    let shifts: Vec<Shift> = rows.into_iter().map(|row| row.shift).collect();
    Ok(Json(List::whole(duty_gaps(&shifts, from, to, needed.unwrap_or(NEEDED_DEFAULT)))))
}
