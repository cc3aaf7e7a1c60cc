//! 启用: switching a rule on for a fee item, what waits for a second person, and back in one step.

use askama::Template;
use axum::{
    Form,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use guanjia_domain::{
    Date, Error,
    access::Permission,
    estate::Project,
    fee_item::FeeItem,
    ids::{BindingId, FeeItemId, ProjectId, ProposalId, TrialId},
    plugin::{
        Activation, ActivationRule, BindRequest, Binding, BindingMode, ExtensionPoint, InstalledPlugin, PluginExport,
        Plugins, Proposal, ProposalState, migrate_settings, with_defaults,
    },
    trial::Trial,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;

use super::{
    Page, Section, ZONE,
    home::today,
    line::{Named, settings},
    plugin_about::effect_named,
    settings_form::{self, Choice, Field, Input},
    show,
    trials::refusal,
};
use crate::{
    AppState,
    access::{
        Require, Signed,
        needs::{ApprovePlugins, ManagePlugins, ManageUsers, ReadPlugins},
    },
    api::{activations::PROPOSALS_SHOWN, date, trials::months},
    fault::Answer,
    urls,
    words::{Arg, Words, text},
};

#[derive(Template)]
#[template(path = "bind.html")]
struct BindPage {
    page: Page,
    title: String,
    plugin: String,
    plugin_url: String,
    here: String,
    /// Fee items, or projects, that the rule may answer for.
    places: Vec<Choice>,
    chosen: String,
    fields: Vec<Field>,
    /// What became of the settings that are in force now.
    carried: Vec<String>,
    current: String,
    from: String,
    to: String,
    note: String,
    modes: Vec<Choice>,
    /// In permille.
    tolerance: String,
    /// Trials that may be attached.
    reports: Vec<Choice>,
    /// What it asks to be allowed.
    effects: Vec<Choice>,
    second_person: bool,
    /// Why the form came back.
    refused: String,
    detail: String,
}

#[derive(Deserialize)]
pub(crate) struct PlaceQuery {
    #[serde(default)]
    place: String,
}

/// The field that names the fee item of a project, or the project.
const PLACE: &str = "place";

/// A fee item of a project, as a form names it: `project/fee-item`; a whole project is `project/`.
fn place_value(project: &Project, item: Option<&FeeItem>) -> String {
    format!("{}/{}", project.id, item.map(|item| item.id.to_string()).unwrap_or_default())
}

fn read_place(place: &str) -> Option<(ProjectId, Option<FeeItemId>)> {
    let (project, item) = place.split_once('/')?;
    let item = if item.is_empty() { None } else { Some(item.parse().ok()?) };
    Some((project.parse().ok()?, item))
}

/// The field that grants an effect.
fn grant_field(kind: &str) -> String {
    format!("grant.{kind}")
}

/// What a plug-in answers: the forms switch on its first export.
fn export(plugin: &InstalledPlugin) -> Result<&PluginExport, Error> {
    plugin.exports.first().ok_or_else(|| Error::invalid("the plug-in answers for nothing"))
}

pub(crate) async fn form(
    access: Require<ManagePlugins>,
    Path((id, version)): Path<(String, String)>,
    Query(query): Query<PlaceQuery>,
) -> Answer<Response> {
    let plugin = installed(&access, &id, &version).await?;
    show(&bind_page(&access, &plugin, query.place, None).await?)
}

/// A form that came back and was refused: it is shown again with what was entered.
struct Refused<'a> {
    form: &'a HashMap<String, String>,
    error: &'a Error,
}

async fn bind_page(
    access: &Signed,
    plugin: &InstalledPlugin,
    place: String,
    refused: Option<Refused<'_>>,
) -> Answer<BindPage> {
    let words = access.words;
    let asked = read_place(&place);
    let mut places = Vec::new();
    let export = export(plugin)?;
    for project in access.store.projects().await? {
        if !export.point.is_per_fee_item() {
            places.push(Choice {
                chosen: asked == Some((project.id, None)),
                value: place_value(&project, None),
                label: project.name,
            });
            continue;
        }
        for item in access.store.fee_items(project.id).await? {
            places.push(Choice {
                chosen: asked == Some((project.id, Some(item.id))),
                value: place_value(&project, Some(&item)),
                label: format!("{} · {}", project.name, item.name),
            });
        }
    }
    let (current, reports) = match asked {
        Some((project, item)) => {
            let reports = match item {
                Some(item) => reports(access, plugin, project, item).await?,
                None => Vec::new(),
            };
            (current_binding(access, project, export.point, item).await?, reports)
        }
        None => (None, Vec::new()),
    };
    let (settings, carried) = match &current {
        Some(binding) => carried_over(words, plugin, binding)?,
        None => (json!({}), Vec::new()),
    };
    let mut fields = settings_form::fields(words, &plugin.settings_schema, &settings);
    let entered = |name: &str| refused.as_ref().and_then(|refused| refused.form.get(name).cloned()).unwrap_or_default();
    let from = match &refused {
        Some(Refused { form, .. }) => {
            settings_form::refill(&mut fields, form);
            entered("from")
        }
        None => today(access, ZONE)?.to_string(),
    };
    let mode = |mode: BindingMode| Choice {
        value: mode.to_string(),
        label: words.code("mode", mode.code()),
        chosen: entered("mode") == mode.code(),
    };
    let chosen_report = entered("trial");
    let page = Page::new(access, Section::Plugins, None);
    Ok(BindPage {
        title: page.text(&plugin.title).to_owned(),
        plugin: format!("{} {}", plugin.id, plugin.version),
        plugin_url: urls::plugin(&plugin.id, &plugin.version),
        here: urls::bind(&plugin.id, &plugin.version),
        chosen: if places.iter().any(|place| place.chosen) { place } else { String::new() },
        places,
        fields,
        carried,
        current: current.map(|binding| format!("{} {}", binding.plugin_id, binding.plugin_version)).unwrap_or_default(),
        from,
        to: entered("to"),
        note: entered("note"),
        tolerance: entered("tolerance"),
        modes: [BindingMode::Active, BindingMode::Shadow].map(mode).into(),
        reports: reports
            .into_iter()
            .map(|trial| Choice {
                value: trial.id.to_string(),
                label: report_label(&page, &trial),
                chosen: trial.id.to_string() == chosen_report,
            })
            .collect(),
        effects: export
            .effects
            .iter()
            .map(|kind| Choice {
                value: grant_field(kind),
                label: effect_named(words, kind).label,
                chosen: !entered(&grant_field(kind)).is_empty(),
            })
            .collect(),
        second_person: access.store.activation_rule().await?.second_person,
        refused: refused.as_ref().map(|refused| refusal(words, refused.error)).unwrap_or_default(),
        detail: refused.map(|refused| refused.error.to_string()).unwrap_or_default(),
        page,
    })
}

/// Finished trials of this version on the fee item, the newest first.
async fn reports(access: &Signed, plugin: &InstalledPlugin, project: ProjectId, item: FeeItemId) -> Answer<Vec<Trial>> {
    let mut trials = access.store.trials(project).await?;
    trials.retain(|trial| {
        trial.finished_at.is_some() && trial.fee_item_id == item && trial.candidate.digest == plugin.digest
    });
    trials.sort_by_key(|trial| std::cmp::Reverse(trial.created_at));
    Ok(trials)
}

/// When it was made and by whom, over which months, with which settings.
fn report_label(page: &Page, trial: &Trial) -> String {
    let (from, to) = months(trial.period);
    format!("{} {} · {from} – {to} · {}", page.time(&trial.created_at), trial.created_by, trial.candidate.settings)
}

async fn installed(access: &Signed, id: &str, version: &str) -> Answer<InstalledPlugin> {
    let plugin = access.store.plugin(id, version).await?;
    Ok(plugin.ok_or_else(|| Error::not_found("plug-in", format!("{id}@{version}")))?)
}

/// What answers for a fee item, or for a project, today.
async fn current_binding(
    access: &Signed,
    project: ProjectId,
    point: ExtensionPoint,
    item: Option<FeeItemId>,
) -> Answer<Option<Binding>> {
    let today = today(access, ZONE)?;
    let bindings = access.store.bindings(project).await?;
    Ok(bindings.into_iter().find(|binding| {
        binding.mode == BindingMode::Active
            && binding.point == point
            && binding.fee_item_id == item
            && binding.holds_on(today)
    }))
}

/// The settings in force under the new version's schema, with what became of them. Another plug-in's settings mean nothing
/// here.
pub(super) fn carried_over(words: Words, plugin: &InstalledPlugin, current: &Binding) -> Answer<(Value, Vec<String>)> {
    if current.plugin_id != plugin.id {
        return Ok((json!({}), Vec::new()));
    }
    let migrated = migrate_settings(&current.settings, &plugin.settings_schema, &plugin.settings_renames)?;
    let mut told = Vec::new();
    for (old, new) in &migrated.renamed {
        told.push(words.say("migration-renamed", &[("old", text(old.clone())), ("new", text(new.clone()))]));
    }
    for (name, value) in &migrated.dropped {
        told.push(words.say("migration-dropped", &[("name", text(name.clone())), ("value", text(value.to_string()))]));
    }
    for (name, value) in &migrated.added {
        told.push(words.say("migration-added", &[("name", text(name.clone())), ("value", text(value.to_string()))]));
    }
    Ok((migrated.settings, told))
}

pub(crate) async fn bind(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    Path((id, version)): Path<(String, String)>,
    Form(form): Form<HashMap<String, String>>,
) -> Answer<Response> {
    let plugin = installed(&access, &id, &version).await?;
    let place = form.get(PLACE).cloned().unwrap_or_default();
    let (project_id, fee_item_id) = read_place(&place).ok_or_else(|| Error::invalid(access.words.t("bind-choose")))?;
    access.store.project(project_id).await?;
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    let switched = match request(&plugin, project_id, fee_item_id, &form) {
        Ok((request, note, trial)) => plugins.switch_on(&access.stamp(), request, note, trial).await,
        Err(error) => Err(error),
    };
    match switched {
        Ok(activation) if activation.proposals.is_empty() => {
            let next = in_force(&activation, urls::plugin(&plugin.id, &plugin.version));
            Ok(Redirect::to(&next).into_response())
        }
        Ok(_) => Ok(Redirect::to(urls::PROPOSALS).into_response()),
        Err(error @ (Error::Refused { .. } | Error::Invalid { .. } | Error::Conflict(_))) => {
            let refused = Refused { form: &form, error: &error };
            let mut response = show(&bind_page(&access, &plugin, place, Some(refused)).await?)?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
        Err(error) => Err(error.into()),
    }
}

/// What the form asks for, with its note and the report that speaks for it.
fn request<'a>(
    plugin: &InstalledPlugin,
    project_id: ProjectId,
    fee_item_id: Option<FeeItemId>,
    form: &'a HashMap<String, String>,
) -> Result<(BindRequest, &'a str, Option<TrialId>), Error> {
    let field = |name: &str| form.get(name).map(|value| value.trim()).unwrap_or_default();
    let filled = |name: &str| Some(field(name)).filter(|value| !value.is_empty());
    let day = |text: &str| text.parse::<Date>().map_err(|_| Error::invalid(format!("{text:?} is not a date")));
    let export = export(plugin)?;
    let tolerance = filled("tolerance").unwrap_or("0");
    let request = BindRequest {
        project_id,
        point: export.point,
        fee_item_id,
        plugin_id: plugin.id.clone(),
        plugin_version: plugin.version.clone(),
        settings: settings_form::read(&plugin.settings_schema, form)?.to_string(),
        effective_from: day(field("from"))?,
        effective_to: filled("to").map(day).transpose()?,
        mode: filled("mode").unwrap_or(BindingMode::Active.code()).parse()?,
        tolerance_permille: tolerance
            .parse()
            .map_err(|_| Error::invalid(format!("{tolerance:?} is no whole number")))?,
        granted: export.effects.iter().filter(|kind| form.contains_key(&grant_field(kind))).cloned().collect(),
    };
    let trial = filled("trial").map(|id| id.parse().map_err(|_| Error::not_found("trial", id))).transpose()?;
    Ok((request, field("note"), trial))
}

/// Where to go once a rule is in force: to the binding, where another rule has charged months that this one would answer for.
fn in_force(activation: &Activation, otherwise: String) -> String {
    match activation.bindings.first() {
        Some(binding) if !activation.posted.is_empty() => urls::binding(binding.id),
        _ => otherwise,
    }
}

#[derive(Deserialize)]
pub(crate) struct BackForm {
    from: String,
}

/// Takes a binding back from a day on.
pub(crate) async fn roll_back(
    access: Require<ManagePlugins>,
    State(app): State<AppState>,
    Path(id): Path<BindingId>,
    Form(form): Form<BackForm>,
) -> Answer<Response> {
    let binding = access.store.binding(id).await?;
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    let Binding { project_id, point, fee_item_id, .. } = binding;
    let activation = plugins.roll_back(&access.stamp(), project_id, point, fee_item_id, date(&form.from)?).await?;
    let plugin = urls::plugin(&binding.plugin_id, &binding.plugin_version);
    Ok(Redirect::to(&in_force(&activation, plugin)).into_response())
}

#[derive(Template)]
#[template(path = "proposals.html")]
struct ProposalsPage {
    page: Page,
    headline: String,
    rows: Vec<ProposalView>,
    second_person: bool,
    may_rule: bool,
}

struct ProposalView {
    plugin: String,
    plugin_url: String,
    place: String,
    from: String,
    point: String,
    state: String,
    code: &'static str,
    who: String,
    note: String,
    reason: String,
    /// The report that speaks for it.
    trial_url: String,
    /// Now and then, where they differ.
    changes: Vec<Change>,
    approve_url: String,
    refuse_url: String,
    own: bool,
}

/// One setting before and after.
struct Change {
    label: String,
    before: String,
    after: String,
}

pub(crate) async fn proposals(access: Require<ReadPlugins>) -> Answer<Response> {
    let page = Page::new(&access, Section::Plugins, None);
    let mut rows = Vec::new();
    for proposal in access.store.proposals(PROPOSALS_SHOWN).await? {
        rows.push(proposal_view(&access, &page, proposal).await?);
    }
    let open = rows.iter().filter(|row| row.code == ProposalState::Open.code()).count();
    show(&ProposalsPage {
        headline: page.say("proposals-headline", &[("count", Arg::Count(i64::try_from(open).unwrap_or(i64::MAX)))]),
        rows,
        second_person: access.store.activation_rule().await?.second_person,
        may_rule: access.may(Permission::ManageUsers),
        page,
    })
}

async fn proposal_view(access: &Signed, page: &Page, proposal: Proposal) -> Answer<ProposalView> {
    let words = access.words;
    let binding = proposal.binding;
    let project = access.store.project(binding.project_id).await?;
    let items = access.store.fee_items(project.id).await?;
    let item = items.into_iter().find(|item| Some(item.id) == binding.fee_item_id);
    let plugin = installed(access, &binding.plugin_id, &binding.plugin_version).await?;
    let before = current_binding(access, project.id, binding.point, binding.fee_item_id).await?;
    let own = proposal.proposed_by == access.actor.name;
    let open = proposal.state == ProposalState::Open;
    let decides = open && !own && access.may(Permission::ApprovePlugins);
    let refuses = decides || (open && own && access.may(Permission::ManagePlugins));
    let who = match (&proposal.decided_by, proposal.decided_at) {
        (Some(by), Some(at)) => format!("{} → {by} {}", proposal.proposed_by, page.time(&at)),
        _ => format!("{} {}", proposal.proposed_by, page.time(&proposal.proposed_at)),
    };
    Ok(ProposalView {
        changes: changes(words, &plugin, before.as_ref(), &binding),
        plugin: format!("{} {}", page.text(&plugin.title), plugin.version),
        plugin_url: urls::plugin(&plugin.id, &plugin.version),
        place: item.map_or_else(|| project.name.clone(), |item| format!("{} · {}", project.name, item.name)),
        from: binding.effective_from.to_string(),
        point: words.code("point", point_code(binding.point)),
        state: words.code("proposal", proposal.state.code()),
        code: proposal.state.code(),
        who,
        note: proposal.note,
        reason: proposal.reason,
        trial_url: proposal.trial_id.map(urls::trial).unwrap_or_default(),
        approve_url: if decides { urls::proposal_approve(proposal.id) } else { String::new() },
        refuse_url: if refuses { urls::proposal_refuse(proposal.id) } else { String::new() },
        own,
    })
}

fn point_code(point: ExtensionPoint) -> &'static str {
    point.code()
}

