//! 规则试算: what another plug-in version or other settings would have charged in past months.

use askama::Template;
use axum::{
    Form,
    extract::{Path, Query, State},
    response::{IntoResponse, Redirect, Response},
};
use guanjia_domain::{
    Error, Fen, Period,
    access::Permission,
    billing::ExplainedStep,
    difference::{Bucket, Change, Direction, Tally},
    ids::{FeeItemId, ProjectId, TrialId},
    plugin::{Binding, BindingMode, ExtensionPoint, InstalledPlugin},
    trial::{MoverSide, Trial, TrialRequest, TrialState, TrialView},
};
use serde_json::json;
use std::collections::HashMap;

use super::{
    Page, Section,
    activation::carried_over,
    chosen_project,
    line::{Named, settings},
    settings_form::{self, Choice, Field, Input},
    show,
};
use crate::{
    AppState,
    access::{Require, Signed, needs::TryPlugins},
    api::{
        month,
        trials::{months, places_of},
    },
    fault::Answer,
    format, urls,
    words::{Arg, Words, text},
};

/// What the form holds; what is not chosen yet is proposed. Settings stand in it under the names of the settings' form.
#[derive(Default)]
struct TrialForm {
    project: Option<ProjectId>,
    fee_item: String,
    /// `ID@VERSION`
    plugin: String,
    from: String,
    to: String,
    all: HashMap<String, String>,
}

impl TrialForm {
    /// A project that cannot be read is one that nobody has.
    fn of(all: HashMap<String, String>) -> Answer<Self> {
        let field = |name: &str| all.get(name).map(|value| value.trim().to_owned()).unwrap_or_default();
        let project = match field("project").as_str() {
            "" => None,
            id => Some(id.parse().map_err(|_| Error::not_found("project", id))?),
        };
        let (fee_item, plugin) = (field("fee_item"), field("plugin"));
        Ok(Self { project, fee_item, plugin, from: field("from"), to: field("to"), all })
    }
}

#[derive(Template)]
#[template(path = "trials.html")]
struct ListPage {
    page: Page,
    rows: Vec<Row>,
    projects: Vec<Tab>,
    project_id: String,
    fee_items: Vec<Choice>,
    /// The chosen one of them.
    fee_item: String,
    plugins: Vec<Choice>,
    /// The chosen one of them, as `ID@VERSION`; empty before one is.
    plugin: String,
    fields: Vec<Field>,
    /// What became of the settings that are in force now.
    carried: Vec<String>,
    may_install: bool,
    from: String,
    to: String,
    refused: String,
    detail: String,
}

struct Tab {
    name: String,
    url: String,
    current: bool,
}

struct Row {
    url: String,
    candidate: String,
    fee_item: String,
    months: String,
    state: String,
    code: &'static str,
    difference: String,
    class: &'static str,
    created_by: String,
    created_at: String,
}

pub(crate) async fn list(access: Require<TryPlugins>, Query(form): Query<HashMap<String, String>>) -> Answer<Response> {
    show(&list_page(&access, TrialForm::of(form)?, None).await?)
}

