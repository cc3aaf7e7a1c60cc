//! What rules ask about staff, read together.

use chrono::{DateTime, Utc};
use guanjia_domain::{
    Date, Result,
    ids::{ProjectId, ServiceAreaId, StaffId},
    staff::{DutyFilter, HeldPost, ManagedProject, ManagerLoad, SITE_MANAGER, Skill, WorkCandidate},
};
use std::collections::BTreeMap;

use super::SHIFTS_MAX;
use crate::db::Scope;

impl Scope {
    pub(crate) async fn manager_loads(&mut self, project: Option<ProjectId>, day: Date) -> Result<Vec<ManagerLoad>> {
        if let Some(project) = project {
            self.require_project(project).await?;
        }
        let statement = sql!(
            "SELECT a.staff_id, s.name, a.project_id, j.name, a.starts_on, ",
            "(SELECT COUNT(*) FROM unit u WHERE u.project_id = j.id), ",
            "(SELECT CAST(COALESCE(SUM(u.gross_floor_area_cm2), 0) AS BIGINT) FROM unit u WHERE u.project_id = j.id) ",
            "FROM post_assignment a JOIN post p ON p.id = a.post_id JOIN staff s ON s.id = a.staff_id ",
            "LEFT JOIN project j ON j.id = a.project_id ",
            "WHERE a.company_id = $1 AND p.kind = $2 AND a.starts_on <= $3 AND (a.ends_on IS NULL OR a.ends_on > $3) ",
            "AND ($4 IS NULL OR EXISTS (SELECT 1 FROM post_assignment b JOIN post q ON q.id = b.post_id ",
            "WHERE b.staff_id = a.staff_id AND q.kind = $2 AND b.project_id = $4 AND b.starts_on <= $3 ",
            "AND (b.ends_on IS NULL OR b.ends_on > $3))) ",
            "ORDER BY s.sort_key, s.id, j.name, a.starts_on"
        );
        let mut loads: Vec<ManagerLoad> = Vec::new();
        for row in self.rows(statement, values![SITE_MANAGER, day, project]).await? {
            let mut cells = row.cells();
            let (staff_id, staff): (StaffId, String) = (cells.take()?, cells.take()?);
            let (project_id, name): (Option<ProjectId>, Option<String>) = (cells.take()?, cells.take()?);
            if loads.last().is_none_or(|last| last.staff_id != staff_id) {
                loads.push(ManagerLoad { staff_id, staff, projects: Vec::new() });
            }
            let (Some(project_id), Some(project), Some(load)) = (project_id, name, loads.last_mut()) else { continue };
            // Whoever holds two such posts at one project runs it once.
            if load.projects.iter().any(|managed| managed.project_id == project_id) {
                continue;
            }
            load.projects.push(ManagedProject {
                project_id,
                project,
                since: cells.take()?,
                units: cells.take()?,
                gross_floor_area_cm2: cells.take()?,
            });
        }
        Ok(loads)
    }

    pub(crate) async fn work_candidates(
        &mut self,
        project: ProjectId,
        day: Date,
        at: DateTime<Utc>,
    ) -> Result<Vec<WorkCandidate>> {
        let mut candidates = self.holders(project, day).await?;
        let stewards = sql!(
            "SELECT t.staff_id, s.name, t.service_area_id FROM service_area_steward t JOIN staff s ON s.id = t.staff_id ",
            "JOIN service_area a ON a.id = t.service_area_id WHERE t.company_id = $1 AND a.project_id = $2 ",
            "AND t.starts_on <= $3 AND (t.ends_on IS NULL OR t.ends_on > $3) ORDER BY a.name"
        );
        for row in self.rows(stewards, values![project, day]).await? {
            let mut cells = row.cells();
            let (staff_id, staff): (StaffId, String) = (cells.take()?, cells.take()?);
            let area: ServiceAreaId = cells.take()?;
            candidates.entry(staff_id).or_insert_with(|| candidate(staff_id, staff)).service_area_ids.push(area);
        }
        for row in self.shifts(&DutyFilter::at(project, at), SHIFTS_MAX).await? {
            let found =
                candidates.entry(row.shift.staff_id).or_insert_with(|| candidate(row.shift.staff_id, row.staff));
            found.on_duty_until = Some(row.shift.ends_at);
        }
        let ids: Vec<_> = candidates.keys().map(|staff| staff.0).collect();
        let skills = sql!(
            "SELECT staff_id, code, level FROM staff_skill WHERE company_id = $1 AND staff_id IN ({list}) ORDER BY staff_id, code"
        );
        for row in self.rows_of(skills, &ids).await? {
            let mut cells = row.cells();
            let staff_id: StaffId = cells.take()?;
            let skill = Skill { code: cells.take()?, level: cells.take()? };
            if let Some(candidate) = candidates.get_mut(&staff_id) {
                candidate.skills.push(skill);
            }
        }
        Ok(candidates.into_values().collect())
    }

    /// Whoever holds a post at the project or for the whole company on the day.
    async fn holders(&mut self, project: ProjectId, day: Date) -> Result<BTreeMap<StaffId, WorkCandidate>> {
        self.require_project(project).await?;
        let statement = sql!(
            "SELECT a.staff_id, s.name, p.id, p.kind, p.level, p.department_id, d.kind, a.project_id FROM post_assignment a ",
            "JOIN post p ON p.id = a.post_id JOIN department d ON d.id = p.department_id JOIN staff s ON s.id = a.staff_id ",
            "WHERE a.company_id = $1 AND (a.project_id IS NULL OR a.project_id = $2) AND a.starts_on <= $3 ",
            "AND (a.ends_on IS NULL OR a.ends_on > $3) ORDER BY a.is_primary DESC, a.starts_on, a.id"
        );
        let mut candidates = BTreeMap::new();
        for row in self.rows(statement, values![project, day]).await? {
            let mut cells = row.cells();
            let (staff_id, staff): (StaffId, String) = (cells.take()?, cells.take()?);
            let held = HeldPost {
                post_id: cells.take()?,
                kind: cells.take()?,
                level: cells.take()?,
                department_id: cells.take()?,
                department_kind: cells.take()?,
                project_id: cells.take()?,
            };
            candidates.entry(staff_id).or_insert_with(|| candidate(staff_id, staff)).posts.push(held);
        }
        Ok(candidates)
    }
}

fn candidate(staff_id: StaffId, staff: String) -> WorkCandidate {
    WorkCandidate {
        staff_id,
        staff,
        posts: Vec::new(),
        skills: Vec::new(),
        on_duty_until: None,
        service_area_ids: Vec::new(),
    }
}
