//! Who holds what, and the cars.

use std::collections::{HashMap, HashSet};

use super::{Fields, Planner, household_tenure};
use crate::{
    estate::{Tenure, TenureKind, Vehicle},
    ids::{PartyId, TenureId, UnitId, VehicleId},
    import::{
        Change, Field,
        microcommunity::{Desired, DesiredHolder, DesiredVehicle},
    },
};

impl<'a> Planner<'a> {
    /// The owner of a home and the people of the household. A new owner takes the place of the one before.
    pub(super) fn home_tenures(&mut self, unit_id: UnitId, owner_no: Option<&str>, fields: &mut Fields) {
        let before = self.records.owner(unit_id);
        let after = owner_no.and_then(|number| self.owners.get(number).copied());
        let owner_before = before.as_ref().map(|(tenure, _)| tenure.party_id);
        let number_before = before.as_ref().map(|(_, number)| number.as_str());
        fields.compare(Field::Owner, number_before, owner_no);
        if owner_before != after {
            self.replace(
                before.map(|(tenure, _)| tenure),
                after.map(|party_id| held(unit_id, party_id, TenureKind::Owner)),
            );
        }
        let household_before = owner_before.map(|owner| self.household_before(owner)).unwrap_or_default();
        let household = after.and_then(|owner| self.households.get(&owner)).cloned().unwrap_or_default();
        for &(party_id, kind) in household.iter().filter(|person| !household_before.contains(person)) {
            let known = |tenure: &&Tenure| tenure.party_id == party_id && tenure.kind == kind;
            if !self.records.tenures(unit_id).iter().any(known) {
                self.changes.tenures.insert.push(held(unit_id, party_id, kind));
            }
        }
        for &(party_id, kind) in household_before.iter().filter(|person| !household.contains(person)) {
            let open =
                |tenure: &&&Tenure| tenure.party_id == party_id && tenure.kind == kind && tenure.ends_on.is_none();
            let ids = self.records.tenures(unit_id).iter().filter(open).map(|tenure| tenure.id);
            self.changes.tenures.delete.extend(ids);
        }
    }

    /// The people who live with an owner according to the records.
    fn household_before(&mut self, owner: PartyId) -> Vec<(PartyId, TenureKind)> {
        let people = self.households_before.get_or_insert_with(|| {
            let mut people: HashMap<PartyId, Vec<(PartyId, TenureKind)>> = HashMap::new();
            for party in &self.records.estate.parties {
                if let (Some(owner), Some(kind)) = (party.household_of, household_tenure(party.kind)) {
                    people.entry(owner).or_default().push((party.id, kind));
                }
            }
            people
        });
        people.get(&owner).cloned().unwrap_or_default()
    }

    /// The tenure of a parking space, whose dates the workbook states.
    pub(super) fn space_tenure(&mut self, unit_id: UnitId, holder: Option<&DesiredHolder>, fields: &mut Fields) {
        let before = self.records.holder(unit_id);
        let after = holder.and_then(|holder| {
            let party_id = *self.owners.get(holder.owner_no.as_str())?;
            let dates =
                Tenure { starts_on: holder.starts_on, ends_on: holder.ends_on, ..held(unit_id, party_id, holder.kind) };
            Some(dates)
        });
        let number_before = before.as_ref().map(|(_, number)| number.as_str());
        fields.compare(Field::Holder, number_before, holder.map(|holder| holder.owner_no.as_str()));
        let before = before.map(|(tenure, _)| tenure);
        if let (Some(before), Some(after)) = (before, &after) {
            fields.compare(Field::Tenure, before.kind, after.kind);
            fields.compare(Field::Start, before.starts_on, after.starts_on);
            fields.compare(Field::End, before.ends_on, after.ends_on);
        }
        let same = |before: &Tenure, after: &Tenure| *before == Tenure { id: before.id, ..after.clone() };
        if !matches!((before, &after), (Some(before), Some(after)) if same(before, after)) {
            self.replace_dated(before, after);
        }
    }