/// Starts a trial; what is refused is said beside the form, which keeps what was filled in.
pub(crate) async fn start(
    access: Require<TryPlugins>,
    State(app): State<AppState>,
    Form(form): Form<HashMap<String, String>>,
) -> Answer<Response> {
    let form = TrialForm::of(form)?;
    let project = chosen_project(access.store.as_ref(), form.project).await?;
    let project = project.ok_or_else(|| Error::not_found("project", "any"))?;
    let started = match request(&access, project.id, &form).await? {
        Ok(request) => access.trials.start(&access.stamp(), request).await,
        Err(unreadable) => Err(unreadable),
    };
    match started {
        Ok((trial, _)) => {
            (app.wake_worker)();
            Ok(Redirect::to(&urls::trial(trial.id)).into_response())
        }
        Err(refused @ (Error::Refused { .. } | Error::Invalid { .. })) => {
            let mut response = show(&list_page(&access, form, Some(refused)).await?)?;
            *response.status_mut() = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
        Err(error) => Err(error.into()),
    }
}

/// What the form asks for; settings that cannot be read come back to it.
async fn request(access: &Signed, project_id: ProjectId, form: &TrialForm) -> Answer<Result<TrialRequest, Error>> {
    let (id, version) = form.plugin.split_once('@').unwrap_or((&form.plugin, ""));
    let plugin = access.store.plugin(id, version).await?;
    let plugin = plugin.ok_or_else(|| Error::not_found("plug-in", &form.plugin))?;
    let fee_item_id = form.fee_item.parse().map_err(|_| Error::not_found("fee item", &form.fee_item))?;
    let period = Period { start: month(&form.from)?.start, end: month(&form.to)?.end };
    Ok(settings_form::read(&plugin.settings_schema, &form.all).map(|settings| TrialRequest {
        project_id,
        point: ExtensionPoint::FeePolicy,
        fee_item_id,
        plugin_id: plugin.id,
        plugin_version: plugin.version,
        settings: settings.to_string(),
        period,
    }))
}

async fn list_page(access: &Signed, form: TrialForm, refused: Option<Error>) -> Answer<ListPage> {
    let project = chosen_project(access.store.as_ref(), form.project).await?;
    let words = access.words;
    let mut installed = access.store.plugins().await?;
    installed.retain(|plugin| plugin.export(ExtensionPoint::FeePolicy).is_ok());
    let (mut rows, mut fee_items, mut bindings, mut posted) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    if let Some(project) = &project {
        fee_items = access.store.fee_items(project.id).await?;
        bindings = access.store.bindings(project.id).await?;
        let runs = access.store.runs(project.id).await?;
        posted = runs
            .into_iter()
            .filter(|run| run.state == guanjia_domain::billing::RunState::Posted)
            .map(|run| run.period)
            .collect();
        posted.sort_by_key(|month| month.start);
        posted.dedup();
    }
    let page = Page::new(access, Section::Trials, project);
    if let Some(project) = page.project_id() {
        for view in access.trials.list(&access.stamp(), project).await? {
            let item = fee_items.iter().find(|item| item.id == view.trial.fee_item_id);
            rows.push(row(&page, words, &view, item.map(|item| item.name.clone()).unwrap_or_default())?);
        }
    }
    let chosen_item: Option<FeeItemId> = form.fee_item.parse().ok().or_else(|| proposed_item(&bindings));
    let bound = chosen_item.and_then(|item| active(&bindings, item));
    let named = Some(form.plugin.clone()).filter(|plugin| !plugin.is_empty());
    let chosen_plugin = named.or_else(|| bound.map(name_of_bound)).unwrap_or_default();
    let candidate = installed.iter().find(|plugin| name(plugin) == chosen_plugin);
    let (settings, carried) = match (candidate, bound) {
        (Some(candidate), Some(bound)) => carried_over(words, candidate, bound)?,
        _ => (json!({}), Vec::new()),
    };
    let mut fields =
        candidate.map(|plugin| settings_form::fields(words, &plugin.settings_schema, &settings)).unwrap_or_default();
    if refused.is_some() {
        settings_form::refill(&mut fields, &form.all);
    }
    let current = page.project_id();
    let projects = access.store.projects().await?.into_iter().map(|project| Tab {
        current: Some(project.id) == current,
        url: urls::trials(Some(project.id)),
        name: project.name,
    });
    Ok(ListPage {
        rows,
        projects: projects.collect(),
        project_id: current.map(|id| id.to_string()).unwrap_or_default(),
        fee_items: fee_items
            .iter()
            .map(|item| Choice {
                value: item.id.to_string(),
                label: item.name.clone(),
                chosen: Some(item.id) == chosen_item,
            })
            .collect(),
        plugins: installed
            .iter()
            .map(|plugin| Choice {
                value: name(plugin),
                label: format!("{} {}", page.text(&plugin.title), plugin.version),
                chosen: name(plugin) == chosen_plugin,
            })
            .collect(),
        fee_item: chosen_item.map(|item| item.to_string()).unwrap_or_default(),
        plugin: candidate.map(name).unwrap_or_default(),
        fields,
        carried,
        may_install: access.may(Permission::ManagePlugins),
        from: or_month(form.from, posted.first()),
        to: or_month(form.to, posted.last()),
        refused: refused.as_ref().map(|error| refusal(words, error)).unwrap_or_default(),
        detail: refused.map(|error| error.to_string()).unwrap_or_default(),
        page,
    })
}

fn or_month(asked: String, proposed: Option<&Period>) -> String {
    if asked.is_empty() { proposed.map(ToString::to_string).unwrap_or_default() } else { asked }
}

fn name(plugin: &InstalledPlugin) -> String {
    format!("{}@{}", plugin.id, plugin.version)
}

fn name_of_bound(binding: &Binding) -> String {
    format!("{}@{}", binding.plugin_id, binding.plugin_version)
}

/// The fee item of the first active binding: the form is complete as it opens.
fn proposed_item(bindings: &[Binding]) -> Option<FeeItemId> {
    let is_active = |binding: &&Binding| binding.mode == BindingMode::Active;
    bindings.iter().filter(is_active).find_map(|binding| binding.fee_item_id)
}

/// The newest active binding of a fee item.
fn active(bindings: &[Binding], item: FeeItemId) -> Option<&Binding> {
    bindings
        .iter()
        .filter(|binding| binding.fee_item_id == Some(item) && binding.mode == BindingMode::Active)
        .max_by_key(|binding| binding.effective_from)
}

/// What was refused, in one sentence of the reader's; the detail stands beside it.
pub(super) fn refusal(words: Words, error: &Error) -> String {
    let code = match error {
        Error::Refused { code, .. } => code,
        _ => "invalid",
    };
    words.find(&format!("fault-{code}")).unwrap_or_else(|| words.t("fault-other"))
}

fn row(page: &Page, words: Words, view: &TrialView, fee_item: String) -> Answer<Row> {
    let trial = &view.trial;
    let difference = change(trial.report.difference.total()?)?;
    Ok(Row {
        url: urls::trial(trial.id),
        candidate: format!("{} {}", trial.candidate.plugin_id, trial.candidate.plugin_version),
        fee_item,
        months: span(words, trial.period),
        state: words.code("trial-state", view.state().code()),
        code: state_class(view.state()),
        difference: format::signed_yuan(difference),
        class: direction(difference),
        created_by: trial.created_by.clone(),
        created_at: page.time(&trial.created_at),
    })
}

/// `2025 年 1 月 – 2025 年 3 月`
fn span(words: Words, period: Period) -> String {
    let (first, last) = months(period);
    if first == last { words.month(first) } else { format!("{} – {}", words.month(first), words.month(last)) }
}

fn change(tally: Tally) -> Result<Fen, Error> {
    i64::try_from(tally.change()).map(Fen).map_err(|_| Error::Overflow("subtracting totals"))
}

fn direction(difference: Fen) -> &'static str {
    match difference.0.signum() {
        1 => "up",
        -1 => "down",
        _ => "",
    }
}

