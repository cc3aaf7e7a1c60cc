//! 收费: runs of a project, one run with its answer first, its lines and what it held.

use askama::Template;
use axum::{
    Form,
    extract::{Path, Query, State},
    response::{Redirect, Response},
};
use guanjia_domain::{
    Decimal, Fen, Period,
    access::Permission,
    billing::{
        Adjustment, BillingRun, Comparison, ComparisonRow, HELD_GROUPS_MAX, HeldFilter, HeldGroup, LineAdjustment,
        LineFilter, LineList, LineView, RunState,
    },
    decision::HoldKind,
    fee_item::FeeItem,
    ids::{BillingRunId, FeeItemId, ProjectId},
    job::{Job, JobState},
};
use serde::Deserialize;
use std::{cmp::Reverse, collections::BTreeMap};

use super::{
    Page, Section, ZONE,
    binding::{Notice, notices_of_run},
    chosen_project,
    home::today,
    show,
};
use crate::{
    AppState,
    access::{
        Payers, Require, Signed,
        needs::{ApproveCharges, PostCharges, PreviewCharges, ReadCharges},
    },
    api::month,
    fault::Answer,
    format, urls,
    words::{Arg, Words, text},
};

/// Buttons for months that nobody billed; further ones are chosen by hand.
const MONTHS_OFFERED: usize = 3;
/// The list of largest lines reads the whole run: up to here that takes a blink.
const LARGEST_SCAN_LINES_MAX: i64 = 50_000;
const LARGEST_SHOWN: usize = 10;
/// Reasons beside a run: the page of what is held has the others.
const HELD_GROUPS_BESIDE: u32 = 4;
const HELD_PER_PAGE: u32 = 50;
/// Buildings under a fee item before those that changed least are left out: a screen holds three fee items of so many.
const BUILDINGS_SHOWN: usize = 12;
const LINES_PER_PAGE: usize = 50;
/// Names beside an adjusted unit: a change of owner makes two of them, more do not fit a row.
const PAYERS_SHOWN: usize = 2;

#[derive(Deserialize)]
pub(crate) struct ProjectQuery {
    project: Option<ProjectId>,
}

#[derive(Template)]
#[template(path = "runs.html")]
struct RunsPage {
    page: Page,
    headline: String,
    rows: Vec<RunRow>,
    projects: Vec<ProjectTab>,
    project_id: String,
    missing: Vec<MonthButton>,
    proposed: String,
    may_preview: bool,
    import_url: String,
    /// Shared costs of the proposed month.
    pools_url: String,
}

struct ProjectTab {
    name: String,
    url: String,
    current: bool,
}

struct MonthButton {
    value: String,
    label: String,
}

struct RunRow {
    month: String,
    /// What a re-rating corrects; nothing for a regular run.
    note: String,
    state: String,
    code: &'static str,
    lines: String,
    held: i64,
    total: String,
    created_by: String,
    created_at: String,
    url: String,
}

pub(crate) async fn list(access: Require<ReadCharges>, Query(query): Query<ProjectQuery>) -> Answer<Response> {
    let project = chosen_project(access.store.as_ref(), query.project).await?;
    let words = access.words;
    let (mut runs, mut missing, mut proposed) = (Vec::new(), Vec::new(), String::new());
    if let Some(project) = &project {
        runs = access.store.runs(project.id).await?;
        let month = Period::month_of(today(&access, project.time_zone.parse().unwrap_or(ZONE))?);
        missing = access.billing.missing_months(project.id, month).await?;
        proposed = missing.first().unwrap_or(&month).to_string();
    }
    let page = Page::new(&access, Section::Billing, project);
    let headline = match missing.as_slice() {
        [] => page.t("runs-all-billed"),
        months => page.say(
            "runs-missing",
            &[("count", Arg::Count(number(months.len()))), ("first", text(words.month(months[0])))],
        ),
    };
    let fee_items = match page.project_id() {
        Some(project) => access.store.fee_items(project).await?,
        None => Vec::new(),
    };
    let rows = runs.into_iter().map(|run| run_row(&page, words, &run, &fee_items));
    let current = page.project_id();
    let projects = access.store.projects().await?.into_iter().map(|project| ProjectTab {
        current: Some(project.id) == current,
        url: urls::billing(Some(project.id)),
        name: project.name,
    });
    let buttons = missing.iter().take(MONTHS_OFFERED).map(|month| MonthButton {
        value: month.to_string(),
        label: words.say("runs-preview-month", &[("month", text(words.month(*month)))]),
    });
    show(&RunsPage {
        headline,
        rows: rows.collect(),
        projects: projects.collect(),
        project_id: current.map(|id| id.to_string()).unwrap_or_default(),
        pools_url: urls::cost_pools(current, &proposed),
        missing: buttons.collect(),
        proposed,
        may_preview: current.is_some() && access.may(Permission::PreviewCharges),
        import_url: super::import_url(&access),
        page,
    })
}

