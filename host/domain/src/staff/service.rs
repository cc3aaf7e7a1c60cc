//! Changes of staff and organisation, for those who may make them.

use std::{collections::HashSet, sync::Arc};

use super::{
    Certificate, Department, DepartmentAlias, NewStaff, Post, PostAssignment, SHIFTS_AT_ONCE_MAX, Shift, Skill, Staff,
    StaffRecords, read_staff, skill_problems, usable,
};
use crate::{
    Date, Error, Result,
    access::{Permission, Stamp},
    ids::{ShiftId, StaffId},
    import::Workbook,
    plugin::Language,
    ports::{CompanyStore, StaffSearch},
};

/// People whose numbers are read at a time.
const STAFF_AT_ONCE: u32 = 1_000;

/// Whether an import is only rehearsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportMode {
    Rehearse,
    Apply,
}

/// Staff and organisation of one company.
#[derive(Clone)]
pub struct Staffing {
    store: Arc<dyn CompanyStore>,
}

impl std::fmt::Debug for Staffing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Staffing").field("company_id", &self.store.company_id()).finish_non_exhaustive()
    }
}

/// Each of them refuses without the permission to write staff and for fields that cannot be used; a change over another version
/// than the stored one is refused with [`crate::estate::STALE`].
impl Staffing {
    #[must_use]
    pub fn new(store: Arc<dyn CompanyStore>) -> Self {
        Self { store }
    }

    /// # Errors
    /// As [`super::check_department`].
    pub async fn add_department(&self, stamp: &Stamp, department: &Department) -> Result<()> {
        stamp.actor.require(Permission::WriteStaff)?;
        usable(department.problems())?;
        self.store.add_department(stamp, department).await
    }

    /// Changes a department and returns its new version.
    ///
    /// # Errors
    /// As [`super::check_department`]; `Refused` with `department-in-use` when posts in it go on after it is closed.
    pub async fn change_department(&self, stamp: &Stamp, department: &Department, version: i64) -> Result<i64> {
        stamp.actor.require(Permission::WriteStaff)?;
        usable(department.problems())?;
        self.store.change_department(stamp, department, version).await
    }

    /// # Errors
    /// `Conflict` when the name stands for a kind already.
    pub async fn add_department_alias(&self, stamp: &Stamp, alias: &DepartmentAlias) -> Result<()> {
        stamp.actor.require(Permission::WriteStaff)?;
        usable(alias.problems())?;
        self.store.add_department_alias(stamp, alias).await
    }

    /// # Errors
    /// `NotFound` for a name that the company did not give.
    pub async fn remove_department_alias(&self, stamp: &Stamp, alias: &str) -> Result<()> {
        stamp.actor.require(Permission::WriteStaff)?;
        self.store.remove_department_alias(stamp, alias).await
    }

    /// # Errors
    /// As [`super::check_post`]; `Refused` with `department-closed`.
    pub async fn add_post(&self, stamp: &Stamp, post: &Post) -> Result<()> {
        stamp.actor.require(Permission::WriteStaff)?;
        usable(post.problems())?;
        self.store.add_post(stamp, post).await
    }

    /// Changes a post and returns its new version.
    ///
    /// # Errors
    /// As [`super::check_post`]; `Refused` with `department-closed`, or `post-in-use` when somebody holds it after it is closed.
    pub async fn change_post(&self, stamp: &Stamp, post: &Post, version: i64) -> Result<i64> {
        stamp.actor.require(Permission::WriteStaff)?;
        usable(post.problems())?;
        self.store.change_post(stamp, post, version).await
    }

    /// Takes people on: all of them or, where one cannot be, none.
    ///
    /// # Errors
    /// `Conflict` for a number or login that somebody has already.
    pub async fn add_staff(&self, stamp: &Stamp, staff: &[Staff]) -> Result<()> {
        stamp.actor.require(Permission::WriteStaff)?;
        for person in staff {
            usable(person.problems())?;
        }
        self.store.add_staff(stamp, staff).await
    }

