//! Buildings, entrances, parking areas, units and parking spaces.

use std::collections::{HashMap, HashSet};

use super::{Fields, Planner, shown};
use crate::{
    Decimal,
    estate::{Building, Entrance, OccupancyStatus, ParkingArea, Unit, UnitKind, UnitPlace},
    ids::{BuildingId, EntranceId, ParkingAreaId, UnitId},
    import::microcommunity::{Desired, DesiredEntrance, DesiredSpace, DesiredUnit},
};

impl<'a> Planner<'a> {
    pub(super) fn entrances(&mut self) {
        let desired: &'a Desired = self.desired;
        let estate = self.records.estate;
        let mut buildings: HashMap<&str, BuildingId> =
            estate.buildings.iter().map(|building| (building.building_no.as_str(), building.id)).collect();
        let existing: HashMap<(BuildingId, &str), &Entrance> =
            estate.entrances.iter().map(|row| ((row.building_id, row.entrance_no.as_str()), row)).collect();
        let mut seen = HashSet::new();
        for row in &desired.entrances {
            let building_id = *buildings.entry(&row.building_no).or_insert_with(|| {
                let building =
                    Building { id: BuildingId::generate(), building_no: row.building_no.clone(), kind: None };
                self.log.added(format!("building {}", row.building_no));
                let id = building.id;
                self.changes.buildings.insert.push(building);
                id
            });
            let id = self.entrance(row, building_id, existing.get(&(building_id, row.entrance_no.as_str())).copied());
            seen.insert(id);
            self.entrances.insert((&row.building_no, &row.entrance_no), id);
        }
        self.log.flush("buildings and entrances");
        for entrance in estate.entrances.iter().filter(|entrance| !seen.contains(&entrance.id)) {
            if let Some(row) = self.records.entrance(entrance) {
                self.log.missing(entrance_words(&row));
            }
        }
    }

    fn entrance(&mut self, row: &DesiredEntrance, building_id: BuildingId, existing: Option<&Entrance>) -> EntranceId {
        let entrance = Entrance {
            id: existing.map_or_else(EntranceId::generate, |entrance| entrance.id),
            building_id,
            entrance_no: row.entrance_no.clone(),
            storeys: row.storeys,
            has_lift: row.has_lift,
        };
        let id = entrance.id;
        match existing {
            None => {
                self.log.added(entrance_words(row));
                self.changes.entrances.insert.push(entrance);
            }
            Some(before) if *before != entrance => {
                let mut fields = Fields::default();
                fields.compare("storeys", &before.storeys, &entrance.storeys, ToString::to_string);
                fields.compare("lift", &before.has_lift, &entrance.has_lift, ToString::to_string);
                self.log.changed(entrance_words(row), fields.text());
                self.changes.entrances.update.push(entrance);
            }
            Some(_) => {}
        }
        id
    }

    pub(super) fn parking_areas(&mut self) {
        let desired: &'a Desired = self.desired;
        let existing: HashMap<&str, &ParkingArea> =
            self.records.estate.parking_areas.iter().map(|area| (area.area_no.as_str(), area)).collect();
        for space in &desired.spaces {
            if self.areas.contains_key(space.area_no.as_str()) {
                continue;
            }
            let before = existing.get(space.area_no.as_str()).copied();
            let area = ParkingArea {
                id: before.map_or_else(ParkingAreaId::generate, |area| area.id),
                area_no: space.area_no.clone(),
                kind: space.area_kind.clone(),
            };
            self.areas.insert(&space.area_no, area.id);
            let what = format!("parking area {}", area.area_no);
            match before {
                None => {
                    self.log.added(what);
                    self.changes.parking_areas.insert.push(area);
                }
                Some(before) if *before != area => {
                    self.log.changed(what, format!("kind {} -> {}", before.kind, area.kind));
                    self.changes.parking_areas.update.push(area);
                }
                Some(_) => {}
            }
        }
        self.log.flush("parking areas");
    }

    pub(super) fn units(&mut self) {
        let desired: &'a Desired = self.desired;
        let estate = self.records.estate;
        let existing: HashMap<(EntranceId, &str), &Unit> =
            estate.units.iter().filter_map(|unit| Some(((unit.entrance_id?, unit.unit_no.as_str()), unit))).collect();
        let mut seen = HashSet::new();
        for row in &desired.units {
            let Some(entrance_id) = self.entrances.get(&(row.building_no.as_str(), row.entrance_no.as_str())).copied()
            else {
                continue;
            };
            let before = existing.get(&(entrance_id, row.unit_no.as_str())).copied();
            seen.insert(self.unit(row, entrance_id, before));
        }
        self.log.flush("units");
        for unit in estate.units.iter().filter(|unit| !seen.contains(&unit.id)) {
            if let Some(row) = self.records.unit(unit) {
                self.log.missing(format!("unit {}", unit_place(&row)));
            }
        }
    }

