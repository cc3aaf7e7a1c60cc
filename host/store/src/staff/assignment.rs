//! Who holds which post.

use guanjia_domain::{
    Date, Error, Result,
    access::Stamp,
    ids::{PostAssignmentId, StaffId},
    ports::Page,
    staff::{AssignmentFilter, AssignmentRow, PostAssignment, Span, check_assignment},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{PAGE_ROWS_MAX, Told, day_cursor, new_version, page_of, read_all, read_day_cursor};
use crate::db::{Cells, Row, Scope};

/// After every day that is written.
pub(super) const LAST_DAY: Date = Date(2_932_896);

macro_rules! assignment_columns {
    () => {
        "SELECT a.id, a.staff_id, a.post_id, a.project_id, a.starts_on, a.ends_on, a.is_primary, a.share_permille "
    };
}

macro_rules! assignment_rows {
    () => {
        concat!(
            assignment_columns!(),
            ", a.version, s.name, s.staff_no, p.name, j.name FROM post_assignment a JOIN staff s ON s.id = a.staff_id ",
            "JOIN post p ON p.id = a.post_id LEFT JOIN project j ON j.id = a.project_id "
        )
    };
}

fn read_assignment(cells: &mut Cells<'_>) -> Result<PostAssignment> {
    Ok(PostAssignment {
        id: cells.take()?,
        staff_id: cells.take()?,
        post_id: cells.take()?,
        project_id: cells.take()?,
        span: Span::new(cells.take()?, cells.take()?),
        is_primary: cells.take()?,
        share_permille: cells.take()?,
    })
}

fn read_row(row: &Row) -> Result<AssignmentRow> {
    let mut cells = row.cells();
    Ok(AssignmentRow {
        assignment: read_assignment(&mut cells)?,
        version: cells.take()?,
        staff: cells.take()?,
        staff_no: cells.take()?,
        post: cells.take()?,
        project: cells.take()?,
    })
}

impl Scope {
    pub(crate) async fn assignment_page(
        &mut self,
        filter: &AssignmentFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AssignmentRow>> {
        let limit = limit.clamp(1, PAGE_ROWS_MAX);
        let (before_day, before) = cursor.map_or(Ok((LAST_DAY, Uuid::max())), read_day_cursor)?;
        let statement = sql!(
            assignment_rows!(),
            "WHERE a.company_id = $1 AND (a.starts_on, a.id) < ($2, $3) AND ($4 IS NULL OR a.staff_id = $4) ",
            "AND ($5 IS NULL OR a.post_id = $5) AND ($6 IS NULL OR a.project_id = $6) ",
            "AND ($7 IS NULL OR (a.starts_on <= $7 AND (a.ends_on IS NULL OR a.ends_on > $7))) ",
            "ORDER BY a.starts_on DESC, a.id DESC LIMIT $8"
        );
        let values =
            values![before_day, before, filter.staff_id, filter.post_id, filter.project_id, filter.day, limit + 1];
        let items = read_all(&self.rows(statement, values).await?, read_row)?;
        Ok(page_of(items, limit, |row| day_cursor(row.assignment.span.starts_on, row.assignment.id.0)))
    }

    pub(crate) async fn assignment(&mut self, assignment: PostAssignmentId) -> Result<AssignmentRow> {
        let statement = sql!(assignment_rows!(), "WHERE a.company_id = $1 AND a.id = $2");
        let row = self.row(statement, values![assignment]).await?;
        read_row(&row.ok_or_else(|| Error::not_found("assignment", assignment))?)
    }

    async fn check_assignment(&mut self, assignment: &PostAssignment) -> Result<()> {
        let staff = self.staff_member(assignment.staff_id).await?.record;
        let post = self.post(assignment.post_id).await?.record;
        let others = self.assignments_of(assignment.staff_id).await?;
        check_assignment(assignment, &staff, &post, &others)
    }

    async fn assignments_of(&mut self, staff: StaffId) -> Result<Vec<PostAssignment>> {
        let statement =
            sql!(assignment_columns!(), "FROM post_assignment a WHERE a.company_id = $1 AND a.staff_id = $2");
        read_all(&self.rows(statement, values![staff]).await?, |row| read_assignment(&mut row.cells()))
    }

    pub(crate) async fn add_assignment(&mut self, stamp: &Stamp, assignment: &PostAssignment) -> Result<()> {
        if let Some(project) = assignment.project_id {
            self.hold_project(project).await?;
        }
        self.take_turn().await?;
        self.check_assignment(assignment).await?;
        let statement = sql!(
            "INSERT INTO post_assignment (company_id, id, staff_id, post_id, project_id, starts_on, ends_on, is_primary, ",
            "share_permille, version, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10)"
        );
        let values = values![
            assignment.id,
            assignment.staff_id,
            assignment.post_id,
            assignment.project_id,
            assignment.span.starts_on,
            assignment.span.ends_on,
            assignment.is_primary,
            assignment.share_permille,
            stamp.at
        ];
        self.execute(statement, values).await?;
        self.tell_assignment(stamp, "assignment.add", "assignment.added", Json::Null, assignment).await
    }

    pub(crate) async fn change_assignment(
        &mut self,
        stamp: &Stamp,
        assignment: &PostAssignment,
        seen: i64,
    ) -> Result<i64> {
        self.take_turn().await?;
        let before = self.assignment(assignment.id).await?.assignment;
        let who = |assignment: &PostAssignment| (assignment.staff_id, assignment.post_id, assignment.project_id);
        if who(&before) != who(assignment) {
            return Err(Error::Conflict(
                "an assignment stays with its person, post and project: end it, and add one".into(),
            ));
        }
        self.check_assignment(assignment).await?;
        let statement = sql!(
            "UPDATE post_assignment SET starts_on = $4, ends_on = $5, is_primary = $6, share_permille = $7, version = version + 1 ",
            "WHERE company_id = $1 AND id = $2 AND version = $3 RETURNING version"
        );
        let values = values![
            assignment.id,
            seen,
            assignment.span.starts_on,
            assignment.span.ends_on,
            assignment.is_primary,
            assignment.share_permille
        ];
        let version = new_version(self.row(statement, values).await?, "assignment")?;
        self.tell_assignment(stamp, "assignment.change", "assignment.changed", json!(before), assignment).await?;
        Ok(version)
    }

    async fn tell_assignment(
        &mut self,
        stamp: &Stamp,
        action: &'static str,
        event: &'static str,
        before: Json,
        assignment: &PostAssignment,
    ) -> Result<()> {
        let told = Told {
            action,
            event,
            what: "assignment",
            id: assignment.id.to_string(),
            project: assignment.project_id,
            before,
            after: json!(assignment),
            payload: &json!({ "assignment": assignment.id, "staff": assignment.staff_id, "post": assignment.post_id }),
        };
        self.note_change(stamp, told).await
    }
}
