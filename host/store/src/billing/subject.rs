//! The units of a run with everything that facts are computed from, a page in a few statements.
//!
//! On SQLite each statement gathers its rows into one JSON text: handing them over row by row, through a worker thread, costs
//! more than making and reading JSON. On PostgreSQL it is the other way round.

use guanjia_domain::{
    Date, Result,
    billing::{AssignedItem, Holder, UnitSource},
    estate::{OccupancyStatus, TenureKind, UnitKind},
    facts::{MeterFacts, UnitFacts},
    ids::*,
    ports::UnitQuery,
};
use serde::{Deserialize, de::DeserializeOwned};
use std::collections::HashSet;
use uuid::Uuid;

use crate::{
    db::{Cells, Row, Scope},
    estate::gathered,
    sql::Scoped,
    value::Cell,
};

/// Rows that SQLite hands over gathered and PostgreSQL one by one: tuples of what the columns are read as.
macro_rules! gathered_rows {
    ($($name:ident($($field:ident: $type:ty),* $(,)?);)*) => {$(
        #[derive(Deserialize)]
        struct $name($($type),*);

        impl Gathered for $name {
            fn read(cells: &mut Cells<'_>) -> Result<Self> {
                $(let $field: $type = cells.take()?;)*
                Ok($name($($field),*))
            }
        }
    )*};
}

trait Gathered: DeserializeOwned {
    fn read(cells: &mut Cells<'_>) -> Result<Self>;
}

fn gather<T: Gathered>(rows: &[Row]) -> Result<Vec<T>> {
    match rows {
        [row @ Row::Sqlite(_)] => gathered(row),
        rows => rows.iter().map(|row| T::read(&mut row.cells())).collect(),
    }
}

gathered_rows! {
    UnitCells(
        unit_id: UnitId,
        building: String,
        kind: UnitKind,
        occupancy: OccupancyStatus,
        gross_floor_area_cm2: i64,
        internal_area_cm2: Option<i64>,
        storey: Option<i64>,
        rent_fen: Option<i64>,
        building_kind: Option<String>,
        building_storeys: Option<i64>,
        has_lift: Option<Flag>,
        space_kind: Option<String>,
        vehicle_count: i64,
    );
    TenureCells(
        unit_id: UnitId,
        starts_on: Option<Date>,
        party_id: PartyId,
        kind: TenureKind,
        ends_on: Option<Date>,
        tenure_id: TenureId,
    );
    AssignmentCells(unit_id: UnitId, fee_item_id: FeeItemId, from: Date, to: Option<Date>);
    ChargedCells(unit_id: UnitId, fee_item_id: FeeItemId);
    MeterCells(
        unit_id: UnitId,
        fee_item_id: FeeItemId,
        multiplier_milli: i64,
        previous_milli: Option<i64>,
        current_milli: Option<i64>,
        change_milli: i64,
    );
}

/// SQLite has no booleans of its own.
#[derive(Deserialize)]
#[serde(untagged)]
enum Flag {
    Bool(bool),
    Number(i64),
}

impl Cell for Option<Flag> {
    type Raw = Option<bool>;