    /// Takes on everybody of a list, or nobody: returns how many there are, and writes nothing where it is only a rehearsal.
    ///
    /// # Errors
    /// `Invalid` with every cell that cannot be used.
    pub async fn import(
        &self,
        stamp: &Stamp,
        workbook: &Workbook,
        language: Language,
        mode: ImportMode,
    ) -> Result<NewStaff> {
        stamp.actor.require(Permission::WriteStaff)?;
        let mut records = StaffRecords {
            departments: self.store.departments().await?.into_iter().map(|one| one.record).collect(),
            aliases: self.store.department_aliases().await?,
            posts: self.store.posts().await?.into_iter().map(|one| one.record).collect(),
            projects: self.store.projects().await?,
            staff_nos: HashSet::new(),
        };
        let mut cursor = None;
        loop {
            let page = self.store.staff(&StaffSearch::default(), cursor.as_deref(), STAFF_AT_ONCE).await?;
            records.staff_nos.extend(page.items.into_iter().map(|row| row.staff.staff_no));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let new = read_staff(workbook, &records, language)?;
        if mode == ImportMode::Apply {
            self.store.take_on(stamp, &new.staff, &new.assignments).await?;
        }
        Ok(new)
    }

    /// Changes somebody's own fields and returns the new version. Leaving is told by [`Staffing::leave`].
    ///
    /// # Errors
    /// `Conflict` for a number or login that somebody has already; `Refused` with `in-use-before` when something holds for them
    /// before the day of joining.
    pub async fn change_staff(&self, stamp: &Stamp, staff: &Staff, version: i64) -> Result<i64> {
        stamp.actor.require(Permission::WriteStaff)?;
        usable(staff.problems())?;
        self.store.change_staff(stamp, staff, version).await
    }

    /// Somebody leaves: `left_on` is the first day on which they no longer work here. Their assignments and areas end with
    /// it, and shifts that start later are taken off the roster.
    ///
    /// # Errors
    /// `Refused` with `left-already`.
    pub async fn leave(&self, stamp: &Stamp, staff: StaffId, left_on: Date, version: i64) -> Result<i64> {
        stamp.actor.require(Permission::WriteStaff)?;
        let stored = self.store.staff_member(staff).await?.record;
        usable(Staff { left_on: Some(left_on), ..stored }.problems())?;
        self.store.end_employment(stamp, staff, left_on, version).await
    }

    /// Replaces somebody's skills and returns the person's new version.
    ///
    /// # Errors
    /// As the others.
    pub async fn set_skills(&self, stamp: &Stamp, staff: StaffId, skills: &[Skill], version: i64) -> Result<i64> {
        stamp.actor.require(Permission::WriteStaff)?;
        usable(skill_problems(skills))?;
        self.store.set_skills(stamp, staff, skills, version).await
    }

    /// # Errors
    /// As [`super::check_assignment`].
    pub async fn assign(&self, stamp: &Stamp, assignment: &PostAssignment) -> Result<()> {
        stamp.actor.require(Permission::WriteStaff)?;
        usable(assignment.problems())?;
        self.store.add_assignment(stamp, assignment).await
    }

    /// Changes the days, the share or the rank of an assignment, and returns its new version. Person, post and project stay.
    ///
    /// # Errors
    /// As [`super::check_assignment`].
    pub async fn change_assignment(&self, stamp: &Stamp, assignment: &PostAssignment, version: i64) -> Result<i64> {
        stamp.actor.require(Permission::WriteStaff)?;
        usable(assignment.problems())?;
        self.store.change_assignment(stamp, assignment, version).await
    }

    /// # Errors
    /// `Conflict` when the person has a certificate of this kind and number already.
    pub async fn add_certificate(&self, stamp: &Stamp, certificate: &Certificate) -> Result<()> {
        stamp.actor.require(Permission::WriteStaff)?;
        usable(certificate.problems())?;
        self.store.add_certificate(stamp, certificate).await
    }

    /// Changes a certificate and returns its new version. It stays with its person.
    ///
    /// # Errors
    /// As [`Staffing::add_certificate`].
    pub async fn change_certificate(&self, stamp: &Stamp, certificate: &Certificate, version: i64) -> Result<i64> {
        stamp.actor.require(Permission::WriteStaff)?;
        usable(certificate.problems())?;
        self.store.change_certificate(stamp, certificate, version).await
    }

    /// Puts shifts on the roster: all of them or, where one cannot be, none.
    ///
    /// # Errors
    /// As [`super::check_shift`]; `Refused` with `too-many-shifts`.
    pub async fn add_shifts(&self, stamp: &Stamp, shifts: &[Shift]) -> Result<()> {
        stamp.actor.require(Permission::WriteStaff)?;
        if shifts.len() > SHIFTS_AT_ONCE_MAX {
            let sentence = format!("{SHIFTS_AT_ONCE_MAX} shifts are entered at once at most");
            return Err(Error::refused("too-many-shifts", sentence));
        }
        for shift in shifts {
            usable(shift.problems())?;
        }
        self.store.add_shifts(stamp, shifts).await
    }

    /// Takes a shift off the roster. To change one, take it off and put another one on.
    ///
    /// # Errors
    /// `NotFound` for one that is not on it.
    pub async fn remove_shift(&self, stamp: &Stamp, shift: ShiftId) -> Result<()> {
        stamp.actor.require(Permission::WriteStaff)?;
        self.store.remove_shift(stamp, shift).await
    }
}
