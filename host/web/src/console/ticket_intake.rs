//! 受理: what the front desk writes down while somebody stands there or is on the phone.

use askama::Template;
use axum::{
    Form,
    extract::Query,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use guanjia_domain::{
    Error,
    ids::{ProjectId, UnitId},
    ports::UnitRow,
    ticket::{Caller, Channel, Intake, Priority, TicketSetup},
};
use serde::Deserialize;

use super::{Page, Section, chosen_project, show};
use crate::{
    access::{Require, Signed, needs::WriteTickets},
    api::tickets::tickets,
    fault::Answer,
    urls,
    words::Words,
};

/// Units that a search offers: one look.
const UNITS_OFFERED: u32 = 8;

struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

/// Categories under the title of their kind.
struct Group {
    kind: Choice,
    categories: Vec<Choice>,
}

#[derive(Template)]
#[template(path = "ticket_new.html")]
struct IntakePage {
    page: Page,
    form: IntakeForm,
    projects: Vec<Choice>,
    units: Vec<Choice>,
    searched: bool,
    groups: Vec<Group>,
    channels: Vec<Choice>,
    priorities: Vec<Choice>,
    /// Why what was sent was not taken.
    refused: String,
    detail: String,
}

#[derive(Deserialize, Default)]
pub(crate) struct IntakeQuery {
    project: Option<ProjectId>,
    unit: Option<UnitId>,
}

/// What was typed so far.
#[derive(Deserialize, Default)]
pub(crate) struct IntakeForm {
    project: Option<ProjectId>,
    #[serde(default)]
    search: String,
    /// An id; empty for a common area.
    #[serde(default)]
    unit: String,
    #[serde(default)]
    place: String,
    #[serde(default)]
    caller: String,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    channel: String,
    /// Kind, or kind and category with a colon between them.
    #[serde(default)]
    about: String,
    #[serde(default)]
    priority: String,
    #[serde(default)]
    words: String,
    /// `find` looks for the unit; everything else takes the ticket in.
    #[serde(default)]
    step: String,
}

pub(crate) async fn form(access: Require<WriteTickets>, Query(query): Query<IntakeQuery>) -> Answer<Response> {
    let unit = query.unit.map(|unit| unit.to_string()).unwrap_or_default();
    let form = IntakeForm { project: query.project, unit, channel: "phone".to_owned(), ..IntakeForm::default() };
    render(&access, form, String::new(), String::new()).await
}

async fn render(access: &Signed, form: IntakeForm, refused: String, detail: String) -> Answer<Response> {
    let words = access.words;
    let project = chosen_project(&*access.store, form.project).await?;
    let project_id = project.as_ref().map(|project| project.id);
    let setup = tickets(access).setup(project_id).await?;
    let mut found: Vec<UnitRow> = Vec::new();
    if let Some(project) = project_id.filter(|_| !form.search.trim().is_empty()) {
        found = access.store.units(project, &access.search(&form.search), None, UNITS_OFFERED).await?.items;
    }
    if let Ok(unit) = form.unit.parse::<UnitId>()
        && !found.iter().any(|row| row.unit.id == unit)
    {
        found.insert(0, access.store.unit(unit).await?);
    }
    let only = found.len() == 1;
    let units = found.iter().map(|row| {
        let owners: Vec<_> = row.owners.iter().map(|owner| access.name(owner)).collect();
        let value = row.unit.id.to_string();
        Choice { chosen: only || value == form.unit, label: format!("{} {}", row.place, owners.join("、")), value }
    });
    let projects = access.store.projects().await?.into_iter().map(|other| Choice {
        value: other.id.to_string(),
        chosen: Some(other.id) == project_id,
        label: other.name,
    });
    let coded = |prefix: &str, code: &str, chosen: bool| Choice {
        value: code.to_owned(),
        label: words.t(&format!("{prefix}-{code}")),
        chosen,
    };
    let channels = [Channel::Counter, Channel::Phone]
        .map(|channel| coded("ticket-channel", channel.code(), channel.code() == form.channel));
    let mut priorities = vec![Choice {
        value: String::new(),
        label: words.t("ticket-priority-usual"),
        chosen: form.priority.is_empty(),
    }];
    priorities
        .extend(Priority::ALL.iter().map(|code| coded("ticket-priority", code.code(), code.code() == form.priority)));
    show(&IntakePage {
        projects: projects.collect(),
        units: units.collect(),
        searched: !form.search.trim().is_empty(),
        groups: groups(&setup, words, &form.about),
        channels: channels.into(),
        priorities,
        refused,
        detail,
        page: Page::new(access, Section::Tickets, project),
        form,
    })
}

fn groups(setup: &TicketSetup, words: Words, about: &str) -> Vec<Group> {
    let title = |text: &guanjia_domain::plugin::Text| text.in_language(words.language).to_owned();
    let kinds = setup.kinds.iter().filter(|(_, held)| !held.of.retired);
    let mut groups: Vec<_> = kinds
        .map(|(kind, held)| Group {
            kind: Choice { value: kind.clone(), label: title(&held.of.title), chosen: about == kind },
            categories: setup
                .categories
                .iter()
                .filter(|(_, of)| of.of.kind == *kind && !of.of.retired)
                .map(|(code, of)| {
                    let value = format!("{kind}:{code}");
                    Choice { chosen: about == value, label: title(&of.of.title), value }
                })
                .collect(),
        })
        .collect();
    // What is asked for most often comes first.
    let order = ["repair", "complaint", "request", "enquiry", "suggestion"];
    groups.sort_by_key(|group| order.iter().position(|kind| *kind == group.kind.value).unwrap_or(order.len()));
    groups
}

pub(crate) async fn take_in(access: Require<WriteTickets>, Form(form): Form<IntakeForm>) -> Answer<Response> {
    if form.step == "find" {
        return render(&access, form, String::new(), String::new()).await;
    }
    match intake(&form) {
        Ok(intake) => match tickets(&access).take_in(&access.stamp(), intake).await {
            Ok(row) => Ok(Redirect::to(&urls::ticket(row.ticket.id)).into_response()),
            Err(error @ (Error::Invalid { .. } | Error::Refused { .. })) => refuse(&access, form, &error).await,
            Err(other) => Err(other.into()),
        },
        Err(error) => refuse(&access, form, &error).await,
    }
}

/// The form again, with everything that was typed.
async fn refuse(access: &Signed, form: IntakeForm, error: &Error) -> Answer<Response> {
    let refused = access.words.t("ticket-not-taken-in");
    let mut response = render(access, form, refused, error.to_string()).await?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

fn intake(form: &IntakeForm) -> Result<Intake, Error> {
    let (kind, category) = form.about.split_once(':').unwrap_or((&form.about, ""));
    let unit_id = match form.unit.as_str() {
        "" => None,
        id => Some(id.parse().map_err(|_| Error::invalid("there is no such unit"))?),
    };
    if unit_id.is_none() && form.place.trim().is_empty() {
        return Err(Error::invalid("choose a unit, or say where it is"));
    }
    Ok(Intake {
        project_id: form.project.ok_or_else(|| Error::invalid("choose a project"))?,
        kind: kind.to_owned(),
        category: category.to_owned(),
        channel: form.channel.parse()?,
        unit_id,
        place: form.place.clone(),
        words: form.words.clone(),
        caller: Caller { name: form.caller.trim().to_owned(), phone: form.phone.trim().to_owned() },
        priority: if form.priority.is_empty() { None } else { Some(form.priority.parse()?) },
        link_id: None,
    })
}
