//! Projects, buildings, entrances, units, parties and who holds what from when.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Date, access::codes, ids::*};
use crate::{Error, Result};
use std::{borrow::Cow, fmt, str::FromStr};

/// A managed estate (项目): the place where plug-ins are enabled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    pub id: ProjectId,
    /// Unique in the company.
    pub name: String,
    /// ISO 4217 code of every amount of the project.
    pub currency: String,
    /// IANA name; calendars of the project follow it.
    pub time_zone: String,
    /// The party that is charged for unsold units.
    pub developer_id: PartyId,
}

impl Project {
    /// The civil date of an instant where the project is.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a time zone that nobody knows.
    pub fn today(&self, at: DateTime<Utc>) -> Result<Date> {
        let zone: chrono_tz::Tz =
            self.time_zone.parse().map_err(|_| Error::invalid(format!("{:?} is not a time zone", self.time_zone)))?;
        let day = at.with_timezone(&zone).date_naive().to_string();
        day.parse().map_err(|_| Error::invalid(format!("{day} is out of range")))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Building {
    pub id: BuildingId,
    /// 楼栋号, unique in the project.
    pub building_no: String,
    /// Code of the company's own choosing, such as `high-rise` or `villa`: the fact `building.kind`.
    pub kind: Option<String>,
}

/// A stair or lift core (单元): "3栋**2单元**501".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entrance {
    pub id: EntranceId,
    pub building_id: BuildingId,
    /// 单元编号, unique in the building.
    pub entrance_no: String,
    pub storeys: i64,
    pub has_lift: bool,
}

/// Where parking spaces lie (停车场).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkingArea {
    pub id: ParkingAreaId,
    /// 停车场编号, unique in the project.
    pub area_no: String,
    /// 停车场类型 as the firm writes it.
    pub kind: String,
}

codes! {
    /// What a unit is. The codes are values of the fact `unit.kind`.
    UnitKind {
        Residential = "residential",
        Office = "office",
        Shop = "shop",
        ParkingSpace = "parking-space",
        Storage = "storage",
    }
}

codes! {
    /// Whether somebody uses a unit. The codes are values of the fact `unit.occupancy`.
    OccupancyStatus {
        Occupied = "occupied",
        /// Handed over, nobody lives there.
        Vacant = "vacant",
        /// Still the developer's.
        Unsold = "unsold",
    }
}

/// The separately owned space that is charged: home, shop, parking space (房屋 / 车位).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    pub id: UnitId,
    /// Set for homes and shops, not for parking spaces.
    pub entrance_id: Option<EntranceId>,
    /// Set for parking spaces only.
    pub parking_area_id: Option<ParkingAreaId>,
    pub kind: UnitKind,
    /// 房号 or 车位编码; unique in its entrance or parking area.
    pub unit_no: String,
    pub storey: Option<i64>,
    /// 户型 as the former system coded it.
    pub layout_code: Option<String>,
    /// 建筑面积 in cm², which is exact for every area written in m² with four decimals.
    pub gross_floor_area_cm2: i64,
    /// 室内面积 in cm².
    pub internal_area_cm2: Option<i64>,
    pub rent_fen: Option<i64>,
    pub occupancy: OccupancyStatus,
}

/// Code of the refusal of an edit that was made from an older state than the stored one.
pub const STALE: &str = "stale";

/// Longest number of a unit: what a door plate and a column of a list can show.
pub const UNIT_NO_LENGTH_MAX: usize = 32;
/// Longest layout code; former systems use up to a dozen characters.
pub const LAYOUT_CODE_LENGTH_MAX: usize = 32;
/// No building is deeper, and none is planned to be higher: what lies outside is a slip of the keyboard.
pub const STOREYS: std::ops::RangeInclusive<i64> = -20..=300;
/// A square kilometre: more than any building has, and far from where sums would overflow.
pub const AREA_MAX_CM2: i64 = 10_000_000_000;
/// Ten million yuan a month: beyond every rent, and far from where sums would overflow.
pub const RENT_MAX_FEN: i64 = 1_000_000_000;

/// One field of an edited record that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// Name of the field.
    pub field: Cow<'static, str>,
    /// Stable code of the reason; `invalid` where the sentence says all there is.
    pub code: &'static str,
    /// Why it cannot be used, in a sentence.
    pub reason: String,
}

impl FieldProblem {
    #[must_use]
    pub fn new(field: &'static str, reason: impl Into<String>) -> Self {
        Self::coded(field, "invalid", reason)
    }