    fn unit(&mut self, row: &DesiredUnit, entrance_id: EntranceId, before: Option<&Unit>) -> UnitId {
        let id = before.map_or_else(UnitId::generate, |unit| unit.id);
        let owned_before = self.records.owner(id).is_some();
        let unit = Unit {
            id,
            entrance_id: Some(entrance_id),
            parking_area_id: None,
            kind: row.kind,
            unit_no: row.unit_no.clone(),
            storey: row.storey,
            layout_code: row.layout_code.clone(),
            gross_floor_area_cm2: row.gross_floor_area_cm2,
            internal_area_cm2: row.internal_area_cm2,
            rent_fen: row.rent_fen,
            occupancy: occupancy(before, owned_before, row.owner_no.is_some()),
        };
        let mut fields = Fields::default();
        self.home_tenures(id, row.owner_no.as_deref(), &mut fields);
        self.fee_assignments(id, &row.fees, &mut fields);
        self.write_unit(unit, before, format!("unit {}", unit_place(row)), fields);
        id
    }

    pub(super) fn spaces(&mut self) {
        let desired: &'a Desired = self.desired;
        let estate = self.records.estate;
        let existing: HashMap<(ParkingAreaId, &str), &Unit> = estate
            .units
            .iter()
            .filter_map(|unit| Some(((unit.parking_area_id?, unit.unit_no.as_str()), unit)))
            .collect();
        let mut seen = HashSet::new();
        let mut rows = Vec::with_capacity(desired.spaces.len());
        for row in &desired.spaces {
            let Some(area_id) = self.areas.get(row.area_no.as_str()).copied() else { continue };
            let before = existing.get(&(area_id, row.space_no.as_str())).copied();
            let id = before.map_or_else(UnitId::generate, |unit| unit.id);
            seen.insert(id);
            let mut fields = Fields::default();
            let owned_before = self.records.holder(id).is_some();
            self.space_tenure(id, row.holder.as_ref(), &mut fields);
            let space = space_unit(row, id, area_id, before, owned_before);
            rows.push((space, before, fields));
        }
        let vehicle_notes = self.vehicles(&rows.iter().map(|(space, ..)| space.id).collect::<Vec<_>>());
        for ((row, (space, before, mut fields)), note) in desired.spaces.iter().zip(rows).zip(vehicle_notes) {
            if let Some(note) = note {
                fields.note(note);
            }
            self.write_unit(space, before, format!("parking space {}-{}", row.area_no, row.space_no), fields);
        }
        self.log.flush("parking spaces");
        for unit in estate.units.iter().filter(|unit| !seen.contains(&unit.id)) {
            if let Some(row) = self.records.space(unit) {
                self.log.missing(format!("parking space {}-{}", row.area_no, row.space_no));
            }
        }
    }

    /// Writes the row of a home or a space; `fields` holds already what differs around it.
    fn write_unit(&mut self, unit: Unit, before: Option<&Unit>, what: String, mut fields: Fields) {
        let Some(before) = before else {
            self.log.added(what);
            self.changes.units.insert.push(unit);
            return;
        };
        let area = |cm2: &Option<i64>| shown(&cm2.map(|cm2| Decimal::new(cm2, 4).trimmed(0)));
        let rent = |fen: &Option<i64>| shown(&fen.map(|fen| Decimal::new(fen, 2).trimmed(0)));
        fields.compare("kind", &before.kind, &unit.kind, ToString::to_string);
        fields.compare("storey", &before.storey, &unit.storey, shown);
        fields.compare("layout", &before.layout_code, &unit.layout_code, shown);
        fields.compare("gross floor area", &Some(before.gross_floor_area_cm2), &Some(unit.gross_floor_area_cm2), area);
        fields.compare("internal area", &before.internal_area_cm2, &unit.internal_area_cm2, area);
        fields.compare("rent", &before.rent_fen, &unit.rent_fen, rent);
        fields.compare("occupancy", &before.occupancy, &unit.occupancy, ToString::to_string);
        if !fields.is_empty() {
            self.log.changed(what, fields.text());
        }
        if *before != unit {
            self.changes.units.update.push(unit);
        }
    }
}

/// The workbook knows whether somebody owns a unit, not whether somebody lives there: what the office noted stays until
/// the unit gets its first owner or loses its last.
fn occupancy(before: Option<&Unit>, owned_before: bool, owned: bool) -> OccupancyStatus {
    match before {
        Some(before) if owned_before == owned => before.occupancy,
        Some(before) if owned && before.occupancy != OccupancyStatus::Unsold => before.occupancy,
        _ if owned => OccupancyStatus::Occupied,
        _ => OccupancyStatus::Unsold,
    }
}

fn space_unit(
    row: &DesiredSpace,
    id: UnitId,
    area_id: ParkingAreaId,
    before: Option<&Unit>,
    held_before: bool,
) -> Unit {
    Unit {
        id,
        entrance_id: None,
        parking_area_id: Some(area_id),
        kind: UnitKind::ParkingSpace,
        unit_no: row.space_no.clone(),
        gross_floor_area_cm2: row.gross_floor_area_cm2,
        // The table of parking spaces has no columns for the rest.
        storey: before.and_then(|unit| unit.storey),
        layout_code: before.and_then(|unit| unit.layout_code.clone()),
        internal_area_cm2: before.and_then(|unit| unit.internal_area_cm2),
        rent_fen: before.and_then(|unit| unit.rent_fen),
        occupancy: occupancy(before, held_before, row.holder.is_some()),
    }
}

fn entrance_words(row: &DesiredEntrance) -> String {
    format!("entrance {}-{}", row.building_no, row.entrance_no)
}

fn unit_place(row: &DesiredUnit) -> UnitPlace {
    UnitPlace { building: row.building_no.clone(), entrance: row.entrance_no.clone(), unit: row.unit_no.clone() }
}
