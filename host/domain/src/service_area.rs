//! Service areas (片区): the units that one steward answers for, and the phone number that stands in their stairwells.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};

use crate::{
    Date, Error, Result,
    access::{Permission, Stamp, codes},
    estate::{FieldProblem, UnitPlace},
    ids::{ProjectId, ServiceAreaId, StaffId, UnitId},
    ports::CompanyStore,
    staff::{NAME_LENGTH_MAX, Span, phone_problem, usable},
};

/// Places and units that are given to an area at once.
pub const SELECTIONS_MAX: usize = 500;
/// Areas of one project. They are read as a whole: the largest estates have some dozens.
pub const SERVICE_AREAS_MAX: usize = 1_000;

/// A set of units that one steward serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceArea {
    pub id: ServiceAreaId,
    pub project_id: ProjectId,
    /// Unique in the project.
    pub name: String,
    /// The area's service phone (片区服务电话): published to everybody who lives there, and nobody's own.
    pub phone: Option<String>,
    /// The first day on which it no longer exists.
    pub closed_on: Option<Date>,
}

impl ServiceArea {
    /// Every field that a person may not have meant.
    #[must_use]
    pub fn problems(&self) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
        if self.name.trim().is_empty()
            || self.name.chars().count() > NAME_LENGTH_MAX
            || self.name.chars().any(char::is_control)
        {
            problems.push(FieldProblem::new("name", format!("a name has 1 to {NAME_LENGTH_MAX} characters")));
        }
        problems.extend(self.phone.as_deref().and_then(|phone| phone_problem("phone", phone)));
        problems
    }
}

/// How much there is to serve. The norms for an area are counted in homes and m²: 70,000–80,000 m² and about 400 homes in a
/// mixed complex, about 250 homes of villas (S3:122).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AreaFigures {
    pub units: i64,
    pub homes: i64,
    /// Built-up area of all units in cm².
    pub gross_floor_area_cm2: i64,
    /// Built-up area of the homes among them in cm².
    pub homes_area_cm2: i64,
    /// The same by kind of building; a parking space lies in no building.
    pub by_building_kind: Vec<KindFigures>,
}

/// The part of an area's figures that lies in buildings of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KindFigures {
    /// Code of the company's own, such as `villa`; none where the building has none.
    pub building_kind: Option<String>,
    pub units: i64,
    pub homes: i64,
    pub gross_floor_area_cm2: i64,
    pub homes_area_cm2: i64,
}

impl AreaFigures {
    /// Adds a part.
    ///
    /// # Errors
    /// `Overflow` for more than any country has.
    pub fn add(&mut self, part: KindFigures) -> Result<()> {
        let sum = |a: i64, b: i64| a.checked_add(b).ok_or(Error::Overflow("adding up the figures of an area"));
        self.units = sum(self.units, part.units)?;
        self.homes = sum(self.homes, part.homes)?;
        self.gross_floor_area_cm2 = sum(self.gross_floor_area_cm2, part.gross_floor_area_cm2)?;
        self.homes_area_cm2 = sum(self.homes_area_cm2, part.homes_area_cm2)?;
        self.by_building_kind.push(part);
        Ok(())
    }
}

/// Who is the steward of an area, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stewardship {
    pub staff_id: StaffId,
    pub staff: String,
    pub span: Span,
}

/// An area as it is on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AreaRow {
    pub area: ServiceArea,
    pub version: i64,
    /// Nobody, where the place is vacant.
    pub steward: Option<Stewardship>,
    pub figures: AreaFigures,
}

/// Units that came to an area, or left it, together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitsMoved {
    pub span: Span,
    pub units: i64,
}

/// Everything that an area was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AreaHistory {
    /// Latest first.
    pub stewards: Vec<Stewardship>,
    /// Latest first.
    pub units: Vec<UnitsMoved>,
}

/// A unit of an area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AreaUnit {
    pub unit_id: UnitId,
    pub place: UnitPlace,
    pub span: Span,
}

/// Who serves a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitService {
    pub area: ServiceArea,
    pub steward: Option<Stewardship>,
}

/// Units by where they are: as lists write the place, as far as it is given. `6` is all of building 6, `6-1` its first entrance,
/// `6-1-103` one home; `B1` is a parking area and `B1-7` one of its spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitSelection {
    Place(Vec<String>),
    Unit(UnitId),
}

impl FromStr for UnitSelection {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // Keyboards for Chinese write dashes of other widths.
        let text = text.trim().replace(['\u{2010}', '\u{2013}', '\u{2014}', '\u{ff0d}'], "-");
        let parts: Vec<String> = text.split('-').map(|part| part.trim().to_owned()).collect();
        if parts.len() > 3 || parts.iter().any(String::is_empty) {
            return Err(Error::invalid(format!("{text:?} is no place; write it like 6, 6-1 or 6-1-103")));
        }
        Ok(Self::Place(parts))
    }
}

impl fmt::Display for UnitSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place(parts) => f.write_str(&parts.join("-")),
            Self::Unit(unit) => unit.fmt(f),
        }
    }
}

codes! {
    /// What becomes of units that belong to another area.
    Taken {
        /// Nothing is changed when there is one: a slip would take a colleague's homes away.
        Refuse = "refuse",
        /// They leave it on the day on which they come to the new one.
        Move = "move",
    }
}

/// What giving units to an area did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Placed {
    /// Units that came to the area.
    pub placed: u64,
    /// Those of them that left another one.
    pub moved: u64,
}

