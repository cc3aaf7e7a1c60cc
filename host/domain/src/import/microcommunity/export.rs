//! From records to the tables of the template.

use std::collections::HashSet;

use super::{
    Desired, DesiredHolder, DesiredParty, DesiredSpace, DesiredUnit, GENDERS, LIFTS, NO_IDENTITY_NO, PARTY_KINDS,
    SPACE_TENURES, UNIT_KINDS, layouts, records::Records, written,
};
use crate::{
    Date, Decimal,
    estate::{Estate, PartyKind, UnitKind},
    ids::PartyId,
    import::{Cell, Row, Sheet, Workbook, table::Layout},
    plugin::Language,
};

/// A workbook with what did not fit into it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    pub workbook: Workbook,
    /// Records for which the template has no row.
    pub left_out: Vec<LeftOut>,
}

/// A record that does not fit into the workbook; without personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftOut {
    /// The template has no row for a party that belongs to no owner's household.
    PartyWithoutHousehold { kind: PartyKind, id: PartyId },
    /// No formula code of the template computes it.
    FeeItem { name: String },
    /// The template has no code for this kind of unit.
    Unit { kind: UnitKind, unit_no: String },
}

impl LeftOut {
    /// What is left out, and why, in a language.
    #[must_use]
    pub fn told(&self, language: Language) -> String {
        match (self, language) {
            (Self::PartyWithoutHousehold { kind, id }, Language::Zh) => {
                format!("没有所属业主的{} {id}", party_kind(*kind))
            }
            (Self::PartyWithoutHousehold { kind, id }, Language::En) => format!("{kind} {id} without a household"),
            (Self::FeeItem { name }, Language::Zh) => format!("收费项目“{name}”，表格里没有对应的计算公式"),
            (Self::FeeItem { name }, Language::En) => format!("fee item {name}, which no formula code computes"),
            (Self::Unit { kind, unit_no }, Language::Zh) => {
                format!("{} {unit_no}，表格里没有这种房屋类型", unit_kind(*kind))
            }
            (Self::Unit { kind, unit_no }, Language::En) => format!("unit of kind {kind} {unit_no}"),
        }
    }
}

fn party_kind(kind: PartyKind) -> &'static str {
    match kind {
        PartyKind::Owner => "业主",
        PartyKind::FamilyMember => "家庭成员",
        PartyKind::Lessee => "租户",
        PartyKind::Temporary => "临时人员",
        PartyKind::Developer => "开发商",
    }
}

fn unit_kind(kind: UnitKind) -> &'static str {
    match kind {
        UnitKind::Residential => "住宅",
        UnitKind::Office => "办公用房",
        UnitKind::Shop => "商铺",
        UnitKind::ParkingSpace => "车位",
        UnitKind::Storage => "储藏室",
    }
}

/// Writes an estate as the workbook that it could have been imported from. Ended tenures and assignments, and second
/// owners or cars, have no column and are not in it.
#[must_use]
pub fn export(estate: &Estate) -> Exported {
    let (desired, left_out) = stated(estate);
    let sheets = vec![
        sheet(&layouts::ENTRANCES, entrances(&desired)),
        sheet(&layouts::PARTIES, desired.parties.iter().map(party).collect()),
        sheet(&layouts::FEE_ITEMS, fee_items(&desired)),
        sheet(&layouts::UNITS, desired.units.iter().map(unit).collect()),
        sheet(&layouts::SPACES, desired.spaces.iter().map(space).collect()),
    ];
    Exported { workbook: Workbook { sheets }, left_out }
}

/// What a workbook of the estate states, and what it cannot say.
pub(super) fn stated(estate: &Estate) -> (Desired, Vec<LeftOut>) {
    let records = Records::new(estate);
    let mut desired = Desired::default();
    let mut left_out = Vec::new();
    desired.entrances.extend(estate.entrances.iter().filter_map(|entrance| records.entrance(entrance)));
    let mut row_numbers = HashSet::new();
    for party in &estate.parties {
        match records.party(party) {
            Some(mut row) => {
                // The number of a person who is no longer in the workbook may have gone to somebody else.
                if !row_numbers.insert(row.row_no.clone()) {
                    row.row_no = party.id.to_string();
                }
                desired.parties.push(row);
            }
            None if party.kind == PartyKind::Developer => {}
            None => left_out.push(LeftOut::PartyWithoutHousehold { kind: party.kind, id: party.id }),
        }
    }
    sort_by_row(&mut desired.parties);
    for item in &estate.fee_items {
        match records.fee_item(item) {
            Some(row) => desired.fee_items.push(row),
            None => left_out.push(LeftOut::FeeItem { name: item.name.clone() }),
        }
    }
    for unit in &estate.units {
        match (records.unit(unit), records.space(unit)) {
            (Some(row), _) => desired.units.push(row),
            (None, Some(row)) => desired.spaces.push(row),
            (None, None) => left_out.push(LeftOut::Unit { kind: unit.kind, unit_no: unit.unit_no.clone() }),
        }
    }
    (desired, left_out)
}