/// What a re-rating corrects, such as `住宅物业费 更正`; nothing for a regular run.
pub(super) fn correction(words: Words, run: &BillingRun, fee_items: &[FeeItem]) -> String {
    let item = fee_items.iter().find(|item| Some(item.id) == run.fee_item_id).map(|item| item.name.clone());
    match item.filter(|_| run.is_rerating()) {
        Some(item) => words.say("rerate-of", &[("item", text(item))]),
        None => String::new(),
    }
}

fn run_row(page: &Page, words: Words, run: &BillingRun, fee_items: &[FeeItem]) -> RunRow {
    RunRow {
        month: words.month(run.period),
        note: correction(words, run, fee_items),
        state: words.run_state(run.state),
        code: run.state.code(),
        lines: format::count(run.lines),
        held: run.held,
        total: if run.is_rerating() { format::signed_yuan(run.total) } else { format::yuan(run.total) },
        created_by: run.created_by.clone(),
        created_at: page.time(&run.created_at),
        url: urls::run(run.id),
    }
}

#[derive(Deserialize)]
pub(crate) struct StartForm {
    project: ProjectId,
    period: String,
}

pub(crate) async fn start(
    access: Require<PreviewCharges>,
    State(app): State<AppState>,
    Form(form): Form<StartForm>,
) -> Answer<Redirect> {
    access.store.project(form.project).await?;
    let (run, _) = access.billing.start_preview(&access.stamp(), form.project, month(&form.period)?).await?;
    (app.wake_worker)();
    Ok(Redirect::to(&urls::run(run.id)))
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    page: Page,
    title: String,
    headline: String,
    state: String,
    code: &'static str,
    history: Vec<String>,
    figures: Vec<Figure>,
    progress: Option<ProgressView>,
    failure: String,
    held: Option<HeldBanner>,
    notices: Vec<Notice>,
    previous_month: String,
    groups: Vec<TotalGroup>,
    largest: Vec<LineRow>,
    largest_complete: bool,
    /// Of a re-rating: the largest changes, what was charged beside what is charged instead.
    changes: Vec<AdjustmentRow>,
    /// What a re-rating corrects; nothing for a regular run.
    correction: String,
    /// A re-rating that has found no difference.
    nothing_changes: bool,
    /// The same page with every building.
    all_buildings_url: String,
    lines_url: String,
    runs_url: String,
    actions: Actions,
}

/// One of the at most four figures at the top.
struct Figure {
    label: String,
    value: String,
    note: String,
    /// `up`, `down`, `held` or nothing.
    class: &'static str,
    url: String,
}

struct ProgressView {
    url: String,
    done: i64,
    total: i64,
    /// Nothing before the work has begun.
    text: String,
    label: String,
}

struct HeldBanner {
    sentence: String,
    groups: Vec<HeldGroupRow>,
    url: String,
}

/// Subjects of one fee item that are held for the same reason.
struct HeldGroupRow {
    sentence: String,
    /// Code and what it is about, for whoever looks it up.
    code: String,
    fee_item: String,
    kind: String,
    kind_code: &'static str,
    count: String,
    url: String,
    current: bool,
}

struct TotalGroup {
    fee_item: String,
    url: String,
    total: TotalRow,
    rows: Vec<TotalRow>,
    /// How many buildings are left out, in words; nothing when none is.
    beyond: String,
}

struct TotalRow {
    building: String,
    lines: String,
    amount: String,
    previous: String,
    difference: String,
    class: &'static str,
    url: String,
}

