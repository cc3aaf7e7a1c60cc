//! The fact catalogue: the typed values that the host computes about a subject and a plug-in may ask for by name.

use guanjia_values::{Cells, Codes, Column, Date, Numbers};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt, str::FromStr};

use crate::{
    Error, Result,
    custom_field::{CustomField, FieldValue, field_of_fact},
    entity::Entity,
    estate::{OccupancyStatus, UnitKind},
    ids::CustomFieldId,
    plugin::{ExtensionPoint, Language, Text},
};

/// Type of the cells of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
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

    /// Whether cells of the one are read as cells of the other. Decimals carry their scale with them.
    #[must_use]
    pub fn reads_as(self, other: Self) -> bool {
        self.code() == other.code()
    }
}

/// One entry of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactDefinition {
    pub name: Cow<'static, str>,
    pub kind: FactKind,
    pub title_zh: Cow<'static, str>,
    pub title_en: Cow<'static, str>,
    /// Unit of measure of a number, or empty.
    pub measure: Cow<'static, str>,
}

impl FactDefinition {
    #[must_use]
    pub fn title(&self, language: Language) -> &str {
        match language {
            Language::Zh => &self.title_zh,
            Language::En => &self.title_en,
        }
    }
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
                        name: Cow::Borrowed($name),
                        kind: $kind,
                        title_zh: Cow::Borrowed($zh),
                        title_en: Cow::Borrowed($en),
                        measure: Cow::Borrowed($measure),
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

/// A fact that a run computes: one that every company has, or a custom field of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedFact {
    Registered(FeeFact),
    Custom(CustomFact),
}

/// A custom field as a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CustomFact {
    /// A unit's own, or its payer's.
    pub entity: Entity,
    pub field_id: CustomFieldId,
    pub kind: FactKind,
}

impl AskedFact {
    #[must_use]
    pub fn kind(self) -> FactKind {
        match self {
            Self::Registered(fact) => fact.definition().kind,
            Self::Custom(fact) => fact.kind,
        }
    }

    #[must_use]
    pub fn custom(self) -> Option<CustomFact> {
        match self {
            Self::Registered(_) => None,
            Self::Custom(fact) => Some(fact),
        }
    }

    /// The facts of these names, in their order. `fields` are the company's own; retired ones still answer for rules that
    /// are bound.
    ///
    /// # Errors
    /// `NotFound` with the first name that the host cannot compute.
    pub fn all_by_name(names: &[String], fields: &[CustomField]) -> Result<Vec<Self>> {
        let by_name = |name: &String| {
            FeeFact::by_name(name).map(Self::Registered).or_else(|| {
                let field = declared(name, fields)?;
                let kind = field.kind.fact()?;
                Some(Self::Custom(CustomFact { entity: field.entity, field_id: field.id, kind }))
            })
        };
        names.iter().map(|name| by_name(name).ok_or_else(|| Error::not_found("fact", name))).collect()
    }
}

/// Whether one of these facts is a company's own, so that its declarations have to be read.
#[must_use]
pub fn ask_for_custom(names: &[String]) -> bool {
    names.iter().any(|name| field_of_fact(name).is_some())
}

/// The declaration that a fact's name stands for.
fn declared<'a>(name: &str, fields: &'a [CustomField]) -> Option<&'a CustomField> {
    let (entity, key) = field_of_fact(name)?;
    fields.iter().find(|field| field.entity == entity && field.key == key)
}

/// What a rule says of a custom field that it asks for: whoever declares the field goes by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomFactNeed {
    /// Numbers may have any scale.
    pub kind: FactKind,
    pub title: Text,
}

/// The facts of one company: those that the host computes for everybody, and the custom fields of the company.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    fields: Vec<CustomField>,
}

impl Catalogue {
    #[must_use]
    pub fn new(fields: Vec<CustomField>) -> Self {
        Self { fields }
    }

    /// What plug-ins of a point may ask for: the registered facts, then the company's own.
    #[must_use]
    pub fn facts(&self, point: ExtensionPoint) -> Vec<FactDefinition> {
        let mut facts = point.facts();
        if takes_custom(point) {
            let used = self.fields.iter().filter(|field| !field.retired);
            facts.extend(used.filter_map(CustomField::fact));
        }
        facts
    }

