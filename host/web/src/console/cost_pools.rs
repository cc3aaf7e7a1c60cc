//! 公摊: what the units of a fee item bear together in a month.

use askama::Template;
use axum::{
    Form,
    extract::Query,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use guanjia_domain::{
    Decimal, Error, Fen, Period,
    access::Permission,
    billing::RunState,
    estate::{Project, STALE},
    fee_item::{COST_POOL_MAX_FEN, CostPool, FeeItem},
    ids::{FeeItemId, ProjectId},
};
use serde::Deserialize;

use super::{Page, Section, chosen_project, show};
use crate::{
    access::{
        Require, Signed,
        needs::{ReadCharges, WriteReadings},
    },
    api::month,
    fault::Answer,
    format, urls,
    words::text,
};

/// A fee item that had a shared cost in as many months before is one that is asked for.
const MONTHS_LOOKED_BACK: i32 = 12;

#[derive(Deserialize)]
pub(crate) struct PoolsQuery {
    project: Option<ProjectId>,
    #[serde(default)]
    month: String,
}

#[derive(Template)]
#[template(path = "cost_pools.html")]
struct PoolsPage {
    page: Page,
    headline: String,
    project_id: String,
    month: String,
    may_write: bool,
    /// Why what was sent was not taken; nothing when nothing was sent.
    refused: Option<(String, String)>,
    /// What of the month is billed already.
    note: String,
    run_url: String,
    shared: Vec<PoolRow>,
    others: Vec<PoolRow>,
    back_url: String,
}

struct PoolRow {
    fee_item: String,
    fee_item_id: String,
    previous: String,
    /// In yuan, as it is typed; empty where none is entered.
    total: String,
    /// In fen; empty where none is entered.
    seen: String,
}

pub(crate) async fn page(access: Require<ReadCharges>, Query(query): Query<PoolsQuery>) -> Answer<Response> {
    let project = chosen_project(access.store.as_ref(), query.project).await?;
    let period = match (&project, query.month.as_str()) {
        (Some(project), "") => Period::month_of(project.today(access.at)?),
        (None, "") => return Ok(Redirect::to(urls::BILLING).into_response()),
        (_, typed) => month(typed)?,
    };
    render(&access, project, period, None).await
}

async fn render(
    access: &Signed,
    project: Option<Project>,
    period: Period,
    refused: Option<(String, String)>,
) -> Answer<Response> {
    let Some(project) = project else { return Ok(Redirect::to(urls::BILLING).into_response()) };
    let words = access.words;
    let from = period.start.plus_months(-MONTHS_LOOKED_BACK).unwrap_or(period.start);
    let pools = access.store.cost_pools(project.id, from, period.end).await?;
    let items = access.store.fee_items(project.id).await?;
    let holds = |item: &FeeItem| item.starts_on < period.end && item.ends_on.is_none_or(|end| end > period.start);
    let (shared, others): (Vec<&FeeItem>, Vec<&FeeItem>) =
        items.iter().filter(|item| holds(item)).partition(|item| pools.iter().any(|pool| pool.fee_item_id == item.id));
    let runs = access.store.runs_of_period(project.id, period.start).await?;
    let posted = runs.iter().find(|run| run.state == RunState::Posted && run.lines > 0 && !run.is_rerating());
    let rows = |items: Vec<&FeeItem>| items.into_iter().map(|item| pool_row(item, period, &pools)).collect();
    let month = period.to_string();
    show(&PoolsPage {
        headline: words.say("pools-headline", &[("month", text(words.month(period)))]),
        project_id: project.id.to_string(),
        may_write: access.may(Permission::WriteReadings),
        refused,
        note: if posted.is_some() { words.t("pools-posted") } else { String::new() },
        run_url: posted.map(|run| urls::run(run.id)).unwrap_or_default(),
        shared: rows(shared),
        others: rows(others),
        back_url: urls::billing(Some(project.id)),
        month,
        page: Page::new(access, Section::Billing, Some(project)),
    })
}

fn pool_row(item: &FeeItem, period: Period, pools: &[CostPool]) -> PoolRow {
    let of_item = || pools.iter().filter(|pool| pool.fee_item_id == item.id);
    let now = of_item().find(|pool| pool.period_start == period.start);
    // Pools come by period: the last earlier one is the latest.
    let previous = of_item().rfind(|pool| pool.period_start < period.start);
    PoolRow {
        fee_item: item.name.clone(),
        fee_item_id: item.id.to_string(),
        previous: previous.map(|pool| format::amount(Fen(pool.total_fen))).unwrap_or_default(),
        total: now.map(|pool| Decimal::new(pool.total_fen, 2).to_string()).unwrap_or_default(),
        seen: now.map(|pool| pool.total_fen.to_string()).unwrap_or_default(),
    }
}

#[derive(Deserialize)]
pub(crate) struct PoolForm {
    project: ProjectId,
    month: String,
    fee_item: FeeItemId,
    /// In fen, as the page showed it; empty where there was none.
    seen: String,
    /// In yuan; empty removes it.
    total: String,
}

impl PoolForm {
    /// The total in fen, `None` to remove it, or the code of why it cannot be read.
    fn total(&self) -> Result<Option<i64>, &'static str> {
        // People paste amounts with separators.
        let typed = self.total.trim().replace([',', '，'], "");
        if typed.is_empty() {
            return Ok(None);
        }
        let fen = typed.parse::<Decimal>().ok().and_then(|yuan| yuan.rescale(2)).map(|exact| exact.mantissa);
        fen.filter(|fen| (0..=COST_POOL_MAX_FEN).contains(fen)).map(Some).ok_or("cost-out-of-range")
    }
}

pub(crate) async fn set(access: Require<WriteReadings>, Form(form): Form<PoolForm>) -> Answer<Response> {
    let period = month(&form.month)?;
    let project = access.store.project(form.project).await?;
    let seen = form.seen.trim().parse().ok();
    let outcome = match form.total() {
        Ok(total) => access.store.change_cost_pool(&access.stamp(), form.fee_item, period.start, seen, total).await,
        Err(code) => Err(Error::refused(code, "")),
    };
    match outcome {
        Ok(()) => Ok(Redirect::to(&urls::cost_pools(Some(project.id), &form.month)).into_response()),
        Err(Error::Refused { code, .. }) if code == STALE || code == "cost-out-of-range" => {
            let words = access.words;
            let said = (words.t(&format!("fault-{code}")), words.t(&format!("fault-{code}-help")));
            let mut response = render(&access, Some(project), period, Some(said)).await?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
        Err(other) => Err(other.into()),
    }
}
