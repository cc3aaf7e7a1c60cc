//! The page of a person or firm: how to reach them, what they have agreed to, what is noted of them, what they hold and
//! have held, and handing a unit over from one owner to the next.
//!
//! Whoever looks at somebody's data in full leaves a trace that auditors read (个人信息保护法 asks who saw what).
//! Nothing of what is kept of a person stands in the audit trail, out of which nothing can be taken: it names what changed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};

use crate::{
    Date, Error, Result,
    access::{Permission, Stamp, codes},
    entity::RecordRef,
    estate::{FieldProblem, Party, PartyKind, Tenure, UnitPlace, Vehicle},
    ids::*,
    ports::{CompanyStore, Page},
    values::Exact,
};

codes! {
    /// How somebody is reached.
    ContactChannel {
        Phone = "phone",
        Sms = "sms",
        Email = "email",
        Wechat = "wechat",
        /// By letter.
        Post = "post",
    }
}

/// Longest address of a contact: a postal address on two lines.
pub const CONTACT_LENGTH_MAX: usize = 200;
/// Contacts of one party that are in use.
pub const CONTACTS_MAX: usize = 20;

/// A way to reach a party, for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub id: ContactId,
    pub party_id: PartyId,
    pub channel: ContactChannel,
    /// Number, address or name there. Personal data.
    pub value: String,
    /// Whose it is or when it is answered, in the words of whoever wrote it down.
    pub note: String,
    /// The one to try first. A party has one at most.
    pub preferred: bool,
    pub starts_on: Date,
    /// The first day on which it is not used any more.
    pub ends_on: Option<Date>,
}

/// A contact as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRow {
    pub contact: Contact,
    /// Counts the changes, for optimistic concurrency.
    pub version: i64,
}

impl Contact {
    #[must_use]
    pub fn is_used_on(&self, day: Date) -> bool {
        self.starts_on <= day && self.ends_on.is_none_or(|end| day < end)
    }

    /// Everything that cannot be.
    #[must_use]
    pub fn problems(&self) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
        let value = self.value.as_str();
        let lengths = [("value", value), ("note", self.note.as_str())];
        for (field, text) in lengths {
            if text.chars().count() > CONTACT_LENGTH_MAX || text.chars().any(char::is_control) {
                let reason = format!("at most {CONTACT_LENGTH_MAX} characters on one line");
                problems.push(FieldProblem::coded(field, "contact-length", reason));
            }
        }
        let fits = match self.channel {
            ContactChannel::Phone | ContactChannel::Sms => is_phone(value),
            ContactChannel::Email => is_email(value),
            ContactChannel::Wechat | ContactChannel::Post => !value.is_empty(),
        };
        if !fits {
            let reason = format!("this is not how somebody is reached by {}", self.channel);
            problems.push(FieldProblem::coded("value", "contact-value", reason));
        }
        if self.ends_on.is_some_and(|end| end < self.starts_on) {
            problems.push(FieldProblem::coded("ends_on", "contact-dates", "it ends before it starts"));
        }
        problems
    }
}

/// Five to twenty digits, with what people write between them.
fn is_phone(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let body = text.strip_prefix('+').unwrap_or(text);
    (5..=20).contains(&digits) && body.chars().all(|c| c.is_ascii_digit() || "-() ".contains(c))
}

/// One @ with something on both sides, and no spaces: what else is wrong, the first message shows.
fn is_email(text: &str) -> bool {
    let parts: Vec<&str> = text.split('@').collect();
    matches!(parts[..], [name, host] if !name.is_empty() && host.contains('.') && !host.starts_with('.') && !host.ends_with('.'))
        && !text.chars().any(char::is_whitespace)
}

codes! {
    /// What somebody may be written to about.
    ConsentPurpose {
        /// Notices of the estate, repairs, visits.
        Service = "service",
        /// Demand notes, receipts and reminders.
        Billing = "billing",
        Survey = "survey",
        /// Events and offers.
        Marketing = "marketing",
        /// Passing data on to somebody else.
        ThirdParty = "third-party",
    }
}

/// Where consents and notes come from, and what is noted: some sentences.
pub const TEXT_LENGTH_MAX: usize = 1_000;

