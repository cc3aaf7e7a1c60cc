//! Units (房屋) and what they are charged.

use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue, header},
};
use guanjia_domain::{
    Date,
    access::Permission,
    estate::{FieldProblem, OccupancyStatus, Unit, UnitKind},
    fee_item::FeeItem,
    ids::{ProjectId, UnitId},
    party::ViewedPart,
    ports::{ChargeRow, FeeAssignmentRow, MeterRow, TenureRow, UnitRecords, UnitRow, VehicleRow},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Ask, At, List, PlaceBody, Reply, charges::ChargeBody, etag, limit, parties::parties, require_match};
use crate::{
    access::{
        Payers, Require, Signed,
        needs::{ReadEstate, WriteEstate},
    },
    fault::{Answer, Fault, Problem},
};

/// The separately owned space that is charged.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnitBody {
    pub id: Uuid,
    pub place: PlaceBody,
    /// `residential`, `office`, `shop`, `parking-space`, `storage`.
    pub kind: String,
    pub storey: Option<i64>,
    /// As the former system coded it.
    pub layout_code: Option<String>,
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
            layout_code: unit.layout_code,
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
    /// Part of a number or plate, or a place such as `6-1-103` or `6-1`. With the permission to read personal data also
    /// part of a name or phone number.
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
    let search = access.search(&query.search);
    let page = access.store.units(query.project, &search, query.cursor.as_deref(), limit(query.limit)).await?;
    Ok(Json(List::page(page, |row| UnitBody::new(row, &access))))
}

/// A unit with its entity tag.
type Tagged = ([(HeaderName, HeaderValue); 1], Json<UnitBody>);

fn tagged(row: UnitRow, access: &Signed) -> Tagged {
    ([(header::ETAG, etag(row.version))], Json(UnitBody::new(row, access)))
}

/// Reads one unit. Its `ETag` stands for the fields that can be edited and for its place, not for its owners.
#[utoipa::path(
    get, path = "/api/v1/units/{id}", tag = "units", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = UnitBody, headers(("ETag" = String, description = "what an edit sends as `If-Match`"))),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn read_unit(access: Require<ReadEstate>, At(id): At<UnitId>) -> Answer<Tagged> {
    Ok(tagged(access.store.unit(id).await?, &access))
}

/// What can be edited of a unit, all of it: an optional field that is left out is emptied.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnitEdit {
    /// Unique in its entrance or parking area.
    unit_no: String,
    /// `residential`, `office`, `shop`, `parking-space`, `storage`.
    kind: String,
    storey: Option<i64>,
    layout_code: Option<String>,
    gross_floor_area_cm2: i64,
    internal_area_cm2: Option<i64>,
    rent_fen: Option<i64>,
    /// `occupied`, `vacant`, `unsold`.
    occupancy: String,
}

impl UnitEdit {
    /// The unit after the edit.
    ///
    /// # Errors
    /// 422 with every field that cannot be used.
    fn apply(self, before: &Unit) -> Answer<Unit> {
        let (kind, occupancy) = (self.kind.parse::<UnitKind>(), self.occupancy.parse::<OccupancyStatus>());
        let mut problems = Vec::new();
        problems.extend(kind.as_ref().err().map(|error| FieldProblem::new("kind", error.to_string())));
        problems.extend(occupancy.as_ref().err().map(|error| FieldProblem::new("occupancy", error.to_string())));
        let after = Unit {
            unit_no: self.unit_no.trim().to_owned(),
            kind: kind.unwrap_or(before.kind),
            storey: self.storey,
            layout_code: self.layout_code.map(|code| code.trim().to_owned()).filter(|code| !code.is_empty()),
            gross_floor_area_cm2: self.gross_floor_area_cm2,
            internal_area_cm2: self.internal_area_cm2,
            rent_fen: self.rent_fen,
            occupancy: occupancy.unwrap_or(before.occupancy),
            ..before.clone()
        };
        problems.extend(after.problems());
        if problems.is_empty() { Ok(after) } else { Err(Fault::fields(problems)) }
    }
}

