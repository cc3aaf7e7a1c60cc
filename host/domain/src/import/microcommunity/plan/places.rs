//! Buildings, entrances, parking areas, units and parking spaces.

use std::collections::{HashMap, HashSet};

use super::{Fields, Planner};
use crate::{
    Decimal,
    estate::{Building, Entrance, OccupancyStatus, ParkingArea, Unit, UnitKind, UnitPlace},
    ids::{BuildingId, EntranceId, ParkingAreaId, UnitId},
    import::{
        Field, Thing, Things,
        microcommunity::{Desired, DesiredEntrance, DesiredSpace, DesiredUnit},
    },
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
                self.log.added(Thing::Building { building: row.building_no.clone() });
                let id = building.id;
                self.changes.buildings.insert.push(building);
                id
            });
            let id = self.entrance(row, building_id, existing.get(&(building_id, row.entrance_no.as_str())).copied());
            seen.insert(id);
            self.entrances.insert((&row.building_no, &row.entrance_no), id);
        }
        self.log.flush(Things::BuildingsAndEntrances);
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
                fields.compare(Field::Storeys, before.storeys, entrance.storeys);
                fields.compare(Field::Lift, before.has_lift, entrance.has_lift);
                self.log.changed(entrance_words(row), fields.0);
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
            let what = Thing::ParkingArea { area: area.area_no.clone() };
            match before {
                None => {
                    self.log.added(what);
                    self.changes.parking_areas.insert.push(area);
                }
                Some(before) if *before != area => {
                    let mut fields = Fields::default();
                    fields.compare(Field::Kind, &before.kind, &area.kind);
                    self.log.changed(what, fields.0);
                    self.changes.parking_areas.update.push(area);
                }
                Some(_) => {}
            }
        }
        self.log.flush(Things::ParkingAreas);
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
        self.log.flush(Things::Units);
        for unit in estate.units.iter().filter(|unit| !seen.contains(&unit.id)) {
            if let Some(row) = self.records.unit(unit) {
                self.log.missing(Thing::Unit(unit_place(&row)));
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
        self.write_unit(unit, before, Thing::Unit(unit_place(row)), fields);
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
            self.write_unit(space, before, space_words(row), fields);
        }
        self.log.flush(Things::ParkingSpaces);
        for unit in estate.units.iter().filter(|unit| !seen.contains(&unit.id)) {
            if let Some(row) = self.records.space(unit) {
                self.log.missing(space_words(&row));
            }
        }
    }

    /// Writes the row of a home or a space; `fields` holds already what differs around it.
    fn write_unit(&mut self, unit: Unit, before: Option<&Unit>, what: Thing, mut fields: Fields) {
        let Some(before) = before else {
            self.log.added(what);
            self.changes.units.insert.push(unit);
            return;
        };
        let area = |cm2: Option<i64>| cm2.map(|cm2| Decimal::new(cm2, 4).trimmed(0));
        let rent = |fen: Option<i64>| fen.map(|fen| Decimal::new(fen, 2).trimmed(0));
        let gross = |unit: &Unit| area(Some(unit.gross_floor_area_cm2));
        fields.compare(Field::Kind, before.kind, unit.kind);
        fields.compare(Field::Storey, before.storey, unit.storey);
        fields.compare(Field::Layout, before.layout_code.as_ref(), unit.layout_code.as_ref());
        fields.compare(Field::GrossFloorArea, gross(before), gross(&unit));
        fields.compare(Field::InternalArea, area(before.internal_area_cm2), area(unit.internal_area_cm2));
        fields.compare(Field::Rent, rent(before.rent_fen), rent(unit.rent_fen));
        fields.compare(Field::Occupancy, before.occupancy, unit.occupancy);
        if !fields.is_empty() {
            self.log.changed(what, fields.0);
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

fn entrance_words(row: &DesiredEntrance) -> Thing {
    Thing::Entrance { building: row.building_no.clone(), entrance: row.entrance_no.clone() }
}

fn space_words(row: &DesiredSpace) -> Thing {
    Thing::ParkingSpace { area: row.area_no.clone(), space: row.space_no.clone() }
}

fn unit_place(row: &DesiredUnit) -> UnitPlace {
    UnitPlace { building: row.building_no.clone(), entrance: row.entrance_no.clone(), unit: row.unit_no.clone() }
}