    /// With a code, for whoever tells it in another language.
    #[must_use]
    pub fn coded(field: impl Into<Cow<'static, str>>, code: &'static str, reason: impl Into<String>) -> Self {
        Self { field: field.into(), code, reason: reason.into() }
    }
}

impl Unit {
    /// Every field that a person may not have meant. Imported units are taken as the workbook has them.
    #[must_use]
    pub fn problems(&self) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
        let mut refuse = |field, reason: String| problems.push(FieldProblem::new(field, reason));
        if self.unit_no.trim().is_empty() {
            refuse("unit_no", "a unit needs a number".to_owned());
        }
        let texts = [
            ("unit_no", Some(&self.unit_no), UNIT_NO_LENGTH_MAX),
            ("layout_code", self.layout_code.as_ref(), LAYOUT_CODE_LENGTH_MAX),
        ];
        for (field, text, length_max) in texts {
            let Some(text) = text else { continue };
            if text.chars().count() > length_max {
                refuse(field, format!("it may have {length_max} characters at most"));
            }
            // Control characters separate the parts of a unit's sort key.
            if text.chars().any(char::is_control) {
                refuse(field, "it may not have control characters".to_owned());
            }
        }
        if (self.kind == UnitKind::ParkingSpace) != self.parking_area_id.is_some() {
            refuse("kind", "a parking space lies in a parking area, everything else in an entrance".to_owned());
        }
        if self.storey.is_some_and(|storey| !STOREYS.contains(&storey)) {
            refuse("storey", format!("a storey lies between {} and {}", STOREYS.start(), STOREYS.end()));
        }
        let amounts = [
            ("gross_floor_area_cm2", Some(self.gross_floor_area_cm2), AREA_MAX_CM2),
            ("internal_area_cm2", self.internal_area_cm2, AREA_MAX_CM2),
            ("rent_fen", self.rent_fen, RENT_MAX_FEN),
        ];
        for (field, amount, max) in amounts {
            if amount.is_some_and(|amount| !(0..=max).contains(&amount)) {
                refuse(field, format!("it lies between 0 and {max}"));
            }
        }
        problems
    }
}

codes! {
    Gender { Male = "male", Female = "female", }
}

/// A person or firm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    pub id: PartyId,
    pub name: String,
    /// Key of the party in the system it came from; unique in the project where set.
    pub source_no: Option<String>,
    pub kind: PartyKind,
    pub gender: Option<Gender>,
    pub age: Option<i64>,
    pub phone: Option<String>,
    /// Personal data: shown in full only with its permission, never logged.
    pub identity_no: Option<String>,
    /// The owner to whose household a family member or lessee belongs.
    pub household_of: Option<PartyId>,
}

codes! {
    PartyKind {
        Owner = "owner",
        FamilyMember = "family-member",
        Lessee = "lessee",
        /// 临时人员: guests and helpers.
        Temporary = "temporary",
        Developer = "developer",
    }
}

codes! {
    TenureKind {
        Owner = "owner",
        FamilyMember = "family-member",
        Lessee = "lessee",
        Temporary = "temporary",
    }
}

/// Ties a party to a unit for a time. Without a start it has always been so; without an end it goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenure {
    pub id: TenureId,
    pub unit_id: UnitId,
    pub party_id: PartyId,
    pub kind: TenureKind,
    pub starts_on: Option<Date>,
    /// The first day on which it no longer holds.
    pub ends_on: Option<Date>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vehicle {
    pub id: VehicleId,
    pub party_id: PartyId,
    /// The parking space it belongs to.
    pub unit_id: Option<UnitId>,
    pub plate_no: String,
    pub brand: Option<String>,
    /// 9901 family car, 9902 coach, 9903 lorry, as the former system coded it.
    pub kind_code: Option<String>,
    pub colour: Option<String>,
}

/// Where a unit is, in the words of a list: building, entrance, number. Sorts as people expect (2 before 10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitPlace {
    /// Building, or parking area for a parking space.
    pub building: String,
    /// Empty for parking spaces.
    pub entrance: String,
    pub unit: String,
}

impl fmt::Display for UnitPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.entrance.is_empty() {
            write!(f, "{}-{}", self.building, self.unit)
        } else {
            write!(f, "{}-{}-{}", self.building, self.entrance, self.unit)
        }
    }
}

/// A meter of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meter {
    pub id: MeterId,
    pub unit_id: UnitId,
    /// Which fee item reads it.
    pub fee_item_id: FeeItemId,
    pub multiplier_milli: i64,
}