struct LineRow {
    place: String,
    fee_item: String,
    payer: String,
    quantity: String,
    unit_price: String,
    amount: String,
    url: String,
}

/// One unit of a re-rating: what was charged beside what is charged instead.
struct AdjustmentRow {
    place: String,
    payers: String,
    before: Vec<SideLine>,
    after: Vec<SideLine>,
    difference: String,
    class: &'static str,
    url: String,
}

/// One line of either side.
struct SideLine {
    formula: String,
    /// Without the sign of a reversal: what was charged.
    amount: String,
    url: String,
}

/// What the reader may do now. Empty URLs are buttons that are not there.
#[derive(Default)]
struct Actions {
    approve_url: String,
    approve_text: String,
    /// Why the reader may not approve although the role could.
    approve_refused: String,
    post_url: String,
    post_text: String,
    cancel_url: String,
    resume_url: String,
    again_period: String,
    project_id: String,
}

#[derive(Deserialize)]
pub(crate) struct RunQuery {
    /// `all`: no building is left out.
    buildings: Option<String>,
}

pub(crate) async fn page(
    access: Require<ReadCharges>,
    Path(id): Path<BillingRunId>,
    Query(query): Query<RunQuery>,
) -> Answer<Response> {
    let buildings_max = if query.buildings.is_some() { usize::MAX } else { BUILDINGS_SHOWN };
    let run = access.store.run(id).await?;
    let project = access.store.project(run.project_id).await?;
    let job = Job::current(access.store.jobs_of_run(id).await?);
    let words = access.words;
    let works = matches!(run.state, RunState::Computing | RunState::Posting);
    let comparison = if run.state == RunState::Computing {
        None
    } else {
        Some(access.billing.comparison(&access.stamp(), &run).await?)
    };
    let scans = !works && run.lines > 0 && run.lines <= LARGEST_SCAN_LINES_MAX;
    let (mut largest, mut changes) = (Vec::new(), Vec::new());
    if scans && run.is_rerating() {
        changes = access.billing.largest_adjustments(&access.stamp(), &run, LARGEST_SHOWN, words.language).await?;
    } else if scans {
        largest = access.billing.largest_lines(&access.stamp(), &run, LARGEST_SHOWN, words.language).await?;
    }
    let payers = Payers::masked(&project);
    let notices = notices_of_run(&access, &run, &project).await?;
    let fee_items = access.store.fee_items(run.project_id).await?;
    let adjustment = access.billing.adjustment(&access.stamp(), &run).await?;
    let page = Page::new(&access, Section::Billing, Some(project));
    show(&RunPage {
        title: words.say("run-title", &[("month", text(words.month(run.period)))]),
        headline: headline(words, &run, adjustment.as_ref()),
        state: words.run_state(run.state),
        code: run.state.code(),
        history: history(&page, &run),
        figures: figures(words, &run, comparison.as_ref(), adjustment.as_ref()),
        progress: job.as_ref().filter(|_| works).and_then(|job| progress(words, &run, job)),
        failure: job
            .as_ref()
            .filter(|job| works && job.state == JobState::Failed)
            .and_then(|job| job.error.clone())
            .unwrap_or_default(),
        held: held_banner(&access, &run).await?,
        notices,
        previous_month: comparison
            .as_ref()
            .and_then(|comparison| comparison.previous)
            .map(|month| words.month(month))
            .unwrap_or_default(),
        groups: comparison
            .map(|comparison| groups(words, run.id, comparison, buildings_max))
            .transpose()?
            .unwrap_or_default(),
        all_buildings_url: urls::run_all_buildings(run.id),
        largest: largest.into_iter().map(|line| line_row(line, payers)).collect(),
        largest_complete: scans,
        changes: changes.iter().map(|change| adjustment_row(change, payers)).collect::<Answer<_>>()?,
        correction: correction(words, &run, &fee_items),
        nothing_changes: run.is_rerating() && run.state != RunState::Computing && run.lines == 0,
        lines_url: urls::run_lines(run.id, None, None, None),
        runs_url: urls::billing(Some(run.project_id)),
        actions: actions(&access, &run, job.as_ref()),
        page,
    })
}

