//! What is kept of a party, who looked at it, and handing a unit over.

use async_trait::async_trait;
use guanjia_domain::{
    Error, Result,
    access::Stamp,
    estate::{Party, STALE, Tenure, TenureKind, UnitPlace, Vehicle},
    ids::*,
    party::{
        Consent, Contact, ContactRow, HandOver, HeldTenure, NewOwner, PartyFile, PartyNote, PersonalDataView, Share,
    },
    ports::{Page, PartyStore},
};
use serde_json::json;

use crate::{
    CompanyScope,
    audit::Change,
    db::{Cells, Row, Scope},
    estate::record::{Record, write_all},
};

/// Records of one kind that a page can show. A party has a handful.
const RECORDS_MAX: u32 = 200;
/// Looks of one page.
const VIEWS_MAX: u32 = 500;

macro_rules! contact_columns {
    () => {
        "SELECT id, party_id, channel, value, note, preferred, starts_on, ends_on, version FROM contact "
    };
}

fn read_contact(row: &Row) -> Result<ContactRow> {
    let mut cells = row.cells();
    let contact = Contact {
        id: cells.take()?,
        party_id: cells.take()?,
        channel: cells.take()?,
        value: cells.take()?,
        note: cells.take()?,
        preferred: cells.take()?,
        starts_on: cells.take()?,
        ends_on: cells.take()?,
    };
    Ok(ContactRow { contact, version: cells.take()? })
}

fn read_share(cells: &mut Cells<'_>) -> Result<Option<Share>> {
    let (parts, of): (Option<i64>, Option<i64>) = (cells.take()?, cells.take()?);
    Ok(parts.zip(of).map(|(parts, of)| Share { parts, of }))
}

fn read_view(row: &Row) -> Result<PersonalDataView> {
    let mut cells = row.cells();
    Ok(PersonalDataView {
        id: cells.take()?,
        viewed_by: cells.take()?,
        viewed_at: cells.take()?,
        origin: cells.take()?,
        part: cells.take()?,
        subject: cells.take()?,
    })
}

impl Scope {
    async fn party_row(&mut self, party: PartyId) -> Result<(Party, ProjectId)> {
        let statement = sql!(
            "SELECT id, name, source_no, kind, gender, age, phone, identity_no, household_of, project_id FROM party ",
            "WHERE company_id = $1 AND id = $2"
        );
        let row = self.row(statement, values![party]).await?.ok_or_else(|| Error::not_found("party", party))?;
        let mut cells = row.cells();
        Ok((Party::read(&mut cells)?, cells.take()?))
    }

    async fn contacts_of(&mut self, party: PartyId) -> Result<Vec<ContactRow>> {
        let statement = sql!(
            contact_columns!(),
            "WHERE company_id = $1 AND party_id = $2 ",
            "ORDER BY CASE WHEN ends_on IS NULL THEN 0 ELSE 1 END, CASE WHEN preferred THEN 0 ELSE 1 END, id LIMIT $3"
        );
        self.rows(statement, values![party, RECORDS_MAX]).await?.iter().map(read_contact).collect()
    }

