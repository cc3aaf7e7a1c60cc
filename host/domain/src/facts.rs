//! The fact catalogue: the typed values that the host computes about a subject and a plug-in may ask for by name.

use guanjia_values::{Cells, Codes, Column, Date, Numbers};

use crate::{
    Error, Result,
    estate::{OccupancyStatus, UnitKind},
};

/// Type of the cells of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactKind {
    /// Decimals of this scale.
    Number {
        scale: u8,
    },
    Code,
    Date,
    Flag,
}

impl FactKind {
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Number { .. } => "number",
            Self::Code => "code",
            Self::Date => "date",
            Self::Flag => "flag",
        }
    }
}

/// One entry of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct FactDefinition {
    pub name: &'static str,
    pub kind: FactKind,
    pub title_zh: &'static str,
    pub title_en: &'static str,
    /// Unit of measure of a number, or empty.
    pub measure: &'static str,
}

macro_rules! facts {
    ($($variant:ident = $name:literal, $kind:expr, $zh:literal, $en:literal, $measure:literal;)*) => {
        /// A fact about one segment of a fee subject.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FeeFact { $($variant,)* }

        impl FeeFact {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            #[must_use]
            pub fn definition(self) -> FactDefinition {
                match self {
                    $(Self::$variant => FactDefinition {
                        name: $name, kind: $kind, title_zh: $zh, title_en: $en, measure: $measure,
                    },)*
                }
            }

            /// The fact of that name, if the host can compute it.
            #[must_use]
            pub fn by_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

impl FeeFact {
    /// The facts of these names, in their order.
    ///
    /// # Errors
    /// `NotFound` with the first name that the host cannot compute.
    pub fn all_by_name(names: &[String]) -> Result<Vec<Self>> {
        names.iter().map(|name| Self::by_name(name).ok_or_else(|| Error::not_found("fact", name))).collect()
    }
}

facts! {
    UnitArea = "unit.area", FactKind::Number { scale: 4 }, "建筑面积", "gross floor area", "m2";
    UnitInternalArea = "unit.internal-area", FactKind::Number { scale: 4 }, "室内面积", "internal area", "m2";
    UnitStorey = "unit.storey", FactKind::Number { scale: 0 }, "楼层", "storey", "";
    UnitKind = "unit.kind", FactKind::Code, "房屋类型", "kind of unit", "";
    UnitOccupancy = "unit.occupancy", FactKind::Code, "使用状态", "occupancy", "";
    UnitRent = "unit.rent", FactKind::Number { scale: 2 }, "租金", "rent", "";
    BuildingKind = "building.kind", FactKind::Code, "楼栋类型", "kind of building", "";
    BuildingStoreys = "building.storeys", FactKind::Number { scale: 0 }, "总层数", "storeys of the building", "";
    BuildingHasLift = "building.has-lift", FactKind::Flag, "有电梯", "has a lift", "";
    SpaceTenure = "space.tenure", FactKind::Code, "车位权属", "tenure of the parking space", "";
    SpaceKind = "space.kind", FactKind::Code, "车位类型", "kind of parking space", "";
    SpaceVehicles = "space.vehicles", FactKind::Number { scale: 0 }, "车辆数", "vehicles", "";
    MeterPrevious = "meter.previous", FactKind::Number { scale: 3 }, "上期读数", "previous reading", "";
    MeterCurrent = "meter.current", FactKind::Number { scale: 3 }, "本期读数", "current reading", "";
    MeterChange = "meter.change", FactKind::Number { scale: 3 }, "换表差数（旧表止数减新表起数）", "meter changes (old end less new start)", "";
    MeterMultiplier = "meter.multiplier", FactKind::Number { scale: 3 }, "倍率", "multiplier", "";
}

/// What the store knows about a unit for one period: everything from which facts can be computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitFacts {
    pub kind: UnitKind,
    pub occupancy: OccupancyStatus,
    pub gross_floor_area_cm2: i64,
    pub internal_area_cm2: Option<i64>,
    pub storey: Option<i64>,
    pub rent_fen: Option<i64>,
    pub building_kind: Option<String>,
    pub building_storeys: Option<i64>,
    pub building_has_lift: Option<bool>,
    /// Kind of the parking area, as the firm writes it.
    pub space_kind: Option<String>,
    pub vehicle_count: i64,
}

/// Readings in thousandths; `previous` is the last one before the charged time starts, `current` the last one in it. Without
/// a reading in it there is no current one, so that nobody is charged 0 by accident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeterFacts {
    pub previous_milli: Option<i64>,
    pub current_milli: Option<i64>,
    /// What counters that were replaced in the charged time, before its last reading, showed in the end, less where their
    /// successors started: current − previous + change is what was used.
    pub change_milli: i64,
    pub multiplier_milli: i64,
}

/// Facts that hold for one segment of one fee item only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentFacts {
    /// The meter of the fee item.
    pub meter: Option<MeterFacts>,
    /// Whether the payer of the segment owns (`Some(true)`) or rents the unit; `None` while nobody holds it.
    pub held_by_owner: Option<bool>,
}