/// That somebody agreed to something, or took it back, on a day. Nothing of it is ever changed: the latest counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    pub id: ConsentId,
    pub party_id: PartyId,
    pub purpose: ConsentPurpose,
    /// `false`: taken back.
    pub given: bool,
    pub on: Date,
    /// How it is known, such as the form that was signed.
    pub source: String,
    pub recorded_by: String,
    pub recorded_at: DateTime<Utc>,
}

/// What holds for a purpose on a day: the latest word, or none. `consents` are in the order of their recording.
#[must_use]
pub fn consent_on(consents: &[Consent], purpose: ConsentPurpose, day: Date) -> Option<&Consent> {
    let of = consents.iter().filter(|consent| consent.purpose == purpose && consent.on <= day);
    of.max_by_key(|consent| (consent.on, consent.id))
}

/// Something that was noted of a party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyNote {
    pub id: PartyNoteId,
    pub party_id: PartyId,
    pub text: String,
    pub noted_by: String,
    pub noted_at: DateTime<Utc>,
}

/// A part of an ownership, as a fraction: thirds are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    pub parts: i64,
    pub of: i64,
}

/// Finest division of an ownership: nobody owns less than a ten-thousandth of a home.
pub const SHARE_OF_MAX: i64 = 10_000;

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.parts, self.of)
    }
}

/// `1/3`, or `50%`.
impl FromStr for Share {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = || Error::invalid(format!("{text:?} is not a share such as 1/2 or 50%"));
        let (parts, of) = match text.trim().strip_suffix('%') {
            Some(percent) => (percent, "100"),
            None => text.split_once('/').ok_or_else(bad)?,
        };
        let share = Self { parts: parts.trim().parse().map_err(|_| bad())?, of: of.trim().parse().map_err(|_| bad())? };
        let possible = share.parts >= 1 && share.parts <= share.of && share.of <= SHARE_OF_MAX;
        if possible { Ok(share) } else { Err(bad()) }
    }
}

/// Who owns a unit from a day on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOwner {
    /// Known already, or new with this hand-over.
    pub party: Party,
    pub share: Option<Share>,
}

/// A unit that passes from its owners to others (过户): one step, with its day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOver {
    pub unit_id: UnitId,
    pub from: Date,
    pub owners: Vec<NewOwner>,
}

/// Owners of one unit: families and heirs. More are a company.
pub const OWNERS_MAX: usize = 20;

impl HandOver {
    /// Everything that cannot be: nobody to own it, the same party twice, shares that do not make a whole.
    #[must_use]
    pub fn problems(&self) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
        let mut refuse = |code, reason: &str| problems.push(FieldProblem::coded("owners", code, reason));
        if self.owners.is_empty() || self.owners.len() > OWNERS_MAX {
            refuse("owners-count", "a unit has from one to twenty owners");
        }
        let mut ids: Vec<PartyId> = self.owners.iter().map(|owner| owner.party.id).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() != self.owners.len() {
            refuse("owner-twice", "somebody is named twice");
        }
        let named = |owner: &NewOwner| {
            let name = owner.party.name.trim();
            !name.is_empty() && name.chars().count() <= NAME_LENGTH_MAX && !name.chars().any(char::is_control)
        };
        if !self.owners.iter().all(named) {
            refuse("owner-name", "an owner needs a name, on one line");
        }
        let shares: Vec<Share> = self.owners.iter().filter_map(|owner| owner.share).collect();
        if !shares.is_empty() && (shares.len() != self.owners.len() || !make_a_whole(&shares)) {
            refuse("shares", "either nobody's share is said, or all of them, and they make a whole");
        }
        problems
    }
}

/// Longest name of a party: firms have long ones.
pub const NAME_LENGTH_MAX: usize = 100;

fn make_a_whole(shares: &[Share]) -> bool {
    let sum = shares.iter().try_fold(Exact::ZERO, |sum, share| {
        sum.checked_add(Exact::new(i128::from(share.parts), i128::from(share.of))?)
    });
    sum == Some(Exact::ONE)
}

/// A tenure with where it is and how much of it is whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldTenure {
    pub tenure: Tenure,
    pub place: UnitPlace,
    pub share: Option<Share>,
}

