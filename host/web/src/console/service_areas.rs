//! 片区: who serves which homes, and how much that is.

use askama::Template;
use axum::{
    Form,
    extract::{Path, Query},
    response::{Redirect, Response},
};
use guanjia_domain::{
    Date,
    access::Permission,
    ids::{ProjectId, ServiceAreaId, StaffId},
    ports::StaffSearch,
    service_area::{AreaFigures, AreaRow, ServiceArea, Taken, UnitSelection, UnitsMoved},
};
use serde::Deserialize;

use super::{
    Page, Section, chosen_project, show,
    staff::{Choice, blank},
    units::time_span,
};
use crate::{
    access::{
        Require, Signed,
        needs::{ReadStaff, WriteStaff},
    },
    api::{service_areas::areas, staff::day_or_today},
    fault::Answer,
    format, urls,
    words::{Words, text},
};

/// People that the form for a steward offers: those of the project, and of the whole company.
const STEWARDS_OFFERED: u32 = 500;

#[derive(Deserialize)]
pub(crate) struct AreasQuery {
    project: Option<ProjectId>,
    /// As they are on this day; today without it.
    #[serde(default, deserialize_with = "blank")]
    day: Option<Date>,
    /// The area whose history is shown.
    area: Option<ServiceAreaId>,
}

struct AreaView {
    name: String,
    phone: String,
    steward: String,
    steward_url: String,
    steward_days: String,
    homes: String,
    area: String,
    units: String,
    units_url: String,
    steward_form_url: String,
    history_url: String,
}

struct PastLine {
    what: String,
    days: String,
}

struct History {
    title: String,
    lines: Vec<PastLine>,
}

#[derive(Template)]
#[template(path = "service_areas.html")]
struct AreasPage {
    page: Page,
    headline: String,
    /// Homes in no area; empty where there is none.
    unserved: String,
    areas: Vec<AreaView>,
    projects: Vec<super::units::ProjectTab>,
    stewards: Vec<Choice>,
    history: Option<History>,
    day: String,
    project_id: String,
    may_write: bool,
}

pub(crate) async fn page(access: Require<ReadStaff>, Query(query): Query<AreasQuery>) -> Answer<Response> {
    let words = access.words;
    let project = chosen_project(access.store.as_ref(), query.project).await?;
    let id = project.as_ref().map(|project| project.id);
    let day = match query.day {
        Some(day) => day,
        None => day_or_today(&access, id, None).await?,
    };
    let (rows, unserved) = match id {
        Some(id) => (access.store.service_areas(id, day).await?, access.store.unserved(id, day).await?),
        None => (Vec::new(), AreaFigures::default()),
    };
    let may_write = access.may(Permission::WriteStaff);
    let homes: i64 = rows.iter().map(|row| row.figures.homes).sum();
    let count = |count: i64| text(format::count(count));
    let headline = words.say("areas-headline", &[("areas", text(rows.len().to_string())), ("homes", count(homes))]);
    let history = match query.area {
        Some(area) => Some(history(&access, area, day).await?),
        None => None,
    };
    let projects = access.store.projects().await?.into_iter().map(|project| super::units::ProjectTab {
        current: Some(project.id) == id,
        url: urls::service_areas(Some(project.id)),
        name: project.name,
    });
    show(&AreasPage {
        headline,
        unserved: if unserved.homes > 0 {
            words.say("areas-unserved", &[("homes", count(unserved.homes))])
        } else {
            String::new()
        },
        areas: rows.into_iter().map(|row| area_view(words, row, day)).collect(),
        projects: projects.collect(),
        stewards: if may_write { stewards(&access, id, day).await? } else { Vec::new() },
        history,
        day: day.to_string(),
        project_id: id.map(|id| id.to_string()).unwrap_or_default(),
        may_write: may_write && id.is_some(),
        page: Page::new(&access, Section::Staff, project),
    })
}

fn area_view(words: Words, row: AreaRow, day: Date) -> AreaView {
    let AreaRow { area, steward, figures, .. } = row;
    let square_metres =
        words.say("square-metres", &[("area", text(format::square_metres(figures.gross_floor_area_cm2)))]);
    AreaView {
        phone: area.phone.unwrap_or_default(),
        steward_url: steward.as_ref().map(|steward| urls::person(steward.staff_id)).unwrap_or_default(),
        steward_days: steward
            .as_ref()
            .map(|steward| time_span(words, Some(steward.span.starts_on), steward.span.ends_on))
            .unwrap_or_default(),
        steward: steward.map_or_else(|| words.t("area-no-steward"), |steward| steward.staff),
        homes: format::count(figures.homes),
        area: square_metres,
        units: format::count(figures.units),
        units_url: urls::area_units(area.id),
        steward_form_url: urls::area_steward(area.id),
        history_url: urls::area_history(area.project_id, area.id, day),
        name: area.name,
    }
}

