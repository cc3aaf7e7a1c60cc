//! The records in the words of the workbook: what an export writes, and what a workbook is compared with.

use std::collections::HashMap;

use super::{
    DesiredEntrance, DesiredFeeItem, DesiredHolder, DesiredParty, DesiredSpace, DesiredUnit, DesiredVehicle, Formula,
    ROW_MARK, UNIT_KINDS, written,
};
use crate::{
    Date, Decimal,
    estate::{Building, Entrance, Estate, ParkingArea, Party, PartyKind, Tenure, TenureKind, Unit, UnitKind, Vehicle},
    fee_item::{FeeAssignment, FeeItem},
    ids::{BuildingId, EntranceId, FeeItemId, ParkingAreaId, PartyId, UnitId},
};

/// An estate with its rows found by what they belong to.
///
/// Some records have no place in the workbook, such as a shop, a second owner, a metered fee item or a tenure that has
/// ended. They are no part of any row here, so that an import neither sees nor touches them.
pub(super) struct Records<'a> {
    pub estate: &'a Estate,
    buildings: HashMap<BuildingId, &'a Building>,
    entrances: HashMap<EntranceId, &'a Entrance>,
    areas: HashMap<ParkingAreaId, &'a ParkingArea>,
    parties: HashMap<PartyId, &'a Party>,
    fee_items: HashMap<FeeItemId, &'a FeeItem>,
    tenures: HashMap<UnitId, Vec<&'a Tenure>>,
    vehicles: HashMap<UnitId, Vec<&'a Vehicle>>,
    assignments: HashMap<UnitId, Vec<&'a FeeAssignment>>,
}

fn grouped<'a, T>(rows: &'a [T], unit: impl Fn(&T) -> Option<UnitId>) -> HashMap<UnitId, Vec<&'a T>> {
    let mut groups: HashMap<UnitId, Vec<&'a T>> = HashMap::new();
    for row in rows {
        if let Some(unit) = unit(row) {
            groups.entry(unit).or_default().push(row);
        }
    }
    groups
}

impl<'a> Records<'a> {
    pub fn new(estate: &'a Estate) -> Self {
        Self {
            estate,
            buildings: estate.buildings.iter().map(|row| (row.id, row)).collect(),
            entrances: estate.entrances.iter().map(|row| (row.id, row)).collect(),
            areas: estate.parking_areas.iter().map(|row| (row.id, row)).collect(),
            parties: estate.parties.iter().map(|row| (row.id, row)).collect(),
            fee_items: estate.fee_items.iter().map(|row| (row.id, row)).collect(),
            tenures: grouped(&estate.tenures, |tenure| Some(tenure.unit_id)),
            vehicles: grouped(&estate.vehicles, |vehicle| vehicle.unit_id),
            assignments: grouped(&estate.fee_assignments, |assignment| Some(assignment.unit_id)),
        }
    }

    pub fn tenures(&self, unit: UnitId) -> &[&'a Tenure] {
        self.tenures.get(&unit).map_or(&[], Vec::as_slice)
    }

