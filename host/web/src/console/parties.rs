//! 业主与住户: the page of a person or firm, handing a unit over, and who looked at whose data.

use askama::Template;
use axum::{
    Form,
    extract::{Path, Query},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use guanjia_domain::{
    Date, Error,
    access::Permission,
    estate::{FieldProblem, STALE},
    ids::{ContactId, PartyId, UnitId},
    party::{
        ConsentPurpose, Contact, ContactChannel, ContactRow, HandOver, HeldTenure, NewOwner, PersonalDataView, Share,
        consent_on, new_owner,
    },
};
use serde::Deserialize;
use std::collections::BTreeMap;

use super::{
    Page, Section,
    attachments::Files,
    custom_fields::{OwnDraft, OwnFields, ValuesForm, enter, problem_told},
    show,
    units::time_span,
};
use crate::{
    access::{
        Require, Signed,
        needs::{ReadAudit, ReadEstate, WriteEstate},
    },
    api::parties::parties,
    fault::Answer,
    urls,
    words::Words,
};

/// Looks that a party's own page shows.
const VIEWS_BESIDE: u32 = 20;
/// Looks of one page of the list.
const VIEWS_PER_PAGE: u32 = 50;

#[derive(Template)]
#[template(path = "party.html")]
struct PartyPage {
    page: Page,
    name: String,
    kind: String,
    /// Name only, and masked.
    masked: bool,
    facts: Vec<(String, String)>,
    contacts: Vec<ContactView>,
    channels: Vec<Choice>,
    consents: Vec<ConsentView>,
    history: Vec<ConsentLine>,
    notes: Vec<NoteView>,
    tenures: Vec<TenureView>,
    vehicles: Vec<(String, String)>,
    own: Option<OwnFields>,
    files: Option<Files>,
    views: Vec<ViewRow>,
    views_url: String,
    contact_url: String,
    consent_url: String,
    note_url: String,
    may_write: bool,
    today: String,
    /// Why what was sent was not taken.
    refused: Vec<String>,
}

struct Choice {
    value: &'static str,
    label: String,
}

struct ContactView {
    channel: String,
    channel_code: &'static str,
    value: String,
    note: String,
    preferred: bool,
    span: String,
    over: bool,
    starts_on: String,
    ends_on: String,
    version: i64,
    url: String,
}

struct ConsentView {
    purpose: String,
    code: &'static str,
    /// `given`, `withdrawn` or `unknown`.
    state: &'static str,
    label: String,
    since: String,
}

struct ConsentLine {
    purpose: String,
    given: bool,
    on: String,
    source: String,
    recorded: String,
}

struct NoteView {
    text: String,
    noted: String,
}

struct TenureView {
    place: String,
    url: String,
    kind: String,
    share: String,
    span: String,
}

struct ViewRow {
    at: String,
    by: String,
    part: String,
    subject: String,
    url: String,
    origin: String,
}

#[derive(Deserialize)]
pub(crate) struct PartyQuery {
    /// Code of why the last file was not taken.
    file: Option<String>,
}

pub(crate) async fn page(
    access: Require<ReadEstate>,
    Path(id): Path<PartyId>,
    Query(query): Query<PartyQuery>,
) -> Answer<Response> {
    render(&access, id, Vec::new(), None, query.file.as_deref()).await
}

async fn render(
    access: &Signed,
    id: PartyId,
    refused: Vec<String>,
    draft: Option<OwnDraft>,
    file_refused: Option<&str>,
) -> Answer<Response> {
    let file = parties(access).file(&access.stamp(), id).await?;
    let words = access.words;
    let project = access.store.project(file.project_id).await?;
    let today = project.today(access.at)?;
    let in_full = access.may(Permission::ReadPersonalData);
    let page = Page::new(access, Section::Units, Some(project));
    let files = Files::of(access, &page, id.into(), file_refused).await?;
    let own = if in_full { Some(OwnFields::of(access, id.into(), urls::party_values(id), draft).await?) } else { None };
    let views = if access.may(Permission::ReadAudit) {
        let subject = format!("party {id}");
        parties(access).views(&access.stamp(), Some(&subject), None, VIEWS_BESIDE).await?.items
    } else {
        Vec::new()
    };
    let consents = if in_full { file.consents } else { Vec::new() };
    let contact = |row: ContactRow| contact_view(words, today, row);
    let shown = |_: &_| in_full;
    show(&PartyPage {
        name: access.name(&file.party.name),
        kind: words.code("party-kind", file.party.kind.code()),
        masked: !in_full,
        facts: [
            (words.t("party-phone"), file.party.phone.filter(shown)),
            (words.t("party-identity"), file.party.identity_no.filter(shown)),
            (words.t("party-source"), file.party.source_no),
        ]
        .into_iter()
        .filter_map(|(label, value)| Some((label, value?)))
        .collect(),
        contacts: if in_full { file.contacts.into_iter().map(contact).collect() } else { Vec::new() },
        channels: ContactChannel::ALL
            .iter()
            .map(|channel| Choice { value: channel.code(), label: words.code("channel", channel.code()) })
            .collect(),
        consents: ConsentPurpose::ALL
            .iter()
            .map(|purpose| {
                let said = consent_on(&consents, *purpose, today);
                let state = said.map_or("unknown", |said| if said.given { "given" } else { "withdrawn" });
                ConsentView {
                    purpose: words.code("purpose", purpose.code()),
                    code: purpose.code(),
                    state,
                    label: words.code("consent", state),
                    since: said.map(|said| said.on.to_string()).unwrap_or_default(),
                }
            })
            .collect(),
        history: consents
            .iter()
            .rev()
            .map(|consent| ConsentLine {
                purpose: words.code("purpose", consent.purpose.code()),
                given: consent.given,
                on: consent.on.to_string(),
                source: consent.source.clone(),
                recorded: format!("{} · {}", consent.recorded_by, page.time(&consent.recorded_at)),
            })
            .collect(),
        notes: if in_full { file.notes } else { Vec::new() }
            .into_iter()
            .map(|note| NoteView {
                noted: format!("{} · {}", note.noted_by, page.time(&note.noted_at)),
                text: note.text,
            })
            .collect(),
        tenures: file.tenures.into_iter().map(|held| tenure_view(words, held)).collect(),
        vehicles: file
            .vehicles
            .into_iter()
            .map(|vehicle| {
                let look = [vehicle.brand, vehicle.colour].into_iter().flatten().collect::<Vec<_>>().join(" · ");
                (vehicle.plate_no, look)
            })
            .collect(),
        own,
        files,
        views: views.into_iter().map(|view| view_row(&page, view)).collect(),
        views_url: if access.may(Permission::ReadAudit) { urls::views_of(id) } else { String::new() },
        contact_url: urls::party_contacts(id),
        consent_url: urls::party_consents(id),
        note_url: urls::party_notes(id),
        may_write: in_full && access.may(Permission::WriteEstate),
        today: today.to_string(),
        refused,
        page,
    })
}

fn contact_view(words: Words, today: Date, ContactRow { contact, version }: ContactRow) -> ContactView {
    ContactView {
        channel: words.code("channel", contact.channel.code()),
        channel_code: contact.channel.code(),
        span: time_span(words, Some(contact.starts_on), contact.ends_on),
        over: !contact.is_used_on(today),
        starts_on: contact.starts_on.to_string(),
        ends_on: contact.ends_on.map(|day| day.to_string()).unwrap_or_default(),
        url: urls::contact(contact.id),
        value: contact.value,
        note: contact.note,
        preferred: contact.preferred,
        version,
    }
}

fn tenure_view(words: Words, HeldTenure { tenure, place, share }: HeldTenure) -> TenureView {
    TenureView {
        place: place.to_string(),
        url: urls::unit(tenure.unit_id),
        kind: words.code("tenure", tenure.kind.code()),
        share: share.map(|share| share.to_string()).unwrap_or_default(),
        span: time_span(words, tenure.starts_on, tenure.ends_on),
    }
}

fn view_row(page: &Page, view: PersonalDataView) -> ViewRow {
    let url = match view.subject.split_once(' ') {
        Some(("party", id)) => id.parse().map(urls::party).unwrap_or_default(),
        Some(("unit", id)) => id.parse().map(urls::unit).unwrap_or_default(),
        _ => String::new(),
    };
    ViewRow {
        at: page.time(&view.viewed_at),
        by: view.viewed_by,
        part: page.words.code("viewed", view.part.code()),
        subject: view.subject,
        url,
        origin: view.origin,
    }
}

/// Back to the party, or its page with the reasons.
async fn answer(access: &Signed, party: PartyId, outcome: Result<(), Error>, anchor: &str) -> Answer<Response> {
    let refused = match outcome {
        Ok(()) => return Ok(Redirect::to(&format!("{}#{anchor}", urls::party(party))).into_response()),
        Err(Error::Fields(problems)) => told(access.words, &problems),
        Err(Error::Refused { code, message }) if code == STALE || code == "contacts-many" => {
            vec![access.words.find(&format!("refused-{code}")).unwrap_or(message)]
        }
        Err(other) => return Err(other.into()),
    };
    let mut response = render(access, party, refused, None, None).await?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

/// What cannot be, in the reader's language.
pub(super) fn told(words: Words, problems: &[FieldProblem]) -> Vec<String> {
    problems.iter().map(|problem| problem_told(words, problem)).collect()
}

#[derive(Deserialize)]
pub(crate) struct ContactForm {
    channel: ContactChannel,
    value: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    preferred: String,
    #[serde(default)]
    starts_on: String,
    #[serde(default)]
    ends_on: String,
    #[serde(default)]
    version: i64,
}

impl ContactForm {
    fn contact(&self, id: ContactId, party_id: PartyId) -> Result<Contact, Error> {
        let day = |field, text: &str| {
            text.trim().parse::<Date>().map_err(|_| {
                Error::Fields(vec![FieldProblem::coded(field, "not-a-date", format!("{text:?} is not a date"))])
            })
        };
        Ok(Contact {
            id,
            party_id,
            channel: self.channel,
            value: self.value.trim().to_owned(),
            note: self.note.trim().to_owned(),
            preferred: !self.preferred.is_empty(),
            starts_on: day("starts_on", &self.starts_on)?,
            ends_on: if self.ends_on.trim().is_empty() { None } else { Some(day("ends_on", &self.ends_on)?) },
        })
    }
}

pub(crate) async fn add_contact(
    access: Require<WriteEstate>,
    Path(id): Path<PartyId>,
    Form(form): Form<ContactForm>,
) -> Answer<Response> {
    let added =
        async { parties(&access).add_contact(&access.stamp(), &form.contact(ContactId::generate(), id)?).await };
    let outcome = added.await.map(|_| ());
    answer(&access, id, outcome, "contacts").await
}

pub(crate) async fn change_contact(
    access: Require<WriteEstate>,
    Path(id): Path<ContactId>,
    Form(form): Form<ContactForm>,
) -> Answer<Response> {
    let party = access.store.contact(id).await?.contact.party_id;
    let changed =
        async { parties(&access).change_contact(&access.stamp(), &form.contact(id, party)?, form.version).await };
    let outcome = changed.await.map(|_| ());
    answer(&access, party, outcome, "contacts").await
}

#[derive(Deserialize)]
pub(crate) struct ConsentForm {
    purpose: ConsentPurpose,
    given: bool,
    on: Date,
    #[serde(default)]
    source: String,
}

pub(crate) async fn record_consent(
    access: Require<WriteEstate>,
    Path(id): Path<PartyId>,
    Form(form): Form<ConsentForm>,
) -> Answer<Response> {
    let said = (form.purpose, form.given);
    let outcome = parties(&access).record_consent(&access.stamp(), id, said, form.on, &form.source).await;
    answer(&access, id, outcome.map(|_| ()), "consents").await
}

#[derive(Deserialize)]
pub(crate) struct NoteForm {
    #[serde(default)]
    text: String,
}

pub(crate) async fn add_note(
    access: Require<WriteEstate>,
    Path(id): Path<PartyId>,
    Form(form): Form<NoteForm>,
) -> Answer<Response> {
    let outcome = parties(&access).note(&access.stamp(), id, &form.text).await;
    answer(&access, id, outcome.map(|_| ()), "notes").await
}

pub(crate) async fn enter_values(
    access: Require<WriteEstate>,
    Path(id): Path<PartyId>,
    Form(form): Form<ValuesForm>,
) -> Answer<Response> {
    let Some(draft) = enter(&access, id.into(), form).await? else {
        return Ok(Redirect::to(&format!("{}#own-fields", urls::party(id))).into_response());
    };
    let mut response = render(&access, id, Vec::new(), Some(draft), None).await?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

/// Owners that the form of a hand-over has room for; more of them come over the API.
pub(super) const OWNERS_ENTERED: usize = 4;

/// Hands a unit over: `name1`, `phone1`, `share1` and so on, or `party1` for somebody who is known.
pub(crate) async fn hand_over(
    access: Require<WriteEstate>,
    Path(id): Path<UnitId>,
    Form(form): Form<BTreeMap<String, String>>,
) -> Answer<Response> {
    // Another company's unit is not found, whatever the form says.
    access.store.unit(id).await?;
    let outcome = match entered(&access, id, &form).await {
        Ok(hand_over) => {
            let version = form.get("version").and_then(|version| version.parse().ok()).unwrap_or_default();
            parties(&access).hand_over(&access.stamp(), &hand_over, Some(version)).await.map(|_| ())
        }
        Err(error) => Err(error),
    };
    let refused = match outcome {
        Ok(()) => return Ok(Redirect::to(&format!("{}#owners", urls::unit(id))).into_response()),
        Err(Error::Fields(problems)) => told(access.words, &problems),
        Err(Error::Conflict(_)) => vec![access.words.t("refused-hand-over-later")],
        Err(Error::Refused { code: STALE, .. }) => vec![access.words.t("refused-stale")],
        Err(other) => return Err(other.into()),
    };
    super::units::hand_over_refused(&access, id, refused).await
}

async fn entered(access: &Signed, unit_id: UnitId, form: &BTreeMap<String, String>) -> Result<HandOver, Error> {
    let of = |name: &str| form.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let wrong =
        |field: &'static str, code, reason: String| Error::Fields(vec![FieldProblem::coded(field, code, reason)]);
    let from = of("from").unwrap_or_default();
    let from = from.parse::<Date>().map_err(|_| wrong("from", "not-a-date", format!("{from:?} is not a date")))?;
    let mut owners = Vec::new();
    for number in 1..=OWNERS_ENTERED {
        let share = match of(&format!("share{number}")) {
            Some(text) => Some(text.parse::<Share>().map_err(|error| wrong("owners", "shares", error.to_string()))?),
            None => None,
        };
        let party = match (of(&format!("party{number}")), of(&format!("name{number}"))) {
            (Some(party), _) => {
                let id: PartyId = party.parse().map_err(|_| Error::not_found("party", party))?;
                access.store.party_file(id).await?.party
            }
            (None, Some(name)) => new_owner(name, of(&format!("phone{number}")).map(str::to_owned)),
            (None, None) if share.is_some() => new_owner("", None),
            (None, None) => continue,
        };
        owners.push(NewOwner { party, share });
    }
    Ok(HandOver { unit_id, from, owners })
}

#[derive(Deserialize)]
pub(crate) struct ViewsQuery {
    subject: Option<String>,
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "personal_data_views.html")]
struct ViewsPage {
    page: Page,
    rows: Vec<ViewRow>,
    more_url: String,
    all_url: String,
}

pub(crate) async fn views(access: Require<ReadAudit>, Query(query): Query<ViewsQuery>) -> Answer<Response> {
    let subject = query.subject.as_deref().filter(|subject| !subject.is_empty());
    let found = parties(&access).views(&access.stamp(), subject, query.cursor.as_deref(), VIEWS_PER_PAGE).await?;
    let page = Page::new(&access, Section::Audit, None);
    let more_url = found.next.map(|cursor| urls::views_after(subject.unwrap_or_default(), &cursor)).unwrap_or_default();
    let all_url = if subject.is_some() { urls::PERSONAL_DATA_VIEWS.to_owned() } else { String::new() };
    let rows = found.items.into_iter().map(|view| view_row(&page, view)).collect();
    show(&ViewsPage { rows, more_url, all_url, page })
}
