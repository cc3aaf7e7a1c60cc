//! Parties (业主与住户): one person or firm with all that is kept of them, handing a unit over, and who looked at whom.

use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
};
use guanjia_domain::{
    Date, Error,
    access::Permission,
    estate::{FieldProblem, Vehicle},
    ids::{ContactId, PartyId, UnitId},
    party::{
        Consent, ConsentPurpose, Contact, ContactRow, HandOver, HeldTenure, NewOwner, Parties, PartyFile, PartyNote,
        PersonalDataView, Share, new_owner,
    },
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Ask, At, List, PlaceBody, Reply, date, etag, limit, require_match};
use crate::{
    access::{
        Require, Signed,
        needs::{ReadAudit, ReadEstate, WriteEstate},
    },
    fault::{Answer, Fault, Problem},
    format,
};

/// A person or firm. Without the permission to read personal data only the masked name, and what they hold.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PartyBody {
    pub id: Uuid,
    pub project: Uuid,
    /// Masked without the permission to read personal data.
    pub name: String,
    /// `owner`, `family-member`, `lessee`, `temporary`, `developer`.
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_no: Option<String>,
    /// Absent without the permission, like consents and notes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contacts: Option<Vec<ContactBody>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consents: Option<Vec<ConsentBody>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<Vec<NoteBody>>,
    /// What they hold and have held: those that go on first.
    pub tenures: Vec<HeldTenureBody>,
    pub vehicles: Vec<PartyVehicleBody>,
}

/// A way to reach somebody.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ContactBody {
    pub id: Uuid,
    pub party: Uuid,
    /// `phone`, `sms`, `email`, `wechat`, `post`.
    pub channel: String,
    pub value: String,
    pub note: String,
    /// The one to try first.
    pub preferred: bool,
    pub starts_on: String,
    /// The first day on which it is not used any more.
    pub ends_on: Option<String>,
    /// Counts the changes; the number in the `ETag`.
    pub version: i64,
}

impl From<ContactRow> for ContactBody {
    fn from(ContactRow { contact, version }: ContactRow) -> Self {
        Self {
            id: contact.id.0,
            party: contact.party_id.0,
            channel: contact.channel.to_string(),
            value: contact.value,
            note: contact.note,
            preferred: contact.preferred,
            starts_on: contact.starts_on.to_string(),
            ends_on: contact.ends_on.map(|day| day.to_string()),
            version,
        }
    }
}

/// That somebody agreed to something, or took it back. The latest of a purpose counts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConsentBody {
    pub id: Uuid,
    /// `service`, `billing`, `survey`, `marketing`, `third-party`.
    pub purpose: String,
    pub given: bool,
    pub on: String,
    /// How it is known.
    pub source: String,
    pub recorded_by: String,
    pub recorded_at: String,
}

