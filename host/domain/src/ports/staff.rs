//! What the domain needs of staff, organisation and service areas.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Page;
use crate::{
    Date, Result,
    access::Stamp,
    ids::*,
    service_area::{
        AreaFigures, AreaHistory, AreaRow, AreaUnit, Placed, ServiceArea, Taken, UnitSelection, UnitService,
    },
    staff::{
        AssignmentFilter, AssignmentRow, Certificate, CertificateFilter, CertificateRow, Code, Department,
        DepartmentAlias, DutyFilter, ManagerLoad, Post, PostAssignment, Shift, ShiftRow, Skill, Staff, Versioned,
        WorkCandidate,
    },
};

/// What a list of staff is looked through for. Everything that is given has to fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StaffSearch {
    /// Part of a name or number; empty for everybody.
    pub text: String,
    /// Whether phone numbers are searched, too: only for readers who may see them in full.
    pub personal_data: bool,
    /// Those who work here on the day; without one everybody who ever did.
    pub day: Option<Date>,
    /// Those who hold a post of the department on the day.
    pub department_id: Option<DepartmentId>,
    /// Those who hold the post on the day.
    pub post_id: Option<PostId>,
    /// Those who hold a post at the project, or for the whole company, on the day.
    pub project_id: Option<ProjectId>,
    pub skill: Option<Code>,
}

/// One row of the list of staff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffRow {
    pub staff: Staff,
    pub version: i64,
    /// What they hold on the day that was asked about, primary first; without a day, none.
    pub posts: Vec<PostName>,
}

/// A post that somebody holds, in names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostName {
    pub post: String,
    /// None for the whole company.
    pub project: Option<String>,
}

