//! 启用的插件: what one binding did in its runs, whether it is asked, and what a shadow would change.

use askama::Template;
use axum::{
    Form,
    extract::{Path, State},
    response::{Redirect, Response},
};
use guanjia_domain::{
    Error, Fen, Period,
    access::Permission,
    billing::BillingRun,
    difference::{Change, Difference},
    estate::Project,
    ids::BindingId,
    plugin::{Binding, BindingMode, BindingState, BindingWatch, Plugins, RunUse, Use, UseError, exceeds},
};
use serde::Deserialize;

use super::{Page, Section, line::Named, show};
use crate::{
    AppState,
    access::{
        Require, Signed,
        needs::{ManagePlugins, PreviewCharges, ReadPlugins},
    },
    api::month,
    fault::Answer,
    format, urls,
    words::{Arg, Words, text},
};

#[derive(Template)]
#[template(path = "binding.html")]
struct BindingPage {
    page: Page,
    title: String,
    plugin: String,
    plugin_url: String,
    effective: String,
    mode: String,
    mode_code: &'static str,
    state: String,
    state_code: &'static str,
    quarantine: Option<QuarantineView>,
    figures: Vec<FigureView>,
    last_error: Option<ErrorView>,
    runs: Vec<RunView>,
    shadow: Option<ShadowView>,
    rerate: Option<RerateView>,
    settings: Vec<Named>,
    quarantine_url: String,
    release_url: String,
}

struct QuarantineView {
    reason: String,
    since: String,
    run_url: String,
}

struct FigureView {
    label: String,
    value: String,
    note: String,
}

struct ErrorView {
    kind: String,
    code: &'static str,
    reason: String,
    at: String,
}

struct RunView {
    month: String,
    url: String,
    state: String,
    code: &'static str,
    asked: String,
    decided: String,
    not_decided: String,
    failed: String,
    passed_over: String,
    head_room: String,
    call: String,
    note: String,
}

/// The newest run that a shadow was compared in.
struct ShadowView {
    month: String,
    run_url: String,
    sentence: String,
    differs: bool,
    rows: Vec<ShadowRow>,
}

struct ShadowRow {
    change: String,
    subjects: String,
    before: String,
    after: String,
}

/// Posted months that another rule has charged and this one would answer for.
struct RerateView {
    sentence: String,
    /// Ascending; `YYYY-MM` and in words.
    months: Vec<MonthChoice>,
    /// Nowhere for those who may not preview charges.
    url: String,
}

struct MonthChoice {
    value: String,
    label: String,
}

pub(crate) async fn page(
    access: Require<ReadPlugins>,
    State(app): State<AppState>,
    Path(id): Path<BindingId>,
) -> Answer<Response> {
    let watch = plugins(&access, &app).watch(&access.stamp(), id).await?;
    let project = access.store.project(watch.binding.project_id).await?;
    let today = project.today(access.at)?;
    let fee_item = fee_item(&access, &project, &watch.binding).await?;
    let words = access.words;
    let state = watch.state(today);
    let schema = access.store.plugin_by_digest(&watch.binding.digest).await?.map(|plugin| plugin.settings_schema);
    let settings = super::line::settings(words, &schema.unwrap_or(serde_json::Value::Null), &watch.binding.settings);
    let rerate = rerate_view(&access, &watch.binding).await?;
    let page = Page::new(&access, Section::Plugins, Some(project));
    let may_manage = access.may(Permission::ManagePlugins);
    let BindingWatch { binding, quarantine, runs, total } = &watch;
    show(&BindingPage {
        title: fee_item,
        plugin: format!("{} {}", binding.plugin_id, binding.plugin_version),
        plugin_url: urls::plugin(&binding.plugin_id, &binding.plugin_version),
        effective: effective(words, binding),
        mode: words.code("mode", binding.mode.code()),
        mode_code: binding.mode.code(),
        state: words.code("binding-state", state.code()),
        state_code: state.code(),
        figures: figures(words, total, runs.len()),
        last_error: total.last_error.as_ref().map(|error| error_view(&page, words, error)),
        runs: runs.iter().map(|run| run_view(words, run)).collect(),
        shadow: runs.iter().find_map(|run| shadow_view(words, run)),
        rerate,
        settings,
        quarantine_url: if may_manage && quarantine.is_none() && state != BindingState::Ended {
            urls::binding_quarantine(id)
        } else {
            String::new()
        },
        release_url: if may_manage && quarantine.is_some() { urls::binding_release(id) } else { String::new() },
        quarantine: quarantine.as_ref().map(|quarantine| QuarantineView {
            reason: quarantine.reason.clone(),
            since: words.say(
                "quarantine-since",
                &[("at", text(page.time(&quarantine.since))), ("who", text(quarantine.by.clone()))],
            ),
            run_url: quarantine.run_id.map(urls::run).unwrap_or_default(),
        }),
        page,
    })
}