/// The run's result in one line.
fn headline(words: Words, run: &BillingRun, adjustment: Option<&Adjustment>) -> String {
    if let Some(Adjustment { up, down, .. }) = adjustment {
        let args = [
            ("count", Arg::Count(up + down)),
            ("shown", text(format::count(up + down))),
            ("total", text(format::signed_yuan(run.total))),
            ("maker", text(run.created_by.clone())),
        ];
        return words.say(&format!("rerate-headline-{}", run.state), &args);
    }
    let args = [
        ("lines", Arg::Count(run.lines)),
        ("shown", text(format::count(run.lines))),
        ("total", text(format::yuan(run.total))),
        ("held", Arg::Count(run.held)),
        ("maker", text(run.created_by.clone())),
    ];
    words.say(&format!("run-headline-{}", run.state), &args)
}

/// Who did what when.
fn history(page: &Page, run: &BillingRun) -> Vec<String> {
    let entry = |key: &str, who: &str, at| page.say(key, &[("who", text(who)), ("at", text(page.time(at)))]);
    let mut entries = vec![entry("run-created", &run.created_by, &run.created_at)];
    if let (Some(who), Some(at)) = (&run.approved_by, &run.approved_at) {
        entries.push(entry("run-approved", who, at));
    }
    if let (Some(who), Some(at)) = (&run.posted_by, &run.posted_at) {
        entries.push(entry("run-posted", who, at));
    }
    entries
}

fn figures(
    words: Words,
    run: &BillingRun,
    comparison: Option<&Comparison>,
    adjustment: Option<&Adjustment>,
) -> Vec<Figure> {
    let lines_url = urls::run_lines(run.id, None, None, None);
    if run.state == RunState::Computing {
        // Half a sum says nothing, and none held yet is not none held.
        let unknown = |key: &str| Figure {
            label: words.t(key),
            value: "…".to_owned(),
            note: String::new(),
            class: "",
            url: lines_url.clone(),
        };
        return ["figure-total", "figure-lines", "figure-held"].map(unknown).into();
    }
    if let Some(adjustment) = adjustment {
        return adjustment_figures(words, run, comparison, adjustment);
    }
    let mut figures = vec![Figure {
        label: words.t("figure-total"),
        value: format::yuan(run.total),
        note: String::new(),
        class: "",
        url: lines_url.clone(),
    }];
    let before = comparison.filter(|comparison| comparison.previous.is_some()).and_then(|comparison| {
        let previous = Fen::sum(comparison.rows.iter().map(|row| row.previous_amount)).ok()?;
        Some((previous, run.total.checked_sub(previous).ok()?))
    });
    if let Some((previous, difference)) = before {
        figures[0].note = words.say("figure-before", &[("amount", text(format::yuan(previous)))]);
        figures.push(Figure {
            label: words.t("figure-difference"),
            value: format::signed_yuan(difference),
            note: format::percent_change(run.total, previous).unwrap_or_default(),
            class: direction(difference),
            url: "#totals".to_owned(),
        });
    }
    figures.push(Figure {
        label: words.t("figure-lines"),
        value: format::count(run.lines),
        note: if run.state == RunState::Posting || run.state == RunState::Posted {
            words.say("figure-posted", &[("shown", text(format::count(run.posted_lines)))])
        } else {
            String::new()
        },
        class: "",
        url: lines_url,
    });
    figures.push(held_figure(words, run, "figure-held-some"));
    figures
}

fn held_figure(words: Words, run: &BillingRun, some: &str) -> Figure {
    Figure {
        label: words.t("figure-held"),
        value: format::count(run.held),
        note: words.t(if run.held == 0 { "figure-held-none" } else { some }),
        class: if run.held == 0 { "" } else { "held" },
        url: urls::run_held(run.id),
    }
}