/// All that is kept of a party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyFile {
    pub party: Party,
    pub project_id: ProjectId,
    /// In use first, then those of before; the preferred one at the top.
    pub contacts: Vec<ContactRow>,
    /// In the order of their recording.
    pub consents: Vec<Consent>,
    /// Newest first.
    pub notes: Vec<PartyNote>,
    /// Those that go on first, then the latest of those before.
    pub tenures: Vec<HeldTenure>,
    pub vehicles: Vec<Vehicle>,
}

codes! {
    /// What somebody looked at.
    ViewedPart {
        /// The page of a party.
        Party = "party",
        /// Who holds a unit, with their numbers.
        Unit = "unit",
        /// A file on a party.
        Attachment = "attachment",
        /// The whole project as a workbook.
        Export = "export",
    }
}

/// That somebody saw personal data in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonalDataView {
    pub id: PersonalDataViewId,
    pub viewed_by: String,
    pub viewed_at: DateTime<Utc>,
    /// Door and request.
    pub origin: String,
    pub part: ViewedPart,
    /// What it was about, such as `party 0193…`.
    pub subject: String,
}

/// Parties of one company.
#[derive(Clone)]
pub struct Parties {
    store: Arc<dyn CompanyStore>,
}

impl fmt::Debug for Parties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parties").field("company_id", &self.store.company_id()).finish_non_exhaustive()
    }
}

impl Parties {
    #[must_use]
    pub fn new(store: Arc<dyn CompanyStore>) -> Self {
        Self { store }
    }

    /// All that is kept of a party. Whoever may read personal data sees it in full, and leaves a trace of it; whoever shows
    /// it to others masks it.
    ///
    /// # Errors
    /// `NotFound`; `Refused` without the permission.
    pub async fn file(&self, stamp: &Stamp, party: PartyId) -> Result<PartyFile> {
        stamp.actor.require(Permission::ReadEstate)?;
        let file = self.store.party_file(party).await?;
        self.viewed(stamp, ViewedPart::Party, RecordRef::from(party).to_string()).await?;
        Ok(file)
    }

    /// Leaves a trace that somebody saw personal data; nothing for those who see it masked.
    ///
    /// # Errors
    /// Whatever the store fails with: what leaves no trace is not shown.
    pub async fn viewed(&self, stamp: &Stamp, part: ViewedPart, subject: String) -> Result<()> {
        if !stamp.actor.may(Permission::ReadPersonalData) {
            return Ok(());
        }
        let view = PersonalDataView {
            id: PersonalDataViewId::generate(),
            viewed_by: stamp.actor.name.clone(),
            viewed_at: stamp.at,
            origin: stamp.origin.clone(),
            part,
            subject,
        };
        self.store.add_personal_data_view(&view).await
    }

