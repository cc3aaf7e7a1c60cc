//! 已隔离的规则: what is not asked any more in any project, and why.

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use guanjia_domain::{
    ids::QuarantineId,
    plugin::{Plugins, QuarantineRow},
};
use serde::Deserialize;

use super::{Page, Section, show};
use crate::{
    AppState,
    access::{Require, needs::ReadPlugins},
    fault::{Answer, Fault},
    urls,
};

/// Rows of a page: more than are ever open where somebody looks after them.
const ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "quarantines.html")]
struct ListPage {
    page: Page,
    rows: Vec<Row>,
    /// Empty on the last page.
    next_url: String,
}

struct Row {
    project: String,
    fee_item: String,
    plugin: String,
    reason: String,
    since: String,
    by: String,
    url: String,
}

#[derive(Deserialize)]
pub(crate) struct ListQuery {
    #[serde(default)]
    cursor: String,
}

pub(crate) async fn list(
    access: Require<ReadPlugins>,
    State(app): State<AppState>,
    Query(query): Query<ListQuery>,
) -> Answer<Response> {
    let after: Option<QuarantineId> = match query.cursor.as_str() {
        "" => None,
        cursor => Some(cursor.parse().map_err(|_| Fault::malformed("this is no cursor of this list"))?),
    };
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    let found = plugins.quarantines(&access.stamp(), after, ROWS).await?;
    let last = found.last().filter(|_| found.len() == ROWS as usize);
    let next_url = last.map(|row| urls::quarantines_after(&row.quarantine.id.to_string())).unwrap_or_default();
    let page = Page::new(&access, Section::Plugins, None);
    let row = |row: QuarantineRow| Row {
        project: row.project,
        fee_item: row.fee_item.unwrap_or_default(),
        plugin: format!("{} {}", row.plugin, row.version),
        since: page.time(&row.quarantine.since),
        url: urls::binding(row.quarantine.binding_id),
        reason: row.quarantine.reason,
        by: row.quarantine.by,
    };
    let rows = found.into_iter().map(row).collect();
    show(&ListPage { rows, next_url, page })
}