impl From<Consent> for ConsentBody {
    fn from(consent: Consent) -> Self {
        Self {
            id: consent.id.0,
            purpose: consent.purpose.to_string(),
            given: consent.given,
            on: consent.on.to_string(),
            source: consent.source,
            recorded_by: consent.recorded_by,
            recorded_at: consent.recorded_at.to_rfc3339(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NoteBody {
    pub id: Uuid,
    pub text: String,
    pub noted_by: String,
    pub noted_at: String,
}

impl From<PartyNote> for NoteBody {
    fn from(note: PartyNote) -> Self {
        Self { id: note.id.0, text: note.text, noted_by: note.noted_by, noted_at: note.noted_at.to_rfc3339() }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HeldTenureBody {
    pub unit: Uuid,
    pub place: PlaceBody,
    /// `owner`, `family-member`, `lessee`, `temporary`.
    pub kind: String,
    /// A fraction such as `1/2`, where it is said.
    pub share: Option<String>,
    /// Absent: it has always been so.
    pub starts_on: Option<String>,
    /// The first day on which it no longer holds.
    pub ends_on: Option<String>,
}

impl From<HeldTenure> for HeldTenureBody {
    fn from(HeldTenure { tenure, place, share }: HeldTenure) -> Self {
        Self {
            unit: tenure.unit_id.0,
            place: place.into(),
            kind: tenure.kind.to_string(),
            share: share.map(|share| share.to_string()),
            starts_on: tenure.starts_on.map(|day| day.to_string()),
            ends_on: tenure.ends_on.map(|day| day.to_string()),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PartyVehicleBody {
    pub id: Uuid,
    pub plate_no: String,
    pub brand: Option<String>,
    pub colour: Option<String>,
    /// The parking space it belongs to.
    pub unit: Option<Uuid>,
}

impl From<Vehicle> for PartyVehicleBody {
    fn from(vehicle: Vehicle) -> Self {
        Self {
            id: vehicle.id.0,
            plate_no: vehicle.plate_no,
            brand: vehicle.brand,
            colour: vehicle.colour,
            unit: vehicle.unit_id.map(|unit| unit.0),
        }
    }
}

impl PartyBody {
    fn new(file: PartyFile, access: &Signed) -> Self {
        let in_full = access.may(Permission::ReadPersonalData);
        let party = file.party;
        fn list<S, T: From<S>>(items: Vec<S>) -> Vec<T> {
            items.into_iter().map(T::from).collect()
        }
        Self {
            id: party.id.0,
            project: file.project_id.0,
            name: if in_full { party.name } else { format::masked(&party.name) },
            kind: party.kind.to_string(),
            phone: party.phone.filter(|_| in_full),
            identity_no: party.identity_no.filter(|_| in_full),
            contacts: in_full.then(|| list(file.contacts)),
            consents: in_full.then(|| list(file.consents)),
            notes: in_full.then(|| list(file.notes)),
            tenures: list(file.tenures),
            vehicles: list(file.vehicles),
        }
    }
}

/// Reads a party with all that is kept of them. Whoever sees it in full leaves a trace of it.
#[utoipa::path(
    get, path = "/api/v1/parties/{id}", tag = "parties", params(("id" = Uuid, Path)),
    responses((status = 200, body = PartyBody), (status = 404, body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn read_party(access: Require<ReadEstate>, At(id): At<PartyId>) -> Reply<PartyBody> {
    let file = parties(&access).file(&access.stamp(), id).await?;
    Ok(Json(PartyBody::new(file, &access)))
}

/// A way to reach somebody, as it is written down.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContactEntry {
    /// `phone`, `sms`, `email`, `wechat`, `post`.
    channel: String,
    value: String,
    #[serde(default)]
    note: String,
    /// The one to try first; another one that was, is not any more.
    #[serde(default)]
    preferred: bool,
    starts_on: String,
    /// The first day on which it is not used any more.
    ends_on: Option<String>,
}

impl ContactEntry {
    fn contact(self, id: ContactId, party_id: PartyId) -> Answer<Contact> {
        let channel = self
            .channel
            .parse()
            .map_err(|error: Error| Fault::fields(vec![FieldProblem::new("channel", error.to_string())]))?;
        Ok(Contact {
            id,
            party_id,
            channel,
            value: self.value.trim().to_owned(),
            note: self.note.trim().to_owned(),
            preferred: self.preferred,
            starts_on: date(&self.starts_on)?,
            ends_on: self.ends_on.as_deref().map(date).transpose()?,
        })
    }
}

/// A contact with its entity tag.
type Tagged = ([(HeaderName, HeaderValue); 1], Json<ContactBody>);

fn tagged(row: ContactRow) -> Tagged {
    ([(header::ETAG, etag(row.version))], Json(row.into()))
}

/// Adds a contact to a party.
#[utoipa::path(
    post, path = "/api/v1/parties/{id}/contacts", tag = "parties", params(("id" = Uuid, Path)), request_body = ContactEntry,
    responses(
        (status = 201, body = ContactBody),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`errors` names what cannot be; `contacts-many`", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn add_contact(
    access: Require<WriteEstate>,
    At(id): At<PartyId>,
    Json(entry): Json<ContactEntry>,
) -> Answer<(StatusCode, Tagged)> {
    let contact = entry.contact(ContactId::generate(), id)?;
    Ok((StatusCode::CREATED, tagged(parties(&access).add_contact(&access.stamp(), &contact).await?)))
}

/// Changes a contact, if it still is what was read. One that is not used any more gets an end, and stays.
#[utoipa::path(
    put, path = "/api/v1/contacts/{id}", tag = "parties",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "the `ETag` of the contact that is changed")),
    request_body = ContactEntry,
    responses(
        (status = 200, body = ContactBody, headers(("ETag" = String, description = "of the contact after the change"))),
        (status = 412, description = "`stale`: it was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`errors` names what cannot be", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: `If-Match` is missing", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn change_contact(
    access: Require<WriteEstate>,
    At(id): At<ContactId>,
    headers: HeaderMap,
    Json(entry): Json<ContactEntry>,
) -> Answer<Tagged> {
    let stored = access.store.contact(id).await?;
    require_match(&headers, stored.version)?;
    let contact = entry.contact(id, stored.contact.party_id)?;
    // The store compares the version once more, where nobody can come between.
    Ok(tagged(parties(&access).change_contact(&access.stamp(), &contact, stored.version).await?))
}

/// That somebody agreed to something, or took it back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConsentEntry {
    /// `service`, `billing`, `survey`, `marketing`, `third-party`.
    purpose: String,
    given: bool,
    on: String,
    /// How it is known, such as the form that was signed.
    source: String,
}

/// Writes down a consent. None is ever changed: the latest of a purpose counts.
#[utoipa::path(
    post, path = "/api/v1/parties/{id}/consents", tag = "parties", params(("id" = Uuid, Path)), request_body = ConsentEntry,
    responses(
        (status = 201, body = ConsentBody),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`errors` names what cannot be", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn record_consent(
    access: Require<WriteEstate>,
    At(id): At<PartyId>,
    Json(entry): Json<ConsentEntry>,
) -> Answer<(StatusCode, Json<ConsentBody>)> {
    let purpose: ConsentPurpose = entry
        .purpose
        .parse()
        .map_err(|error: Error| Fault::fields(vec![FieldProblem::new("purpose", error.to_string())]))?;
    let on: Date = date(&entry.on)?;
    let consent =
        parties(&access).record_consent(&access.stamp(), id, (purpose, entry.given), on, &entry.source).await?;
    Ok((StatusCode::CREATED, Json(consent.into())))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoteEntry {
    text: String,
}

/// Notes something of a party.
#[utoipa::path(
    post, path = "/api/v1/parties/{id}/notes", tag = "parties", params(("id" = Uuid, Path)), request_body = NoteEntry,
    responses(
        (status = 201, body = NoteBody),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`errors` names what cannot be", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn add_note(
    access: Require<WriteEstate>,
    At(id): At<PartyId>,
    Json(entry): Json<NoteEntry>,
) -> Answer<(StatusCode, Json<NoteBody>)> {
    Ok((StatusCode::CREATED, Json(parties(&access).note(&access.stamp(), id, &entry.text).await?.into())))
}

/// Who owns a unit from a day on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HandOverEntry {
    /// The first day of the new owners.
    from: String,
    owners: Vec<NewOwnerEntry>,
}

/// Somebody who is known already, by `party`, or somebody new, by `name`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOwnerEntry {
    #[schema(value_type = Option<Uuid>)]
    party: Option<PartyId>,
    name: Option<String>,
    phone: Option<String>,
    /// A fraction such as `1/2`, or `50%`: of all owners or of none.
    share: Option<String>,
}

impl NewOwnerEntry {
    async fn owner(self, access: &Signed) -> Answer<NewOwner> {
        let share = self
            .share
            .as_deref()
            .map(str::parse::<Share>)
            .transpose()
            .map_err(|error| Fault::fields(vec![FieldProblem::coded("owners", "shares", error.to_string())]))?;
        let party = match self.party {
            Some(party) => access.store.party_file(party).await?.party,
            None => new_owner(&self.name.unwrap_or_default(), self.phone),
        };
        Ok(NewOwner { party, share })
    }
}

/// The unit after a hand-over.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HandedOverBody {
    pub unit: Uuid,
    pub from: String,
    /// Parties that own it from that day on.
    pub owners: Vec<Uuid>,
    /// The unit's new version; the number in the `ETag`.
    pub version: i64,
}

/// Hands a unit over from its owners to others, from a day on, all in one step: what is charged is split at that day.
#[utoipa::path(
    post, path = "/api/v1/units/{id}/hand-over", tag = "parties",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "the `ETag` of the unit that is handed over")),
    request_body = HandOverEntry,
    responses(
        (status = 200, body = HandedOverBody, headers(("ETag" = String, description = "of the unit after it"))),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "somebody owns it from a later day on already", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`stale`: the unit was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`errors` names what cannot be, such as shares that make no whole", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: `If-Match` is missing", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn hand_over(
    access: Require<WriteEstate>,
    At(id): At<UnitId>,
    headers: HeaderMap,
    Json(entry): Json<HandOverEntry>,
) -> Answer<([(HeaderName, HeaderValue); 1], Json<HandedOverBody>)> {
    let version = access.store.unit(id).await?.version;
    require_match(&headers, version)?;
    let from = date(&entry.from)?;
    let mut owners = Vec::with_capacity(entry.owners.len());
    for owner in entry.owners {
        owners.push(owner.owner(&access).await?);
    }
    let hand_over = HandOver { unit_id: id, from, owners };
    let version = parties(&access).hand_over(&access.stamp(), &hand_over, Some(version)).await?;
    let body = HandedOverBody {
        unit: id.0,
        from: from.to_string(),
        owners: hand_over.owners.iter().map(|owner| owner.party.id.0).collect(),
        version,
    };
    Ok(([(header::ETAG, etag(version))], Json(body)))
}

/// That somebody saw personal data in full.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ViewBody {
    pub by: String,
    pub at: String,
    /// Door and request.
    pub origin: String,
    /// `party`, `unit`, `attachment`, `export`.
    pub part: String,
    /// What it was about, such as `party 0193…`.
    pub subject: String,
}

impl From<PersonalDataView> for ViewBody {
    fn from(view: PersonalDataView) -> Self {
        Self {
            by: view.viewed_by,
            at: view.viewed_at.to_rfc3339(),
            origin: view.origin,
            part: view.part.to_string(),
            subject: view.subject,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ViewsQuery {
    /// Only those about one thing, such as `party 0193…`.
    subject: Option<String>,
    cursor: Option<String>,
    /// 50 by default, 500 at most.
    limit: Option<u32>,
}

/// Lists who saw whose personal data in full, newest first.
#[utoipa::path(
    get, path = "/api/v1/personal-data-views", tag = "parties", params(ViewsQuery),
    responses((status = 200, body = List<ViewBody>)),
)]
pub(crate) async fn list_views(access: Require<ReadAudit>, Ask(query): Ask<ViewsQuery>) -> Reply<List<ViewBody>> {
    let page = parties(&access)
        .views(&access.stamp(), query.subject.as_deref(), query.cursor.as_deref(), limit(query.limit))
        .await?;
    Ok(Json(List::page(page, ViewBody::from)))
}

pub(crate) fn parties(access: &Signed) -> Parties {
    Parties::new(access.store.clone())
}
