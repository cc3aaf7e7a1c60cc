//! What rules ask about staff: read together, for one project and day, so that nothing has to be looked up one by one.
//!
//! None of it decides anything. That a site manager runs at most two projects of 200,000 m² together (S3:78–80), or who gets a
//! ticket, is for a rule to say; these are the figures that it says it by.

use chrono::{DateTime, Utc};

use super::{Code, PostLevel, Skill};
use crate::{
    Date, Error, Result,
    ids::{DepartmentId, PostId, ProjectId, ServiceAreaId, StaffId},
};

/// A project that somebody runs, with its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedProject {
    pub project_id: ProjectId,
    pub project: String,
    /// Since when they run it.
    pub since: Date,
    pub units: i64,
    /// Built-up area of all its units in cm².
    pub gross_floor_area_cm2: i64,
}

/// Somebody who runs projects, with all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagerLoad {
    pub staff_id: StaffId,
    pub staff: String,
    /// By name. A post that is held for the whole company names no project.
    pub projects: Vec<ManagedProject>,
}

impl ManagerLoad {
    /// Built-up area of all projects together in cm².
    ///
    /// # Errors
    /// `Overflow` for more than any country has.
    pub fn gross_floor_area_cm2(&self) -> Result<i64> {
        self.projects
            .iter()
            .try_fold(0_i64, |sum, project| sum.checked_add(project.gross_floor_area_cm2))
            .ok_or(Error::Overflow("adding up the areas of projects"))
    }
}

/// A post that somebody holds on the day, at the project or for the whole company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldPost {
    pub post_id: PostId,
    pub kind: Code,
    pub level: PostLevel,
    pub department_id: DepartmentId,
    pub department_kind: Code,
    /// None for the whole company.
    pub project_id: Option<ProjectId>,
}

/// Somebody whom work at a project could be given to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkCandidate {
    pub staff_id: StaffId,
    pub staff: String,
    /// What they hold on the day.
    pub posts: Vec<HeldPost>,
    pub skills: Vec<Skill>,
    /// Until when they are on duty at the project, if they are.
    pub on_duty_until: Option<DateTime<Utc>>,
    /// Areas of the project that they are the steward of.
    pub service_area_ids: Vec<ServiceAreaId>,
}