    /// Who looked at whose data, newest first.
    ///
    /// # Errors
    /// `Refused` without the permission; `Invalid` for a cursor that no page gave.
    pub async fn views(
        &self,
        stamp: &Stamp,
        subject: Option<&str>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<PersonalDataView>> {
        stamp.actor.require(Permission::ReadAudit)?;
        self.store.personal_data_views(subject, cursor, limit).await
    }

    /// Adds a contact.
    ///
    /// # Errors
    /// `Fields` for what cannot be; `NotFound`; `Refused` without the permission, or with `contacts-many`.
    pub async fn add_contact(&self, stamp: &Stamp, contact: &Contact) -> Result<ContactRow> {
        stamp.actor.require(Permission::WriteEstate)?;
        fit(contact.problems())?;
        let known = self.store.party_file(contact.party_id).await?.contacts;
        let used = known.iter().filter(|row| row.contact.ends_on.is_none()).count();
        if used >= CONTACTS_MAX {
            return Err(Error::refused("contacts-many", format!("a party has at most {CONTACTS_MAX} contacts")));
        }
        self.store.add_contact(stamp, contact).await?;
        self.store.contact(contact.id).await
    }

    /// Changes a contact over the version that was seen. It stays its party's.
    ///
    /// # Errors
    /// `Refused` with [`crate::estate::STALE`]; otherwise as [`Parties::add_contact`].
    pub async fn change_contact(&self, stamp: &Stamp, contact: &Contact, version: i64) -> Result<ContactRow> {
        stamp.actor.require(Permission::WriteEstate)?;
        fit(contact.problems())?;
        self.store.change_contact(stamp, contact, version).await?;
        self.store.contact(contact.id).await
    }

    /// Writes down that somebody agreed to something, or took it back.
    ///
    /// # Errors
    /// `Fields` without a source, or for a day to come; `NotFound`; `Refused` without the permission.
    pub async fn record_consent(
        &self,
        stamp: &Stamp,
        party: PartyId,
        (purpose, given): (ConsentPurpose, bool),
        on: Date,
        source: &str,
    ) -> Result<Consent> {
        stamp.actor.require(Permission::WriteEstate)?;
        let file = self.store.party_file(party).await?;
        let today = self.store.project(file.project_id).await?.today(stamp.at)?;
        let mut problems = Vec::new();
        let source = text(source, "source", &mut problems);
        if on > today {
            problems.push(FieldProblem::coded("on", "consent-in-future", "nobody has agreed tomorrow"));
        }
        fit(problems)?;
        let consent = Consent {
            id: ConsentId::generate(),
            party_id: party,
            purpose,
            given,
            on,
            source,
            recorded_by: stamp.actor.name.clone(),
            recorded_at: stamp.at,
        };
        self.store.add_consent(stamp, &consent).await?;
        Ok(consent)
    }

    /// Notes something of a party.
    ///
    /// # Errors
    /// `Fields` for an empty or endless note; `NotFound`; `Refused` without the permission.
    pub async fn note(&self, stamp: &Stamp, party: PartyId, note: &str) -> Result<PartyNote> {
        stamp.actor.require(Permission::WriteEstate)?;
        let mut problems = Vec::new();
        let text = text(note, "text", &mut problems);
        fit(problems)?;
        let note = PartyNote {
            id: PartyNoteId::generate(),
            party_id: party,
            text,
            noted_by: stamp.actor.name.clone(),
            noted_at: stamp.at,
        };
        self.store.add_party_note(stamp, &note).await?;
        Ok(note)
    }

    /// Hands a unit over from its owners to others: the old tenures end and the new ones begin on the same day, in one step.
    /// `version` is the unit's that was seen. Gives its new one.
    ///
    /// # Errors
    /// `Fields` for owners that cannot be; `Conflict` when somebody owns it from a later day on already; `Refused` with
    /// [`crate::estate::STALE`] or without the permission.
    pub async fn hand_over(&self, stamp: &Stamp, hand_over: &HandOver, version: Option<i64>) -> Result<i64> {
        stamp.actor.require(Permission::WriteEstate)?;
        fit(hand_over.problems())?;
        self.store.hand_over(stamp, hand_over, version).await
    }
}

/// A party that is new with a hand-over.
#[must_use]
pub fn new_owner(name: &str, phone: Option<String>) -> Party {
    Party {
        id: PartyId::generate(),
        name: name.trim().to_owned(),
        source_no: None,
        kind: PartyKind::Owner,
        gender: None,
        age: None,
        phone,
        identity_no: None,
        household_of: None,
    }
}

fn text(text: &str, field: &'static str, problems: &mut Vec<FieldProblem>) -> String {
    let text = text.trim();
    let endless = text.chars().count() > TEXT_LENGTH_MAX;
    if text.is_empty() || endless || text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        let reason = format!("something has to be written, in at most {TEXT_LENGTH_MAX} characters");
        problems.push(FieldProblem::coded(field, "text-needed", reason));
    }
    text.to_owned()
}