/// What a re-rating comes to: by how much, for how many, and who is left as it was.
fn adjustment_figures(
    words: Words,
    run: &BillingRun,
    comparison: Option<&Comparison>,
    adjustment: &Adjustment,
) -> Vec<Figure> {
    let Adjustment { up, down, unchanged, .. } = adjustment;
    let lines_url = urls::run_lines(run.id, None, None, None);
    let before = comparison.and_then(|comparison| Fen::sum(comparison.rows.iter().map(|row| row.previous_amount)).ok());
    let figure = |key: &str, value: String, note: String, class: &'static str, url: String| Figure {
        label: words.t(key),
        value,
        note,
        class,
        url,
    };
    let note = |key: &str, shown: i64| words.say(key, &[("shown", text(format::count(shown)))]);
    vec![
        figure(
            "rerate-net",
            format::signed_yuan(run.total),
            before
                .map(|before| words.say("rerate-stands", &[("amount", text(format::yuan(before)))]))
                .unwrap_or_default(),
            direction(run.total),
            "#totals".to_owned(),
        ),
        figure(
            "rerate-changed",
            format::count(up + down),
            words.say("rerate-up-down", &[("up", text(format::count(*up))), ("down", text(format::count(*down)))]),
            "",
            lines_url.clone(),
        ),
        figure("rerate-unchanged", format::count(*unchanged), note("rerate-lines", run.lines), "", lines_url),
        held_figure(words, run, "rerate-held-some"),
    ]
}

pub(super) fn direction(difference: Fen) -> &'static str {
    match difference.0.signum() {
        1 => "up",
        -1 => "down",
        _ => "",
    }
}

fn progress(words: Words, run: &BillingRun, job: &Job) -> Option<ProgressView> {
    let label = match job.state {
        JobState::Ready => "progress-waiting",
        JobState::Running if run.state == RunState::Posting => "progress-posting",
        JobState::Running => "progress-computing",
        JobState::Done | JobState::Failed | JobState::Cancelled => return None,
    };
    Some(ProgressView {
        url: urls::run_progress(run.id),
        text: if job.total > 0 {
            format!("{} / {}", format::count(job.done), format::count(job.total))
        } else {
            String::new()
        },
        done: job.done,
        total: job.total.max(1),
        label: words.t(label),
    })
}

async fn held_banner(access: &Signed, run: &BillingRun) -> Answer<Option<HeldBanner>> {
    if run.held == 0 {
        return Ok(None);
    }
    let words = access.words;
    let groups = access.billing.held_groups(&access.stamp(), run.id, HELD_GROUPS_BESIDE, words.language).await?;
    let sentence =
        words.say("held-banner", &[("count", Arg::Count(run.held)), ("shown", text(format::count(run.held)))]);
    let groups = groups.into_iter().map(|group| held_group_row(words, run.id, group, None));
    Ok(Some(HeldBanner { sentence, groups: groups.collect(), url: urls::run_held(run.id) }))
}

fn held_group_row(words: Words, run: BillingRunId, group: HeldGroup, current: Option<&HeldFilter>) -> HeldGroupRow {
    let filter = group.filter();
    HeldGroupRow {
        url: urls::run_held_by(run, &filter, None),
        current: current == Some(&filter),
        code: code_and_about(&group.code, &group.about),
        kind: words.code("hold", group.kind.code()),
        kind_code: group.kind.code(),
        count: format::count(group.count),
        sentence: group.sentence,
        fee_item: group.fee_item,
    }
}

fn code_and_about(code: &str, about: &str) -> String {
    format!("{code} {about}").trim().to_owned()
}