    async fn consents_of(&mut self, party: PartyId) -> Result<Vec<Consent>> {
        let statement = sql!(
            "SELECT id, party_id, purpose, given, said_on, source, recorded_by, created_at FROM consent ",
            "WHERE company_id = $1 AND party_id = $2 ORDER BY id LIMIT $3"
        );
        let rows = self.rows(statement, values![party, RECORDS_MAX]).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok(Consent {
                    id: cells.take()?,
                    party_id: cells.take()?,
                    purpose: cells.take()?,
                    given: cells.take()?,
                    on: cells.take()?,
                    source: cells.take()?,
                    recorded_by: cells.take()?,
                    recorded_at: cells.take()?,
                })
            })
            .collect()
    }

    async fn notes_of(&mut self, party: PartyId) -> Result<Vec<PartyNote>> {
        let statement = sql!(
            "SELECT id, party_id, note, noted_by, created_at FROM party_note ",
            "WHERE company_id = $1 AND party_id = $2 ORDER BY id DESC LIMIT $3"
        );
        let rows = self.rows(statement, values![party, RECORDS_MAX]).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok(PartyNote {
                    id: cells.take()?,
                    party_id: cells.take()?,
                    text: cells.take()?,
                    noted_by: cells.take()?,
                    noted_at: cells.take()?,
                })
            })
            .collect()
    }

    async fn tenures_of_party(&mut self, party: PartyId) -> Result<Vec<HeldTenure>> {
        let statement = sql!(
            "SELECT t.id, t.unit_id, t.party_id, t.kind, t.starts_on, t.ends_on, COALESCE(b.building_no, a.area_no), ",
            "COALESCE(e.entrance_no, ''), u.unit_no, t.share_parts, t.share_of FROM tenure t ",
            "JOIN unit u ON u.id = t.unit_id LEFT JOIN entrance e ON e.id = u.entrance_id ",
            "LEFT JOIN building b ON b.id = e.building_id LEFT JOIN parking_area a ON a.id = u.parking_area_id ",
            "WHERE t.company_id = $1 AND t.party_id = $2 ",
            "ORDER BY CASE WHEN t.ends_on IS NULL THEN 0 ELSE 1 END, t.ends_on DESC, t.id LIMIT $3"
        );
        let rows = self.rows(statement, values![party, RECORDS_MAX]).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok(HeldTenure {
                    tenure: Tenure::read(&mut cells)?,
                    place: UnitPlace { building: cells.take()?, entrance: cells.take()?, unit: cells.take()? },
                    share: read_share(&mut cells)?,
                })
            })
            .collect()
    }

    async fn vehicles_of_party(&mut self, party: PartyId) -> Result<Vec<Vehicle>> {
        let statement = sql!(
            "SELECT id, party_id, unit_id, plate_no, brand, kind_code, colour FROM vehicle ",
            "WHERE company_id = $1 AND party_id = $2 ORDER BY plate_no, id LIMIT $3"
        );
        let rows = self.rows(statement, values![party, RECORDS_MAX]).await?;
        rows.iter().map(|row| Vehicle::read(&mut row.cells())).collect()
    }

    /// Keeps a party's contacts as they are until the transaction ends.
    async fn lock_party(&mut self, party: PartyId) -> Result<()> {
        let statement = sql!("SELECT id FROM party WHERE company_id = $1 AND id = $2 {for update}");
        let row = self.row(statement, values![party]).await?;
        row.map(|_| ()).ok_or_else(|| Error::not_found("party", party))
    }

    /// A party has one preferred contact at most: another one steps back, and whoever edits it hears so.
    async fn step_back(&mut self, contact: &Contact) -> Result<()> {
        if contact.preferred {
            let statement = sql!(
                "UPDATE contact SET preferred = $4, version = version + 1 ",
                "WHERE company_id = $1 AND party_id = $2 AND id <> $3 AND preferred"
            );
            self.execute(statement, values![contact.party_id, contact.id, false]).await?;
        }
        Ok(())
    }
}

/// What the audit trail keeps of a contact: not where somebody is reached.
fn told(contact: &Contact) -> serde_json::Value {
    json!({
        "contact": contact.id, "channel": contact.channel, "preferred": contact.preferred,
        "starts_on": contact.starts_on.to_string(), "ends_on": contact.ends_on.map(|day| day.to_string()),
    })
}

#[async_trait]
impl PartyStore for CompanyScope {
    async fn party_file(&self, party: PartyId) -> Result<PartyFile> {
        let mut scope = self.read().await?;
        let (party_row, project_id) = scope.party_row(party).await?;
        Ok(PartyFile {
            party: party_row,
            project_id,
            contacts: scope.contacts_of(party).await?,
            consents: scope.consents_of(party).await?,
            notes: scope.notes_of(party).await?,
            tenures: scope.tenures_of_party(party).await?,
            vehicles: scope.vehicles_of_party(party).await?,
        })
    }

    async fn contact(&self, contact: ContactId) -> Result<ContactRow> {
        let statement = sql!(contact_columns!(), "WHERE company_id = $1 AND id = $2");
        let row = self.read().await?.row(statement, values![contact]).await?;
        read_contact(&row.ok_or_else(|| Error::not_found("contact", contact))?)
    }

