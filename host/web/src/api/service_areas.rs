//! Service areas (片区): the units that one steward answers for.

use axum::{
    Json,
    http::{HeaderMap, StatusCode},
};
use guanjia_domain::{
    Date,
    ids::{ProjectId, ServiceAreaId, StaffId, UnitId},
    service_area::{
        AreaFigures, AreaHistory, AreaRow, AreaUnit, KindFigures, Placed, ServiceArea, ServiceAreas, Stewardship,
        Taken, UnitSelection,
    },
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    Ask, At, List, PlaceBody, Reply, date, limit, require_match,
    staff::{Fields, Tagged, day_or_today, tagged},
};
use crate::{
    access::{
        Require, Signed,
        needs::{ReadStaff, WriteStaff},
    },
    fault::{Answer, Problem},
};

pub(crate) fn areas(access: &Signed) -> ServiceAreas {
    ServiceAreas::new(access.store.clone())
}

/// How much there is to serve.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FiguresBody {
    pub units: i64,
    pub homes: i64,
    /// Built-up area of all units in cm².
    pub gross_floor_area_cm2: i64,
    /// Built-up area of the homes among them in cm².
    pub homes_area_cm2: i64,
    /// The same by kind of building.
    pub by_building_kind: Vec<KindFiguresBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KindFiguresBody {
    /// Code of the company's own, such as `villa`; none for parking spaces and buildings without one.
    pub building_kind: Option<String>,
    pub units: i64,
    pub homes: i64,
    pub gross_floor_area_cm2: i64,
    pub homes_area_cm2: i64,
}

impl From<AreaFigures> for FiguresBody {
    fn from(figures: AreaFigures) -> Self {
        let part = |part: KindFigures| KindFiguresBody {
            building_kind: part.building_kind,
            units: part.units,
            homes: part.homes,
            gross_floor_area_cm2: part.gross_floor_area_cm2,
            homes_area_cm2: part.homes_area_cm2,
        };
        Self {
            units: figures.units,
            homes: figures.homes,
            gross_floor_area_cm2: figures.gross_floor_area_cm2,
            homes_area_cm2: figures.homes_area_cm2,
            by_building_kind: figures.by_building_kind.into_iter().map(part).collect(),
        }
    }
}

/// Who is the steward, and when.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StewardBody {
    pub staff: Uuid,
    pub staff_name: String,
    pub starts_on: String,
    /// The first day on which they no longer are.
    pub ends_on: Option<String>,
}

impl From<Stewardship> for StewardBody {
    fn from(Stewardship { staff_id, staff, span }: Stewardship) -> Self {
        Self {
            staff: staff_id.0,
            staff_name: staff,
            starts_on: span.starts_on.to_string(),
            ends_on: span.ends_on.map(|day| day.to_string()),
        }
    }
}

/// An area as it is on a day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AreaBody {
    pub id: Uuid,
    pub project: Uuid,
    pub name: String,
    /// The area's service phone, published to whoever lives there.
    pub phone: Option<String>,
    /// The first day on which it no longer exists.
    pub closed_on: Option<String>,
    /// Nobody, where the place is vacant.
    pub steward: Option<StewardBody>,
    pub figures: FiguresBody,
    /// Counts the changes of name, phone and closing; the number in the `ETag`.
    pub version: i64,
}

impl From<AreaRow> for AreaBody {
    fn from(AreaRow { area, version, steward, figures }: AreaRow) -> Self {
        Self {
            id: area.id.0,
            project: area.project_id.0,
            name: area.name,
            phone: area.phone,
            closed_on: area.closed_on.map(|day| day.to_string()),
            steward: steward.map(StewardBody::from),
            figures: figures.into(),
            version,
        }
    }
}

/// Areas of a project, with what none of them serves.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AreasBody {
    pub items: Vec<AreaBody>,
    /// Units that belong to no area on the day.
    pub unserved: FiguresBody,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AreasQuery {
    #[param(value_type = Uuid)]
    project: ProjectId,
    /// Today without it.
    day: Option<String>,
}

/// Lists a project's service areas as they are on a day, with their figures.
#[utoipa::path(get, path = "/api/v1/service-areas", tag = "service-areas", params(AreasQuery), responses((status = 200, body = AreasBody)))]
pub(crate) async fn list_areas(access: Require<ReadStaff>, Ask(query): Ask<AreasQuery>) -> Reply<AreasBody> {
    let day = day_or_today(&access, Some(query.project), query.day.as_deref()).await?;
    let areas = access.store.service_areas(query.project, day).await?;
    let unserved = access.store.unserved(query.project, day).await?.into();
    Ok(Json(AreasBody { items: areas.into_iter().map(AreaBody::from).collect(), unserved }))
}

/// A new area.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewArea {
    #[schema(value_type = Uuid)]
    project: ProjectId,
    /// Unique in the project.
    name: String,
    phone: Option<String>,
}