fn fit(problems: Vec<FieldProblem>) -> Result<()> {
    if problems.is_empty() { Ok(()) } else { Err(Error::Fields(problems)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn day(text: &str) -> Date {
        text.parse().expect("is a date")
    }

    fn contact(channel: ContactChannel, value: &str) -> Contact {
        Contact {
            id: ContactId::generate(),
            party_id: PartyId::generate(),
            channel,
            value: value.into(),
            note: String::new(),
            preferred: false,
            starts_on: day("2025-01-01"),
            ends_on: None,
        }
    }

    #[rstest]
    #[case::mobile(contact(ContactChannel::Phone, "13800000000"), "")]
    #[case::abroad(contact(ContactChannel::Sms, "+852 2345-6789"), "")]
    #[case::words(contact(ContactChannel::Phone, "call me"), "contact-value")]
    #[case::short(contact(ContactChannel::Phone, "110"), "contact-value")]
    #[case::markup(contact(ContactChannel::Phone, "<b>13800000000</b>"), "contact-value")]
    #[case::mail(contact(ContactChannel::Email, "wang@example.com"), "")]
    #[case::no_mail(contact(ContactChannel::Email, "wang@"), "contact-value")]
    #[case::two_mails(contact(ContactChannel::Email, "a@b.cn c@d.cn"), "contact-value")]
    #[case::wechat(contact(ContactChannel::Wechat, "wxid_1"), "")]
    #[case::nothing(contact(ContactChannel::Post, ""), "contact-value")]
    #[case::endless(contact(ContactChannel::Post, &"x".repeat(201)), "contact-length")]
    #[case::backwards(Contact { ends_on: Some(day("2024-12-31")), ..contact(ContactChannel::Wechat, "a") }, "contact-dates")]
    fn contacts_are_of_their_channel(#[case] contact: Contact, #[case] expected: &str) {
        assert_eq!(contact.problems().first().map_or("", |problem| problem.code), expected);
    }

    #[test]
    fn the_latest_word_counts() {
        let party_id = PartyId::generate();
        let said = |purpose, given, on: &str| Consent {
            id: ConsentId::generate(),
            party_id,
            purpose,
            given,
            on: day(on),
            source: "form".into(),
            recorded_by: "li".into(),
            recorded_at: DateTime::UNIX_EPOCH,
        };
        let consents = [
            said(ConsentPurpose::Billing, true, "2025-01-10"),
            said(ConsentPurpose::Billing, false, "2025-03-01"),
            said(ConsentPurpose::Billing, true, "2025-02-01"),
            said(ConsentPurpose::Marketing, false, "2025-01-01"),
        ];
        let on = |purpose, on: &str| consent_on(&consents, purpose, day(on)).map(|consent| consent.given);
        assert_eq!(on(ConsentPurpose::Billing, "2025-01-09"), None);
        assert_eq!(on(ConsentPurpose::Billing, "2025-02-28"), Some(true));
        assert_eq!(
            on(ConsentPurpose::Billing, "2025-03-01"),
            Some(false),
            "what was written down late is not what was said late"
        );
        assert_eq!(on(ConsentPurpose::Marketing, "2025-03-01"), Some(false));
        assert_eq!(on(ConsentPurpose::Survey, "2025-03-01"), None);
    }

    fn owners(shares: &[Option<&str>]) -> HandOver {
        let owner = |share: &Option<&str>| NewOwner {
            party: new_owner("王", None),
            share: share.map(|share| share.parse().expect("is a share")),
        };
        HandOver { unit_id: UnitId::generate(), from: day("2025-03-01"), owners: shares.iter().map(owner).collect() }
    }

    #[rstest]
    #[case::one(owners(&[None]), "")]
    #[case::halves(owners(&[Some("1/2"), Some("50%")]), "")]
    #[case::thirds(owners(&[Some("1/3"), Some("1/3"), Some("1/3")]), "")]
    #[case::nearly(owners(&[Some("33%"), Some("33%"), Some("33%")]), "shares")]
    #[case::too_much(owners(&[Some("1/2"), Some("2/3")]), "shares")]
    #[case::one_said(owners(&[Some("1/2"), None]), "shares")]
    #[case::nobody(owners(&[]), "owners-count")]
    #[case::unnamed(HandOver { owners: vec![NewOwner { party: new_owner(" ", None), share: None }], ..owners(&[]) }, "owner-name")]
    fn owners_make_a_whole(#[case] hand_over: HandOver, #[case] expected: &str) {
        assert_eq!(hand_over.problems().first().map_or("", |problem| problem.code), expected);
    }

    #[test]
    fn nobody_owns_twice() {
        let mut hand_over = owners(&[None, None]);
        hand_over.owners[1].party.id = hand_over.owners[0].party.id;
        assert_eq!(hand_over.problems()[0].code, "owner-twice");
    }

    #[rstest]
    #[case("0/1")]
    #[case("2/1")]
    #[case("1/0")]
    #[case("-1/2")]
    #[case("1/10001")]
    #[case("half")]
    #[case("101%")]
    fn what_is_no_share_is_refused(#[case] text: &str) {
        assert!(text.parse::<Share>().is_err(), "{text}");
    }
}
