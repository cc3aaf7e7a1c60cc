//! The units that a run charges, with everything that facts are computed from, a page in one statement.

use guanjia_domain::{
    Date, Result,
    billing::{Holder, SubjectSource},
    estate::{OccupancyStatus, TenureKind, UnitKind},
    facts::{MeterFacts, UnitFacts},
    ids::*,
    ports::SubjectQuery,
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{db::Scope, estate::gathered, value::Values};

/// Which assignments are charged: their fee item, their time, and no posted charge for the period.
macro_rules! charged_assignments {
    () => {
        concat!(
            "a.company_id = $1 AND a.project_id = $2 AND a.fee_item_id = $3 AND a.starts_on < $5 ",
            "AND (a.ends_on IS NULL OR a.ends_on > $4) ",
            "AND NOT EXISTS (SELECT 1 FROM charge c WHERE c.unit_id = a.unit_id AND c.fee_item_id = a.fee_item_id ",
            "AND c.period_start = $6 AND c.revision = 0) "
        )
    };
}

/// A row as the statement gathers it.
#[derive(Deserialize)]
struct SubjectRow(
    UnitId,
    String,
    UnitKind,
    OccupancyStatus,
    i64,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<i64>,
    Option<Flag>,
    Option<String>,
    i64,
    Date,
    Option<Date>,
    Option<Vec<HolderRow>>,
    Option<MeterRow>,
);

#[derive(Deserialize)]
struct HolderRow(Option<Date>, PartyId, TenureKind, Option<Date>, TenureId);

#[derive(Deserialize)]
struct MeterRow(i64, Option<i64>, Option<i64>);

/// SQLite has no booleans of its own.
#[derive(Deserialize)]
#[serde(untagged)]
enum Flag {
    Bool(bool),
    Number(i64),
}

impl From<Flag> for bool {
    fn from(flag: Flag) -> Self {
        match flag {
            Flag::Bool(flag) => flag,
            Flag::Number(number) => number != 0,
        }
    }
}

impl From<SubjectRow> for SubjectSource {
    fn from(row: SubjectRow) -> Self {
        let SubjectRow(
            unit_id,
            building,
            kind,
            occupancy,
            gross_floor_area_cm2,
            internal_area_cm2,
            storey,
            rent_fen,
            building_kind,
            storeys,
            has_lift,
            space_kind,
            vehicle_count,
            assigned_from,
            assigned_to,
            holders,
            meter,
        ) = row;
        let mut holders = holders.unwrap_or_default();
        // Without a start it has always been so: `None` sorts first.
        holders.sort_unstable_by_key(|HolderRow(starts_on, party, _, _, tenure)| (*starts_on, *party, *tenure));
        Self {
            unit_id,
            building,
            facts: UnitFacts {
                kind,
                occupancy,
                gross_floor_area_cm2,
                internal_area_cm2,
                storey,
                rent_fen,
                building_kind,
                building_storeys: storeys,
                building_has_lift: has_lift.map(bool::from),
                space_kind,
                vehicle_count,
                meter: meter.map(|MeterRow(multiplier_milli, previous_milli, current_milli)| MeterFacts {
                    previous_milli,
                    current_milli,
                    multiplier_milli,
                }),
            },
            assigned_from,
            assigned_to,
            holders: holders
                .into_iter()
                .map(|HolderRow(starts_on, party_id, kind, ends_on, _)| Holder { party_id, kind, starts_on, ends_on })
                .collect(),
        }
    }
}

fn arguments(query: &SubjectQuery) -> Values {
    values![query.project_id, query.fee_item_id, query.charged.start, query.charged.end, query.period_start]
}

impl Scope {
    pub(crate) async fn count_subjects(&mut self, query: &SubjectQuery) -> Result<i64> {
        let statement = sql!("SELECT COUNT(*) FROM fee_assignment a WHERE ", charged_assignments!());
        self.row(statement, arguments(query)).await?.map_or(Ok(0), |row| row.only())
    }

    /// A page of subjects in the order of their units. Previous reading: the last one before the period; current: the last
    /// one in it. Without a reading in the period there is no current one, so that nobody is charged 0 by accident.
    pub(crate) async fn subjects(&mut self, query: &SubjectQuery) -> Result<Vec<SubjectSource>> {
        let mut values = arguments(query);
        values.extend(values![query.after.map_or(Uuid::nil(), |unit| unit.0), query.limit]);
        let statement = sql!(
            "SELECT {rows}({array}({hex}(s.unit_id), s.building, s.kind, s.occupancy, s.gross_floor_area_cm2, s.internal_area_cm2, ",
            "s.storey, s.rent_fen, s.building_kind, s.storeys, s.has_lift, s.space_kind, s.vehicles, ",
            "s.starts_on, s.ends_on, {json}(s.holders), {json}(s.meter))) FROM (",
            "SELECT g.unit_id, COALESCE(b.building_no, p.area_no, '') AS building, u.kind, u.occupancy, u.gross_floor_area_cm2, ",
            "u.internal_area_cm2, u.storey, u.rent_fen, b.kind AS building_kind, e.storeys, e.has_lift, ",
            "p.kind AS space_kind, g.starts_on, g.ends_on, ",
            "(SELECT COUNT(*) FROM vehicle v WHERE v.unit_id = g.unit_id) AS vehicles, ",
            "(SELECT {rows}({array}(t.starts_on, {hex}(t.party_id), t.kind, t.ends_on, {hex}(t.id))) FROM tenure t ",
            "WHERE t.unit_id = g.unit_id AND t.kind IN ('owner', 'lessee') ",
            "AND (t.starts_on IS NULL OR t.starts_on < $5) AND (t.ends_on IS NULL OR t.ends_on > $4)) AS holders, ",
            "(SELECT {array}(m.multiplier_milli, ",
            "(SELECT r.reading_milli FROM meter_reading r WHERE r.meter_id = m.id AND r.read_on < $4 ORDER BY r.read_on DESC LIMIT 1), ",
            "(SELECT r.reading_milli FROM meter_reading r WHERE r.meter_id = m.id AND r.read_on >= $4 AND r.read_on < $5 ",
            "ORDER BY r.read_on DESC LIMIT 1)) ",
            "FROM meter m WHERE m.unit_id = g.unit_id AND m.fee_item_id = g.fee_item_id) AS meter ",
            // The page is cut before anything is joined to it: a planner that joins first reads the whole project.
            "FROM (SELECT a.unit_id, a.fee_item_id, a.starts_on, a.ends_on FROM fee_assignment a WHERE ",
            charged_assignments!(),
            "AND a.unit_id > $7 ORDER BY a.unit_id LIMIT $8) g ",
            "JOIN unit u ON u.id = g.unit_id LEFT JOIN entrance e ON e.id = u.entrance_id ",
            "LEFT JOIN building b ON b.id = e.building_id LEFT JOIN parking_area p ON p.id = u.parking_area_id) s"
        );
        let Some(row) = self.row(statement, values).await? else { return Ok(Vec::new()) };
        let mut subjects: Vec<SubjectSource> =
            gathered::<SubjectRow>(&row)?.into_iter().map(SubjectSource::from).collect();
        // An aggregate promises no order.
        subjects.sort_unstable_by_key(|subject| subject.unit_id);
        Ok(subjects)
    }
}