/// Edits one unit, if it still is what was read.
#[utoipa::path(
    put, path = "/api/v1/units/{id}", tag = "units",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "the `ETag` of the state that was edited")),
    request_body = UnitEdit,
    responses(
        (status = 200, body = UnitBody, headers(("ETag" = String, description = "of the state after the edit"))),
        (status = 409, description = "another unit there has this number", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`stale`: it was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`errors` names the fields that cannot be used", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: `If-Match` is missing", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn edit_unit(
    access: Require<WriteEstate>,
    At(id): At<UnitId>,
    headers: HeaderMap,
    Json(edit): Json<UnitEdit>,
) -> Answer<Tagged> {
    let row = access.store.unit(id).await?;
    require_match(&headers, row.version)?;
    let unit = edit.apply(&row.unit)?;
    // The store compares the version once more, where nobody can come between.
    let version = access.store.update_unit(&access.stamp(), &unit, row.version).await?;
    let place = guanjia_domain::estate::UnitPlace { unit: unit.unit_no.clone(), ..row.place };
    Ok(tagged(UnitRow { unit, place, version, owners: row.owners }, &access))
}

/// What hangs on a unit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordsBody {
    /// Who owns it or lives there: those of today first, then the latest of those before.
    pub tenures: Vec<TenureBody>,
    /// Vehicles that belong to it or to somebody who holds it today.
    pub vehicles: Vec<VehicleBody>,
    pub meters: Vec<MeterBody>,
    pub fee_assignments: Vec<FeeAssignmentBody>,
    /// The newest posted charges; absent without the permission to read charges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charges: Option<Vec<ChargeBody>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TenureBody {
    pub party: Uuid,
    /// Masked without the permission to read personal data.
    pub name: String,
    /// Absent without the permission to read personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// `owner`, `family-member`, `lessee`, `temporary`.
    pub kind: String,
    /// Absent: it has always been so.
    pub starts_on: Option<String>,
    /// The first day on which it no longer holds.
    pub ends_on: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VehicleBody {
    pub id: Uuid,
    pub plate_no: String,
    pub brand: Option<String>,
    pub colour: Option<String>,
    pub party: Uuid,
    /// Masked without the permission to read personal data.
    pub name: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeterBody {
    pub id: Uuid,
    pub fee_item: Uuid,
    pub fee_item_name: String,
    /// In thousandths.
    pub multiplier_milli: i64,
    /// Day of the last reading.
    pub read_on: Option<String>,
    /// The last reading in thousandths of the counter's unit.
    pub reading_milli: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FeeAssignmentBody {
    pub fee_item: Uuid,
    pub fee_item_name: String,
    pub starts_on: String,
    /// The first day that is no longer charged.
    pub ends_on: Option<String>,
}

impl RecordsBody {
    fn new(records: UnitRecords, charges: Option<(Vec<ChargeRow>, Payers)>, access: &Signed) -> Self {
        let day = |day: Option<Date>| day.map(|day| day.to_string());
        let tenure = |TenureRow { tenure, party, phone }| TenureBody {
            party: tenure.party_id.0,
            name: access.name(&party),
            phone: phone.filter(|_| access.may(Permission::ReadPersonalData)),
            kind: tenure.kind.to_string(),
            starts_on: day(tenure.starts_on),
            ends_on: day(tenure.ends_on),
        };
        let vehicle = |VehicleRow { vehicle, party }| VehicleBody {
            id: vehicle.id.0,
            plate_no: vehicle.plate_no,
            brand: vehicle.brand,
            colour: vehicle.colour,
            party: vehicle.party_id.0,
            name: access.name(&party),
        };
        let meter = |MeterRow { meter, fee_item, last }| MeterBody {
            id: meter.id.0,
            fee_item: meter.fee_item_id.0,
            fee_item_name: fee_item,
            multiplier_milli: meter.multiplier_milli,
            read_on: day(last.map(|(day, _)| day)),
            reading_milli: last.map(|(_, reading)| reading),
        };
        let assignment = |FeeAssignmentRow { assignment, fee_item }| FeeAssignmentBody {
            fee_item: assignment.fee_item_id.0,
            fee_item_name: fee_item,
            starts_on: assignment.starts_on.to_string(),
            ends_on: day(assignment.ends_on),
        };
        Self {
            tenures: records.tenures.into_iter().map(tenure).collect(),
            vehicles: records.vehicles.into_iter().map(vehicle).collect(),
            meters: records.meters.into_iter().map(meter).collect(),
            fee_assignments: records.fee_assignments.into_iter().map(assignment).collect(),
            charges: charges.map(|(rows, payers)| rows.into_iter().map(|row| ChargeBody::new(row, &payers)).collect()),
        }
    }
}

/// Charges beside a unit's records: those of two years with a few fee items. `/api/v1/charges` has all.
const CHARGES_BESIDE: u32 = 100;

/// Reads what hangs on a unit: tenures, vehicles, meters, fee assignments and its newest charges.
#[utoipa::path(
    get, path = "/api/v1/units/{id}/records", tag = "units", params(("id" = Uuid, Path)),
    responses((status = 200, body = RecordsBody), (status = 404, body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn read_records(access: Require<ReadEstate>, At(id): At<UnitId>) -> Reply<RecordsBody> {
    let records = access.store.unit_records(id).await?;
    parties(&access).viewed(&access.stamp(), ViewedPart::Unit, format!("unit {id}")).await?;
    let charges = if access.may(Permission::ReadCharges) {
        let project = access.store.project(access.store.project_of_unit(id).await?).await?;
        Some((access.store.charges_of_unit(id, CHARGES_BESIDE).await?, access.payers(&project)))
    } else {
        None
    };
    Ok(Json(RecordsBody::new(records, charges, &access)))
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
