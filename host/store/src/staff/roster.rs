//! Who is on duty when.

use chrono::TimeDelta;
use guanjia_domain::{
    Error, Result,
    access::Stamp,
    ids::{ProjectId, ShiftId, StaffId},
    staff::{DutyFilter, SHIFT_HOURS_MAX, Shift, ShiftRow, check_shift},
};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

use super::{Told, read_all};
use crate::db::{Cells, Scope};

macro_rules! shift_columns {
    () => {
        "SELECT h.id, h.project_id, h.staff_id, h.post_id, h.place, h.starts_at, h.ends_at "
    };
}

fn read_shift(cells: &mut Cells<'_>) -> Result<Shift> {
    Ok(Shift {
        id: cells.take()?,
        project_id: cells.take()?,
        staff_id: cells.take()?,
        post_id: cells.take()?,
        place: cells.take()?,
        starts_at: cells.take()?,
        ends_at: cells.take()?,
    })
}

impl Scope {
    pub(crate) async fn shifts(&mut self, filter: &DutyFilter, limit: u32) -> Result<Vec<ShiftRow>> {
        let project = self.require_project(filter.project_id).await?;
        // Half-open, so that the instant at which one shift ends and the next one starts finds the next one only.
        let until = filter.to.max(filter.from + TimeDelta::microseconds(1));
        let earliest = filter.from - TimeDelta::hours(SHIFT_HOURS_MAX);
        let statement = sql!(
            shift_columns!(),
            ", s.name, s.staff_no, p.name FROM shift h JOIN staff s ON s.id = h.staff_id LEFT JOIN post p ON p.id = h.post_id ",
            "WHERE h.company_id = $1 AND h.project_id = $2 AND h.starts_at >= $3 AND h.starts_at < $5 AND h.ends_at > $4 ",
            "AND ($6 IS NULL OR h.staff_id = $6) AND ($7 IS NULL OR h.place = $7) ",
            "AND ($8 IS NULL OR p.kind = $8 OR (h.post_id IS NULL AND EXISTS (SELECT 1 FROM post_assignment a ",
            "JOIN post q ON q.id = a.post_id WHERE a.staff_id = h.staff_id AND q.kind = $8 ",
            "AND (a.project_id IS NULL OR a.project_id = h.project_id) AND a.starts_on <= $10 ",
            "AND (a.ends_on IS NULL OR a.ends_on > $9)))) ",
            "AND ($11 IS NULL OR EXISTS (SELECT 1 FROM staff_skill k WHERE k.staff_id = h.staff_id AND k.code = $11)) ",
            "ORDER BY h.starts_at, h.id LIMIT $12"
        );
        let values = values![
            filter.project_id,
            earliest,
            filter.from,
            until,
            filter.staff_id,
            &filter.place,
            &filter.post_kind,
            project.today(filter.from)?,
            project.today(filter.to)?,
            &filter.skill,
            limit
        ];
        read_all(&self.rows(statement, values).await?, |row| {
            let mut cells = row.cells();
            Ok(ShiftRow {
                shift: read_shift(&mut cells)?,
                staff: cells.take()?,
                staff_no: cells.take()?,
                post: cells.take()?,
            })
        })
    }

    /// Shifts of somebody that one could overlap.
    async fn shifts_around(&mut self, shift: &Shift) -> Result<Vec<Shift>> {
        let statement = sql!(
            shift_columns!(),
            "FROM shift h WHERE h.company_id = $1 AND h.staff_id = $2 AND h.starts_at >= $3 AND h.starts_at < $5 AND h.ends_at > $4"
        );
        let earliest = shift.starts_at - TimeDelta::hours(SHIFT_HOURS_MAX);
        let values = values![shift.staff_id, earliest, shift.starts_at, shift.ends_at];
        read_all(&self.rows(statement, values).await?, |row| read_shift(&mut row.cells()))
    }

    pub(crate) async fn add_shifts(&mut self, stamp: &Stamp, shifts: &[Shift]) -> Result<()> {
        let projects: BTreeSet<ProjectId> = shifts.iter().map(|shift| shift.project_id).collect();
        // In one order, so that two that hold several do not wait for each other.
        for project in &projects {
            self.hold_project(*project).await?;
        }
        self.take_turn().await?;
        for project in projects {
            let of_project: Vec<&Shift> = shifts.iter().filter(|shift| shift.project_id == project).collect();
            self.add_shifts_of(stamp, project, &of_project).await?;
            let staff: BTreeSet<StaffId> = of_project.iter().map(|shift| shift.staff_id).collect();
            let from = of_project.iter().map(|shift| shift.starts_at).min();
            let to = of_project.iter().map(|shift| shift.ends_at).max();
            let payload = json!({ "project": project, "staff": staff, "from": from, "to": to });
            let after = json!({ "shifts": of_project });
            self.tell_roster(stamp, "roster.add", project, Json::Null, after, &payload).await?;
        }
        Ok(())
    }

    async fn add_shifts_of(&mut self, stamp: &Stamp, project: ProjectId, shifts: &[&Shift]) -> Result<()> {
        let project = self.require_project(project).await?;
        for shift in shifts {
            let staff = self.staff_member(shift.staff_id).await?.record;
            if let Some(post) = shift.post_id {
                self.post(post).await?;
            }
            let around = self.shifts_around(shift).await?;
            check_shift(shift, &staff, &project, &around)?;
            let statement = sql!(
                "INSERT INTO shift (company_id, id, project_id, staff_id, post_id, place, starts_at, ends_at, created_at) ",
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
            );
            let values = values![
                shift.id,
                shift.project_id,
                shift.staff_id,
                shift.post_id,
                &shift.place,
                shift.starts_at,
                shift.ends_at,
                stamp.at
            ];
            self.execute(statement, values).await?;
        }
        Ok(())
    }

    pub(crate) async fn remove_shift(&mut self, stamp: &Stamp, shift: ShiftId) -> Result<()> {
        self.take_turn().await?;
        let statement = sql!(shift_columns!(), "FROM shift h WHERE h.company_id = $1 AND h.id = $2");
        let row = self.row(statement, values![shift]).await?;
        let before = read_shift(&mut row.ok_or_else(|| Error::not_found("shift", shift))?.cells())?;
        self.execute(sql!("DELETE FROM shift WHERE company_id = $1 AND id = $2"), values![shift]).await?;
        let project = before.project_id;
        let payload = json!({
            "project": project, "staff": [before.staff_id], "from": before.starts_at, "to": before.ends_at,
        });
        self.tell_roster(stamp, "roster.remove", project, json!({ "shifts": [before] }), Json::Null, &payload).await
    }

    async fn tell_roster(
        &mut self,
        stamp: &Stamp,
        action: &'static str,
        project: ProjectId,
        before: Json,
        after: Json,
        payload: &Json,
    ) -> Result<()> {
        let told = Told {
            action,
            event: "roster.changed",
            what: "roster",
            id: project.to_string(),
            project: Some(project),
            before,
            after,
            payload,
        };
        self.note_change(stamp, told).await
    }
}