/// Adds an area, without units and without a steward.
#[utoipa::path(
    post, path = "/api/v1/service-areas", tag = "service-areas", request_body = NewArea,
    responses(
        (status = 201, body = AreaBody),
        (status = 409, description = "the project has one of this name", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`errors` names the fields that cannot be used", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create_area(
    access: Require<WriteStaff>,
    Json(new): Json<NewArea>,
) -> Answer<(StatusCode, Tagged<AreaBody>)> {
    let area = ServiceArea {
        id: ServiceAreaId::generate(),
        project_id: new.project,
        name: new.name.trim().to_owned(),
        phone: new.phone.map(|phone| phone.trim().to_owned()).filter(|phone| !phone.is_empty()),
        closed_on: None,
    };
    let area = Fields::default().done(area, ServiceArea::problems)?;
    areas(&access).add(&access.stamp(), &area).await?;
    Ok((StatusCode::CREATED, shown(&access, area.id, None).await?))
}

/// The area on a day; today at its project without one.
async fn row(access: &Signed, id: ServiceAreaId, day: Option<&str>) -> Answer<(AreaRow, Date)> {
    // Any day tells the project, whose clock tells which day today is.
    let known = access.store.service_area(id, Date(0)).await?;
    let day = day_or_today(access, Some(known.area.project_id), day).await?;
    Ok((access.store.service_area(id, day).await?, day))
}

async fn shown(access: &Signed, id: ServiceAreaId, day: Option<&str>) -> Answer<Tagged<AreaBody>> {
    let (row, _) = row(access, id, day).await?;
    Ok(tagged(row.version, row.into()))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DayQuery {
    /// Today without it.
    day: Option<String>,
}

/// Reads one area as it is on a day.
#[utoipa::path(
    get, path = "/api/v1/service-areas/{id}", tag = "service-areas", params(("id" = Uuid, Path), DayQuery),
    responses(
        (status = 200, body = AreaBody, headers(("ETag" = String, description = "what an edit sends as `If-Match`"))),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn read_area(
    access: Require<ReadStaff>,
    At(id): At<ServiceAreaId>,
    Ask(query): Ask<DayQuery>,
) -> Answer<Tagged<AreaBody>> {
    shown(&access, id, query.day.as_deref()).await
}

/// What can be edited of an area, all of it: an optional field that is left out is emptied.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AreaEdit {
    name: String,
    phone: Option<String>,
    /// Closing an area ends its units and its steward with it.
    closed_on: Option<String>,
}

/// Edits one area, if it still is what was read.
#[utoipa::path(
    put, path = "/api/v1/service-areas/{id}", tag = "service-areas",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "the `ETag` of the state that was edited")),
    request_body = AreaEdit,
    responses(
        (status = 200, body = AreaBody, headers(("ETag" = String, description = "of the state after the edit"))),
        (status = 409, description = "the project has one of this name", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`stale`: it was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`errors` names the fields that cannot be used", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: `If-Match` is missing", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn edit_area(
    access: Require<WriteStaff>,
    At(id): At<ServiceAreaId>,
    headers: HeaderMap,
    Json(edit): Json<AreaEdit>,
) -> Answer<Tagged<AreaBody>> {
    let (before, _) = row(&access, id, None).await?;
    require_match(&headers, before.version)?;
    let area = ServiceArea {
        name: edit.name.trim().to_owned(),
        phone: edit.phone.map(|phone| phone.trim().to_owned()).filter(|phone| !phone.is_empty()),
        closed_on: edit.closed_on.as_deref().map(date).transpose()?,
        ..before.area
    };
    let area = Fields::default().done(area, ServiceArea::problems)?;
    areas(&access).change(&access.stamp(), &area, before.version).await?;
    shown(&access, id, None).await
}

/// Units that come to an area, or leave it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnitsBody {
    /// Places as lists write them, as far as they are given: `6` is all of building 6, `6-1` an entrance, `6-1-103` one home.
    #[serde(default)]
    places: Vec<String>,
    /// Single units by id.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>)]
    units: Vec<UnitId>,
    /// The first day.
    from: String,
    /// What becomes of units of another area: `refuse` (nothing is changed), or `move`.
    taken: Option<String>,
}

impl UnitsBody {
    fn read(&self) -> Answer<(Vec<UnitSelection>, Date, Taken)> {
        let places = self.places.iter().map(|place| place.parse::<UnitSelection>());
        let mut units = places.collect::<guanjia_domain::Result<Vec<_>>>()?;
        units.extend(self.units.iter().map(|unit| UnitSelection::Unit(*unit)));
        let taken = self.taken.as_deref().map(str::parse).transpose()?;
        Ok((units, date(&self.from)?, taken.unwrap_or(Taken::Refuse)))
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlacedBody {
    /// Units that came to the area.
    pub placed: u64,
    /// Those of them that left another one.
    pub moved: u64,
}

/// Gives units to an area from a day on.
#[utoipa::path(
    post, path = "/api/v1/service-areas/{id}/units", tag = "service-areas", params(("id" = Uuid, Path)), request_body = UnitsBody,
    responses(
        (status = 200, body = PlacedBody),
        (status = 404, description = "no such area, or nothing at a place", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`unit-in-area`, `unit-planned`, `area-closed`", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn place_units(
    access: Require<WriteStaff>,
    At(id): At<ServiceAreaId>,
    Json(body): Json<UnitsBody>,
) -> Reply<PlacedBody> {
    let (units, from, taken) = body.read()?;
    let Placed { placed, moved } = areas(&access).place(&access.stamp(), id, &units, from, taken).await?;
    Ok(Json(PlacedBody { placed, moved }))
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReleasedBody {
    /// Units that left the area.
    pub released: u64,
}

/// Takes units out of an area from a day on.
#[utoipa::path(
    post, path = "/api/v1/service-areas/{id}/release", tag = "service-areas", params(("id" = Uuid, Path)), request_body = UnitsBody,
    responses(
        (status = 200, body = ReleasedBody),
        (status = 404, description = "no such area, or nothing at a place", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn release_units(
    access: Require<WriteStaff>,
    At(id): At<ServiceAreaId>,
    Json(body): Json<UnitsBody>,
) -> Reply<ReleasedBody> {
    let (units, from, _) = body.read()?;
    let released = areas(&access).release(&access.stamp(), id, &units, from).await?;
    Ok(Json(ReleasedBody { released }))
}

/// Who is the steward from a day on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StewardEdit {
    /// Nobody, where the place falls vacant.
    #[schema(value_type = Option<Uuid>)]
    staff: Option<StaffId>,
    from: String,
}

/// Says who is the steward of an area from a day on. Whoever was before ends with it, and stays in the history.
#[utoipa::path(
    post, path = "/api/v1/service-areas/{id}/steward", tag = "service-areas", params(("id" = Uuid, Path)), request_body = StewardEdit,
    responses(
        (status = 200, body = AreaBody, description = "as it is on that day"),
        (status = 404, description = "no such area or person", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`not-employed`, `area-closed`", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn set_steward(
    access: Require<WriteStaff>,
    At(id): At<ServiceAreaId>,
    Json(edit): Json<StewardEdit>,
) -> Answer<Tagged<AreaBody>> {
    areas(&access).set_steward(&access.stamp(), id, edit.staff, date(&edit.from)?).await?;
    shown(&access, id, Some(&edit.from)).await
}

/// A unit of an area.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AreaUnitBody {
    pub unit: Uuid,
    pub place: PlaceBody,
    pub starts_on: String,
    /// The first day on which it no longer belongs to it.
    pub ends_on: Option<String>,
}

impl From<AreaUnit> for AreaUnitBody {
    fn from(AreaUnit { unit_id, place, span }: AreaUnit) -> Self {
        Self {
            unit: unit_id.0,
            place: place.into(),
            starts_on: span.starts_on.to_string(),
            ends_on: span.ends_on.map(|day| day.to_string()),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AreaUnitsQuery {
    /// Today without it.
    day: Option<String>,
    cursor: Option<String>,
    /// 50 by default, 500 at most.
    limit: Option<u32>,
}

/// Lists the units of an area on a day.
#[utoipa::path(
    get, path = "/api/v1/service-areas/{id}/units", tag = "service-areas", params(("id" = Uuid, Path), AreaUnitsQuery),
    responses((status = 200, body = List<AreaUnitBody>), (status = 404, body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn list_units(
    access: Require<ReadStaff>,
    At(id): At<ServiceAreaId>,
    Ask(query): Ask<AreaUnitsQuery>,
) -> Reply<List<AreaUnitBody>> {
    let (_, day) = row(&access, id, query.day.as_deref()).await?;
    let page = access.store.area_units(id, day, query.cursor.as_deref(), limit(query.limit)).await?;
    Ok(Json(List::page(page, AreaUnitBody::from)))
}

/// Everything that an area was.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HistoryBody {
    /// Latest first.
    pub stewards: Vec<StewardBody>,
    /// Units that came and left together, latest first.
    pub units: Vec<MovedBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MovedBody {
    pub starts_on: String,
    pub ends_on: Option<String>,
    pub units: i64,
}

impl From<AreaHistory> for HistoryBody {
    fn from(history: AreaHistory) -> Self {
        let moved = history.units.into_iter().map(|moved| MovedBody {
            starts_on: moved.span.starts_on.to_string(),
            ends_on: moved.span.ends_on.map(|day| day.to_string()),
            units: moved.units,
        });
        Self { stewards: history.stewards.into_iter().map(StewardBody::from).collect(), units: moved.collect() }
    }
}

/// Reads the history of an area: its stewards, and the units that came and left.
#[utoipa::path(
    get, path = "/api/v1/service-areas/{id}/history", tag = "service-areas", params(("id" = Uuid, Path)),
    responses((status = 200, body = HistoryBody), (status = 404, body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn read_history(access: Require<ReadStaff>, At(id): At<ServiceAreaId>) -> Reply<HistoryBody> {
    Ok(Json(access.store.area_history(id).await?.into()))
}