/// The colour of a state, under a name that the style sheet has.
fn state_class(state: TrialState) -> &'static str {
    match state {
        TrialState::Waiting | TrialState::Running => "computing",
        TrialState::Done => "good",
        TrialState::Failed => "trap",
        TrialState::Cancelled => "cancelled",
    }
}

#[derive(Template)]
#[template(path = "trial.html")]
struct TrialPage {
    page: Page,
    title: String,
    sub: String,
    state: String,
    code: &'static str,
    progress: Option<ProgressView>,
    failure: String,
    cards: Vec<Card>,
    changes: Vec<ChangeRow>,
    unasked: String,
    bars: Vec<Bar>,
    bars_max: i64,
    headroom: Vec<Headroom>,
    months: Vec<MonthRow>,
    lists: Vec<MoverList>,
    settings: Vec<Named>,
    trials_url: String,
    plugin_url: String,
    cancel_url: String,
    resume_url: String,
}

struct ProgressView {
    url: String,
    done: i64,
    total: i64,
    label: String,
}

struct Card {
    label: String,
    value: String,
    note: String,
    class: &'static str,
}

struct ChangeRow {
    label: String,
    subjects: String,
    before: String,
    after: String,
    difference: String,
    class: &'static str,
}

struct Bar {
    label: String,
    subjects: i64,
    shown: String,
}

