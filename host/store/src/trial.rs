//! Trials, and the recorded inputs that they read.

use async_trait::async_trait;
use guanjia_domain::{
    Date, Error, Period, Result,
    access::Stamp,
    decision::Decision,
    ids::{BillingRunId, FeeItemId, ProjectId, TrialId, UnitId},
    job::Job,
    ports::{DecisionQuery, RecordedCalls, TrialStore},
    trial::{Candidate, Trial},
};
use serde_json::json;

use crate::{
    CompanyScope, aside,
    audit::Change,
    db::{Row, Scope},
    value,
};

/// Trials of one list: more than anybody looks back at.
const TRIALS_LISTED_MAX: u32 = 200;

/// What [`read_trial`] reads, of a trial `t` joined with its settings `s`.
macro_rules! trial_columns {
    () => {
        concat!(
            "t.id, t.project_id, t.point, t.fee_item_id, t.plugin_code, t.plugin_version, t.digest, s.settings, ",
            "t.period_start, t.period_end, t.created_by, t.created_at, t.finished_at, t.report ",
            "FROM trial t JOIN settings_blob s ON s.company_id = t.company_id AND s.settings_sha256 = t.settings_sha256 "
        )
    };
}

fn read_trial(row: &Row) -> Result<Trial> {
    let mut cells = row.cells();
    Ok(Trial {
        id: cells.take()?,
        project_id: cells.take()?,
        point: cells.take()?,
        fee_item_id: cells.take()?,
        candidate: Candidate {
            plugin_id: cells.take()?,
            plugin_version: cells.take()?,
            digest: cells.take()?,
            settings: cells.take()?,
        },
        period: Period { start: cells.take::<Date>()?, end: cells.take::<Date>()? },
        created_by: cells.take()?,
        created_at: cells.take()?,
        finished_at: cells.take()?,
        report: value::json(&cells.take::<String>()?)?,
    })
}

fn months(trial: &Trial) -> Result<i64> {
    i64::try_from(trial.report.periods.len()).map_err(|_| Error::Overflow("counting months"))
}

impl Scope {
    async fn write_trial(&mut self, stamp: &Stamp, trial: &Trial) -> Result<()> {
        let settings = self.keep_settings(&trial.candidate.settings, stamp.at).await?;
        self.execute(
            sql!(
                "INSERT INTO trial (company_id, id, project_id, fee_item_id, point, plugin_code, plugin_version, digest, ",
                "settings_sha256, period_start, period_end, created_by, created_at, finished_at, months, report) ",
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
            ),
            values![
                trial.id,
                trial.project_id,
                trial.fee_item_id,
                trial.point,
                &trial.candidate.plugin_id,
                &trial.candidate.plugin_version,
                &trial.candidate.digest,
                settings,
                trial.period.start,
                trial.period.end,
                &trial.created_by,
                trial.created_at,
                trial.finished_at,
                months(trial)?,
                value::to_json(&trial.report)?
            ],
        )
        .await?;
        Ok(())
    }
}

#[async_trait]
impl TrialStore for CompanyScope {
    async fn create_trial(&self, stamp: &Stamp, trial: &Trial, job: &Job) -> Result<()> {
        let mut scope = self.write().await?;
        scope.require_project(trial.project_id).await?;
        scope.write_trial(stamp, trial).await?;
        scope.write_job(job).await?;
        let after = json!({
            "project": trial.project_id,
            "fee_item": trial.fee_item_id,
            "plugin": trial.candidate.plugin_id,
            "version": trial.candidate.plugin_version,
            "settings": trial.candidate.settings,
            "period": trial.period.to_string(),
            "job": job.id,
        });
        scope.audit(stamp, Change::of("trial.create", format!("trial {}", trial.id), after)).await?;
        scope.commit().await
    }

    async fn trial(&self, trial: TrialId) -> Result<Trial> {
        let statement = sql!("SELECT ", trial_columns!(), "WHERE t.company_id = $1 AND t.id = $2");
        let row = self.read().await?.row(statement, values![trial]).await?;
        read_trial(&row.ok_or_else(|| Error::not_found("trial", trial))?)
    }

    async fn trials(&self, project: ProjectId) -> Result<Vec<Trial>> {
        let statement = sql!(
            "SELECT ",
            trial_columns!(),
            "WHERE t.company_id = $1 AND t.project_id = $2 ORDER BY t.id DESC LIMIT $3"
        );
        let rows = self.read().await?.rows(statement, values![project, TRIALS_LISTED_MAX]).await?;
        rows.iter().map(read_trial).collect()
    }

    async fn record_trial(&self, trial: &Trial) -> Result<()> {
        let mut scope = self.write().await?;
        scope
            .execute(
                sql!(
                    "UPDATE trial SET months = $3, report = $4, finished_at = $5 ",
                    "WHERE company_id = $1 AND id = $2 AND months < $3 AND finished_at IS NULL"
                ),
                values![trial.id, months(trial)?, value::to_json(&trial.report)?, trial.finished_at],
            )
            .await?;
        scope.commit().await
    }

    async fn jobs_of_trial(&self, trial: TrialId) -> Result<Vec<Job>> {
        self.read().await?.jobs_of_trial(trial).await
    }

    async fn recorded_calls(&self, fee_item: FeeItemId) -> Result<Vec<RecordedCalls>> {
        let statement = sql!(
            "SELECT run_id, component_digest, COUNT(*) FROM decision WHERE company_id = $1 AND fee_item_id = $2 ",
            "GROUP BY run_id, component_digest ORDER BY run_id, component_digest"
        );
        let rows = self.read().await?.rows(statement, values![fee_item]).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok(RecordedCalls { run_id: cells.take()?, component_digest: cells.take()?, decisions: cells.take()? })
            })
            .collect()
    }

    async fn decisions_of_item(&self, query: DecisionQuery) -> Result<Vec<Decision>> {
        let company = self.clone();
        aside(async move { company.read().await?.decisions_of_item(query).await }).await
    }

    async fn held_unasked(&self, run: BillingRunId, fee_item: FeeItemId) -> Result<Vec<UnitId>> {
        let statement = sql!(
            "SELECT unit_id FROM held_subject WHERE company_id = $1 AND run_id = $2 AND fee_item_id = $3 ",
            "AND decision_id IS NULL ORDER BY unit_id"
        );
        let rows = self.read().await?.rows(statement, values![run, fee_item]).await?;
        rows.iter().map(Row::only).collect()
    }
}