    fn from_raw(raw: Option<bool>) -> Result<Self> {
        Ok(raw.map(Flag::Bool))
    }
}

impl From<Flag> for bool {
    fn from(flag: Flag) -> Self {
        match flag {
            Flag::Bool(flag) => flag,
            Flag::Number(number) => number != 0,
        }
    }
}

impl From<UnitCells> for UnitSource {
    fn from(cells: UnitCells) -> Self {
        let UnitCells(
            unit_id,
            building,
            kind,
            occupancy,
            gross_floor_area_cm2,
            internal_area_cm2,
            storey,
            rent_fen,
            building_kind,
            building_storeys,
            has_lift,
            space_kind,
            vehicle_count,
        ) = cells;
        Self {
            unit_id,
            building: building.into(),
            facts: UnitFacts {
                kind,
                occupancy,
                gross_floor_area_cm2,
                internal_area_cm2,
                storey,
                rent_fen,
                building_kind,
                building_storeys,
                building_has_lift: has_lift.map(bool::from),
                space_kind,
                vehicle_count,
            },
            holders: Vec::new(),
            assigned: Vec::new(),
        }
    }
}

/// The page itself.
const UNITS: Scoped = sql!(
    "SELECT {gather}{hex}(u.id), COALESCE(b.building_no, p.area_no, ''), u.kind, u.occupancy, u.gross_floor_area_cm2, ",
    "u.internal_area_cm2, u.storey, u.rent_fen, b.kind, e.storeys, e.has_lift, p.kind, ",
    "(SELECT COUNT(*) FROM vehicle v WHERE v.unit_id = u.id){end} ",
    "FROM unit u LEFT JOIN entrance e ON e.id = u.entrance_id LEFT JOIN building b ON b.id = e.building_id ",
    "LEFT JOIN parking_area p ON p.id = u.parking_area_id ",
    "WHERE u.company_id = $1 AND u.project_id = $2 AND u.id > $3 AND u.id <= $4"
);

const TENURES: Scoped = sql!(
    "SELECT {gather}{hex}(unit_id), starts_on, {hex}(party_id), kind, ends_on, {hex}(id){end} FROM tenure ",
    "WHERE company_id = $1 AND unit_id >= $2 AND unit_id <= $3 AND kind IN ('owner', 'lessee') ",
    "AND (starts_on IS NULL OR starts_on < $5) AND (ends_on IS NULL OR ends_on > $4)"
);

const ASSIGNMENTS: Scoped = sql!(
    "SELECT {gather}{hex}(unit_id), {hex}(fee_item_id), starts_on, ends_on{end} FROM fee_assignment ",
    "WHERE company_id = $1 AND unit_id >= $2 AND unit_id <= $3 AND starts_on < $5 AND (ends_on IS NULL OR ends_on > $4)"
);

/// What is charged for the period already: mostly nothing, so that asking for all of it at once is cheaper than looking for
/// each assignment.
const CHARGED: Scoped = sql!(
    "SELECT {gather}{hex}(unit_id), {hex}(fee_item_id){end} FROM charge ",
    "WHERE company_id = $1 AND unit_id >= $2 AND unit_id <= $3 AND period_start = $4 AND revision = 0 AND starts_on < $5"
);

/// Previous reading: the last one before the fee item's part of the period, or where the counter that replaced it started;
/// current: the last one in it; change: of the counters that were replaced in it before the current reading.
const METERS: Scoped = sql!(
    "SELECT {gather}{hex}(m.unit_id), {hex}(m.fee_item_id), m.multiplier_milli, ",
    "(SELECT COALESCE(r.restart_milli, r.reading_milli) FROM meter_reading r WHERE r.meter_id = m.id AND r.read_on < m.from_day ",
    "ORDER BY r.read_on DESC LIMIT 1), ",
    "(SELECT r.reading_milli FROM meter_reading r WHERE r.meter_id = m.id AND r.read_on >= m.from_day AND r.read_on < m.to_day ",
    "ORDER BY r.read_on DESC LIMIT 1), ",
    "(SELECT CAST(COALESCE(SUM(r.reading_milli - r.restart_milli), 0) AS BIGINT) FROM meter_reading r ",
    "WHERE r.meter_id = m.id AND r.read_on >= m.from_day AND r.restart_milli IS NOT NULL AND r.read_on < ",
    "(SELECT MAX(l.read_on) FROM meter_reading l WHERE l.meter_id = m.id AND l.read_on < m.to_day)){end} ",
    "FROM (SELECT o.id, o.unit_id, o.fee_item_id, o.multiplier_milli, ",
    "CASE WHEN f.starts_on > $4 THEN f.starts_on ELSE $4 END AS from_day, ",
    "CASE WHEN f.ends_on < $5 THEN f.ends_on ELSE $5 END AS to_day ",
    "FROM meter o JOIN fee_item f ON f.id = o.fee_item_id ",
    "WHERE o.company_id = $1 AND o.unit_id >= $2 AND o.unit_id <= $3) m"
);

impl Scope {
    pub(crate) async fn page_ends(
        &mut self,
        project: ProjectId,
        after: Option<UnitId>,
        size: u32,
    ) -> Result<Vec<UnitId>> {
        let after = after.map_or(Uuid::nil(), |unit| unit.0);
        // Numbered along the index: nothing of the project is held in memory.
        let statement = sql!(
            "SELECT id FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS number FROM unit ",
            "WHERE company_id = $1 AND project_id = $2 AND id > $3) numbered WHERE number % $4 = 0"
        );
        let rows = self.rows(statement, values![project, after, size]).await?;
        let mut ends = rows.iter().map(Row::only).collect::<Result<Vec<UnitId>>>()?;
        let statement =
            sql!("SELECT id FROM unit WHERE company_id = $1 AND project_id = $2 AND id > $3 ORDER BY id DESC LIMIT 1");
        let last: Option<UnitId> =
            self.row(statement, values![project, after]).await?.map(|row| row.only()).transpose()?;
        ends.extend(last);
        ends.dedup();
        Ok(ends)
    }

