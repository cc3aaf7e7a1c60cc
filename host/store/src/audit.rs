//! The audit trail and the event log.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use guanjia_domain::{
    Error, Result,
    access::Stamp,
    audit::{AuditRow, ChainCheck, GENESIS},
    ids::{EventId, ProjectId},
    ports::{AuditStore, CheckResult, Event},
};
use serde_json::Value as Json;

use crate::{
    CompanyScope,
    db::{Row, Scope, to_micros},
};

/// What a change is called and what it was about.
pub(crate) struct Change {
    /// Stable code such as `billing-run.approve`.
    pub(crate) action: &'static str,
    pub(crate) subject: String,
    pub(crate) before: Json,
    pub(crate) after: Json,
}

impl Change {
    pub(crate) fn of(action: &'static str, subject: impl Into<String>, after: Json) -> Self {
        Self { action, subject: subject.into(), before: Json::Null, after }
    }
}

impl Scope {
    /// Appends one audit row. The company's head is updated first, which makes writers of one company wait for each other,
    /// so that the numbers have no gaps and the chain no forks.
    pub(crate) async fn audit(&mut self, stamp: &Stamp, change: Change) -> Result<()> {
        let head = self
            .row(sql!("UPDATE audit_head SET seq = seq + 1 WHERE company_id = $1 RETURNING seq, hash"), values![])
            .await?
            .ok_or_else(|| Error::not_found("company", self.company()))?;
        let mut cells = head.cells();
        let seq = cells.take()?;
        let previous: String = cells.take()?;
        let mut row = AuditRow {
            seq,
            at: to_micros(stamp.at),
            actor: stamp.actor.name.clone(),
            origin: stamp.origin.clone(),
            action: change.action.to_owned(),
            subject: change.subject,
            before: change.before,
            after: change.after,
            hash: String::new(),
        };
        row.hash = row.link(&previous);
        self.execute(
            sql!(
                "INSERT INTO audit_row (company_id, seq, at, actor, origin, action, subject, before_json, after_json, hash) ",
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
            ),
            values![seq, row.at, row.actor, row.origin, row.action, row.subject, row.before.to_string(), row.after.to_string(), &row.hash],
        )
        .await?;
        self.execute(sql!("UPDATE audit_head SET hash = $2 WHERE company_id = $1"), values![row.hash]).await?;
        Ok(())
    }

    pub(crate) async fn event(
        &mut self,
        at: DateTime<Utc>,
        kind: &str,
        project: Option<ProjectId>,
        subject: impl Into<String>,
        payload: &Json,
    ) -> Result<()> {
        self.execute(
            sql!("INSERT INTO event (company_id, id, at, kind, project_id, subject, payload) VALUES ($1, $2, $3, $4, $5, $6, $7)"),
            values![EventId::generate(), at, kind, project, subject.into(), payload.to_string()],
        )
        .await?;
        Ok(())
    }

    pub(crate) async fn start_audit_chain(&mut self) -> Result<()> {
        self.execute(sql!("INSERT INTO audit_head (company_id, seq, hash) VALUES ($1, 0, $2)"), values![GENESIS])
            .await?;
        Ok(())
    }

    /// Walks the whole chain in pages and compares its end with the head.
    pub(crate) async fn check_audit_chain(&mut self) -> Result<CheckResult> {
        const PAGE: i64 = 1_000;
        // The head is read first: rows that are appended meanwhile lie behind it and are not walked.
        let head = self.row(sql!("SELECT seq, hash FROM audit_head WHERE company_id = $1"), values![]).await?;
        let (last, hash): (i64, String) = match head {
            Some(head) => (head.raw(0)?, head.raw(1)?),
            None => (0, GENESIS.to_owned()),
        };
        let mut chain = ChainCheck::default();
        loop {
            let rows = self
                .rows(
                    sql!(
                        "SELECT seq, at, actor, origin, action, subject, before_json, after_json, hash FROM audit_row ",
                        "WHERE company_id = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4"
                    ),
                    values![chain.head().0, last, PAGE],
                )
                .await?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                if let Err(finding) = chain.next(&audit_row(row)?) {
                    return Ok(audit_result(false, finding));
                }
            }
        }
        let (walked, end) = chain.head();
        if walked != last || end != hash {
            return Ok(audit_result(false, format!("the trail ends at row {walked} instead of {last}")));
        }
        Ok(audit_result(true, format!("{walked} rows")))
    }
}

fn audit_result(ok: bool, detail: String) -> CheckResult {
    CheckResult { name: "audit-chain".into(), ok, detail }
}

fn audit_row(row: &Row) -> Result<AuditRow> {
    let mut cells = row.cells();
    Ok(AuditRow {
        seq: cells.take()?,
        at: cells.take()?,
        actor: cells.take()?,
        origin: cells.take()?,
        action: cells.take()?,
        subject: cells.take()?,
        before: cells.take()?,
        after: cells.take()?,
        hash: cells.take()?,
    })
}

#[async_trait]
impl AuditStore for CompanyScope {
    async fn audit(&self, before_seq: Option<i64>, limit: u32) -> Result<Vec<AuditRow>> {
        let rows = self
            .read()
            .await?
            .rows(
                sql!(
                    "SELECT seq, at, actor, origin, action, subject, before_json, after_json, hash FROM audit_row ",
                    "WHERE company_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3"
                ),
                values![before_seq.unwrap_or(i64::MAX), limit],
            )
            .await?;
        rows.iter().map(audit_row).collect()
    }

    async fn events(&self, after: Option<EventId>, limit: u32) -> Result<Vec<Event>> {
        let rows = self
            .read()
            .await?
            .rows(
                sql!(
                    "SELECT id, at, kind, project_id, subject, payload FROM event ",
                    "WHERE company_id = $1 AND id > $2 ORDER BY id LIMIT $3"
                ),
                values![after.map_or(uuid::Uuid::nil(), |id| id.0), limit],
            )
            .await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok(Event {
                    id: cells.take()?,
                    at: cells.take()?,
                    kind: cells.take()?,
                    project_id: cells.take()?,
                    subject: cells.take()?,
                    payload: cells.take()?,
                })
            })
            .collect()
    }
}
