//! 今日: what waits, project by project.

use askama::Template;
use axum::response::Response;
use guanjia_domain::{
    Date, Period,
    access::Permission,
    billing::{BillingRun, RunState},
    estate::Project,
    fee_item::FeeItem,
};

use super::{Page, Section, ZONE, billing::correction, show};
use crate::{
    access::{Require, Signed, needs::ReadEstate},
    fault::{Answer, Fault},
    format, urls,
    words::{Arg, text},
};

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    page: Page,
    headline: String,
    waiting: Vec<WaitingRow>,
    cards: Vec<ProjectCard>,
    import_url: String,
    may_import: bool,
}

/// Something that somebody has to decide about.
struct WaitingRow {
    project: String,
    month: String,
    /// What a re-rating corrects; nothing for a regular run.
    note: String,
    state: String,
    code: &'static str,
    /// What to do, as a verb.
    action: String,
    lines: String,
    total: String,
    held: i64,
    url: String,
}

struct ProjectCard {
    name: String,
    /// What the running month has come to.
    month: String,
    state: String,
    code: &'static str,
    total: String,
    note: String,
    held: String,
    units_url: String,
    billing_url: String,
    run_url: String,
}

pub(crate) async fn page(access: Require<ReadEstate>) -> Answer<Response> {
    let mut waiting = Vec::new();
    let mut cards = Vec::new();
    let sees_charges = access.may(Permission::ReadCharges);
    for project in access.store.projects().await? {
        let runs = if sees_charges { access.store.runs(project.id).await? } else { Vec::new() };
        let fee_items = if sees_charges { access.store.fee_items(project.id).await? } else { Vec::new() };
        waiting.extend(runs.iter().filter(|run| waits(run)).map(|run| waiting_row(&access, &project, run, &fee_items)));
        cards.push(card(&access, &project, &runs).await?);
    }
    let page = Page::new(&access, Section::Today, None);
    let headline = if cards.is_empty() {
        page.t("home-empty")
    } else {
        let count = i64::try_from(waiting.len()).unwrap_or(i64::MAX);
        page.say("home-waiting", &[("count", Arg::Count(count))])
    };
    let may_import = page.may(Permission::WriteEstate);
    show(&HomePage { page, headline, waiting, cards, import_url: urls::import(None), may_import })
}

fn waits(run: &BillingRun) -> bool {
    !matches!(run.state, RunState::Posted | RunState::Cancelled)
}

fn waiting_row(access: &Signed, project: &Project, run: &BillingRun, fee_items: &[FeeItem]) -> WaitingRow {
    WaitingRow {
        project: project.name.clone(),
        month: access.words.month(run.period),
        note: correction(access.words, run, fee_items),
        state: access.words.run_state(run.state),
        code: run.state.code(),
        action: access.words.t(&format!("run-next-{}", run.state)),
        lines: format::count(run.lines),
        total: format::yuan(run.total),
        held: run.held,
        url: urls::run(run.id),
    }
}

async fn card(access: &Signed, project: &Project, runs: &[BillingRun]) -> Answer<ProjectCard> {
    let zone = project.time_zone.parse().unwrap_or(ZONE);
    let month = Period::month_of(today(access, zone)?);
    let words = access.words;
    let newest = runs
        .iter()
        .filter(|run| run.state != RunState::Cancelled && !run.is_rerating())
        .max_by_key(|run| (run.period.start, run.id));
    let note = if newest.is_some() {
        let missing = access.billing.missing_months(project.id, month).await?.len();
        let count = i64::try_from(missing).unwrap_or(i64::MAX);
        words.say("home-missing-months", &[("count", Arg::Count(count))])
    } else if access.may(Permission::ReadCharges) {
        words.t("home-never-billed")
    } else {
        String::new()
    };
    Ok(ProjectCard {
        name: project.name.clone(),
        month: newest.map(|run| words.month(run.period)).unwrap_or_default(),
        state: newest.map(|run| words.run_state(run.state)).unwrap_or_default(),
        code: newest.map_or("", |run| run.state.code()),
        total: newest.map(|run| format::yuan(run.total)).unwrap_or_default(),
        note,
        held: newest
            .filter(|run| run.held > 0)
            .map(|run| {
                words.say("held-count", &[("count", Arg::Count(run.held)), ("shown", text(format::count(run.held)))])
            })
            .unwrap_or_default(),
        units_url: urls::units(Some(project.id)),
        billing_url: if access.may(Permission::ReadCharges) { urls::billing(Some(project.id)) } else { String::new() },
        run_url: newest.map(|run| urls::run(run.id)).unwrap_or_default(),
    })
}

/// The civil date of now where the project is.
pub(super) fn today(access: &Signed, zone: chrono_tz::Tz) -> Answer<Date> {
    access.at.with_timezone(&zone).format("%Y-%m-%d").to_string().parse().map_err(|_| Fault::panicked())
}