    async fn add_contact(&self, stamp: &Stamp, contact: &Contact) -> Result<()> {
        let mut scope = self.write().await?;
        scope.lock_party(contact.party_id).await?;
        scope.step_back(contact).await?;
        let Contact { id, party_id, channel, value, note, preferred, starts_on, ends_on } = contact;
        let statement = sql!(
            "INSERT INTO contact (company_id, id, party_id, channel, value, note, preferred, starts_on, ends_on, version, ",
            "created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10)"
        );
        let values = values![*id, *party_id, *channel, value, note, *preferred, *starts_on, *ends_on, stamp.at];
        scope.execute(statement, values).await?;
        scope.audit(stamp, Change::of("contact.add", format!("party {party_id}"), told(contact))).await?;
        scope.commit().await
    }

    async fn change_contact(&self, stamp: &Stamp, contact: &Contact, version: i64) -> Result<()> {
        let mut scope = self.write().await?;
        scope.lock_party(contact.party_id).await?;
        let before = sql!(contact_columns!(), "WHERE company_id = $1 AND id = $2 AND party_id = $3");
        let before = scope.row(before, values![contact.id, contact.party_id]).await?;
        let before = read_contact(&before.ok_or_else(|| Error::not_found("contact", contact.id))?)?;
        if before.version != version {
            return Err(Error::refused(STALE, "the contact was changed meanwhile: read it again"));
        }
        scope.step_back(contact).await?;
        let Contact { id, channel, value, note, preferred, starts_on, ends_on, .. } = contact;
        let statement = sql!(
            "UPDATE contact SET channel = $3, value = $4, note = $5, preferred = $6, starts_on = $7, ends_on = $8, ",
            "version = version + 1 WHERE company_id = $1 AND id = $2"
        );
        scope.execute(statement, values![*id, *channel, value, note, *preferred, *starts_on, *ends_on]).await?;
        let change = Change {
            action: "contact.change",
            subject: format!("party {}", contact.party_id),
            before: told(&before.contact),
            after: told(contact),
        };
        scope.audit(stamp, change).await?;
        scope.commit().await
    }

    async fn add_consent(&self, stamp: &Stamp, consent: &Consent) -> Result<()> {
        let mut scope = self.write().await?;
        scope.lock_party(consent.party_id).await?;
        let Consent { id, party_id, purpose, given, on, source, recorded_by, .. } = consent;
        let statement = sql!(
            "INSERT INTO consent (company_id, id, party_id, purpose, given, said_on, source, recorded_by, created_at) ",
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        );
        let values = values![*id, *party_id, *purpose, *given, *on, source, recorded_by, stamp.at];
        scope.execute(statement, values).await?;
        let payload = json!({ "consent": id, "purpose": purpose, "given": given, "on": on.to_string() });
        scope.event(stamp.at, "consent.recorded", None, format!("party {party_id}"), &payload).await?;
        scope.audit(stamp, Change::of("consent.record", format!("party {party_id}"), payload)).await?;
        scope.commit().await
    }

    async fn add_party_note(&self, stamp: &Stamp, note: &PartyNote) -> Result<()> {
        let mut scope = self.write().await?;
        scope.lock_party(note.party_id).await?;
        let statement = sql!(
            "INSERT INTO party_note (company_id, id, party_id, note, noted_by, created_at) ",
            "VALUES ($1, $2, $3, $4, $5, $6)"
        );
        scope.execute(statement, values![note.id, note.party_id, &note.text, &note.noted_by, stamp.at]).await?;
        let subject = format!("party {}", note.party_id);
        scope.audit(stamp, Change::of("party-note.add", subject, json!({ "note": note.id }))).await?;
        scope.commit().await
    }