/// Totals by fee item, each with its buildings in the order in which people count.
fn groups(words: Words, run: BillingRunId, comparison: Comparison, buildings_max: usize) -> Answer<Vec<TotalGroup>> {
    let mut by_item: BTreeMap<(String, FeeItemId), Vec<ComparisonRow>> = BTreeMap::new();
    for row in comparison.rows {
        by_item.entry((row.fee_item.clone(), row.fee_item_id)).or_default().push(row);
    }
    by_item
        .into_iter()
        .map(|((fee_item, id), mut rows)| {
            let (lines, amount, previous) = (
                rows.iter().map(|row| row.lines).sum(),
                Fen::sum(rows.iter().map(|row| row.amount))?,
                Fen::sum(rows.iter().map(|row| row.previous_amount))?,
            );
            let as_counted =
                |row: &ComparisonRow| (row.building.parse::<u32>().unwrap_or(u32::MAX), row.building.clone());
            rows.sort_by_key(as_counted);
            let left_out = rows.len().saturating_sub(buildings_max);
            if left_out > 0 {
                // Those that changed as much stay in the order in which people count.
                rows.sort_by_key(|row| Reverse(row.amount.0.abs_diff(row.previous_amount.0)));
                rows.truncate(buildings_max);
                rows.sort_by_key(as_counted);
            }
            let rows = rows.iter().map(|row| {
                let url = urls::run_lines(run, Some(id), Some(&row.building), None);
                total_row(row.building.clone(), row.lines, row.amount, row.previous_amount, url)
            });
            Ok(TotalGroup {
                url: urls::run_lines(run, Some(id), None, None),
                rows: rows.collect::<Answer<_>>()?,
                beyond: if left_out > 0 {
                    words.say("totals-beyond", &[("count", Arg::Count(number(left_out)))])
                } else {
                    String::new()
                },
                total: total_row(
                    words.t("all-buildings"),
                    lines,
                    amount,
                    previous,
                    urls::run_lines(run, Some(id), None, None),
                )?,
                fee_item,
            })
        })
        .collect()
}

fn total_row(building: String, lines: i64, amount: Fen, previous: Fen, url: String) -> Answer<TotalRow> {
    let difference = amount.checked_sub(previous)?;
    Ok(TotalRow {
        building,
        lines: format::count(lines),
        amount: format::amount(amount),
        previous: format::amount(previous),
        difference: format::signed_amount(difference),
        class: direction(difference),
        url,
    })
}

fn line_row(line: LineView, payers: Payers) -> LineRow {
    LineRow {
        place: line.place.to_string(),
        payer: payers.name(line.payer_id, &line.payer),
        quantity: line.quantity.trimmed(0).to_string(),
        unit_price: line.unit_price.to_string(),
        amount: format::amount(line.amount),
        url: urls::line(line.decision_id, line.decision_line),
        fee_item: line.fee_item,
    }
}

fn adjustment_row(change: &LineAdjustment, payers: Payers) -> Answer<AdjustmentRow> {
    let side = |line: &LineView| -> Answer<SideLine> {
        let (quantity, amount) = if line.reverses.is_some() {
            (
                Decimal { mantissa: line.quantity.mantissa.saturating_neg(), ..line.quantity },
                Fen::ZERO.checked_sub(line.amount)?,
            )
        } else {
            (line.quantity, line.amount)
        };
        Ok(SideLine {
            formula: format!("{} × {}", quantity.trimmed(0), line.unit_price),
            amount: format::amount(amount),
            url: urls::line(line.decision_id, line.decision_line),
        })
    };
    let mut names: Vec<String> =
        change.charged.iter().chain(&change.reversed).map(|line| payers.name(line.payer_id, &line.payer)).collect();
    names.dedup();
    names.truncate(PAYERS_SHOWN);
    let first = change.any_line();
    Ok(AdjustmentRow {
        place: first.map(|line| line.place.to_string()).unwrap_or_default(),
        payers: names.join(" · "),
        before: change.reversed.iter().map(side).collect::<Answer<_>>()?,
        after: change.charged.iter().map(side).collect::<Answer<_>>()?,
        difference: format::signed_amount(change.difference),
        class: direction(change.difference),
        url: first.map(|line| urls::line(line.decision_id, line.decision_line)).unwrap_or_default(),
    })
}