/// One reading (抄表): the counter's value in thousandths of its unit on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterReading {
    pub id: MeterReadingId,
    pub meter_id: MeterId,
    pub read_on: Date,
    pub reading_milli: i64,
    /// Where the counter goes on after this reading, when it was replaced or set back on that day (换表).
    pub restart_milli: Option<i64>,
}

impl MeterReading {
    /// What the next reading is counted from.
    #[must_use]
    pub fn counted_from(&self) -> i64 {
        self.restart_milli.unwrap_or(self.reading_milli)
    }
}

/// Everything that an import compares and an export writes: one project's estate with its fee settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Estate {
    pub buildings: Vec<Building>,
    pub entrances: Vec<Entrance>,
    pub parking_areas: Vec<ParkingArea>,
    pub units: Vec<Unit>,
    pub parties: Vec<Party>,
    pub tenures: Vec<Tenure>,
    pub vehicles: Vec<Vehicle>,
    pub fee_items: Vec<crate::fee_item::FeeItem>,
    pub fee_assignments: Vec<crate::fee_item::FeeAssignment>,
}

/// One table's share of a change. `update` rows replace the row of the same id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta<T, I> {
    pub insert: Vec<T>,
    pub update: Vec<T>,
    pub delete: Vec<I>,
}

impl<T, I> Default for Delta<T, I> {
    fn default() -> Self {
        Self { insert: Vec::new(), update: Vec::new(), delete: Vec::new() }
    }
}

impl<T, I> Delta<T, I> {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.insert.is_empty() && self.update.is_empty() && self.delete.is_empty()
    }
}

/// What has to change so that a project's estate becomes what a workbook says. Applied in one transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EstateChanges {
    pub buildings: Delta<Building, BuildingId>,
    pub entrances: Delta<Entrance, EntranceId>,
    pub parking_areas: Delta<ParkingArea, ParkingAreaId>,
    pub units: Delta<Unit, UnitId>,
    pub parties: Delta<Party, PartyId>,
    pub tenures: Delta<Tenure, TenureId>,
    pub vehicles: Delta<Vehicle, VehicleId>,
    pub fee_items: Delta<crate::fee_item::FeeItem, FeeItemId>,
    pub fee_assignments: Delta<crate::fee_item::FeeAssignment, FeeAssignmentId>,
    /// Bindings of new or changed fee items.
    pub bindings: Delta<crate::plugin::Binding, BindingId>,
}

impl EstateChanges {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buildings.is_empty()
            && self.entrances.is_empty()
            && self.parking_areas.is_empty()
            && self.units.is_empty()
            && self.parties.is_empty()
            && self.tenures.is_empty()
            && self.vehicles.is_empty()
            && self.fee_items.is_empty()
            && self.fee_assignments.is_empty()
            && self.bindings.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn home() -> Unit {
        Unit {
            id: UnitId::generate(),
            entrance_id: Some(EntranceId::generate()),
            parking_area_id: None,
            kind: UnitKind::Residential,
            unit_no: "103".into(),
            storey: Some(1),
            layout_code: None,
            gross_floor_area_cm2: 1_203_400,
            internal_area_cm2: None,
            rent_fen: None,
            occupancy: OccupancyStatus::Occupied,
        }
    }

    #[rstest]
    #[case::usual(home(), &[])]
    #[case::unnamed(Unit { unit_no: "  ".into(), ..home() }, &["unit_no"])]
    #[case::endless(Unit { unit_no: "1".repeat(33), layout_code: Some("2".repeat(33)), ..home() }, &["unit_no", "layout_code"])]
    #[case::separator(Unit { unit_no: "1\u{1}".into(), ..home() }, &["unit_no"])]
    #[case::parked(Unit { kind: UnitKind::ParkingSpace, ..home() }, &["kind"])]
    #[case::too_high(Unit { storey: Some(301), ..home() }, &["storey"])]
    #[case::deepest(Unit { storey: Some(-20), gross_floor_area_cm2: 0, ..home() }, &[])]
    #[case::negative(Unit { gross_floor_area_cm2: -1, rent_fen: Some(-1), ..home() }, &["gross_floor_area_cm2", "rent_fen"])]
    #[case::endless_area(Unit { internal_area_cm2: Some(i64::MAX), ..home() }, &["internal_area_cm2"])]
    fn what_nobody_means_is_named_by_its_field(#[case] unit: Unit, #[case] expected: &[&str]) {
        let fields: Vec<_> = unit.problems().into_iter().map(|problem| problem.field).collect();
        assert_eq!(fields, expected);
    }
}