fn plugins(access: &Signed, app: &AppState) -> Plugins {
    Plugins::new(access.store.clone(), app.engine.clone())
}

#[derive(Deserialize)]
pub(crate) struct QuarantineForm {
    reason: String,
}

pub(crate) async fn quarantine(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    Path(id): Path<BindingId>,
    Form(form): Form<QuarantineForm>,
) -> Answer<Redirect> {
    plugins(&access, &app).quarantine(&access.stamp(), id, &form.reason).await?;
    Ok(Redirect::to(&urls::binding(id)))
}

pub(crate) async fn release(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    Path(id): Path<BindingId>,
) -> Answer<Redirect> {
    plugins(&access, &app).release(&access.stamp(), id).await?;
    Ok(Redirect::to(&urls::binding(id)))
}

async fn rerate_view(access: &Signed, binding: &Binding) -> Answer<Option<RerateView>> {
    if !access.may(Permission::ReadCharges) {
        return Ok(None);
    }
    let months = access.billing.periods_of_others(&access.stamp(), binding).await?;
    if months.is_empty() {
        return Ok(None);
    }
    let count = i64::try_from(months.len()).unwrap_or(i64::MAX);
    let months: Vec<MonthChoice> = months
        .into_iter()
        .map(|month| MonthChoice { value: month.to_string(), label: access.words.month(month) })
        .collect();
    let names: Vec<&str> = months.iter().map(|month| month.label.as_str()).collect();
    let args = [("count", Arg::Count(count)), ("months", text(names.join(" · ")))];
    Ok(Some(RerateView {
        sentence: access.words.say("rerate-months", &args),
        months,
        url: if access.may(Permission::PreviewCharges) { urls::binding_rerate(binding.id) } else { String::new() },
    }))
}

