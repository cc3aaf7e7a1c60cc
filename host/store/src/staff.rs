//! Staff and organisation: departments, posts, people and what is dated about them.
//!
//! Whoever changes any of it takes the company's turn first ([`Scope::take_turn`]), so that a rule that looks at several rows, such
//! as that no superior line comes back to itself, sees what it decides about.

mod assignment;
mod certificate;
mod department;
mod facts;
mod person;
mod post;
mod roster;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use guanjia_domain::{
    Date, Error, Result,
    access::Stamp,
    estate::STALE,
    ids::*,
    ports::{Page, StaffRow, StaffSearch, StaffStore},
    staff::*,
};
use serde_json::Value as Json;
use std::collections::BTreeSet;

use crate::{
    CompanyScope,
    audit::Change,
    db::{Row, Scope},
    value::Cell,
};

/// Rows of one page of a list.
const PAGE_ROWS_MAX: u32 = 1_000;
/// Shifts of one answer: a quarter of a large project's squads.
const SHIFTS_MAX: u32 = 20_000;

/// Something that was changed, for the audit trail and for whoever waits for events.
pub(crate) struct Told<'a> {
    /// Stable code such as `post.change`.
    pub(crate) action: &'static str,
    /// Stable code such as `post.changed`.
    pub(crate) event: &'static str,
    /// What it is, such as `post`.
    pub(crate) what: &'static str,
    pub(crate) id: String,
    pub(crate) project: Option<ProjectId>,
    pub(crate) before: Json,
    pub(crate) after: Json,
    /// What the event carries: ids and days, and no personal data.
    pub(crate) payload: &'a Json,
}

impl Scope {
    /// Keeps everybody else of the company from changing anything until the transaction ends: every change takes this row last.
    /// One that names a project has to hold that first ([`Scope::hold_project`]), as imports do.
    pub(crate) async fn take_turn(&mut self) -> Result<()> {
        let row = self.row(sql!("SELECT seq FROM audit_head WHERE company_id = $1 {for update}"), values![]).await?;
        row.map(|_| ()).ok_or_else(|| Error::not_found("company", self.company()))
    }

    pub(crate) async fn note_change(&mut self, stamp: &Stamp, told: Told<'_>) -> Result<()> {
        self.event(stamp.at, told.event, told.project, told.id.clone(), told.payload).await?;
        let change = Change {
            action: told.action,
            subject: format!("{} {}", told.what, told.id),
            before: told.before,
            after: told.after,
        };
        self.audit(stamp, change).await
    }
}

/// The version after a change, or that the one that was seen is not the stored one any more.
pub(crate) fn new_version(row: Option<Row>, what: &'static str) -> Result<i64> {
    row.ok_or_else(|| Error::refused(STALE, format!("the {what} was changed meanwhile: read it again")))?.only()
}

/// One page of rows that were asked for with one more than fits.
fn page_of<T>(mut items: Vec<T>, limit: u32, cursor: impl Fn(&T) -> String) -> Page<T> {
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next = items.last().filter(|_| more).map(cursor);
    Page { items, next }
}

/// A cursor of a list that is in the order of days and, on one day, of ids.
fn day_cursor(day: Date, id: uuid::Uuid) -> String {
    format!("{day}.{}", id.simple())
}

fn read_day_cursor(cursor: &str) -> Result<(Date, uuid::Uuid)> {
    let bad = || Error::invalid("the cursor is not one that a page gave");
    let (day, id) = cursor.split_once('.').ok_or_else(bad)?;
    Ok((day.parse().map_err(|_| bad())?, id.parse().map_err(|_| bad())?))
}

/// Everything that a statement found.
fn read_all<T>(rows: &[Row], read: impl Fn(&Row) -> Result<T>) -> Result<Vec<T>> {
    rows.iter().map(read).collect()
}

/// The only column of each row.
fn column<T: Cell>(rows: &[Row]) -> Result<Vec<T>> {
    rows.iter().map(Row::only).collect()
}

#[async_trait]
impl StaffStore for CompanyScope {
    async fn departments(&self) -> Result<Vec<Versioned<Department>>> {
        self.read().await?.departments().await
    }

    async fn add_department(&self, stamp: &Stamp, department: &Department) -> Result<()> {
        let mut scope = self.write().await?;
        scope.add_department(stamp, department).await?;
        scope.commit().await
    }

    async fn change_department(&self, stamp: &Stamp, department: &Department, version: i64) -> Result<i64> {
        let mut scope = self.write().await?;
        let version = scope.change_department(stamp, department, version).await?;
        scope.commit().await?;
        Ok(version)
    }

    async fn department_aliases(&self) -> Result<Vec<DepartmentAlias>> {
        self.read().await?.department_aliases().await
    }

    async fn add_department_alias(&self, stamp: &Stamp, alias: &DepartmentAlias) -> Result<()> {
        let mut scope = self.write().await?;
        scope.add_department_alias(stamp, alias).await?;
        scope.commit().await
    }

    async fn remove_department_alias(&self, stamp: &Stamp, alias: &str) -> Result<()> {
        let mut scope = self.write().await?;
        scope.remove_department_alias(stamp, alias).await?;
        scope.commit().await
    }

    async fn posts(&self) -> Result<Vec<Versioned<Post>>> {
        self.read().await?.posts().await
    }

    async fn add_post(&self, stamp: &Stamp, post: &Post) -> Result<()> {
        let mut scope = self.write().await?;
        scope.add_post(stamp, post).await?;
        scope.commit().await
    }