    /// The fact of that name, if plug-ins of a point may ask for it in this company.
    #[must_use]
    pub fn fact(&self, point: ExtensionPoint, name: &str) -> Option<FactDefinition> {
        point.fact(name).or_else(|| {
            // The words of the company, not those of the rule.
            let field = declared(name, &self.fields).filter(|field| !field.retired && takes_custom(point))?;
            field.fact()
        })
    }
}

/// Whether rules of a point are asked about units and payers, whose custom fields are facts.
#[must_use]
pub fn takes_custom(point: ExtensionPoint) -> bool {
    point == ExtensionPoint::FeePolicy
}

/// A kind as manifests write it. Numbers are of any scale.
impl FromStr for FactKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "number" => Ok(Self::Number { scale: 0 }),
            "code" => Ok(Self::Code),
            "date" => Ok(Self::Date),
            "flag" => Ok(Self::Flag),
            _ => Err(Error::invalid(format!("{text:?} is not a kind of fact; known are number, code, date, flag"))),
        }
    }
}

impl TryFrom<String> for FactKind {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<FactKind> for String {
    fn from(kind: FactKind) -> Self {
        kind.code().to_owned()
    }
}

impl fmt::Display for FactKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
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
    Date(Date),
    Flag(bool),
}

/// A value that is of another kind than its fact, which a declaration rules out, is missing and never something else.
fn custom_cell(value: Option<&FieldValue>) -> Cell<'_> {
    match value {
        Some(FieldValue::Number(number)) => Cell::Number(number.mantissa),
        Some(FieldValue::Code(code)) => Cell::Code(code),
        Some(FieldValue::Date(date)) => Cell::Date(*date),
        Some(FieldValue::Flag(flag)) => Cell::Flag(*flag),
        Some(FieldValue::Text(_)) | None => Cell::Missing,
    }
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
    fact: AskedFact,
    rows: u32,
    missing: Vec<u32>,
    cells: Cells,
}

impl ColumnBuilder {
    #[must_use]
    pub fn new(fact: AskedFact, capacity: usize) -> Self {
        let cells = match fact.kind() {
            FactKind::Number { scale } => Cells::Numbers(Numbers { scale, mantissas: Vec::with_capacity(capacity) }),
            FactKind::Code => Cells::Codes(Codes { names: Vec::new(), cells: Vec::with_capacity(capacity) }),
            FactKind::Date => Cells::Dates(Vec::with_capacity(capacity)),
            FactKind::Flag => Cells::Flags(Vec::with_capacity(capacity)),
        };
        Self { fact, rows: 0, missing: Vec::new(), cells }
    }

