//! 审计: who changed what, newest first.

use askama::Template;
use axum::{extract::Query, response::Response};
use serde::Deserialize;

use super::{Page, Section, show};
use crate::{
    access::{Require, needs::ReadAudit},
    fault::Answer,
    format, urls,
};

/// Rows of one page.
const ROWS_PER_PAGE: u32 = 50;

#[derive(Deserialize)]
pub(crate) struct AuditQuery {
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    page: Page,
    rows: Vec<Row>,
    more_url: String,
}

struct Row {
    seq: i64,
    at: String,
    actor: String,
    origin: String,
    action: String,
    code: String,
    subject: String,
    before: String,
    after: String,
    hash: String,
}

pub(crate) async fn list(access: Require<ReadAudit>, Query(query): Query<AuditQuery>) -> Answer<Response> {
    let rows = access.store.audit(query.before, ROWS_PER_PAGE).await?;
    let last = rows.last().filter(|_| rows.len() == ROWS_PER_PAGE as usize).map(|row| row.seq);
    let page = Page::new(&access, Section::Audit, None);
    let pretty = |value: &serde_json::Value| match value {
        serde_json::Value::Null => String::new(),
        value => serde_json::to_string_pretty(value).unwrap_or_default(),
    };
    let rows = rows.into_iter().map(|row| Row {
        seq: row.seq,
        at: page.time(&row.at),
        actor: row.actor,
        action: page.words.code("action", &row.action.replace('.', "-")),
        code: row.action,
        subject: row.subject,
        before: pretty(&row.before),
        after: pretty(&row.after),
        hash: format::short(&row.hash),
        origin: row.origin,
    });
    show(&AuditPage { rows: rows.collect(), more_url: last.map(urls::audit_before).unwrap_or_default(), page })
}
