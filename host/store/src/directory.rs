//! Companies, and what has to be found before a company is known. Every unscoped statement of the crate stands here.

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use guanjia_domain::{
    Date, Result,
    access::{Actor, OPERATOR, Role, Stamp},
    ids::{CompanyId, TimerId, UserId},
    job::{ATTEMPTS_MAX, Job, LEASE_SECONDS, Schedule},
    ports::{CompanyStore, Directory},
};
use serde_json::json;
use std::sync::Arc;

use crate::{
    Store,
    access::{LoginRow, secret_hash, to_roles, verify_password, write_user},
    audit::Change,
    db::Row,
    job::read_job,
    schedule::read_schedule,
};

#[async_trait]
impl Directory for Store {
    async fn ensure_company(&self, name: &str, now: DateTime<Utc>) -> Result<CompanyId> {
        if let Some(company) = self.company_by_name(name).await? {
            return Ok(company);
        }
        match self.make_company(name, now).await {
            // Another host was faster.
            Err(guanjia_domain::Error::Conflict(sentence)) => {
                self.company_by_name(name).await?.ok_or(guanjia_domain::Error::Conflict(sentence))
            }
            made => made,
        }
    }

    async fn companies(&self) -> Result<Vec<(CompanyId, String)>> {
        let statement =
            sql_unscoped!("lists the companies themselves", "SELECT id, name FROM management_company ORDER BY name");
        let rows = self.db.read().await?.rows(statement, values![]).await?;
        rows.iter().map(|row| Ok((row.cells().take()?, row.raw(1)?))).collect()
    }

    fn company(&self, company: CompanyId) -> Arc<dyn CompanyStore> {
        Arc::new(self.scope(company))
    }

    async fn log_in(&self, company: &str, name: &str, password: &str, now: DateTime<Utc>) -> Result<Option<Actor>> {
        let found = self.login_row(company, name).await?;
        let hash = found.as_ref().and_then(|login| login.password_hash.clone());
        let matches = verify_password(&self.hashing, hash, password).await?;
        let Some(login) = found else { return Ok(None) };
        if login.is_locked(now) {
            return Ok(None);
        }
        let scope = self.scope(login.company_id);
        if !matches || login.disabled {
            scope.count_failed_login(login.user_id, now).await?;
            return Ok(None);
        }
        if login.failed_count > 0 {
            scope.forget_failed_logins(login.user_id).await?;
        }
        Ok(Some(Actor { company_id: login.company_id, user_id: login.user_id, name: login.name, roles: login.roles }))
    }

    async fn actor_of_token(&self, secret: &str, now: DateTime<Utc>) -> Result<Option<Actor>> {
        let statement = sql_unscoped!(
            "the token is what tells the company",
            "SELECT u.company_id, u.id, u.name, u.roles FROM token t JOIN app_user u ON u.id = t.user_id ",
            "WHERE t.secret_sha256 = $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $2) AND NOT u.disabled"
        );
        let row = self.db.read().await?.row(statement, values![secret_hash(secret), now]).await?;
        row.map(|row| read_actor(&row)).transpose()
    }

    async fn claim_job(&self, worker: &str, now: DateTime<Utc>) -> Result<Option<(CompanyId, Job)>> {
        // Asked without a write first: an idle host must not take SQLite's write lock every second.
        let waiting = sql_unscoped!(
            "one queue serves all companies",
            "SELECT 1 FROM job WHERE state = 'ready' OR (state = 'running' AND lease_until < $1) LIMIT 1"
        );
        if self.db.read().await?.rows(waiting, values![now]).await?.is_empty() {
            return Ok(None);
        }
        let mut session = self.db.write().await?;
        let give_up = sql_unscoped!(
            "one queue serves all companies",
            "UPDATE job SET state = 'failed', error = $1, worker = NULL, lease_until = NULL, finished_at = $2 ",
            "WHERE (state = 'ready' OR (state = 'running' AND lease_until < $2)) AND attempts >= $3"
        );
        let error = format!("given up: it was started {ATTEMPTS_MAX} times and its host died each time");
        session.execute(give_up, values![error, now, ATTEMPTS_MAX]).await?;
        let claim = sql_unscoped!(
            "one queue serves all companies",
            "UPDATE job SET state = 'running', worker = $1, lease_until = $2, attempts = attempts + 1 WHERE id = (",
            "SELECT id FROM job WHERE state = 'ready' OR (state = 'running' AND lease_until < $3) ",
            "ORDER BY created_at, id LIMIT 1 {skip locked}) RETURNING company_id, ",
            crate::job_columns!()
        );
        let row = session.row(claim, values![worker, now + Duration::seconds(LEASE_SECONDS), now]).await?;
        session.commit().await?;
        row.map(|row| {
            let mut cells = row.cells();
            Ok((cells.take()?, read_job(&mut cells)?))
        })
        .transpose()
    }