    pub fn building_no(&self, entrance: &Entrance) -> Option<&'a str> {
        self.buildings.get(&entrance.building_id).map(|building| building.building_no.as_str())
    }

    pub fn entrance(&self, entrance: &Entrance) -> Option<DesiredEntrance> {
        Some(DesiredEntrance {
            building_no: self.building_no(entrance)?.to_owned(),
            entrance_no: entrance.entrance_no.clone(),
            storeys: entrance.storeys,
            has_lift: entrance.has_lift,
        })
    }

    /// 编号 and 业主编号 of a party that has a row in the workbook. A party that came from elsewhere goes by its id.
    pub fn numbers(&self, party: &Party) -> Option<(String, String)> {
        let source_no = || party.source_no.clone().unwrap_or_else(|| party.id.to_string());
        match party.kind {
            PartyKind::Owner => {
                let source_no = source_no();
                let (owner_no, row_no) = source_no.split_once(ROW_MARK).unwrap_or((&source_no, &source_no));
                Some((row_no.to_owned(), owner_no.to_owned()))
            }
            PartyKind::FamilyMember | PartyKind::Lessee | PartyKind::Temporary => {
                let owner = self.parties.get(&party.household_of?).filter(|owner| owner.kind == PartyKind::Owner)?;
                let source_no = source_no();
                let row_no = source_no.strip_prefix(ROW_MARK).unwrap_or(&source_no);
                Some((row_no.to_owned(), self.numbers(owner)?.1))
            }
            PartyKind::Developer => None,
        }
    }

    pub fn party(&self, party: &Party) -> Option<DesiredParty> {
        let (row_no, owner_no) = self.numbers(party)?;
        Some(DesiredParty {
            row_no,
            owner_no,
            kind: party.kind,
            name: party.name.clone(),
            gender: party.gender,
            age: party.age,
            phone: party.phone.clone(),
            identity_no: party.identity_no.clone(),
        })
    }

    /// 业主编号 of an owner.
    fn owner_no(&self, party: PartyId) -> Option<String> {
        let party = self.parties.get(&party).filter(|party| party.kind == PartyKind::Owner)?;
        self.numbers(party).map(|(_, owner_no)| owner_no)
    }

    /// The tenure of a home's last owner. Without an end: one that ends is history, which the workbook does not tell.
    pub fn owner(&self, unit: UnitId) -> Option<(&'a Tenure, String)> {
        let open = |tenure: &&&Tenure| tenure.kind == TenureKind::Owner && tenure.ends_on.is_none();
        self.tenures(unit).iter().filter(open).find_map(|tenure| Some((*tenure, self.owner_no(tenure.party_id)?)))
    }

    /// The last tenure of a parking space, bought or rented.
    pub fn holder(&self, space: UnitId) -> Option<(&'a Tenure, String)> {
        self.tenures(space)
            .iter()
            .filter(|tenure| matches!(tenure.kind, TenureKind::Owner | TenureKind::Lessee))
            .filter_map(|tenure| Some((*tenure, self.owner_no(tenure.party_id)?)))
            .max_by_key(|(tenure, _)| (tenure.ends_on.is_none(), tenure.ends_on, tenure.starts_on))
    }

    /// The car of a space's holder.
    pub fn vehicle(&self, space: UnitId, holder: PartyId) -> Option<&'a Vehicle> {
        self.vehicles.get(&space)?.iter().find(|vehicle| vehicle.party_id == holder).copied()
    }

    pub fn fee_item(&self, item: &FeeItem) -> Option<DesiredFeeItem> {
        // The outer option says whether the text is a number at all.
        let decimal = |text: &Option<String>| text.as_deref().map(str::parse::<Decimal>).transpose().ok();
        Some(DesiredFeeItem {
            fee_no: item.source_no.clone()?,
            category: item.category.clone(),
            name: item.name.clone(),
            recurrence: item.recurrence.clone(),
            payment_mode: item.payment_mode.clone(),
            demand_months: item.demand_months,
            charge_day: item.charge_day.clone(),
            starts_on: item.starts_on,
            ends_on: item.ends_on,
            formula: Formula::by_code(item.formula_code.as_deref()?)?,
            unit_price: decimal(&item.source_price)?,
            fixed_amount: decimal(&item.source_fixed)?,
        })
    }

    /// The assignment of a fee item to a unit, ended or not.
    pub fn assignment(&self, unit: UnitId, item: FeeItemId) -> Option<&'a FeeAssignment> {
        self.assignments.get(&unit)?.iter().find(|assignment| assignment.fee_item_id == item).copied()
    }

    /// Assignments without an end to fee items of the workbook, each with the number of its fee item.
    pub fn assignments(&self, unit: UnitId) -> Vec<(&'a FeeAssignment, String)> {
        let stated = |assignment: &&'a FeeAssignment| {
            let item = self.fee_items.get(&assignment.fee_item_id).and_then(|item| self.fee_item(item));
            item.filter(|_| assignment.ends_on.is_none()).map(|item| (*assignment, item.fee_no))
        };
        self.assignments.get(&unit).map_or(&[][..], Vec::as_slice).iter().filter_map(stated).collect()
    }

    pub fn unit(&self, unit: &Unit) -> Option<DesiredUnit> {
        let entrance = self.entrances.get(&unit.entrance_id?)?;
        written(&UNIT_KINDS, unit.kind)?;
        let fees = self.assignments(unit.id).into_iter().map(|(assignment, fee_no)| (fee_no, assignment.starts_on));
        Some(DesiredUnit {
            building_no: self.building_no(entrance)?.to_owned(),
            entrance_no: entrance.entrance_no.clone(),
            unit_no: unit.unit_no.clone(),
            storey: unit.storey,
            layout_code: unit.layout_code.clone(),
            gross_floor_area_cm2: unit.gross_floor_area_cm2,
            owner_no: self.owner(unit.id).map(|(_, owner_no)| owner_no),
            fees: fees.collect::<Vec<(String, Date)>>(),
            kind: unit.kind,
            internal_area_cm2: unit.internal_area_cm2,
            rent_fen: unit.rent_fen,
        })
    }

    pub fn space(&self, unit: &Unit) -> Option<DesiredSpace> {
        let area = self.areas.get(&unit.parking_area_id?)?;
        if unit.kind != UnitKind::ParkingSpace {
            return None;
        }
        let holder = self.holder(unit.id).map(|(tenure, owner_no)| DesiredHolder {
            owner_no,
            kind: tenure.kind,
            starts_on: tenure.starts_on,
            ends_on: tenure.ends_on,
            vehicle: self.vehicle(unit.id, tenure.party_id).map(|vehicle| DesiredVehicle {
                plate_no: vehicle.plate_no.clone(),
                brand: vehicle.brand.clone(),
                kind_code: vehicle.kind_code.clone(),
                colour: vehicle.colour.clone(),
            }),
        });
        Some(DesiredSpace {
            area_no: area.area_no.clone(),
            space_no: unit.unit_no.clone(),
            area_kind: area.kind.clone(),
            gross_floor_area_cm2: unit.gross_floor_area_cm2,
            holder,
        })
    }
}
