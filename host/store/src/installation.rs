//! Component files that jobs check.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use guanjia_domain::{
    Error, Result,
    access::Stamp,
    ids::JobId,
    plugin::{Installation, UPLOAD_HOURS, UPLOADS_MAX, Upload},
    ports::{InstallationStore, JobStore, NewPlugin},
};
use serde_json::json;

use crate::{CompanyScope, audit::Change, db::Row};

#[async_trait]
impl InstallationStore for CompanyScope {
    async fn add_installation(&self, stamp: &Stamp, installation: &Installation, file: &[u8]) -> Result<()> {
        let Installation { job, plugin_id, plugin_version, origin, installed: _ } = installation;
        let mut scope = self.write().await?;
        scope.write_job(job).await?;
        scope
            .execute(
                sql!(
                    "INSERT INTO plugin_installation (company_id, job_id, plugin_code, plugin_version, origin, file, created_at) ",
                    "VALUES ($1, $2, $3, $4, $5, $6, $7)"
                ),
                values![job.id, plugin_id, plugin_version, origin, file.to_vec(), stamp.at],
            )
            .await?;
        let after = json!({ "job": job.id, "origin": origin, "file_bytes": file.len() });
        scope.audit(stamp, Change::of("plugin.hand-in", format!("plugin {plugin_id} {plugin_version}"), after)).await?;
        scope.commit().await
    }

    async fn installation(&self, job: JobId) -> Result<Installation> {
        let statement = sql!(
            "SELECT plugin_code, plugin_version, origin, installed_at IS NOT NULL FROM plugin_installation ",
            "WHERE company_id = $1 AND job_id = $2"
        );
        let row = self.read().await?.row(statement, values![job]).await?;
        let row = row.ok_or_else(|| Error::not_found("installation", job))?;
        let mut cells = row.cells();
        Ok(Installation {
            plugin_id: cells.take()?,
            plugin_version: cells.take()?,
            origin: cells.take()?,
            installed: cells.take()?,
            job: self.job(job).await?,
        })
    }

    async fn open_installations(&self) -> Result<Vec<Installation>> {
        let statement = sql!(
            "SELECT i.job_id FROM plugin_installation i JOIN job j ON j.company_id = i.company_id AND j.id = i.job_id ",
            "WHERE i.company_id = $1 AND i.file IS NOT NULL AND j.state IN ('ready', 'running') ORDER BY j.created_at, j.id"
        );
        let rows = self.read().await?.rows(statement, values![]).await?;
        let mut open = Vec::with_capacity(rows.len());
        for row in rows {
            open.push(self.installation(row.only()?).await?);
        }
        Ok(open)
    }

    async fn installation_file(&self, job: JobId) -> Result<Vec<u8>> {
        let statement =
            sql!("SELECT file FROM plugin_installation WHERE company_id = $1 AND job_id = $2 AND file IS NOT NULL");
        let row = self.read().await?.row(statement, values![job]).await?;
        row.ok_or_else(|| Error::not_found("file of installation", job))?.only()
    }

    async fn finish_installation(&self, stamp: &Stamp, job: JobId, plugin: &NewPlugin<'_>) -> Result<()> {
        let mut scope = self.write().await?;
        scope.install_plugin(stamp, plugin).await?;
        scope
            .execute(
                sql!(
                    "UPDATE plugin_installation SET installed_at = $3, file = NULL ",
                    "WHERE company_id = $1 AND job_id = $2 AND installed_at IS NULL"
                ),
                values![job, stamp.at],
            )
            .await?;
        scope.commit().await
    }

    async fn add_upload(&self, stamp: &Stamp, sha256: &str, origin: &str, file: &[u8]) -> Result<()> {
        let mut scope = self.write().await?;
        scope
            .execute(
                sql!(
                    "INSERT INTO plugin_upload (company_id, sha256, origin, file, created_at) VALUES ($1, $2, $3, $4, $5) ",
                    "ON CONFLICT (company_id, sha256) DO UPDATE SET created_at = excluded.created_at"
                ),
                values![sha256, origin, file.to_vec(), stamp.at],
            )
            .await?;
        scope
            .execute(
                sql!("DELETE FROM plugin_upload WHERE company_id = $1 AND created_at <= $2"),
                values![stamp.at - TimeDelta::hours(UPLOAD_HOURS)],
            )
            .await?;
        scope
            .execute(
                sql!(
                    "DELETE FROM plugin_upload WHERE company_id = $1 AND sha256 NOT IN (SELECT sha256 FROM plugin_upload ",
                    "WHERE company_id = $1 ORDER BY created_at DESC, sha256 LIMIT $2)"
                ),
                values![i64::try_from(UPLOADS_MAX).unwrap_or(i64::MAX)],
            )
            .await?;
        let after = json!({ "origin": origin, "file_bytes": file.len() });
        scope.audit(stamp, Change::of("plugin.upload", format!("file {sha256}"), after)).await?;
        scope.commit().await
    }

    async fn upload(&self, now: DateTime<Utc>, sha256: &str) -> Result<Option<Upload>> {
        let statement =
            sql!("SELECT origin, file FROM plugin_upload WHERE company_id = $1 AND sha256 = $2 AND created_at > $3");
        let row = self.read().await?.row(statement, values![sha256, now - TimeDelta::hours(UPLOAD_HOURS)]).await?;
        let read = |row: Row| {
            let mut cells = row.cells();
            Ok(Upload { sha256: sha256.to_owned(), origin: cells.take()?, file: cells.take()? })
        };
        row.map(read).transpose()
    }

    async fn forget_upload(&self, sha256: &str) -> Result<()> {
        let mut scope = self.write().await?;
        scope.execute(sql!("DELETE FROM plugin_upload WHERE company_id = $1 AND sha256 = $2"), values![sha256]).await?;
        scope.commit().await
    }

    async fn forget_files(&self) -> Result<()> {
        let mut scope = self.write().await?;
        scope
            .execute(
                sql!(
                    "UPDATE plugin_installation SET file = NULL WHERE company_id = $1 AND file IS NOT NULL ",
                    "AND job_id IN (SELECT id FROM job WHERE company_id = $1 AND state NOT IN ('ready', 'running'))"
                ),
                values![],
            )
            .await?;
        scope.commit().await
    }
}