fn actions(access: &Signed, run: &BillingRun, job: Option<&Job>) -> Actions {
    let words = access.words;
    let args = [
        ("lines", Arg::Count(run.lines)),
        ("shown", text(format::count(run.lines))),
        ("total", text(format::yuan(run.total))),
    ];
    let mut actions = Actions::default();
    if run.state == RunState::Previewed && access.may(Permission::ApproveCharges) {
        if run.created_by == access.actor.name {
            actions.approve_refused = words.t("fault-four-eyes");
        } else {
            actions.approve_url = urls::run_approve(run.id);
            actions.approve_text = words.say("approve-with-figures", &args);
        }
    }
    if run.state == RunState::Approved && access.may(Permission::PostCharges) {
        actions.post_url = urls::run_post(run.id);
        actions.post_text = words.say("post-with-figures", &args);
    }
    let open = matches!(run.state, RunState::Computing | RunState::Previewed | RunState::Approved);
    if open && access.may(Permission::PreviewCharges) {
        actions.cancel_url = urls::run_cancel(run.id);
    }
    let stopped = job.is_none_or(|job| !matches!(job.state, JobState::Ready | JobState::Running));
    let resumes = match run.state {
        RunState::Computing => access.may(Permission::PreviewCharges),
        RunState::Posting => access.may(Permission::PreviewCharges) && access.may(Permission::PostCharges),
        _ => false,
    };
    if stopped && resumes {
        actions.resume_url = urls::run_resume(run.id);
    }
    let again = matches!(run.state, RunState::Previewed | RunState::Cancelled)
        || (run.state == RunState::Posted && run.held > 0);
    // A re-rating is made anew where its rule stands.
    if again && !run.is_rerating() && access.may(Permission::PreviewCharges) {
        actions.again_period = run.period.to_string();
        actions.project_id = run.project_id.to_string();
    }
    actions
}

pub(crate) async fn approve(access: Require<ApproveCharges>, Path(id): Path<BillingRunId>) -> Answer<Redirect> {
    access.billing.approve(&access.stamp(), id).await?;
    Ok(Redirect::to(&urls::run(id)))
}

pub(crate) async fn post(
    access: Require<PostCharges>,
    State(app): State<AppState>,
    Path(id): Path<BillingRunId>,
) -> Answer<Redirect> {
    access.billing.start_post(&access.stamp(), id).await?;
    (app.wake_worker)();
    Ok(Redirect::to(&urls::run(id)))
}

pub(crate) async fn cancel(access: Require<PreviewCharges>, Path(id): Path<BillingRunId>) -> Answer<Redirect> {
    access.billing.cancel(&access.stamp(), id).await?;
    Ok(Redirect::to(&urls::run(id)))
}

pub(crate) async fn resume(
    access: Require<PreviewCharges>,
    State(app): State<AppState>,
    Path(id): Path<BillingRunId>,
) -> Answer<Redirect> {
    access.billing.resume(&access.stamp(), id).await?;
    (app.wake_worker)();
    Ok(Redirect::to(&urls::run(id)))
}

#[derive(Deserialize)]
pub(crate) struct LinesQuery {
    #[serde(default)]
    fee_item: String,
    #[serde(default)]
    building: String,
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "run_lines.html")]
struct LinesPage {
    page: Page,
    title: String,
    filter: String,
    rows: Vec<LineRow>,
    /// Of a re-rating: unit by unit.
    changes: Vec<AdjustmentRow>,
    more_url: String,
    all_url: String,
    run_url: String,
}

pub(crate) async fn lines(
    access: Require<ReadCharges>,
    Path(id): Path<BillingRunId>,
    Query(query): Query<LinesQuery>,
) -> Answer<Response> {
    let run = access.store.run(id).await?;
    let project = access.store.project(run.project_id).await?;
    let words = access.words;
    let fee_item: Option<FeeItemId> = query.fee_item.parse().ok();
    let building = Some(query.building).filter(|building| !building.is_empty());
    let filter = LineFilter { fee_item, building: building.clone() };
    let (billing, stamp) = (&access.billing, access.stamp());
    let (cursor, language) = (query.cursor.as_deref(), words.language);
    let list = LineList { filter: &filter, cursor, limit: LINES_PER_PAGE, language };
    let payers = Payers::masked(&project);
    let (rows, changes, next) = if run.is_rerating() {
        let found = billing.run_adjustments(&stamp, &run, list).await?;
        let changes = found.items.iter().map(|change| adjustment_row(change, payers)).collect::<Answer<_>>()?;
        (Vec::new(), changes, found.next)
    } else {
        let found = billing.run_lines(&stamp, &run, list).await?;
        (found.items.into_iter().map(|line| line_row(line, payers)).collect(), Vec::new(), found.next)
    };
    let fee_items = access.store.fee_items(run.project_id).await?;
    let fee_item_name = fee_items.into_iter().find(|item| Some(item.id) == fee_item).map(|item| item.name);
    let building_name = building.as_ref().map(|building| words.say("building", &[("name", text(building.clone()))]));
    let parts: Vec<String> = [fee_item_name, building_name].into_iter().flatten().collect();
    let narrowed = fee_item.is_some() || building.is_some();
    show(&LinesPage {
        title: words.say("lines-title", &[("month", text(words.month(run.period)))]),
        filter: parts.join(" · "),
        rows,
        changes,
        more_url: next.map(|next| urls::run_lines(id, fee_item, building.as_deref(), Some(&next))).unwrap_or_default(),
        all_url: if narrowed { urls::run_lines(id, None, None, None) } else { String::new() },
        run_url: urls::run(id),
        page: Page::new(&access, Section::Billing, Some(project)),
    })
}