enum Cell<'a> {
    Missing,
    Number(i64),
    Code(&'a str),
    Flag(bool),
}

fn cell(fact: FeeFact, unit: &UnitFacts, segment: SegmentFacts) -> Cell<'_> {
    let number = |value: Option<i64>| value.map_or(Cell::Missing, Cell::Number);
    match fact {
        FeeFact::UnitArea => Cell::Number(unit.gross_floor_area_cm2),
        FeeFact::UnitInternalArea => number(unit.internal_area_cm2),
        FeeFact::UnitStorey => number(unit.storey),
        FeeFact::UnitKind => Cell::Code(unit.kind.code()),
        FeeFact::UnitOccupancy => Cell::Code(unit.occupancy.code()),
        FeeFact::UnitRent => number(unit.rent_fen),
        FeeFact::BuildingKind => unit.building_kind.as_deref().map_or(Cell::Missing, Cell::Code),
        FeeFact::BuildingStoreys => number(unit.building_storeys),
        FeeFact::BuildingHasLift => unit.building_has_lift.map_or(Cell::Missing, Cell::Flag),
        FeeFact::SpaceTenure => Cell::Code(match segment.held_by_owner {
            Some(true) => "sold",
            Some(false) => "leased",
            None => "none",
        }),
        FeeFact::SpaceKind => unit.space_kind.as_deref().map_or(Cell::Missing, Cell::Code),
        FeeFact::SpaceVehicles => Cell::Number(unit.vehicle_count),
        FeeFact::MeterPrevious => number(segment.meter.and_then(|meter| meter.previous_milli)),
        FeeFact::MeterCurrent => number(segment.meter.and_then(|meter| meter.current_milli)),
        FeeFact::MeterChange => number(segment.meter.map(|meter| meter.change_milli)),
        FeeFact::MeterMultiplier => number(segment.meter.map(|meter| meter.multiplier_milli)),
    }
}

/// Grows one column of a batch, segment by segment.
#[derive(Debug)]
pub struct ColumnBuilder {
    fact: FeeFact,
    rows: u32,
    missing: Vec<u32>,
    cells: Cells,
}

impl ColumnBuilder {
    #[must_use]
    pub fn new(fact: FeeFact, capacity: usize) -> Self {
        let cells = match fact.definition().kind {
            FactKind::Number { scale } => Cells::Numbers(Numbers { scale, mantissas: Vec::with_capacity(capacity) }),
            FactKind::Code => Cells::Codes(Codes { names: Vec::new(), cells: Vec::with_capacity(capacity) }),
            FactKind::Date => Cells::Dates(Vec::with_capacity(capacity)),
            FactKind::Flag => Cells::Flags(Vec::with_capacity(capacity)),
        };
        Self { fact, rows: 0, missing: Vec::new(), cells }
    }

    pub fn push(&mut self, unit: &UnitFacts, segment: SegmentFacts) {
        let cell = cell(self.fact, unit, segment);
        if matches!(cell, Cell::Missing) {
            self.missing.push(self.rows);
        }
        match &mut self.cells {
            Cells::Numbers(numbers) => numbers.mantissas.push(if let Cell::Number(value) = cell { value } else { 0 }),
            Cells::Codes(codes) => {
                codes.cells.push(if let Cell::Code(code) = cell { intern(&mut codes.names, code) } else { 0 })
            }
            Cells::Dates(dates) => dates.push(Date(0)),
            Cells::Flags(flags) => flags.push(matches!(cell, Cell::Flag(true))),
        }
        self.rows += 1;
    }

    #[must_use]
    pub fn finish(self) -> Column {
        Column { cells: self.cells, missing: self.missing }
    }
}

/// Index of a code in the column's names. A column knows a handful of codes, so a walk beats a map.
fn intern(names: &mut Vec<String>, code: &str) -> u16 {
    let position = names.iter().position(|name| name == code).unwrap_or_else(|| {
        names.push(code.to_owned());
        names.len() - 1
    });
    u16::try_from(position).expect("a batch has fewer than 65,536 segments with codes of their own")
}