    async fn release_jobs(&self, worker: &str) -> Result<()> {
        self.release_timers(worker).await?;
        let held = sql_unscoped!(
            "one queue serves all companies",
            "SELECT 1 FROM job WHERE worker = $1 AND state = 'running' LIMIT 1"
        );
        if self.db.read().await?.rows(held, values![worker]).await?.is_empty() {
            return Ok(());
        }
        let mut session = self.db.write().await?;
        let release = sql_unscoped!(
            "one queue serves all companies",
            "UPDATE job SET state = 'ready', worker = NULL, lease_until = NULL WHERE worker = $1 AND state = 'running'"
        );
        session.execute(release, values![worker]).await?;
        session.commit().await
    }

    async fn due_schedules(&self, now: DateTime<Utc>) -> Result<Vec<(CompanyId, Schedule)>> {
        let statement = sql_unscoped!(
            "one clock serves all companies",
            "SELECT company_id, id, kind, project_id, cron, time_zone, enabled, next_at FROM schedule ",
            "WHERE enabled = TRUE AND next_at <= $1 ORDER BY next_at, id LIMIT 1000"
        );
        let rows = self.db.read().await?.rows(statement, values![now]).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok((cells.take()?, read_schedule(&mut cells)?))
            })
            .collect()
    }

    async fn claim_timers(&self, worker: &str, now: DateTime<Utc>, limit: u32) -> Result<Vec<(CompanyId, TimerId)>> {
        self.claim_due_timers(worker, now, limit).await
    }

    async fn count_quarantined(&self, today: Date) -> Result<i64> {
        let statement = sql_unscoped!(
            "one figure for whoever watches the host",
            "SELECT COUNT(*) FROM quarantine q JOIN binding b ON b.id = q.binding_id ",
            "WHERE q.released_at IS NULL AND (b.effective_to IS NULL OR b.effective_to > $1)"
        );
        let rows = self.db.read().await?.rows(statement, values![today]).await?;
        rows.first().map_or(Ok(0), Row::only)
    }

    async fn ping(&self) -> Result<()> {
        self.db.read().await?.rows(sql_unscoped!("touches no records", "SELECT 1"), values![]).await?;
        Ok(())
    }
}

impl Store {
    async fn company_by_name(&self, name: &str) -> Result<Option<CompanyId>> {
        let statement = sql_unscoped!("finds the company itself", "SELECT id FROM management_company WHERE name = $1");
        let row = self.db.read().await?.row(statement, values![name]).await?;
        row.map(|row| row.only()).transpose()
    }

    /// The company with its operator and the start of its audit trail.
    async fn make_company(&self, name: &str, now: DateTime<Utc>) -> Result<CompanyId> {
        let company = CompanyId::generate();
        let mut session = self.db.write().await?;
        let statement = sql_unscoped!(
            "makes the company itself",
            "INSERT INTO management_company (id, name, created_at) VALUES ($1, $2, $3)"
        );
        session.execute(statement, values![company, name, now]).await?;
        let mut scope = session.scope(company);
        scope.start_audit_chain().await?;
        let operator = UserId::generate();
        write_user(&mut scope, operator, OPERATOR, &[Role::Admin], now).await?;
        let actor =
            Actor { company_id: company, user_id: operator, name: OPERATOR.to_owned(), roles: vec![Role::Admin] };
        let stamp = Stamp { actor, at: now, origin: "host".to_owned() };
        scope
            .audit(&stamp, Change::of("company.create", format!("company {company}"), json!({ "name": name })))
            .await?;
        scope.write_schedule(&Schedule::nightly_sample(now)?, now).await?;
        scope.commit().await?;
        Ok(company)
    }

    async fn login_row(&self, company: &str, name: &str) -> Result<Option<LoginRow>> {
        let statement = sql_unscoped!(
            "the company is known by its name only",
            "SELECT u.company_id, u.id, u.name, u.roles, u.disabled, c.password_hash, c.failed_count, c.locked_until ",
            "FROM management_company m JOIN app_user u ON u.company_id = m.id LEFT JOIN credential c ON c.user_id = u.id ",
            "WHERE m.name = $1 AND u.name = $2"
        );
        let row = self.db.read().await?.row(statement, values![company, name]).await?;
        row.map(|row| {
            let mut cells = row.cells();
            Ok(LoginRow {
                company_id: cells.take()?,
                user_id: cells.take()?,
                name: cells.take()?,
                roles: to_roles(&cells.take::<String>()?)?,
                disabled: cells.take()?,
                password_hash: cells.take()?,
                failed_count: cells.take::<Option<i64>>()?.unwrap_or(0),
                locked_until: cells.take()?,
            })
        })
        .transpose()
    }
}

fn read_actor(row: &Row) -> Result<Actor> {
    let mut cells = row.cells();
    Ok(Actor {
        company_id: cells.take()?,
        user_id: cells.take()?,
        name: cells.take()?,
        roles: to_roles(&cells.take::<String>()?)?,
    })
}
