//! A generated estate of any size, for demonstrations and measurements: towers of eighteen storeys with four homes each,
//! like the example workbook's, made of nothing but numbers, so that the same size is always the same estate.

use guanjia_domain::{
    Date, Error, Result,
    access::Stamp,
    estate::{
        Building, Entrance, EstateChanges, Gender, OccupancyStatus, Party, PartyKind, Project, Tenure, TenureKind,
        Unit, UnitKind,
    },
    fee_item::{FeeAssignment, FeeItem, PayerRule},
    ids::*,
    plugin::{Binding, BindingMode, ExtensionPoint, InstalledPlugin, canonical_settings},
};

use crate::boot::Office;

const STOREYS: i64 = 18;
const HOMES_PER_STOREY: i64 = 4;
const ENTRANCES_PER_BUILDING: i64 = 2;
const HOMES_PER_BUILDING: i64 = STOREYS * HOMES_PER_STOREY * ENTRANCES_PER_BUILDING;
/// Homes written in one transaction: enough that the database works in bulk, few enough that memory stays flat, and whole
/// buildings, so that an interrupted generation goes on with the next one.
const HOMES_PER_WRITE: i64 = 139 * HOMES_PER_BUILDING;
/// Areas of the four homes of a storey, in cm².
const AREAS_CM2: [i64; 4] = [895_000, 945_600, 1_182_700, 1_430_200];
/// When the fees begin.
const FIRST_DAY: (i32, u8, u8) = (2025, 1, 1);
/// One home in so many is unsold.
const UNSOLD_EVERY: i64 = 23;

/// What the generated estate is charged: three fee items, as a firm with lifts would.
struct Tariff {
    name: &'static str,
    plugin: &'static str,
    settings: &'static str,
}