/// Staff and organisation. Every change checks its rule (`check_…` of [`crate::staff`]) in its own transaction, where nobody can
/// come between; a change over another version than the stored one is refused with [`crate::estate::STALE`].
#[async_trait]
pub trait StaffStore: Send + Sync {
    /// All departments, by name.
    async fn departments(&self) -> Result<Vec<Versioned<Department>>>;
    async fn add_department(&self, stamp: &Stamp, department: &Department) -> Result<()>;
    async fn change_department(&self, stamp: &Stamp, department: &Department, version: i64) -> Result<i64>;
    /// The company's own names, by kind.
    async fn department_aliases(&self) -> Result<Vec<DepartmentAlias>>;
    async fn add_department_alias(&self, stamp: &Stamp, alias: &DepartmentAlias) -> Result<()>;
    async fn remove_department_alias(&self, stamp: &Stamp, alias: &str) -> Result<()>;
    /// All posts, highest first, then by name.
    async fn posts(&self) -> Result<Vec<Versioned<Post>>>;
    async fn add_post(&self, stamp: &Stamp, post: &Post) -> Result<()>;
    async fn change_post(&self, stamp: &Stamp, post: &Post, version: i64) -> Result<i64>;
    /// By number, as people count.
    async fn staff(&self, search: &StaffSearch, cursor: Option<&str>, limit: u32) -> Result<Page<StaffRow>>;
    async fn staff_member(&self, staff: StaffId) -> Result<Versioned<Staff>>;
    async fn staff_by_no(&self, staff_no: &str) -> Result<Option<Versioned<Staff>>>;
    /// People with the posts that they begin with: all of it or nothing.
    async fn take_on(&self, stamp: &Stamp, staff: &[Staff], assignments: &[PostAssignment]) -> Result<()>;
    /// All of them or none.
    async fn add_staff(&self, stamp: &Stamp, staff: &[Staff]) -> Result<()>;
    async fn change_staff(&self, stamp: &Stamp, staff: &Staff, version: i64) -> Result<i64>;
    /// Ends what holds for somebody with the day on which they leave.
    async fn end_employment(&self, stamp: &Stamp, staff: StaffId, left_on: Date, version: i64) -> Result<i64>;
    async fn skills(&self, staff: StaffId) -> Result<Vec<Skill>>;
    async fn set_skills(&self, stamp: &Stamp, staff: StaffId, skills: &[Skill], version: i64) -> Result<i64>;
    /// Latest first.
    async fn assignments(
        &self,
        filter: &AssignmentFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AssignmentRow>>;
    async fn assignment(&self, assignment: PostAssignmentId) -> Result<AssignmentRow>;
    async fn add_assignment(&self, stamp: &Stamp, assignment: &PostAssignment) -> Result<()>;
    async fn change_assignment(&self, stamp: &Stamp, assignment: &PostAssignment, version: i64) -> Result<i64>;
    /// The first to run out first; those that do not run out last.
    async fn certificates(
        &self,
        filter: &CertificateFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<CertificateRow>>;
    async fn certificate(&self, certificate: CertificateId) -> Result<CertificateRow>;
    async fn add_certificate(&self, stamp: &Stamp, certificate: &Certificate) -> Result<()>;
    async fn change_certificate(&self, stamp: &Stamp, certificate: &Certificate, version: i64) -> Result<i64>;
    /// In the order of their start; at most so many.
    async fn shifts(&self, filter: &DutyFilter, limit: u32) -> Result<Vec<ShiftRow>>;
    /// All of them or none.
    async fn add_shifts(&self, stamp: &Stamp, shifts: &[Shift]) -> Result<()>;
    async fn remove_shift(&self, stamp: &Stamp, shift: ShiftId) -> Result<()>;

    /// Those who run a project on a day (post of the kind [`crate::staff::SITE_MANAGER`]), or any project, each with all
    /// projects that they run on that day and their sizes.
    async fn manager_loads(&self, project: Option<ProjectId>, day: Date) -> Result<Vec<ManagerLoad>>;
    /// Certificates of these people that are valid on a day.
    async fn certificates_held(&self, staff: &[StaffId], day: Date) -> Result<Vec<Certificate>>;
    /// Everybody who holds a post at a project, or for the whole company, on a day, with what tells whom to give work to at an
    /// instant of it.
    async fn work_candidates(&self, project: ProjectId, day: Date, at: DateTime<Utc>) -> Result<Vec<WorkCandidate>>;
    /// Who answers for a post in a project, or in the company, on a day ([`crate::staff::who_answers`]).
    async fn answerable(&self, post: PostId, project: Option<ProjectId>, day: Date)
    -> Result<crate::staff::Answerable>;
}

/// Service areas, their units and their stewards.
#[async_trait]
pub trait ServiceAreaStore: Send + Sync {
    /// Areas of a project that exist on a day, by name, as they are on it.
    async fn service_areas(&self, project: ProjectId, day: Date) -> Result<Vec<AreaRow>>;
    async fn service_area(&self, area: ServiceAreaId, day: Date) -> Result<AreaRow>;
    /// Units of a project that belong to no area on a day.
    async fn unserved(&self, project: ProjectId, day: Date) -> Result<AreaFigures>;
    async fn add_service_area(&self, stamp: &Stamp, area: &ServiceArea) -> Result<()>;
    /// # Errors
    /// `Refused` with [`crate::estate::STALE`] when the stored version is another one.
    async fn change_service_area(&self, stamp: &Stamp, area: &ServiceArea, version: i64) -> Result<i64>;
    async fn place_units(
        &self,
        stamp: &Stamp,
        area: ServiceAreaId,
        units: &[UnitSelection],
        from: Date,
        taken: Taken,
    ) -> Result<Placed>;
    async fn release_units(
        &self,
        stamp: &Stamp,
        area: ServiceAreaId,
        units: &[UnitSelection],
        from: Date,
    ) -> Result<u64>;
    async fn set_steward(&self, stamp: &Stamp, area: ServiceAreaId, steward: Option<StaffId>, from: Date)
    -> Result<()>;
    /// Units of an area on a day, in the order of lists.
    async fn area_units(
        &self,
        area: ServiceAreaId,
        day: Date,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AreaUnit>>;
    async fn area_history(&self, area: ServiceAreaId) -> Result<AreaHistory>;
    /// The area that a unit belongs to on a day, with its steward.
    async fn unit_service(&self, unit: UnitId, day: Date) -> Result<Option<UnitService>>;
    /// Areas that somebody is or was the steward of, latest first.
    async fn stewardships(&self, staff: StaffId) -> Result<Vec<(ServiceArea, crate::staff::Span)>>;
}