struct Headroom {
    label: String,
    permille: i64,
    shown: String,
}

struct MonthRow {
    month: String,
    subjects: String,
    after: String,
    difference: String,
    class: &'static str,
}

struct MoverList {
    label: String,
    rows: Vec<MoverRow>,
}

struct MoverRow {
    url: String,
    place: String,
    before: String,
    after: String,
    difference: String,
    class: &'static str,
}

pub(crate) async fn page(access: Require<TryPlugins>, Path(id): Path<TrialId>) -> Answer<Response> {
    let view = access.trials.view(&access.stamp(), id).await?;
    let trial = &view.trial;
    let project = access.store.project(trial.project_id).await?;
    let fee_items = access.store.fee_items(project.id).await?;
    let fee_item = fee_items.into_iter().find(|item| item.id == trial.fee_item_id).map(|item| item.name);
    let plugin = access.store.plugin_by_digest(&trial.candidate.digest).await?;
    let words = access.words;
    let state = view.state();
    let open = matches!(state, TrialState::Waiting | TrialState::Running);
    let lists = mover_lists(&access, &view).await?;
    let page = Page::new(&access, Section::Trials, Some(project));
    let report = &trial.report;
    let difference = &report.difference;
    let title = plugin.as_ref().map_or(trial.candidate.plugin_id.as_str(), |plugin| page.text(&plugin.title));
    show(&TrialPage {
        title: format!("{title} {}", trial.candidate.plugin_version),
        sub: format!("{} · {} · {}", fee_item.unwrap_or_default(), span(words, trial.period), made(&page, trial)),
        state: words.code("trial-state", state.code()),
        code: state_class(state),
        progress: view.job.as_ref().filter(|_| open).map(|job| ProgressView {
            url: urls::trial_progress(id),
            done: job.done,
            total: job.total.max(1),
            label: words.t(if state == TrialState::Waiting { "progress-waiting" } else { "progress-trying" }),
        }),
        failure: view.job.as_ref().filter(|_| !open).and_then(|job| job.error.clone()).unwrap_or_default(),
        cards: cards(words, difference.total()?)?,
        changes: changes(words, trial)?,
        unasked: unasked(words, report.unasked),
        bars_max: difference.buckets().map(|bucket| bucket.subjects).max().unwrap_or(0).max(1),
        bars: bars(&difference.buckets().collect::<Vec<_>>()),
        headroom: vec![
            headroom(words.t("headroom-fuel"), difference.fuel_permille_max()),
            headroom(words.t("headroom-memory"), difference.memory_permille_max()),
        ],
        months: month_rows(words, trial)?,
        lists,
        settings: plugin
            .map(|plugin| settings(words, &plugin.settings_schema, &trial.candidate.settings))
            .unwrap_or_default(),
        trials_url: urls::trials(Some(trial.project_id)),
        plugin_url: urls::plugin(&trial.candidate.plugin_id, &trial.candidate.plugin_version),
        cancel_url: if open { urls::trial_cancel(id) } else { String::new() },
        resume_url: if view.may_resume() { urls::trial_resume(id) } else { String::new() },
        page,
    })
}

fn made(page: &Page, trial: &Trial) -> String {
    page.say("trial-made", &[("who", text(trial.created_by.clone())), ("at", text(page.time(&trial.created_at)))])
}

fn unasked(words: Words, subjects: i64) -> String {
    if subjects == 0 {
        return String::new();
    }
    words.say("trial-unasked", &[("count", Arg::Count(subjects)), ("shown", text(format::count(subjects)))])
}