    pub(crate) async fn charged_units(&mut self, query: &UnitQuery) -> Result<Vec<UnitSource>> {
        let after = query.after.map_or(Uuid::nil(), |unit| unit.0);
        let rows = self.rows(UNITS, values![query.project_id, after, query.until]).await?;
        let mut units: Vec<UnitSource> = gather::<UnitCells>(&rows)?.into_iter().map(UnitSource::from).collect();
        // An aggregate promises no order.
        units.sort_unstable_by_key(|unit| unit.unit_id);
        let mut page = UnitPage { units, at: 0 };
        // The holders of a unit in order of their start; without a start it has always been so: `None` sorts first.
        let mut tenures: Vec<TenureCells> = self.of_page(TENURES, query, &page).await?;
        tenures.sort_unstable_by_key(|TenureCells(unit, starts_on, party, _, _, tenure)| {
            (*unit, *starts_on, *party, *tenure)
        });
        for TenureCells(unit, starts_on, party_id, kind, ends_on, _) in tenures {
            page.with(unit, |unit| unit.holders.push(Holder { party_id, kind, starts_on, ends_on }));
        }
        let mut assignments: Vec<AssignmentCells> = self.of_page(ASSIGNMENTS, query, &page).await?;
        assignments.sort_unstable_by_key(|AssignmentCells(unit, fee_item, ..)| (*unit, *fee_item));
        let charged: HashSet<(UnitId, FeeItemId)> = self
            .of_page(CHARGED, query, &page)
            .await?
            .into_iter()
            .map(|ChargedCells(unit, fee_item)| (unit, fee_item))
            .collect();
        assignments.retain(|AssignmentCells(unit, fee_item, ..)| !charged.contains(&(*unit, *fee_item)));
        for AssignmentCells(unit, fee_item_id, from, to) in assignments {
            page.with(unit, |unit| unit.assigned.push(AssignedItem { fee_item_id, from, to, meter: None }));
        }
        for MeterCells(unit, fee_item, multiplier_milli, previous_milli, current_milli, change_milli) in
            self.of_page(METERS, query, &page).await?
        {
            page.with(unit, |unit| {
                if let Some(assigned) = unit.assigned.iter_mut().find(|assigned| assigned.fee_item_id == fee_item) {
                    assigned.meter = Some(MeterFacts { previous_milli, current_milli, change_milli, multiplier_milli });
                }
            });
        }
        Ok(page.units)
    }

    /// The rows of a statement that belong to units between the first and the last of a page.
    async fn of_page<T: Gathered>(&mut self, statement: Scoped, query: &UnitQuery, page: &UnitPage) -> Result<Vec<T>> {
        let (Some(first), Some(last)) = (page.units.first(), page.units.last()) else { return Ok(Vec::new()) };
        let values = values![first.unit_id, last.unit_id, query.period.start, query.period.end];
        gather(&self.rows(statement, values).await?)
    }
}

/// Units in the order of their ids, and where the last search ended: rows come in the same order.
struct UnitPage {
    units: Vec<UnitSource>,
    at: usize,
}

impl UnitPage {
    /// Units of other projects may lie between those of the page: theirs is left out.
    fn with(&mut self, unit_id: UnitId, add: impl FnOnce(&mut UnitSource)) {
        if self.units.get(self.at).is_none_or(|unit| unit.unit_id != unit_id) {
            let Ok(at) = self.units.binary_search_by_key(&unit_id, |unit| unit.unit_id) else { return };
            self.at = at;
        }
        add(&mut self.units[self.at]);
    }
}