/// Service areas of one company.
#[derive(Clone)]
pub struct ServiceAreas {
    store: Arc<dyn CompanyStore>,
}

impl fmt::Debug for ServiceAreas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAreas").field("company_id", &self.store.company_id()).finish_non_exhaustive()
    }
}

/// Each of them refuses without the permission to write staff and for fields that cannot be used.
impl ServiceAreas {
    #[must_use]
    pub fn new(store: Arc<dyn CompanyStore>) -> Self {
        Self { store }
    }

    /// # Errors
    /// `Conflict` for a name that another area of the project has.
    pub async fn add(&self, stamp: &Stamp, area: &ServiceArea) -> Result<()> {
        stamp.actor.require(Permission::WriteStaff)?;
        usable(area.problems())?;
        self.store.add_service_area(stamp, area).await
    }

    /// Changes an area and returns its new version. Closing it ends its units and its steward with it.
    ///
    /// # Errors
    /// `Refused` with [`crate::estate::STALE`] over another version than the stored one.
    pub async fn change(&self, stamp: &Stamp, area: &ServiceArea, version: i64) -> Result<i64> {
        stamp.actor.require(Permission::WriteStaff)?;
        usable(area.problems())?;
        self.store.change_service_area(stamp, area, version).await
    }

    /// Gives units to an area from a day on. A unit belongs to one area on a day.
    ///
    /// # Errors
    /// `Refused` with `unit-in-area` for units of another area unless they are to move, `area-closed`, `unit-planned` for units
    /// that come to another area later; `NotFound` for a place where nothing is.
    pub async fn place(
        &self,
        stamp: &Stamp,
        area: ServiceAreaId,
        units: &[UnitSelection],
        from: Date,
        taken: Taken,
    ) -> Result<Placed> {
        stamp.actor.require(Permission::WriteStaff)?;
        usable(selection_problems(units))?;
        self.store.place_units(stamp, area, units, from, taken).await
    }

    /// Takes units out of an area from a day on; those that are not in it stay as they are. Returns how many left it.
    ///
    /// # Errors
    /// `NotFound` for a place where nothing is.
    pub async fn release(
        &self,
        stamp: &Stamp,
        area: ServiceAreaId,
        units: &[UnitSelection],
        from: Date,
    ) -> Result<u64> {
        stamp.actor.require(Permission::WriteStaff)?;
        usable(selection_problems(units))?;
        self.store.release_units(stamp, area, units, from).await
    }

    /// Says who is the steward from a day on; nobody, where the place falls vacant.
    ///
    /// # Errors
    /// `Refused` with `not-employed`, `area-closed`.
    pub async fn set_steward(
        &self,
        stamp: &Stamp,
        area: ServiceAreaId,
        steward: Option<StaffId>,
        from: Date,
    ) -> Result<()> {
        stamp.actor.require(Permission::WriteStaff)?;
        self.store.set_steward(stamp, area, steward, from).await
    }
}

fn selection_problems(units: &[UnitSelection]) -> Vec<FieldProblem> {
    if (1..=SELECTIONS_MAX).contains(&units.len()) {
        return Vec::new();
    }
    vec![FieldProblem::new("places", format!("1 to {SELECTIONS_MAX} places or units at once"))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::building("6", &["6"])]
    #[case::entrance(" 6-1 ", &["6", "1"])]
    #[case::unit("6—1－103", &["6", "1", "103"])]
    #[case::nothing("", &[])]
    #[case::no_entrance("6--103", &[])]
    #[case::too_deep("6-1-103-2", &[])]
    fn places_are_read_as_lists_write_them(#[case] text: &str, #[case] expected: &[&str]) {
        match text.parse::<UnitSelection>() {
            Ok(UnitSelection::Place(parts)) => assert_eq!(parts, expected),
            other => assert!(expected.is_empty() && other.is_err(), "{other:?}"),
        }
    }

    #[test]
    fn figures_are_added_up_and_never_wrap() {
        let part = |kind: &str, homes, area| KindFigures {
            building_kind: Some(kind.into()),
            units: homes + 1,
            homes,
            gross_floor_area_cm2: area,
            homes_area_cm2: area / 2,
        };
        let mut figures = AreaFigures::default();
        figures.add(part("villa", 10, 1_000)).expect("is small");
        figures.add(part("high-rise", 90, 9_000)).expect("is small");
        assert_eq!(
            (figures.units, figures.homes, figures.gross_floor_area_cm2, figures.homes_area_cm2),
            (102, 100, 10_000, 5_000)
        );
        assert_eq!(figures.by_building_kind.len(), 2);
        assert!(figures.add(part("moon", 1, i64::MAX)).is_err());
    }

    #[rstest]
    #[case::usual("一期东", Some("021-5555 0101"), &[])]
    #[case::unnamed(" ", None, &["name"])]
    #[case::no_phone("一期东", Some("前台"), &["phone"])]
    fn what_nobody_means_is_named_by_its_field(
        #[case] name: &str,
        #[case] phone: Option<&str>,
        #[case] expected: &[&str],
    ) {
        let area = ServiceArea {
            id: ServiceAreaId::generate(),
            project_id: ProjectId::generate(),
            name: name.into(),
            phone: phone.map(Into::into),
            closed_on: None,
        };
        let fields: Vec<_> = area.problems().iter().map(|problem| problem.field).collect();
        assert_eq!(fields, expected);
    }
}