fn cards(words: Words, total: Tally) -> Result<Vec<Card>, Error> {
    let difference = change(total)?;
    let card = |key: &str, value: String, note: String, class| Card { label: words.t(key), value, note, class };
    Ok(vec![
        card("trial-before", format::yuan(Fen(total.before)), String::new(), ""),
        card("trial-after", format::yuan(Fen(total.after)), String::new(), ""),
        card(
            "figure-difference",
            format::signed_yuan(difference),
            format::percent_change(Fen(total.after), Fen(total.before)).unwrap_or_default(),
            direction(difference),
        ),
        card("trial-subjects", format::count(total.subjects), words.t("trial-subjects-note"), ""),
    ])
}

/// Those that there are any of.
fn changes(words: Words, trial: &Trial) -> Result<Vec<ChangeRow>, Error> {
    let tallies = Change::ALL.iter().map(|kind| (kind, trial.report.difference.tally(*kind)));
    let rows = tallies.filter(|(_, tally)| tally.subjects > 0).map(|(kind, tally)| {
        let difference = change(tally)?;
        Ok(ChangeRow {
            label: words.code("change", kind.code()),
            subjects: format::count(tally.subjects),
            before: format::amount(Fen(tally.before)),
            after: format::amount(Fen(tally.after)),
            difference: format::signed_amount(difference),
            class: direction(difference),
        })
    });
    rows.collect()
}

/// From the lowest to the highest class that anybody is in.
fn bars(buckets: &[Bucket]) -> Vec<Bar> {
    let full = |bucket: &Bucket| bucket.subjects > 0;
    let (Some(first), Some(last)) = (buckets.iter().position(full), buckets.iter().rposition(full)) else {
        return Vec::new();
    };
    let bar = |bucket: &Bucket| Bar {
        label: range(bucket),
        subjects: bucket.subjects,
        shown: format::count(bucket.subjects),
    };
    buckets[first..=last].iter().map(bar).collect()
}

/// `−10 – −5 %`
fn range(bucket: &Bucket) -> String {
    let percent = |permille: i64| format::count(permille / 10);
    match (bucket.from_permille, bucket.to_permille) {
        (Some(from), Some(to)) if from == to => format!("{} %", percent(from)),
        (Some(from), Some(to)) => format!("{} … {} %", percent(from), percent(to)),
        (Some(from), None) => format!("> {} %", percent(from)),
        (None, Some(to)) => format!("< {} %", percent(to)),
        (None, None) => String::new(),
    }
}

fn headroom(label: String, permille: i64) -> Headroom {
    Headroom { label, permille, shown: format!("{}.{} %", permille / 10, permille % 10) }
}

fn month_rows(words: Words, trial: &Trial) -> Result<Vec<MonthRow>, Error> {
    let row = |month: &guanjia_domain::trial::TrialPeriod| {
        let difference = change(month.total)?;
        Ok(MonthRow {
            month: words.month(month.period),
            subjects: format::count(month.total.subjects),
            after: format::amount(Fen(month.total.after)),
            difference: format::signed_amount(difference),
            class: direction(difference),
        })
    };
    trial.report.periods.iter().map(row).collect()
}

async fn mover_lists(access: &Signed, view: &TrialView) -> Answer<Vec<MoverList>> {
    let words = access.words;
    let places = places_of(access.store.as_ref(), view).await?;
    let mut lists: Vec<(Direction, MoverList)> = Vec::new();
    for (number, (towards, mover)) in view.trial.report.movers().enumerate() {
        if lists.last().is_none_or(|(known, _)| *known != towards) {
            lists.push((towards, MoverList { label: words.code("movers", towards.code()), rows: Vec::new() }));
        }
        let difference =
            change(Tally { subjects: 1, before: mover.before.unwrap_or(0), after: mover.after.unwrap_or(0) })?;
        let unit = mover.place.unit_id;
        let row = MoverRow {
            url: urls::trial_mover(view.trial.id, number),
            place: places.get(&unit).map_or_else(|| format::short(&unit.to_string()), ToString::to_string),
            before: amount_or_held(words, mover.before),
            after: amount_or_held(words, mover.after),
            difference: format::signed_amount(difference),
            class: direction(difference),
        };
        if let Some((_, list)) = lists.last_mut() {
            list.rows.push(row);
        }
    }
    Ok(lists.into_iter().map(|(_, list)| list).collect())
}