    /// Puts one holder in the place of another, for as long as that one held.
    fn replace(&mut self, before: Option<&Tenure>, after: Option<Tenure>) {
        let dates = before.map(|tenure| (tenure.starts_on, tenure.ends_on));
        let after = after.map(|tenure| {
            let (starts_on, ends_on) = dates.unwrap_or((tenure.starts_on, tenure.ends_on));
            Tenure { starts_on, ends_on, ..tenure }
        });
        self.replace_dated(before, after);
    }

    fn replace_dated(&mut self, before: Option<&Tenure>, after: Option<Tenure>) {
        let tenures = &mut self.changes.tenures;
        match (before, after) {
            (Some(before), Some(after)) => tenures.update.push(Tenure { id: before.id, ..after }),
            (None, Some(after)) => tenures.insert.push(after),
            (Some(before), None) => tenures.delete.push(before.id),
            (None, None) => {}
        }
    }

    /// Cars of all parking spaces, whose ids are given in the order of the workbook. Says for each space what changes.
    ///
    /// A car is known by its plate wherever it stood; a plate that is new takes the place of the car that stood there.
    pub(super) fn vehicles(&mut self, spaces: &[UnitId]) -> Vec<Option<Change>> {
        let desired: &'a Desired = self.desired;
        let by_plate: HashMap<&str, &'a Vehicle> =
            self.records.estate.vehicles.iter().map(|vehicle| (vehicle.plate_no.as_str(), vehicle)).collect();
        let plates: HashSet<&str> = desired
            .spaces
            .iter()
            .filter_map(|space| space.holder.as_ref()?.vehicle.as_ref())
            .map(|vehicle| vehicle.plate_no.as_str())
            .collect();
        let mut notes = Vec::with_capacity(spaces.len());
        for (row, unit_id) in desired.spaces.iter().zip(spaces) {
            let stated = row
                .holder
                .as_ref()
                .and_then(|holder| Some((*self.owners.get(holder.owner_no.as_str())?, holder.vehicle.as_ref()?)));
            // What stood here and is found nowhere else in the workbook.
            let stood = self
                .records
                .holder(*unit_id)
                .and_then(|(tenure, _)| self.records.vehicle(*unit_id, tenure.party_id))
                .filter(|vehicle| !plates.contains(vehicle.plate_no.as_str()));
            let known = stated.and_then(|(_, vehicle)| by_plate.get(vehicle.plate_no.as_str()).copied());
            notes.push(self.vehicle(*unit_id, stated, known, stood));
        }
        notes
    }

    fn vehicle(
        &mut self,
        unit_id: UnitId,
        stated: Option<(PartyId, &DesiredVehicle)>,
        known: Option<&Vehicle>,
        stood: Option<&Vehicle>,
    ) -> Option<Change> {
        let changes = &mut self.changes.vehicles;
        let Some((party_id, stated)) = stated else {
            changes.delete.push(stood?.id);
            return Some(Change::CarRemoved);
        };
        let before = known.or(stood);
        let vehicle = Vehicle {
            id: before.map_or_else(VehicleId::generate, |vehicle| vehicle.id),
            party_id,
            unit_id: Some(unit_id),
            plate_no: stated.plate_no.clone(),
            brand: stated.brand.clone(),
            kind_code: stated.kind_code.clone(),
            colour: stated.colour.clone(),
        };
        if let (Some(_), Some(stood)) = (known, stood) {
            changes.delete.push(stood.id);
        }
        match before {
            None => changes.insert.push(vehicle),
            Some(before) if *before != vehicle => changes.update.push(vehicle),
            Some(_) => return None,
        }
        Some(if before.is_some() { Change::CarChanged } else { Change::CarAdded })
    }
}

/// A new tenure that has always been so.
fn held(unit_id: UnitId, party_id: PartyId, kind: TenureKind) -> Tenure {
    Tenure { id: TenureId::generate(), unit_id, party_id, kind, starts_on: None, ends_on: None }
}