/// The effects of a binding in words.
fn granted(words: Words, binding: &Binding) -> String {
    let labels: Vec<String> = binding.granted.iter().map(|kind| effect_named(words, kind).label).collect();
    labels.join("; ")
}

/// Settings that differ from those in force, under the titles of the schema, and effects.
fn changes(words: Words, plugin: &InstalledPlugin, before: Option<&Binding>, after: &Binding) -> Vec<Change> {
    let shown = |binding: &Binding| {
        settings(words, &plugin.settings_schema, &with_defaults(&plugin.settings_schema, &binding.settings))
    };
    let grants = Change {
        label: words.t("bind-effects"),
        before: before.map(|binding| granted(words, binding)).unwrap_or_default(),
        after: granted(words, after),
    };
    let before = before.map(shown).unwrap_or_default();
    let after = shown(after);
    let value_of = |rows: &[Named], code: &str| {
        rows.iter().find(|row| row.code == code).map(|row| row.value.clone()).unwrap_or_default()
    };
    let mut changes: Vec<Change> = after
        .iter()
        .map(|row| Change { label: row.label.clone(), before: value_of(&before, &row.code), after: row.value.clone() })
        .collect();
    let gone = before.iter().filter(|row| after.iter().all(|other| other.code != row.code));
    changes.extend(gone.map(|row| Change {
        label: row.label.clone(),
        before: row.value.clone(),
        after: String::new(),
    }));
    changes.push(grants);
    changes.retain(|change| change.before != change.after);
    changes
}

