//! Meters and their readings (抄表).

use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
};
use guanjia_domain::{
    Date,
    estate::Meter,
    ids::{FeeItemId, MeterId, MeterReadingId, UnitId},
    meter::{EnteredReading, Meters, ReadingRow, ReadingView},
    ports::Page,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Ask, At, List, Reply, date, etag, limit, require_match};
use crate::{
    access::{
        Require, Signed,
        needs::{ReadEstate, WriteReadings},
    },
    fault::{Answer, Fault, Problem},
};

/// One reading.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReadingBody {
    pub id: Uuid,
    pub meter: Uuid,
    pub read_on: String,
    /// In thousandths of the counter's unit.
    pub reading_milli: i64,
    /// Where the counter goes on when it was replaced or set back on that day.
    pub restart_milli: Option<i64>,
    /// What it went up since the reading before, without the multiplier; absent for a single reading and for the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_milli: Option<i64>,
    /// A posted charge covers the day: correcting the reading does not change it.
    pub charged: bool,
    /// Counts the corrections; the number in the `ETag`.
    pub version: i64,
}

impl From<ReadingRow> for ReadingBody {
    fn from(row: ReadingRow) -> Self {
        Self {
            id: row.reading.id.0,
            meter: row.reading.meter_id.0,
            read_on: row.reading.read_on.to_string(),
            reading_milli: row.reading.reading_milli,
            restart_milli: row.reading.restart_milli,
            usage_milli: None,
            charged: row.charged,
            version: row.version,
        }
    }
}

impl From<ReadingView> for ReadingBody {
    fn from(view: ReadingView) -> Self {
        Self { usage_milli: view.usage_milli, ..Self::from(view.row) }
    }
}

/// A meter that is hung on a unit.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMeter {
    #[schema(value_type = Uuid)]
    fee_item: FeeItemId,
    /// In thousandths; 1000 without it.
    multiplier_milli: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeterIdBody {
    pub id: Uuid,
}

/// A multiplier of one.
const ONE_MILLI: i64 = 1_000;

/// Hangs a meter for a fee item on a unit.
#[utoipa::path(
    post, path = "/api/v1/units/{id}/meters", tag = "meters", params(("id" = Uuid, Path)), request_body = NewMeter,
    responses(
        (status = 201, body = MeterIdBody),
        (status = 409, description = "the unit has a meter for the fee item", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`multiplier-out-of-range`", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn add_meter(
    access: Require<WriteReadings>,
    At(id): At<UnitId>,
    Json(new): Json<NewMeter>,
) -> Answer<(StatusCode, Json<MeterIdBody>)> {
    let meter = Meter {
        id: MeterId::generate(),
        unit_id: id,
        fee_item_id: new.fee_item,
        multiplier_milli: new.multiplier_milli.unwrap_or(ONE_MILLI),
    };
    meters(&access).add_meter(&access.stamp(), &meter).await?;
    Ok((StatusCode::CREATED, Json(MeterIdBody { id: meter.id.0 })))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReadingsQuery {
    /// The day that a page gave as `next`.
    cursor: Option<String>,
    /// 50 by default, 120 at most.
    limit: Option<u32>,
}

/// Most readings of one page: ten years by the month.
const READINGS_MAX: u32 = 120;

/// Lists a meter's readings, newest first.
#[utoipa::path(
    get, path = "/api/v1/meters/{id}/readings", tag = "meters", params(("id" = Uuid, Path), ReadingsQuery),
    responses((status = 200, body = List<ReadingBody>), (status = 404, body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn list_readings(
    access: Require<ReadEstate>,
    At(id): At<MeterId>,
    Ask(query): Ask<ReadingsQuery>,
) -> Reply<List<ReadingBody>> {
    let before = query.cursor.as_deref().map(date).transpose()?;
    let page_size = limit(query.limit).min(READINGS_MAX);
    let (items, more) = meters(&access).history(&access.stamp(), id, before, page_size).await?;
    let next = items.last().filter(|_| more).map(|view| view.row.reading.read_on.to_string());
    Ok(Json(List::page(Page { items, next }, ReadingBody::from)))
}

/// What is read off a counter.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadingEntry {
    read_on: String,
    /// In thousandths of the counter's unit.
    reading_milli: i64,
    /// Where the counter goes on, when it was replaced or set back on that day; `reading_milli` is then its last value.
    restart_milli: Option<i64>,
}

impl ReadingEntry {
    fn entered(&self) -> Answer<EnteredReading> {
        let read_on: Date = date(&self.read_on)?;
        Ok(EnteredReading { read_on, reading_milli: self.reading_milli, restart_milli: self.restart_milli })
    }
}

/// A reading with its entity tag.
type Tagged = ([(HeaderName, HeaderValue); 1], Json<ReadingBody>);

fn tagged(row: ReadingRow) -> Tagged {
    ([(header::ETAG, etag(row.version))], Json(row.into()))
}

/// Enters a reading. A counter only goes up: one that was replaced is entered with its last value and `restart_milli`.
#[utoipa::path(
    post, path = "/api/v1/meters/{id}/readings", tag = "meters", params(("id" = Uuid, Path)), request_body = ReadingEntry,
    responses(
        (status = 201, body = ReadingBody),
        (status = 409, description = "the day is read already: correct that reading", body = Problem, content_type = "application/problem+json"),
        (
            status = 422, description = "`reading-below-previous`, `reading-above-next`, `reading-in-future`, `reading-out-of-range`",
            body = Problem, content_type = "application/problem+json",
        ),
    ),
)]
pub(crate) async fn enter_reading(
    access: Require<WriteReadings>,
    At(id): At<MeterId>,
    Json(entry): Json<ReadingEntry>,
) -> Answer<(StatusCode, Tagged)> {
    let row = meters(&access).enter(&access.stamp(), id, entry.entered()?).await?;
    Ok((StatusCode::CREATED, tagged(row)))
}

/// Reads one reading.
#[utoipa::path(
    get, path = "/api/v1/meter-readings/{id}", tag = "meters", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = ReadingBody, headers(("ETag" = String, description = "what a correction sends as `If-Match`"))),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn read_reading(access: Require<ReadEstate>, At(id): At<MeterReadingId>) -> Answer<Tagged> {
    Ok(tagged(access.store.reading(id).await?))
}

/// Corrects a reading, if it still is what was read. What is posted already stays as it is.
#[utoipa::path(
    put, path = "/api/v1/meter-readings/{id}", tag = "meters",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "the `ETag` of the reading that is corrected")),
    request_body = ReadingEntry,
    responses(
        (status = 200, body = ReadingBody, headers(("ETag" = String, description = "of the reading after the correction"))),
        (status = 412, description = "`stale`: it was corrected meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "as when it is entered", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: `If-Match` is missing", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn correct_reading(
    access: Require<WriteReadings>,
    At(id): At<MeterReadingId>,
    headers: HeaderMap,
    Json(entry): Json<ReadingEntry>,
) -> Result<Tagged, Fault> {
    let stored = access.store.reading(id).await?;
    require_match(&headers, stored.version)?;
    // The store compares the version once more, where nobody can come between.
    Ok(tagged(meters(&access).correct(&access.stamp(), id, stored.version, entry.entered()?).await?))
}

pub(crate) fn meters(access: &Signed) -> Meters {
    Meters::new(access.store.clone())
}
