//! 房屋: the list, searched while one types, and one unit with what it was charged.

use askama::Template;
use axum::{
    Form,
    extract::{Path, Query},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use guanjia_domain::{
    Date,
    access::Permission,
    estate::{OccupancyStatus, TenureKind},
    ids::{ChargeId, ProjectId, UnitId},
    party::ViewedPart,
    ports::{ChargeRow, MeterRow, TenureRow, UnitRecords, UnitRow},
};
use serde::Deserialize;
use std::collections::HashSet;

use super::{
    Page, Section,
    attachments::Files,
    chosen_project,
    custom_fields::{OwnDraft, OwnFields, ValuesForm, enter},
    meters::thousandths,
    show,
};
use crate::{
    access::{
        Payers, Require, Signed,
        needs::{ReadEstate, WriteEstate},
    },
    api::parties::parties,
    door::is_htmx,
    fault::Answer,
    format, urls,
    words::{Words, text},
};

/// Rows of one page: two screens on a desk.
const UNITS_PER_PAGE: u32 = 50;
/// Charges of two years with three fee items fit.
const CHARGES_SHOWN: u32 = 72;

#[derive(Deserialize)]
pub(crate) struct ListQuery {
    project: Option<ProjectId>,
    #[serde(default)]
    search: String,
    cursor: Option<String>,
}

struct Row {
    url: String,
    place: String,
    kind: String,
    owners: String,
    area: String,
    occupancy: String,
    code: &'static str,
}

#[derive(Template)]
#[template(path = "units.html")]
struct ListPage {
    page: Page,
    rows: Vec<Row>,
    more_url: String,
    projects: Vec<ProjectTab>,
    import_url: String,
    export_url: String,
}

#[derive(Template)]
#[template(path = "units_rows.html")]
struct ListRows {
    page: Page,
    rows: Vec<Row>,
    more_url: String,
    import_url: String,
}

struct ProjectTab {
    name: String,
    url: String,
    current: bool,
}

pub(crate) async fn list(
    access: Require<ReadEstate>,
    headers: HeaderMap,
    Query(query): Query<ListQuery>,
) -> Answer<Response> {
    let project = chosen_project(access.store.as_ref(), query.project).await?;
    let search = query.search.trim();
    let (mut rows, mut more_url) = (Vec::new(), String::new());
    if let Some(project) = &project {
        let units =
            access.store.units(project.id, &access.search(search), query.cursor.as_deref(), UNITS_PER_PAGE).await?;
        more_url = units.next.map(|cursor| urls::units_after(project.id, search, &cursor)).unwrap_or_default();
        rows = units.items.iter().map(|unit| row(&access, unit)).collect();
    }
    let mut page = Page::new(&access, Section::Units, project);
    page.search = search.to_owned();
    page.searches = true;
    let import_url = super::import_url(&access);
    if is_htmx(&headers) {
        return show(&ListRows { page, rows, more_url, import_url });
    }
    let current = page.project_id();
    let projects = access.store.projects().await?.into_iter().map(|project| ProjectTab {
        current: Some(project.id) == current,
        url: urls::units(Some(project.id)),
        name: project.name,
    });
    let may_export = access.may(Permission::ReadPersonalData);
    let export_url = current.filter(|_| may_export).map(urls::export).unwrap_or_default();
    show(&ListPage { projects: projects.collect(), page, rows, more_url, import_url, export_url })
}

fn row(access: &Signed, row: &UnitRow) -> Row {
    let words = access.words;
    Row {
        url: urls::unit(row.unit.id),
        place: row.place.to_string(),
        kind: words.code("unit-kind", row.unit.kind.code()),
        owners: masked_owners(words, row),
        area: format::square_metres(row.unit.gross_floor_area_cm2),
        occupancy: words.code("occupancy", row.unit.occupancy.code()),
        code: row.unit.occupancy.code(),
    }
}

/// Lists show masked names to everybody; an unsold unit is the developer's, who is no person.
fn masked_owners(words: Words, row: &UnitRow) -> String {
    if row.unit.occupancy == OccupancyStatus::Unsold {
        return words.t("developer");
    }
    row.owners.iter().map(|name| format::masked(name)).collect::<Vec<_>>().join("、")
}

#[derive(Template)]
#[template(path = "unit.html")]
struct UnitPage {
    page: Page,
    place: String,
    kind: String,
    occupancy: String,
    code: &'static str,
    facts: Vec<Fact>,
    owners: Vec<OwnerView>,
    hand_over: Option<HandOverForm>,
    masked: bool,
    unit_id: String,
    meters: Vec<MeterView>,
    /// Fee items that a meter can be added for.
    meterable: Vec<Choice>,
    add_meter_url: String,
    may_read_meters: bool,
    today: String,
    own: OwnFields,
    files: Option<Files>,
    records: Vec<RecordList>,
    fee_items: Vec<FeeItemRow>,
    charges: Vec<ChargeView>,
    sees_charges: bool,
    back_url: String,
}

struct OwnerView {
    name: String,
    /// Empty for the developer, who is no person.
    url: String,
    share: String,
}

/// The form that hands a unit over.
struct HandOverForm {
    url: String,
    version: i64,
    /// Who holds it now: a lessee may buy, a family divides.
    known: Vec<Choice>,
    /// Numbers of the rows that it has.
    rows: Vec<usize>,
    refused: Vec<String>,
}

struct Fact {
    label: String,
    value: String,
}

struct MeterView {
    fee_item: String,
    note: String,
    reading: String,
    url: String,
}

struct Choice {
    value: String,
    label: String,
}

/// Records of one kind: those that a unit has none of are left out.
struct RecordList {
    title: String,
    rows: Vec<RecordRow>,
}

struct RecordRow {
    label: String,
    /// Page of the party it belongs to; empty for none.
    url: String,
    note: String,
    value: String,
}

struct FeeItemRow {
    name: String,
    last: String,
    amount: String,
    url: String,
}

struct ChargeView {
    month: String,
    fee_item: String,
    payer: String,
    days: String,
    /// It takes a posted charge back.
    takes_back: bool,
    amount: String,
    url: String,
}

pub(crate) async fn page(
    access: Require<ReadEstate>,
    Path(id): Path<UnitId>,
    Query(query): Query<UnitQuery>,
) -> Answer<Response> {
    render(&access, id, Shown { file_refused: query.file, ..Shown::default() }).await
}

#[derive(Deserialize)]
pub(crate) struct UnitQuery {
    /// Code of why the last file was not taken.
    file: Option<String>,
}

/// Enters what the unit has of the company's own fields.
pub(crate) async fn enter_values(
    access: Require<WriteEstate>,
    Path(id): Path<UnitId>,
    Form(form): Form<ValuesForm>,
) -> Answer<Response> {
    let Some(draft) = enter(&access, id.into(), form).await? else {
        return Ok(Redirect::to(&format!("{}#own-fields", urls::unit(id))).into_response());
    };
    refused(&access, id, Shown { draft: Some(draft), ..Shown::default() }).await
}

/// The unit with the reasons why it was not handed over.
pub(super) async fn hand_over_refused(access: &Signed, id: UnitId, reasons: Vec<String>) -> Answer<Response> {
    refused(access, id, Shown { hand_over_refused: reasons, ..Shown::default() }).await
}

async fn refused(access: &Signed, id: UnitId, shown: Shown) -> Answer<Response> {
    let mut response = render(access, id, shown).await?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

/// What a page shows besides what is stored: why something was not taken, and what was typed.
#[derive(Default)]
struct Shown {
    draft: Option<OwnDraft>,
    /// Code of why the last file was not taken.
    file_refused: Option<String>,
    hand_over_refused: Vec<String>,
}

async fn render(access: &Signed, id: UnitId, shown: Shown) -> Answer<Response> {
    let row = access.store.unit(id).await?;
    let project = access.store.project(access.store.project_of_unit(id).await?).await?;
    let sees_charges = access.may(Permission::ReadCharges);
    let charges = if sees_charges { access.store.charges_of_unit(id, CHARGES_SHOWN).await? } else { Vec::new() };
    let words = access.words;
    let unsold = row.unit.occupancy == OccupancyStatus::Unsold;
    let payers = access.payers(&project);
    let back_url = urls::units(Some(project.id));
    let records = access.store.unit_records(id).await?;
    let meterable = meterable(access, project.id, &records).await?;
    let today = project.today(access.at)?;
    let owners = owners(access, unsold, today, &records).await?;
    parties(access).viewed(&access.stamp(), ViewedPart::Unit, format!("unit {id}")).await?;
    let page = Page::new(access, Section::Units, Some(project));
    let files = Files::of(access, &page, id.into(), shown.file_refused.as_deref()).await?;
    let own = OwnFields::of(access, id.into(), urls::unit_values(id), shown.draft).await?;
    show(&UnitPage {
        unit_id: id.to_string(),
        meters: records.meters.iter().map(|row| meter_view(words, row)).collect(),
        meterable,
        add_meter_url: urls::unit_meters(id),
        may_read_meters: access.may(Permission::WriteReadings),
        hand_over: hand_over(access, id, &row, &records, shown.hand_over_refused),
        today: today.to_string(),
        own,
        files,
        page,
        place: row.place.to_string(),
        kind: words.code("unit-kind", row.unit.kind.code()),
        occupancy: words.code("occupancy", row.unit.occupancy.code()),
        code: row.unit.occupancy.code(),
        facts: facts(words, &row),
        owners,
        masked: !unsold && !access.may(Permission::ReadPersonalData),
        records: record_lists(access, records),
        fee_items: fee_items(words, &charges),
        charges: charges.iter().map(|charge| charge_view(words, &payers, charge)).collect(),
        sees_charges,
        back_url,
    })
}

/// Today's owners, with their shares where they are said.
async fn owners(access: &Signed, unsold: bool, today: Date, records: &UnitRecords) -> Answer<Vec<OwnerView>> {
    if unsold {
        let name = access.words.t("developer");
        return Ok(vec![OwnerView { name, url: String::new(), share: String::new() }]);
    }
    let holds = |row: &&TenureRow| {
        let tenure = &row.tenure;
        tenure.kind == TenureKind::Owner
            && tenure.starts_on.is_none_or(|start| start <= today)
            && tenure.ends_on.is_none_or(|end| today < end)
    };
    let rows: Vec<&TenureRow> = records.tenures.iter().filter(holds).collect();
    let shares = match rows.first() {
        Some(row) => access.store.shares_of_unit(row.tenure.unit_id).await?,
        None => Vec::new(),
    };
    let share = |row: &TenureRow| shares.iter().find(|(tenure, _)| *tenure == row.tenure.id);
    let owner = |row: &TenureRow| OwnerView {
        name: access.name(&row.party),
        url: urls::party(row.tenure.party_id),
        share: share(row).map(|(_, share)| share.to_string()).unwrap_or_default(),
    };
    Ok(rows.into_iter().map(owner).collect())
}

/// `None` for those who may not.
fn hand_over(
    access: &Signed,
    id: UnitId,
    row: &UnitRow,
    records: &UnitRecords,
    refused: Vec<String>,
) -> Option<HandOverForm> {
    if !access.may(Permission::WriteEstate) {
        return None;
    }
    let mut known: Vec<Choice> = Vec::new();
    for row in records.tenures.iter().filter(|row| row.tenure.ends_on.is_none()) {
        let value = row.tenure.party_id.to_string();
        if known.iter().all(|choice| choice.value != value) {
            known.push(Choice { value, label: access.name(&row.party) });
        }
    }
    let rows = (1..=super::parties::OWNERS_ENTERED).collect();
    Some(HandOverForm { url: urls::unit_hand_over(id), version: row.version, known, rows, refused })
}

fn meter_view(words: Words, row: &MeterRow) -> MeterView {
    MeterView {
        fee_item: row.fee_item.clone(),
        note: row.last.map_or_else(
            || words.t("meter-unread"),
            |(day, _)| words.say("meter-read", &[("date", text(day.to_string()))]),
        ),
        reading: row.last.map(|(_, reading)| thousandths(reading)).unwrap_or_default(),
        url: urls::meter(row.meter.id),
    }
}

/// Fee items that a meter can still be hung on for.
async fn meterable(access: &Signed, project: ProjectId, records: &UnitRecords) -> Answer<Vec<Choice>> {
    if !access.may(Permission::WriteReadings) {
        return Ok(Vec::new());
    }
    let mut items = access.store.fee_items(project).await?;
    items.retain(|item| !records.meters.iter().any(|row| row.meter.fee_item_id == item.id));
    Ok(items.into_iter().map(|item| Choice { value: item.id.to_string(), label: item.name }).collect())
}

fn record_lists(access: &Signed, records: UnitRecords) -> Vec<RecordList> {
    let words = access.words;
    let tenures = records.tenures.into_iter().map(|row| RecordRow {
        label: access.name(&row.party),
        url: urls::party(row.tenure.party_id),
        note: time_span(words, row.tenure.starts_on, row.tenure.ends_on),
        value: words.code("tenure", row.tenure.kind.code()),
    });
    let assignments = records.fee_assignments.into_iter().map(|row| RecordRow {
        label: row.fee_item,
        url: String::new(),
        note: String::new(),
        value: time_span(words, Some(row.assignment.starts_on), row.assignment.ends_on),
    });
    let vehicles = records.vehicles.into_iter().map(|row| RecordRow {
        label: row.vehicle.plate_no,
        url: urls::party(row.vehicle.party_id),
        note: [row.vehicle.brand, row.vehicle.colour].into_iter().flatten().collect::<Vec<_>>().join(" · "),
        value: access.name(&row.party),
    });
    let lists = [
        RecordList { title: words.t("tenures"), rows: tenures.collect() },
        RecordList { title: words.t("fee-assignments"), rows: assignments.collect() },
        RecordList { title: words.t("vehicles"), rows: vehicles.collect() },
    ];
    lists.into_iter().filter(|list| !list.rows.is_empty()).collect()
}

/// From when to when something holds: `end` is the first day on which it no longer does.
pub(super) fn time_span(words: Words, start: Option<Date>, end: Option<Date>) -> String {
    let from = |start: Date| ("from", text(start.to_string()));
    let to = |end: Date| ("to", text(end.plus_days(-1).unwrap_or(end).to_string()));
    match (start, end) {
        (None, None) => words.t("span-always"),
        (Some(start), None) => words.say("span-since", &[from(start)]),
        (None, Some(end)) => words.say("span-until", &[to(end)]),
        (Some(start), Some(end)) => words.say("from-to", &[from(start), to(end)]),
    }
}

fn facts(words: Words, row: &UnitRow) -> Vec<Fact> {
    let unit = &row.unit;
    let fact = |key: &str, value: Option<String>| value.map(|value| Fact { label: words.t(key), value });
    let metres = |area| words.say("square-metres", &[("area", text(format::square_metres(area)))]);
    [
        fact("unit-building", Some(row.place.building.clone())),
        fact("unit-entrance", Some(row.place.entrance.clone()).filter(|entrance| !entrance.is_empty())),
        fact("unit-storey", unit.storey.map(|storey| storey.to_string())),
        fact("unit-area", Some(metres(unit.gross_floor_area_cm2))),
        fact("unit-internal-area", unit.internal_area_cm2.map(metres)),
        fact("unit-rent", unit.rent_fen.filter(|rent| *rent != 0).map(|rent| format::yuan(guanjia_domain::Fen(rent)))),
        fact("unit-layout", unit.layout_code.clone()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What the unit was charged, each with its newest charge. Charges come newest first.
fn fee_items(words: Words, charges: &[ChargeRow]) -> Vec<FeeItemRow> {
    let mut seen: Vec<&str> = Vec::new();
    let mut rows = Vec::new();
    let taken_back: HashSet<ChargeId> = charges.iter().filter_map(|row| row.charge.reverses).collect();
    let stands = |row: &&ChargeRow| row.charge.reverses.is_none() && !taken_back.contains(&row.charge.id);
    for row in charges.iter().filter(stands) {
        if !seen.contains(&row.fee_item.as_str()) {
            seen.push(&row.fee_item);
            rows.push(FeeItemRow {
                name: row.fee_item.clone(),
                last: words.month(guanjia_domain::Period::month_of(row.charge.period_start)),
                amount: format::amount(row.charge.amount),
                url: urls::charge(row.charge.id),
            });
        }
    }
    rows
}

fn charge_view(words: Words, payers: &Payers, row: &ChargeRow) -> ChargeView {
    let charge = &row.charge;
    ChargeView {
        month: words.month(guanjia_domain::Period::month_of(charge.period_start)),
        fee_item: row.fee_item.clone(),
        payer: payers.name(row.charge.payer_id, &row.payer),
        days: days(words, charge.from, charge.to),
        takes_back: charge.reverses.is_some(),
        amount: format::amount(charge.amount),
        url: urls::charge(charge.id),
    }
}

/// The days that a line covers; nothing for a whole month, which is what one expects.
pub(super) fn days(words: Words, from: Date, to: Date) -> String {
    if guanjia_domain::Period::month_of(from) == (guanjia_domain::Period { start: from, end: to }) {
        return String::new();
    }
    let last = to.plus_days(-1).unwrap_or(to);
    words.say("from-to", &[("from", text(from.to_string())), ("to", text(last.to_string()))])
}
