//! Work that begins by itself.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use guanjia_domain::{
    Error, Result,
    access::Stamp,
    billing::BillingRun,
    ids::ScheduleId,
    job::{Job, Schedule, Scheduled},
    ports::ScheduleStore,
};
use serde_json::json;

use crate::{
    CompanyScope,
    audit::Change,
    db::{Cells, Scope},
};

pub(crate) fn read_schedule(cells: &mut Cells<'_>) -> Result<Schedule> {
    Ok(Schedule {
        id: cells.take()?,
        work: read_work(cells)?,
        cron: cells.take()?,
        time_zone: cells.take()?,
        enabled: cells.take()?,
        next_at: cells.take()?,
    })
}

/// Kind and project, which are written together.
fn read_work(cells: &mut Cells<'_>) -> Result<Scheduled> {
    match (cells.take::<String>()?.as_str(), cells.take()?) {
        ("preview-month", Some(project_id)) => Ok(Scheduled::PreviewMonth { project_id }),
        ("replay-sample", None) => Ok(Scheduled::ReplaySample),
        (kind, _) => Err(Error::unavailable("reading a schedule", format!("{kind:?} is no kind of schedule"))),
    }
}

impl Scope {
    pub(crate) async fn write_schedule(&mut self, schedule: &Schedule, now: DateTime<Utc>) -> Result<()> {
        self.execute(
            sql!(
                "INSERT INTO schedule (company_id, id, kind, project_id, cron, time_zone, enabled, next_at, created_at) ",
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
            ),
            values![
                schedule.id,
                schedule.work.code(),
                schedule.work.project_id(),
                &schedule.cron,
                &schedule.time_zone,
                schedule.enabled,
                schedule.next_at,
                now
            ],
        )
        .await?;
        Ok(())
    }
}

#[async_trait]
impl ScheduleStore for CompanyScope {
    async fn schedules(&self) -> Result<Vec<Schedule>> {
        let statement = sql!(
            "SELECT id, kind, project_id, cron, time_zone, enabled, next_at FROM schedule WHERE company_id = $1 ORDER BY id"
        );
        let rows = self.read().await?.rows(statement, values![]).await?;
        rows.iter().map(|row| read_schedule(&mut row.cells())).collect()
    }

    async fn add_schedule(&self, stamp: &Stamp, schedule: &Schedule) -> Result<()> {
        let mut scope = self.write().await?;
        if let Some(project) = schedule.work.project_id() {
            scope.require_project(project).await?;
        }
        scope.write_schedule(schedule, stamp.at).await?;
        let after = json!({ "work": schedule.work, "cron": schedule.cron, "enabled": schedule.enabled });
        scope.audit(stamp, Change::of("schedule.add", format!("schedule {}", schedule.id), after)).await?;
        scope.commit().await
    }

    async fn set_schedule_enabled(&self, stamp: &Stamp, schedule: ScheduleId, enabled: bool) -> Result<()> {
        let mut scope = self.write().await?;
        let changed = scope
            .execute(
                sql!("UPDATE schedule SET enabled = $3 WHERE company_id = $1 AND id = $2"),
                values![schedule, enabled],
            )
            .await?;
        if changed == 0 {
            return Err(Error::not_found("schedule", schedule));
        }
        scope
            .audit(stamp, Change::of("schedule.enable", format!("schedule {schedule}"), json!({ "enabled": enabled })))
            .await?;
        scope.commit().await
    }

    async fn fire_schedule(
        &self,
        stamp: &Stamp,
        schedule: &Schedule,
        next_at: DateTime<Utc>,
        run: Option<&BillingRun>,
        job: &Job,
    ) -> Result<bool> {
        let mut scope = self.write().await?;
        let moved = scope
            .execute(
                sql!("UPDATE schedule SET next_at = $4 WHERE company_id = $1 AND id = $2 AND next_at = $3 AND enabled = TRUE"),
                values![schedule.id, schedule.next_at, next_at],
            )
            .await?;
        if moved == 0 {
            return Ok(false);
        }
        // A run that waits to be posted is not disturbed: the schedule goes on and says that it passed.
        let waits = match run {
            Some(run) => scope.period_is_approved(run).await?,
            None => false,
        };
        match run {
            _ if waits => {}
            Some(run) => scope.start_run(stamp, run, job).await?,
            None => scope.write_job(job).await?,
        }
        let started = run.filter(|_| !waits).map(|run| run.id);
        let payload = json!({ "kind": schedule.work.code(), "run": started, "next_at": next_at });
        scope.event(stamp.at, "schedule.fired", schedule.work.project_id(), schedule.id.to_string(), &payload).await?;
        scope.audit(stamp, Change::of("schedule.fire", format!("schedule {}", schedule.id), payload)).await?;
        scope.commit().await?;
        Ok(!waits)
    }
}