async fn history(access: &Signed, area: ServiceAreaId, day: Date) -> Answer<History> {
    let words = access.words;
    let row = access.store.service_area(area, day).await?;
    let history = access.store.area_history(area).await?;
    let stewards = history.stewards.into_iter().map(|steward| PastLine {
        what: words.say("area-steward-was", &[("name", text(steward.staff))]),
        days: time_span(words, Some(steward.span.starts_on), steward.span.ends_on),
    });
    let units = history.units.into_iter().map(|UnitsMoved { span, units }| PastLine {
        what: words.say("area-units-were", &[("units", text(format::count(units)))]),
        days: time_span(words, Some(span.starts_on), span.ends_on),
    });
    let title = words.say("area-history", &[("name", text(row.area.name))]);
    Ok(History { title, lines: stewards.chain(units).collect() })
}

async fn stewards(access: &Signed, project: Option<ProjectId>, day: Date) -> Answer<Vec<Choice>> {
    let search = StaffSearch { day: Some(day), project_id: project, ..StaffSearch::default() };
    let found = access.store.staff(&search, None, STEWARDS_OFFERED).await?.items;
    let label = |staff: &guanjia_domain::staff::Staff| format!("{} {}", staff.staff_no, staff.name);
    let choice = |row: guanjia_domain::ports::StaffRow| Choice {
        value: row.staff.id.to_string(),
        label: label(&row.staff),
        current: false,
    };
    Ok(found.into_iter().map(choice).collect())
}

#[derive(Deserialize)]
pub(crate) struct AreaForm {
    project: ProjectId,
    name: String,
    #[serde(default)]
    phone: String,
}

pub(crate) async fn add(access: Require<WriteStaff>, Form(form): Form<AreaForm>) -> Answer<Redirect> {
    let phone = form.phone.trim();
    let area = ServiceArea {
        id: ServiceAreaId::generate(),
        project_id: form.project,
        name: form.name.trim().to_owned(),
        phone: (!phone.is_empty()).then(|| phone.to_owned()),
        closed_on: None,
    };
    areas(&access).add(&access.stamp(), &area).await?;
    Ok(Redirect::to(&urls::service_areas(Some(form.project))))
}

/// The project's areas on a day.
async fn back(access: &Signed, area: ServiceAreaId, day: Date) -> Answer<Redirect> {
    let project = access.store.service_area(area, day).await?.area.project_id;
    Ok(Redirect::to(&urls::service_areas_on(project, day)))
}

#[derive(Deserialize)]
pub(crate) struct UnitsForm {
    /// Places, separated by commas, blanks or lines.
    places: String,
    from: String,
    /// Ticked: units of another area leave it.
    taken: Option<String>,
}

pub(crate) async fn place(
    access: Require<WriteStaff>,
    Path(id): Path<ServiceAreaId>,
    Form(form): Form<UnitsForm>,
) -> Answer<Redirect> {
    let from = crate::api::date(form.from.trim())?;
    let separates = |character: char| character.is_whitespace() || ",，、;；".contains(character);
    let places = form.places.split(separates).filter(|place| !place.is_empty()).map(str::parse::<UnitSelection>);
    let places = places.collect::<guanjia_domain::Result<Vec<_>>>()?;
    let taken = if form.taken.is_some() { Taken::Move } else { Taken::Refuse };
    areas(&access).place(&access.stamp(), id, &places, from, taken).await?;
    back(&access, id, from).await
}

#[derive(Deserialize)]
pub(crate) struct StewardForm {
    #[serde(default, deserialize_with = "blank")]
    staff: Option<StaffId>,
    from: String,
}

pub(crate) async fn set_steward(
    access: Require<WriteStaff>,
    Path(id): Path<ServiceAreaId>,
    Form(form): Form<StewardForm>,
) -> Answer<Redirect> {
    let from = crate::api::date(form.from.trim())?;
    areas(&access).set_steward(&access.stamp(), id, form.staff, from).await?;
    back(&access, id, from).await
}
