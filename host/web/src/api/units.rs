//! Units (房屋) and what they are charged.

use axum::Json;
use guanjia_domain::{
    fee_item::FeeItem,
    ids::{ProjectId, UnitId},
    ports::UnitRow,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Ask, At, List, PlaceBody, Reply, limit};
use crate::{
    access::{Require, Signed, needs::ReadEstate},
    fault::Problem,
};

/// The separately owned space that is charged.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnitBody {
    pub id: Uuid,
    pub place: PlaceBody,
    /// `residential`, `office`, `shop`, `parking-space`, `storage`.
    pub kind: String,
    pub storey: Option<i64>,
    /// In cm²: exact for every area in m² with four decimals.
    pub gross_floor_area_cm2: i64,
    pub internal_area_cm2: Option<i64>,
    pub rent_fen: Option<i64>,
    /// `occupied`, `vacant`, `unsold`.
    pub occupancy: String,
    /// Names of today's owners; masked without the permission to read personal data.
    pub owners: Vec<String>,
}

impl UnitBody {
    fn new(row: UnitRow, access: &Signed) -> Self {
        let unit = row.unit;
        Self {
            id: unit.id.0,
            place: row.place.into(),
            kind: unit.kind.to_string(),
            storey: unit.storey,
            gross_floor_area_cm2: unit.gross_floor_area_cm2,
            internal_area_cm2: unit.internal_area_cm2,
            rent_fen: unit.rent_fen,
            occupancy: unit.occupancy.to_string(),
            owners: row.owners.iter().map(|name| access.name(name)).collect(),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UnitsQuery {
    #[param(value_type = Uuid)]
    project: ProjectId,
    /// Part of a number, an owner's name, a phone number or a plate.
    #[serde(default)]
    search: String,
    cursor: Option<String>,
    /// 50 by default, 500 at most.
    limit: Option<u32>,
}

/// Lists units in the order of building, entrance and number.
#[utoipa::path(get, path = "/api/v1/units", tag = "units", params(UnitsQuery), responses((status = 200, body = List<UnitBody>)))]
pub(crate) async fn list_units(access: Require<ReadEstate>, Ask(query): Ask<UnitsQuery>) -> Reply<List<UnitBody>> {
    access.store.project(query.project).await?;
    let page =
        access.store.units(query.project, query.search.trim(), query.cursor.as_deref(), limit(query.limit)).await?;
    Ok(Json(List::page(page, |row| UnitBody::new(row, &access))))
}

/// Reads one unit.
#[utoipa::path(
    get, path = "/api/v1/units/{id}", tag = "units", params(("id" = Uuid, Path)),
    responses((status = 200, body = UnitBody), (status = 404, body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn read_unit(access: Require<ReadEstate>, At(id): At<UnitId>) -> Reply<UnitBody> {
    Ok(Json(UnitBody::new(access.store.unit(id).await?, &access)))
}

/// Something that is charged.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FeeItemBody {
    pub id: Uuid,
    pub name: String,
    pub category: String,
    /// How many months one demand note covers; charges stay one line a month.
    pub demand_months: i64,
    pub starts_on: String,
    /// The first day that is no longer charged.
    pub ends_on: Option<String>,
    /// `owner` or `occupant`.
    pub payer_rule: String,
}

impl From<FeeItem> for FeeItemBody {
    fn from(item: FeeItem) -> Self {
        Self {
            id: item.id.0,
            name: item.name,
            category: item.category,
            demand_months: item.demand_months,
            starts_on: item.starts_on.to_string(),
            ends_on: item.ends_on.map(|day| day.to_string()),
            payer_rule: item.payer_rule.to_string(),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProjectQuery {
    #[param(value_type = Uuid)]
    pub project: ProjectId,
}

/// Lists a project's fee items.
#[utoipa::path(get, path = "/api/v1/fee-items", tag = "units", params(ProjectQuery), responses((status = 200, body = List<FeeItemBody>)))]
pub(crate) async fn list_fee_items(
    access: Require<ReadEstate>,
    Ask(query): Ask<ProjectQuery>,
) -> Reply<List<FeeItemBody>> {
    access.store.project(query.project).await?;
    Ok(Json(List::whole(access.store.fee_items(query.project).await?)))
}