    async fn change_post(&self, stamp: &Stamp, post: &Post, version: i64) -> Result<i64> {
        let mut scope = self.write().await?;
        let version = scope.change_post(stamp, post, version).await?;
        scope.commit().await?;
        Ok(version)
    }

    async fn staff(&self, search: &StaffSearch, cursor: Option<&str>, limit: u32) -> Result<Page<StaffRow>> {
        self.read().await?.staff_page(search, cursor, limit).await
    }

    async fn staff_member(&self, staff: StaffId) -> Result<Versioned<Staff>> {
        self.read().await?.staff_member(staff).await
    }

    async fn staff_by_no(&self, staff_no: &str) -> Result<Option<Versioned<Staff>>> {
        self.read().await?.staff_by_no(staff_no).await
    }

    async fn take_on(&self, stamp: &Stamp, staff: &[Staff], assignments: &[PostAssignment]) -> Result<()> {
        let mut scope = self.write().await?;
        // In one order, and before the turn, as everybody who names a project does.
        let projects: BTreeSet<ProjectId> = assignments.iter().filter_map(|one| one.project_id).collect();
        for project in projects {
            scope.hold_project(project).await?;
        }
        scope.take_turn().await?;
        for person in staff {
            scope.add_person(stamp, person).await?;
        }
        for assignment in assignments {
            scope.add_assignment(stamp, assignment).await?;
        }
        scope.commit().await
    }

    async fn add_staff(&self, stamp: &Stamp, staff: &[Staff]) -> Result<()> {
        self.take_on(stamp, staff, &[]).await
    }

    async fn change_staff(&self, stamp: &Stamp, staff: &Staff, version: i64) -> Result<i64> {
        let mut scope = self.write().await?;
        let version = scope.change_staff(stamp, staff, version).await?;
        scope.commit().await?;
        Ok(version)
    }

    async fn end_employment(&self, stamp: &Stamp, staff: StaffId, left_on: Date, version: i64) -> Result<i64> {
        let mut scope = self.write().await?;
        let version = scope.end_employment(stamp, staff, left_on, version).await?;
        scope.commit().await?;
        Ok(version)
    }

    async fn skills(&self, staff: StaffId) -> Result<Vec<Skill>> {
        self.read().await?.skills(staff).await
    }

    async fn set_skills(&self, stamp: &Stamp, staff: StaffId, skills: &[Skill], version: i64) -> Result<i64> {
        let mut scope = self.write().await?;
        let version = scope.set_skills(stamp, staff, skills, version).await?;
        scope.commit().await?;
        Ok(version)
    }

    async fn assignments(
        &self,
        filter: &AssignmentFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AssignmentRow>> {
        self.read().await?.assignment_page(filter, cursor, limit).await
    }

    async fn assignment(&self, assignment: PostAssignmentId) -> Result<AssignmentRow> {
        self.read().await?.assignment(assignment).await
    }

    async fn add_assignment(&self, stamp: &Stamp, assignment: &PostAssignment) -> Result<()> {
        let mut scope = self.write().await?;
        scope.add_assignment(stamp, assignment).await?;
        scope.commit().await
    }

    async fn change_assignment(&self, stamp: &Stamp, assignment: &PostAssignment, version: i64) -> Result<i64> {
        let mut scope = self.write().await?;
        let version = scope.change_assignment(stamp, assignment, version).await?;
        scope.commit().await?;
        Ok(version)
    }

    async fn certificates(
        &self,
        filter: &CertificateFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<CertificateRow>> {
        self.read().await?.certificate_page(filter, cursor, limit).await
    }

    async fn certificate(&self, certificate: CertificateId) -> Result<CertificateRow> {
        self.read().await?.certificate(certificate).await
    }

    async fn add_certificate(&self, stamp: &Stamp, certificate: &Certificate) -> Result<()> {
        let mut scope = self.write().await?;
        scope.add_certificate(stamp, certificate).await?;
        scope.commit().await
    }

    async fn change_certificate(&self, stamp: &Stamp, certificate: &Certificate, version: i64) -> Result<i64> {
        let mut scope = self.write().await?;
        let version = scope.change_certificate(stamp, certificate, version).await?;
        scope.commit().await?;
        Ok(version)
    }

    async fn shifts(&self, filter: &DutyFilter, limit: u32) -> Result<Vec<ShiftRow>> {
        self.read().await?.shifts(filter, limit.min(SHIFTS_MAX)).await
    }

    async fn add_shifts(&self, stamp: &Stamp, shifts: &[Shift]) -> Result<()> {
        let mut scope = self.write().await?;
        scope.add_shifts(stamp, shifts).await?;
        scope.commit().await
    }

    async fn remove_shift(&self, stamp: &Stamp, shift: ShiftId) -> Result<()> {
        let mut scope = self.write().await?;
        scope.remove_shift(stamp, shift).await?;
        scope.commit().await
    }

    async fn manager_loads(&self, project: Option<ProjectId>, day: Date) -> Result<Vec<ManagerLoad>> {
        self.read().await?.manager_loads(project, day).await
    }

    async fn certificates_held(&self, staff: &[StaffId], day: Date) -> Result<Vec<Certificate>> {
        self.read().await?.certificates_held(staff, day).await
    }

    async fn work_candidates(&self, project: ProjectId, day: Date, at: DateTime<Utc>) -> Result<Vec<WorkCandidate>> {
        self.read().await?.work_candidates(project, day, at).await
    }

    async fn answerable(&self, post: PostId, project: Option<ProjectId>, day: Date) -> Result<Answerable> {
        self.read().await?.answerable(post, project, day).await
    }
}