#[derive(Deserialize)]
pub(crate) struct HeldQuery {
    fee_item: Option<FeeItemId>,
    kind: Option<HoldKind>,
    code: Option<String>,
    about: Option<String>,
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "held.html")]
struct HeldPage {
    page: Page,
    title: String,
    headline: String,
    groups: Vec<HeldGroupRow>,
    /// Subjects whose reasons are too many to be told apart; nothing when all are.
    beyond: String,
    /// What the list shows, where it does not show all.
    filter: String,
    rows: Vec<HeldRow>,
    more_url: String,
    all_url: String,
    again_period: String,
    project_id: String,
    run_url: String,
}

struct HeldRow {
    place: String,
    unit_url: String,
    fee_item: String,
    kind: String,
    kind_code: &'static str,
    sentence: String,
    code: String,
    /// For a developer, in English.
    detail: String,
}

pub(crate) async fn held(
    access: Require<ReadCharges>,
    Path(id): Path<BillingRunId>,
    Query(query): Query<HeldQuery>,
) -> Answer<Response> {
    let run = access.store.run(id).await?;
    let project = access.store.project(run.project_id).await?;
    let words = access.words;
    let (billing, stamp) = (&access.billing, access.stamp());
    // A group of a policy's own codes may be about nothing: links leave out what is empty.
    let about = query.about.or_else(|| query.code.as_ref().map(|_| String::new()));
    let filter = HeldFilter { fee_item_id: query.fee_item, kind: query.kind, code: query.code, about };
    let narrowed = filter != HeldFilter::default();
    let groups = billing.held_groups(&stamp, id, HELD_GROUPS_MAX, words.language).await?;
    let counted: i64 = groups.iter().map(|group| group.count).sum();
    let found = billing.held_page(&stamp, id, &filter, query.cursor.as_deref(), HELD_PER_PAGE, words.language).await?;
    let rows = found.items.into_iter().map(|view| HeldRow {
        place: view.place.to_string(),
        unit_url: urls::unit(view.held.unit_id),
        fee_item: view.fee_item,
        kind: words.code("hold", view.held.kind.code()),
        kind_code: view.held.kind.code(),
        sentence: view.sentence,
        code: code_and_about(&view.held.code, &view.held.about),
        detail: view.detail,
    });
    let current = narrowed.then_some(&filter);
    let chosen = groups.iter().find(|group| Some(&group.filter()) == current);
    let closed = matches!(run.state, RunState::Approved | RunState::Posting) || run.is_rerating();
    let again = !closed && access.may(Permission::PreviewCharges);
    show(&HeldPage {
        title: words.say("held-title", &[("month", text(words.month(run.period)))]),
        headline: words
            .say("held-headline", &[("count", Arg::Count(run.held)), ("shown", text(format::count(run.held)))]),
        beyond: if counted < run.held {
            words.say("held-beyond", &[("count", Arg::Count(run.held - counted))])
        } else {
            String::new()
        },
        filter: chosen.map(|group| format!("{} · {}", group.fee_item, group.sentence)).unwrap_or_default(),
        rows: rows.collect(),
        more_url: found.next.map(|next| urls::run_held_by(id, &filter, Some(&next))).unwrap_or_default(),
        all_url: if narrowed { urls::run_held(id) } else { String::new() },
        groups: groups.into_iter().map(|group| held_group_row(words, id, group, current)).collect(),
        again_period: if again { run.period.to_string() } else { String::new() },
        project_id: run.project_id.to_string(),
        run_url: urls::run(id),
        page: Page::new(&access, Section::Billing, Some(project)),
    })
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