    async fn hand_over(&self, stamp: &Stamp, hand_over: &HandOver, version: Option<i64>) -> Result<i64> {
        let HandOver { unit_id, from, owners } = hand_over;
        let (unit, from) = (*unit_id, *from);
        let mut scope = self.write().await?;
        let project = scope.project_of_unit(unit).await?;
        scope.lock_project(project).await?;
        let stored = scope.unit_row(unit).await?.version;
        if version.is_some_and(|seen| seen != stored) {
            return Err(Error::refused(STALE, "the unit was changed meanwhile: read it again"));
        }
        let ended = scope.end_ownership(unit, from).await?;
        for NewOwner { party, share } in owners {
            scope.keep_party(stamp, project, party).await?;
            let tenure = Tenure {
                id: TenureId::generate(),
                unit_id: unit,
                party_id: party.id,
                kind: TenureKind::Owner,
                starts_on: Some(from),
                ends_on: None,
            };
            write_all(&mut scope, stamp, project, std::slice::from_ref(&tenure), &()).await?;
            if let Some(Share { parts, of }) = share {
                let statement =
                    sql!("UPDATE tenure SET share_parts = $3, share_of = $4 WHERE company_id = $1 AND id = $2");
                scope.execute(statement, values![tenure.id, *parts, *of]).await?;
            }
        }
        scope.mark_handed_over(unit).await?;
        let new: Vec<PartyId> = owners.iter().map(|owner| owner.party.id).collect();
        let shares: Vec<Option<String>> =
            owners.iter().map(|owner| owner.share.map(|share| share.to_string())).collect();
        for owner in &new {
            let payload = json!({ "unit": unit, "owner": owner, "from": from });
            scope.event(stamp.at, "ownership.transferred", Some(project), unit.to_string(), &payload).await?;
        }
        let change = Change {
            action: "ownership.transfer",
            subject: format!("unit {unit}"),
            before: json!({ "owners": ended }),
            after: json!({ "owners": new, "shares": shares, "from": from }),
        };
        scope.audit(stamp, change).await?;
        let version = scope.unit_row(unit).await?.version;
        scope.commit().await?;
        Ok(version)
    }

    async fn shares_of_unit(&self, unit: UnitId) -> Result<Vec<(TenureId, Share)>> {
        let statement = sql!(
            "SELECT id, share_parts, share_of FROM tenure ",
            "WHERE company_id = $1 AND unit_id = $2 AND share_parts IS NOT NULL ORDER BY id LIMIT $3"
        );
        let rows = self.read().await?.rows(statement, values![unit, RECORDS_MAX]).await?;
        let mut shares = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut cells = row.cells();
            let tenure = cells.take()?;
            shares.extend(read_share(&mut cells)?.map(|share| (tenure, share)));
        }
        Ok(shares)
    }

    async fn add_personal_data_view(&self, view: &PersonalDataView) -> Result<()> {
        let mut scope = self.write().await?;
        let statement = sql!(
            "INSERT INTO personal_data_view (company_id, id, viewed_by, origin, part, subject, created_at) ",
            "VALUES ($1, $2, $3, $4, $5, $6, $7)"
        );
        let PersonalDataView { id, viewed_by, viewed_at, origin, part, subject } = view;
        scope.execute(statement, values![*id, viewed_by, origin, *part, subject, *viewed_at]).await?;
        scope.commit().await
    }

    async fn personal_data_views(
        &self,
        subject: Option<&str>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<PersonalDataView>> {
        let limit = limit.clamp(1, VIEWS_MAX);
        let before = match cursor {
            Some(cursor) => cursor.parse().map_err(|_| Error::invalid("the cursor is not one that a page gave"))?,
            None => PersonalDataViewId(uuid::Uuid::max()),
        };
        let mut scope = self.read().await?;
        let rows = match subject {
            None => {
                let statement = sql!(
                    "SELECT id, viewed_by, created_at, origin, part, subject FROM personal_data_view ",
                    "WHERE company_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
                );
                scope.rows(statement, values![before, limit + 1]).await?
            }
            Some(subject) => {
                let statement = sql!(
                    "SELECT id, viewed_by, created_at, origin, part, subject FROM personal_data_view ",
                    "WHERE company_id = $1 AND subject = $2 AND id < $3 ORDER BY id DESC LIMIT $4"
                );
                scope.rows(statement, values![subject, before, limit + 1]).await?
            }
        };
        let mut items = rows.iter().map(read_view).collect::<Result<Vec<_>>>()?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next = items.last().filter(|_| more).map(|view| view.id.to_string());
        Ok(Page { items, next })
    }
}