    /// The next segment; `custom` finds the value of a custom field.
    pub fn push<'v>(
        &mut self,
        unit: &UnitFacts,
        segment: SegmentFacts,
        custom: impl FnOnce(CustomFact) -> Option<&'v FieldValue>,
    ) {
        let cell = match self.fact {
            AskedFact::Registered(fact) => cell(fact, unit, segment),
            AskedFact::Custom(fact) => custom_cell(custom(fact)),
        };
        // Cells follow the kind of their column; one of another kind would be no value of it.
        let fits = matches!(
            (&self.cells, &cell),
            (Cells::Numbers(_), Cell::Number(_))
                | (Cells::Codes(_), Cell::Code(_))
                | (Cells::Dates(_), Cell::Date(_))
                | (Cells::Flags(_), Cell::Flag(_))
        );
        if !fits {
            self.missing.push(self.rows);
        }
        match &mut self.cells {
            Cells::Numbers(numbers) => numbers.mantissas.push(if let Cell::Number(value) = cell { value } else { 0 }),
            Cells::Codes(codes) => {
                codes.cells.push(if let Cell::Code(code) = cell { intern(&mut codes.names, code) } else { 0 })
            }
            Cells::Dates(dates) => dates.push(if let Cell::Date(date) = cell { date } else { Date(0) }),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decimal, custom_field::FieldKind};

    fn field(entity: Entity, key: &str, kind: FieldKind, retired: bool) -> CustomField {
        CustomField {
            id: CustomFieldId::generate(),
            entity,
            key: key.into(),
            title: Text { zh: "面积".into(), en: "Area".into() },
            kind,
            required: false,
            retired,
            version: 1,
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_companys_fields_are_facts_of_its_own() {
        let fields = vec![
            field(Entity::Unit, "heated-area", FieldKind::Number { scale: 2 }, false),
            field(Entity::Party, "member", FieldKind::Flag, false),
            field(Entity::Unit, "note", FieldKind::Text, false),
            field(Entity::Unit, "old", FieldKind::Date, true),
        ];
        let asked = names(&["unit.custom.old", "unit.area", "payer.custom.member"]);
        let facts = AskedFact::all_by_name(&asked, &fields).expect("all are there");
        let kinds: Vec<_> =
            facts.iter().map(|fact| (fact.kind().code(), fact.custom().map(|own| own.entity))).collect();
        let expected = [("date", Some(Entity::Unit)), ("number", None), ("flag", Some(Entity::Party))];
        assert_eq!(kinds, expected, "a retired field still answers for rules that are bound");
        for unknown in ["unit.custom.member", "unit.custom.note", "payer.custom.heated-area", "unit.custom.none"] {
            assert!(AskedFact::all_by_name(&names(&[unknown]), &fields).is_err(), "{unknown}");
        }
        let catalogue = Catalogue::new(fields);
        let point = ExtensionPoint::FeePolicy;
        assert_eq!(catalogue.facts(point).len(), point.facts().len() + 2);
        assert!(catalogue.fact(point, "unit.custom.old").is_none(), "a retired one is not offered to new rules");
        assert_eq!(catalogue.fact(point, "unit.custom.heated-area").expect("is there").title_en, "Area");
        assert!(catalogue.facts(ExtensionPoint::LateFeePolicy).is_empty());
    }

    #[test]
    fn values_become_cells_and_what_is_not_there_is_missing() {
        let unit = UnitFacts {
            kind: UnitKind::Shop,
            occupancy: OccupancyStatus::Vacant,
            gross_floor_area_cm2: 0,
            internal_area_cm2: None,
            storey: None,
            rent_fen: None,
            building_kind: None,
            building_storeys: None,
            building_has_lift: None,
            space_kind: None,
            vehicle_count: 0,
        };
        let segment = SegmentFacts { meter: None, held_by_owner: None };
        let column = |kind, values: &[Option<FieldValue>]| {
            let fact = CustomFact { entity: Entity::Unit, field_id: CustomFieldId::generate(), kind };
            let mut column = ColumnBuilder::new(AskedFact::Custom(fact), values.len());
            for value in values {
                column.push(&unit, segment, |_| value.as_ref());
            }
            column.finish()
        };
        let number = |mantissa| Some(FieldValue::Number(Decimal::new(mantissa, 2)));
        let numbers = column(FactKind::Number { scale: 2 }, &[number(8_050), None, Some(FieldValue::Flag(true))]);
        let cells = Cells::Numbers(Numbers { scale: 2, mantissas: vec![8_050, 0, 0] });
        assert_eq!(numbers, Column { cells, missing: vec![1, 2] }, "a value of another kind is none");
        let dates = column(FactKind::Date, &[Some(FieldValue::Date(Date(100))), None]);
        assert_eq!(dates, Column { cells: Cells::Dates(vec![Date(100), Date(0)]), missing: vec![1] });
        let code = |code: &str| Some(FieldValue::Code(code.into()));
        let codes = column(FactKind::Code, &[code("b"), code("a"), code("b")]);
        let cells = Cells::Codes(Codes { names: names(&["b", "a"]), cells: vec![0, 1, 0] });
        assert_eq!(codes, Column { cells, missing: vec![] });
        let flags = column(FactKind::Flag, &[Some(FieldValue::Flag(false)), None]);
        assert_eq!(flags, Column { cells: Cells::Flags(vec![false, false]), missing: vec![1] });
    }
}
