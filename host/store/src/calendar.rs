//! Working calendars: every change is a row.

use async_trait::async_trait;
use guanjia_domain::{
    Error, Result, access::Stamp, calendar::CalendarVersion, estate::STALE, ids::ProjectId, ports::CalendarStore,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    CompanyScope,
    audit::Change,
    db::{Row, Scope},
    value::{json, to_json},
};

/// Versions that are shown: decades of a calendar that is written once a year.
const VERSIONS_MAX: u32 = 200;

fn read_version(row: &Row) -> Result<CalendarVersion> {
    let mut cells = row.cells();
    Ok(CalendarVersion {
        project_id: cells.take()?,
        version: cells.take()?,
        calendar: json(&cells.take::<String>()?)?,
        made_by: cells.take()?,
    })
}

impl Scope {
    async fn own_calendars(&mut self, project: Option<ProjectId>, limit: u32) -> Result<Vec<CalendarVersion>> {
        let rows = match project {
            Some(project) => {
                let statement = sql!(
                    "SELECT project_id, version, calendar, made_by FROM working_calendar ",
                    "WHERE company_id = $1 AND project_id = $2 ORDER BY version DESC LIMIT $3"
                );
                self.rows(statement, values![project, limit]).await?
            }
            None => {
                let statement = sql!(
                    "SELECT project_id, version, calendar, made_by FROM working_calendar ",
                    "WHERE company_id = $1 AND project_id IS NULL ORDER BY version DESC LIMIT $2"
                );
                self.rows(statement, values![limit]).await?
            }
        };
        rows.iter().map(read_version).collect()
    }
}

#[async_trait]
impl CalendarStore for CompanyScope {
    async fn calendar(&self, project: Option<ProjectId>) -> Result<Option<CalendarVersion>> {
        let statement = sql!(
            "SELECT project_id, version, calendar, made_by FROM working_calendar ",
            "WHERE company_id = $1 AND (project_id = $2 OR project_id IS NULL) ",
            "ORDER BY project_id IS NULL, version DESC LIMIT 1"
        );
        let row = self.read().await?.row(statement, values![project]).await?;
        row.as_ref().map(read_version).transpose()
    }

    async fn calendar_versions(&self, project: Option<ProjectId>) -> Result<Vec<CalendarVersion>> {
        self.read().await?.own_calendars(project, VERSIONS_MAX).await
    }

    async fn add_calendar(&self, stamp: &Stamp, version: &CalendarVersion) -> Result<()> {
        let mut scope = self.write().await?;
        let before = scope.own_calendars(version.project_id, 1).await?.pop();
        let stale = || Error::refused(STALE, "the calendar was changed meanwhile: read it again");
        if before.as_ref().map_or(0, |before| before.version) + 1 != version.version {
            return Err(stale());
        }
        let written = scope
            .execute(
                sql!(
                    "INSERT INTO working_calendar (company_id, id, project_id, version, calendar, made_by, created_at) ",
                    "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING"
                ),
                values![
                    Uuid::now_v7(),
                    version.project_id,
                    version.version,
                    to_json(&version.calendar)?,
                    &version.made_by,
                    stamp.at
                ],
            )
            .await?;
        if written == 0 {
            return Err(stale());
        }
        let subject = version
            .project_id
            .map_or_else(|| "calendar".to_owned(), |project| format!("calendar of project {project}"));
        let change = Change {
            action: "calendar.set",
            subject,
            before: json!(before.map(|before| before.calendar)),
            after: json!(version.calendar),
        };
        scope.audit(stamp, change).await?;
        scope.commit().await
    }
}