pub(crate) async fn approve(
    access: Require<ApprovePlugins>,
    State(app): State<AppState>,
    Path(id): Path<ProposalId>,
) -> Answer<Response> {
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    let activation = plugins.approve_proposal(&access.stamp(), id).await?;
    Ok(Redirect::to(&in_force(&activation, urls::PROPOSALS.to_owned())).into_response())
}

#[derive(Deserialize)]
pub(crate) struct RefuseForm {
    #[serde(default)]
    reason: String,
}

pub(crate) async fn refuse(
    access: Require<ReadPlugins>,
    State(app): State<AppState>,
    Path(id): Path<ProposalId>,
    Form(form): Form<RefuseForm>,
) -> Answer<Response> {
    let plugins = Plugins::new(access.store.clone(), app.engine.clone());
    plugins.refuse_proposal(&access.stamp(), id, &form.reason).await?;
    Ok(Redirect::to(urls::PROPOSALS).into_response())
}

#[derive(Deserialize)]
pub(crate) struct RuleForm {
    second_person: Option<String>,
}

pub(crate) async fn set_rule(
    access: Require<ManageUsers>,
    State(app): State<AppState>,
    Form(form): Form<RuleForm>,
) -> Answer<Response> {
    let rule = ActivationRule { second_person: form.second_person.is_some() };
    Plugins::new(access.store.clone(), app.engine.clone()).set_activation_rule(&access.stamp(), rule).await?;
    Ok(Redirect::to(urls::PROPOSALS).into_response())
}