/// 编号 counts the rows of the table, so that it is their order; what does not count comes after them.
fn sort_by_row(parties: &mut [DesiredParty]) {
    parties.sort_by_key(|party| party.row_no.parse::<u64>().unwrap_or(u64::MAX));
}

fn sheet(layout: &Layout, records: Vec<Vec<Cell>>) -> Sheet {
    let titles = layout.titles.iter().map(|title| Cell::text(*title)).collect();
    let rows =
        std::iter::once(titles).chain(records).zip(1_u32..).map(|(cells, number)| Row { number, cells }).collect();
    Sheet { name: layout.sheet.to_owned(), rows }
}

fn number<T: ToString + ?Sized>(value: &T) -> Cell {
    Cell::number(value.to_string())
}

fn optional_number<T: ToString>(value: Option<T>) -> Cell {
    value.map_or(Cell::Empty, |value| number(&value))
}

fn optional_text(value: Option<&String>) -> Cell {
    value.map_or(Cell::Empty, Cell::text)
}

fn area(cm2: i64) -> Cell {
    number(&Decimal::new(cm2, 4).trimmed(0))
}

/// `2025-01-01`.
fn padded(date: Date) -> Cell {
    Cell::text(date.to_string())
}

/// `2025-1-1`: how the template writes the dates of fee settings and ends of leases.
fn short(date: Date) -> Cell {
    let (year, month, day) = date.ymd();
    Cell::text(format!("{year}-{month}-{day}"))
}

fn entrances(desired: &Desired) -> Vec<Vec<Cell>> {
    let row = |entrance: &super::DesiredEntrance| {
        vec![
            number(&entrance.building_no),
            number(&entrance.entrance_no),
            number(&entrance.storeys),
            Cell::text(written(&LIFTS, entrance.has_lift).unwrap_or_default()),
        ]
    };
    desired.entrances.iter().map(row).collect()
}

fn party(party: &DesiredParty) -> Vec<Cell> {
    vec![
        number(&party.row_no),
        Cell::text(&party.name),
        party.gender.and_then(|gender| written(&GENDERS, gender)).map_or(Cell::Empty, Cell::text),
        optional_number(party.age),
        optional_number(party.phone.as_ref()),
        Cell::text(party.identity_no.as_deref().unwrap_or(NO_IDENTITY_NO)),
        number(written(&PARTY_KINDS, party.kind).unwrap_or_default()),
        number(&party.owner_no),
    ]
}

fn fee_items(desired: &Desired) -> Vec<Vec<Cell>> {
    let row = |item: &super::DesiredFeeItem| {
        vec![
            number(&item.fee_no),
            Cell::text(&item.category),
            Cell::text(&item.name),
            Cell::text(&item.recurrence),
            Cell::text(&item.payment_mode),
            number(&item.demand_months),
            Cell::text(&item.charge_day),
            short(item.starts_on),
            item.ends_on.map_or(Cell::Empty, short),
            number(item.formula.code()),
            optional_number(item.unit_price),
            optional_number(item.fixed_amount),
        ]
    };
    desired.fee_items.iter().map(row).collect()
}

fn unit(unit: &DesiredUnit) -> Vec<Cell> {
    let joined = |entries: Vec<String>| Cell::text(entries.join("#"));
    vec![
        number(&unit.unit_no),
        number(&unit.building_no),
        number(&unit.entrance_no),
        optional_number(unit.storey),
        optional_text(unit.layout_code.as_ref()),
        area(unit.gross_floor_area_cm2),
        optional_number(unit.owner_no.as_ref()),
        joined(unit.fees.iter().map(|(fee_no, _)| fee_no.clone()).collect()),
        joined(unit.fees.iter().map(|(_, day)| day.to_string()).collect()),
        number(written(&UNIT_KINDS, unit.kind).unwrap_or_default()),
        unit.internal_area_cm2.map_or(Cell::Empty, area),
        optional_number(unit.rent_fen.map(|fen| Decimal::new(fen, 2).trimmed(0))),
    ]
}

fn space(space: &DesiredSpace) -> Vec<Cell> {
    let mut cells = vec![
        number(&space.area_no),
        Cell::text(&space.space_no),
        Cell::text(&space.area_kind),
        area(space.gross_floor_area_cm2),
    ];
    match &space.holder {
        Some(held) => cells.extend(holder(held)),
        None => cells.resize(layouts::SPACES.titles.len(), Cell::Empty),
    }
    cells
}

fn holder(holder: &DesiredHolder) -> [Cell; 8] {
    let vehicle = holder.vehicle.as_ref();
    [
        number(&holder.owner_no),
        vehicle.map_or(Cell::Empty, |vehicle| Cell::text(&vehicle.plate_no)),
        optional_text(vehicle.and_then(|vehicle| vehicle.brand.as_ref())),
        optional_number(vehicle.and_then(|vehicle| vehicle.kind_code.as_ref())),
        optional_text(vehicle.and_then(|vehicle| vehicle.colour.as_ref())),
        Cell::text(written(&SPACE_TENURES, holder.kind).unwrap_or_default()),
        holder.starts_on.map_or(Cell::Empty, padded),
        holder.ends_on.map_or(Cell::Empty, short),
    ]
}