const TARIFFS: [Tariff; 3] = [
    Tariff { name: "住宅物业费", plugin: "area-fee", settings: r#"{"price":"2.80"}"# },
    Tariff { name: "生活垃圾清运费", plugin: "fixed-fee", settings: r#"{"amount":"8.00"}"# },
    Tariff { name: "电梯运行费", plugin: "area-fee", settings: r#"{"price":"0.35"}"# },
];

/// Writes homes with owners and fee assignments into a project until it has `units` of them, and goes on where an
/// interrupted call stopped. `progress` hears how many are written.
///
/// # Errors
/// `Conflict` when the project holds another estate; whatever the store fails with.
pub async fn estate(
    office: &Office,
    stamp: &Stamp,
    project: &Project,
    plugins: &[InstalledPlugin],
    units: i64,
    progress: &(dyn Fn(i64) + Sync),
) -> Result<()> {
    let written = office.store.count_units(project.id).await?;
    if written == units {
        return Ok(());
    }
    if written > units || written % HOMES_PER_WRITE != 0 {
        return Err(Error::Conflict(format!(
            "{} has a generated estate of {written} homes: take another one",
            project.name
        )));
    }
    let (year, month, day) = FIRST_DAY;
    let starts_on = Date::from_ymd(year, month, day).expect("is a date");
    let mut changes = EstateChanges::default();
    let mut fee_items = office.store.fee_items(project.id).await?;
    if fee_items.is_empty() {
        fee_items = TARIFFS.iter().map(|tariff| fee_item(tariff, starts_on)).collect();
        for (tariff, item) in TARIFFS.iter().zip(&fee_items) {
            changes.bindings.insert.push(binding(tariff, item, project, plugins)?);
        }
        changes.fee_items.insert.clone_from(&fee_items);
    }
    let homes_per_entrance = STOREYS * HOMES_PER_STOREY;
    let (mut building_id, mut entrance_id) = (BuildingId::generate(), EntranceId::generate());
    for number in written..units {
        if number % HOMES_PER_BUILDING == 0 {
            building_id = BuildingId::generate();
            let building_no = (number / HOMES_PER_BUILDING + 1).to_string();
            changes.buildings.insert.push(Building { id: building_id, building_no, kind: None });
        }
        if number % homes_per_entrance == 0 {
            entrance_id = EntranceId::generate();
            let entrance_no = (number / homes_per_entrance % ENTRANCES_PER_BUILDING + 1).to_string();
            changes.entrances.insert.push(Entrance {
                id: entrance_id,
                building_id,
                entrance_no,
                storeys: STOREYS,
                has_lift: true,
            });
        }
        home(&mut changes, &fee_items, number, entrance_id, starts_on);
        if (number + 1) % HOMES_PER_WRITE == 0 || number + 1 == units {
            office.store.apply_estate(stamp, project.id, &changes, "generated").await?;
            changes = EstateChanges::default();
            progress(number + 1);
        }
    }
    Ok(())
}

fn home(changes: &mut EstateChanges, fee_items: &[FeeItem], number: i64, entrance_id: EntranceId, starts_on: Date) {
    let place = number % (STOREYS * HOMES_PER_STOREY);
    let (storey, door) = (place / HOMES_PER_STOREY + 1, place % HOMES_PER_STOREY);
    let unsold = number % UNSOLD_EVERY == UNSOLD_EVERY - 1;
    let unit = Unit {
        id: UnitId::generate(),
        entrance_id: Some(entrance_id),
        parking_area_id: None,
        kind: UnitKind::Residential,
        unit_no: format!("{storey}{:02}", door + 1),
        storey: Some(storey),
        layout_code: None,
        gross_floor_area_cm2: AREAS_CM2[usize::try_from(door).expect("is one of four")],
        internal_area_cm2: None,
        rent_fen: None,
        occupancy: if unsold { OccupancyStatus::Unsold } else { OccupancyStatus::Occupied },
    };
    if !unsold {
        let owner = Party {
            id: PartyId::generate(),
            name: format!("业主{}", number + 1),
            source_no: Some((number + 1).to_string()),
            kind: PartyKind::Owner,
            gender: Some(if number % 2 == 0 { Gender::Female } else { Gender::Male }),
            age: None,
            phone: None,
            identity_no: None,
            household_of: None,
        };
        changes.tenures.insert.push(Tenure {
            id: TenureId::generate(),
            unit_id: unit.id,
            party_id: owner.id,
            kind: TenureKind::Owner,
            starts_on: None,
            ends_on: None,
        });
        changes.parties.insert.push(owner);
    }
    changes.fee_assignments.insert.extend(fee_items.iter().map(|item| FeeAssignment {
        id: FeeAssignmentId::generate(),
        unit_id: unit.id,
        fee_item_id: item.id,
        starts_on,
        ends_on: None,
    }));
    changes.units.insert.push(unit);
}

fn fee_item(tariff: &Tariff, starts_on: Date) -> FeeItem {
    FeeItem {
        id: FeeItemId::generate(),
        name: tariff.name.to_owned(),
        source_no: None,
        category: "物业费".to_owned(),
        recurrence: "周期性费用".to_owned(),
        payment_mode: "预付费".to_owned(),
        demand_months: 1,
        charge_day: "每月1日".to_owned(),
        starts_on,
        ends_on: None,
        payer_rule: PayerRule::Owner,
        formula_code: None,
        source_price: None,
        source_fixed: None,
    }
}

fn binding(tariff: &Tariff, item: &FeeItem, project: &Project, plugins: &[InstalledPlugin]) -> Result<Binding> {
    let plugin = plugins
        .iter()
        .find(|plugin| plugin.id == tariff.plugin)
        .ok_or_else(|| Error::not_found("plug-in", tariff.plugin))?;
    Ok(Binding {
        id: BindingId::generate(),
        project_id: project.id,
        point: ExtensionPoint::FeePolicy,
        fee_item_id: Some(item.id),
        plugin_id: plugin.id.clone(),
        plugin_version: plugin.version.clone(),
        digest: plugin.digest.clone(),
        settings: canonical_settings(tariff.settings)?,
        effective_from: item.starts_on,
        effective_to: None,
        mode: BindingMode::Active,
        tolerance_permille: 0,
        granted: Vec::new(),
    })
}