fn amount_or_held(words: Words, value: Option<i64>) -> String {
    value.map_or_else(|| words.t("held"), |fen| format::amount(Fen(fen)))
}

pub(crate) async fn cancel(access: Require<TryPlugins>, Path(id): Path<TrialId>) -> Answer<Redirect> {
    access.trials.cancel(&access.stamp(), id).await?;
    Ok(Redirect::to(&urls::trial(id)))
}

pub(crate) async fn resume(
    access: Require<TryPlugins>,
    State(app): State<AppState>,
    Path(id): Path<TrialId>,
) -> Answer<Redirect> {
    access.trials.resume(&access.stamp(), id).await?;
    (app.wake_worker)();
    Ok(Redirect::to(&urls::trial(id)))
}

#[derive(Template)]
#[template(path = "trial_mover.html")]
struct MoverPage {
    page: Page,
    place: String,
    sub: String,
    unit_url: String,
    trial_url: String,
    decision: String,
    sides: Vec<SideView>,
}

struct SideView {
    label: String,
    rule: String,
    plugin: String,
    plugin_url: String,
    lines: Vec<Vec<ExplainedStep>>,
    held: String,
    amount: String,
    settings: Vec<Named>,
}

pub(crate) async fn mover(access: Require<TryPlugins>, Path((id, number)): Path<(TrialId, usize)>) -> Answer<Response> {
    let words = access.words;
    let explanation = access.trials.explain(&access.stamp(), id, number, words.language).await?;
    let trial = access.trials.view(&access.stamp(), id).await?.trial;
    let project = access.store.project(trial.project_id).await?;
    let unit = explanation.mover.place.unit_id;
    let page = Page::new(&access, Section::Trials, Some(project));
    show(&MoverPage {
        place: explanation.place.as_ref().map_or_else(|| format::short(&unit.to_string()), ToString::to_string),
        sub: format!("{} · {}", words.month(explanation.period), words.code("movers", explanation.direction.code())),
        unit_url: urls::unit(unit),
        trial_url: urls::trial(id),
        decision: format::short(&explanation.mover.place.decision_id.to_string()),
        sides: vec![
            side(&page, words.t("trial-before"), explanation.recorded),
            side(&page, words.t("trial-after"), explanation.candidate),
        ],
        page,
    })
}

fn side(page: &Page, label: String, side: MoverSide) -> SideView {
    SideView {
        label,
        rule: page.text(&side.title).to_owned(),
        plugin: format!("{} {}", side.plugin_id, side.plugin_version),
        plugin_url: urls::plugin(&side.plugin_id, &side.plugin_version),
        lines: side.lines.into_iter().map(|line| line.steps).collect(),
        held: side.held.unwrap_or_default(),
        amount: side.value.map(|fen| format::yuan(Fen(fen))).unwrap_or_default(),
        settings: settings(page.words, &side.settings_schema, &side.settings),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_classes_between_the_ends_are_shown() {
        let bucket = |from, to, subjects| Bucket { from_permille: from, to_permille: to, subjects };
        let buckets = vec![
            bucket(None, Some(-1_000), 0),
            bucket(Some(-100), Some(-50), 3),
            bucket(Some(0), Some(0), 0),
            bucket(Some(1_000), None, 1_234),
            bucket(None, None, 0),
        ];
        let shown: Vec<_> = bars(&buckets).into_iter().map(|bar| (bar.label, bar.shown)).collect();
        let expected = [("−10 … −5 %", "3"), ("0 %", "0"), ("> 100 %", "1,234")];
        assert_eq!(shown, expected.map(|(label, count)| (label.to_owned(), count.to_owned())));
        assert!(bars(&[bucket(None, None, 0)]).is_empty());
    }
}