#[derive(Deserialize)]
pub(crate) struct RerateForm {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

/// Proposes what this rule would change about posted months: one run a month.
pub(crate) async fn rerate(
    access: Require<PreviewCharges>,
    State(app): State<AppState>,
    Path(id): Path<BindingId>,
    Form(form): Form<RerateForm>,
) -> Answer<Redirect> {
    let binding = access.store.binding(id).await?;
    let fee_item = binding.fee_item_id.ok_or_else(|| Error::invalid(access.words.t("rerate-no-item")))?;
    let (from, to) = (month(&form.from)?, month(&form.to)?);
    let months = Period { start: from.start, end: to.end };
    let runs = access.billing.start_reratings(&access.stamp(), binding.project_id, fee_item, months).await?;
    (app.wake_worker)();
    Ok(Redirect::to(&match runs.as_slice() {
        [run] => urls::run(run.id),
        _ => urls::billing(Some(binding.project_id)),
    }))
}

/// Something about a binding that the reader should know before anything else.
pub(super) struct Notice {
    pub sentence: String,
    /// Nowhere for those who may not see plug-ins.
    pub url: String,
}

/// Bindings of all projects that are quarantined and still in force.
pub(super) async fn quarantined(access: &Signed) -> Answer<Vec<Notice>> {
    let mut notices = Vec::new();
    for project in access.store.projects().await? {
        let open = access.store.quarantines(project.id).await?;
        if open.is_empty() {
            continue;
        }
        let today = project.today(access.at)?;
        for quarantine in open {
            let binding = access.store.binding(quarantine.binding_id).await?;
            if binding.effective_to.is_some_and(|end| end <= today) {
                continue;
            }
            let fee_item = fee_item(access, &project, &binding).await?;
            let args = [
                ("item", text(format!("{} {fee_item}", project.name))),
                ("plugin", text(format!("{} {}", binding.plugin_id, binding.plugin_version))),
                ("reason", text(quarantine.reason)),
            ];
            let sentence = access.words.say("quarantined-banner", &args);
            notices.push(Notice { sentence, url: urls::binding(binding.id) });
        }
    }
    Ok(notices)
}

/// What bindings did in a run that its readers should know: those that were stopped, and shadows that differ.
pub(super) async fn notices_of_run(access: &Signed, run: &BillingRun, project: &Project) -> Answer<Vec<Notice>> {
    let mut notices = Vec::new();
    for known in access.store.uses_of_run(run.id).await? {
        let is_shadow = known.mode == BindingMode::Shadow;
        // What a re-rating changes is the run itself, and no notice beside it.
        if known.used.stopped.is_none() && (known.used.difference.is_none() || !is_shadow) {
            continue;
        }
        let binding = access.store.binding(known.binding_id).await?;
        let differs = match &known.used.difference {
            Some(difference) => exceeds(difference, binding.tolerance_permille).unwrap_or(true),
            None => false,
        };
        let args = [
            ("item", text(fee_item(access, project, &binding).await?)),
            ("plugin", text(format!("{} {}", binding.plugin_id, binding.plugin_version))),
            ("reason", text(known.used.stopped.clone().unwrap_or_default())),
            (
                "difference",
                text(known.used.difference.as_ref().map(|found| changed(access.words, found)).unwrap_or_default()),
            ),
        ];
        let key = match (is_shadow, &known.used.stopped) {
            (false, _) => "quarantined-in-run",
            (true, Some(_)) => "shadow-stopped",
            (true, None) if differs => "shadow-differs",
            (true, None) => continue,
        };
        let url = if access.may(Permission::ReadPlugins) { urls::binding(binding.id) } else { String::new() };
        notices.push(Notice { sentence: access.words.say(key, &args), url });
    }
    Ok(notices)
}

async fn fee_item(access: &Signed, project: &Project, binding: &Binding) -> Answer<String> {
    let items = access.store.fee_items(project.id).await?;
    let name = items.into_iter().find(|item| Some(item.id) == binding.fee_item_id).map(|item| item.name);
    Ok(name.unwrap_or_else(|| access.words.code("point", binding.point.code())))
}

fn effective(words: Words, binding: &Binding) -> String {
    let to = binding.effective_to.map_or_else(|| words.t("open-ended"), |day| day.to_string());
    format!("{} → {to}", binding.effective_from)
}

fn figures(words: Words, total: &Use, runs: usize) -> Vec<FigureView> {
    let figure = |key: &str, value: String, note: String| FigureView { label: words.t(key), value, note };
    let not_decided =
        words.say("watch-not-decided", &[("shown", text(format::count(total.refused + total.undecided)))]);
    let passed_over = words.say("watch-passed-over", &[("shown", text(format::count(total.passed_over)))]);
    let spent = words.say("watch-runs", &[("shown", text(runs.to_string()))]);
    vec![
        figure("watch-decided", format::count(total.decided), not_decided),
        figure("watch-failed", format::count(total.failed()), passed_over),
        figure("watch-head-room", share(total.fuel_permille.max(total.memory_permille)), head_room(words, total)),
        figure("watch-call", milliseconds(total.call_us()), spent),
    ]
}

/// Fuel and memory that were used of what is allowed.
fn head_room(words: Words, used: &Use) -> String {
    let args = [("fuel", text(share(used.fuel_permille))), ("memory", text(share(used.memory_permille)))];
    words.say("watch-shares", &args)
}

fn error_view(page: &Page, words: Words, error: &UseError) -> ErrorView {
    ErrorView {
        kind: words.code("hold", error.kind.code()),
        code: error.kind.code(),
        reason: error.reason.clone(),
        at: page.time(&error.at),
    }
}

fn run_view(words: Words, run: &RunUse) -> RunView {
    let used = &run.used;
    RunView {
        month: words.month(run.period),
        url: urls::run(run.run_id),
        state: words.run_state(run.run_state),
        code: run.run_state.code(),
        asked: format::count(used.subjects),
        decided: format::count(used.decided),
        not_decided: format::count(used.refused + used.undecided),
        failed: format::count(used.failed()),
        passed_over: format::count(used.passed_over),
        head_room: head_room(words, used),
        call: milliseconds(used.call_us()),
        note: used.stopped.clone().unwrap_or_default(),
    }
}

fn shadow_view(words: Words, run: &RunUse) -> Option<ShadowView> {
    let difference = run.used.difference.as_ref().filter(|_| run.mode == BindingMode::Shadow)?;
    let rows = Change::ALL.iter().map(|change| (change, difference.tally(*change)));
    Some(ShadowView {
        month: words.month(run.period),
        run_url: urls::run(run.run_id),
        sentence: changed(words, difference),
        differs: run.differs,
        rows: rows
            .filter(|(_, tally)| tally.subjects > 0)
            .map(|(change, tally)| ShadowRow {
                change: words.code("shadow-change", change.code()),
                subjects: format::count(tally.subjects),
                before: format::amount(Fen(tally.before)),
                after: format::amount(Fen(tally.after)),
            })
            .collect(),
    })
}

/// What a shadow would change, in a sentence.
fn changed(words: Words, difference: &Difference) -> String {
    let Ok(total) = difference.total() else { return words.t("shadow-beyond") };
    let args = [
        ("before", text(format::yuan(Fen(total.before)))),
        ("after", text(format::yuan(Fen(total.after)))),
        ("shown", text(format::count(total.subjects - difference.unchanged()))),
        ("all", text(format::count(total.subjects))),
    ];
    words.say("shadow-changed", &args)
}

/// Permille as people read them: 251 are 25.1 %.
fn share(permille: i64) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}

fn milliseconds(microseconds: i64) -> String {
    format!("{}.{:02} ms", microseconds / 1_000, microseconds % 1_000 / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_shown_as_people_read_them() {
        assert_eq!(
            (share(0), share(7), share(251), share(1_000)),
            ("0.0 %".into(), "0.7 %".into(), "25.1 %".into(), "100.0 %".into())
        );
        assert_eq!((milliseconds(999), milliseconds(12_345)), ("0.99 ms".into(), "12.34 ms".into()));
    }
}
