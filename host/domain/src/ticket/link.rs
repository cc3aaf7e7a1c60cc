//! Links for owners (业主自助链接): a page without a login for one unit or one ticket.
//!
//! A link is signed with a key of its company, so that nobody can make one or change what it is about. It ends by itself, and
//! can be taken back. Through it somebody reports a repair, follows what came of it, and says whether they are satisfied: that
//! is the follow-up. They see the tickets that came through their link, and nothing else of the unit.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::{fmt, sync::Arc};
use uuid::Uuid;

use super::{
    Caller, Channel, FollowUpChannel, FollowUpEntry, FollowUpResult, Intake, TicketMove, TicketRow, TicketState,
    Tickets, plan::Wanted,
};
use crate::{
    Error, Result,
    access::{Actor, OPERATOR, Permission, Role, Stamp},
    ids::*,
    ports::{CompanyStore, Directory},
};

/// Longest life of a link: a year, after which whoever lives there may be somebody else.
pub const LINK_DAYS_MAX: i64 = 366;
/// What a link lives when nobody says otherwise.
pub const LINK_DAYS_DEFAULT: i64 = 90;
/// What may be reported through one link in a day. A household with more to tell calls.
pub const REPORTS_A_DAY_MAX: i64 = 10;
/// Tickets that the page of a link shows.
const TICKETS_SHOWN: u32 = 30;
/// Bytes of the key that signs.
pub const SECRET_BYTES: usize = 32;

/// What a link is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkAbout {
    Unit(UnitId),
    Ticket(TicketId),
}

impl LinkAbout {
    #[must_use]
    pub fn unit_id(self) -> Option<UnitId> {
        match self {
            Self::Unit(unit) => Some(unit),
            Self::Ticket(_) => None,
        }
    }

    #[must_use]
    pub fn ticket_id(self) -> Option<TicketId> {
        match self {
            Self::Ticket(ticket) => Some(ticket),
            Self::Unit(_) => None,
        }
    }
}

/// One link as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerLink {
    pub id: OwnerLinkId,
    pub project_id: ProjectId,
    pub about: LinkAbout,
    pub expires_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
    pub made_by: String,
    pub created_at: DateTime<Utc>,
}

/// What stands in the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said {
    company_id: CompanyId,
    link_id: OwnerLinkId,
    expires_at: DateTime<Utc>,
}

const ID_BYTES: usize = 16;
const SAID_BYTES: usize = 2 * ID_BYTES + 8;
const SIGNATURE_BYTES: usize = 32;

impl Said {
    fn bytes(self) -> [u8; SAID_BYTES] {
        let mut bytes = [0; SAID_BYTES];
        bytes[..ID_BYTES].copy_from_slice(self.company_id.0.as_bytes());
        bytes[ID_BYTES..2 * ID_BYTES].copy_from_slice(self.link_id.0.as_bytes());
        bytes[2 * ID_BYTES..].copy_from_slice(&self.expires_at.timestamp().to_be_bytes());
        bytes
    }

    fn read(bytes: &[u8; SAID_BYTES]) -> Option<Self> {
        let id = |from: usize| Uuid::from_slice(&bytes[from..from + ID_BYTES]).ok();
        let seconds = i64::from_be_bytes(bytes[2 * ID_BYTES..].try_into().ok()?);
        Some(Self {
            company_id: CompanyId(id(0)?),
            link_id: OwnerLinkId(id(ID_BYTES)?),
            expires_at: DateTime::from_timestamp(seconds, 0)?,
        })
    }

    fn mac(self, secret: &[u8]) -> Hmac<Sha256> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret).expect("a key of any length is taken");
        mac.update(b"guanjia owner link 1");
        mac.update(&self.bytes());
        mac
    }

    fn signed(self, secret: &[u8]) -> String {
        let signature = self.mac(secret).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([self.bytes().as_slice(), signature.as_slice()].concat())
    }
}

/// What an address says, with a signature that nobody has checked yet.
fn read(token: &str) -> Option<(Said, [u8; SIGNATURE_BYTES])> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (said, signature) = bytes.split_at_checked(SAID_BYTES)?;
    Some((Said::read(said.try_into().ok()?)?, signature.try_into().ok()?))
}

/// A link that holds, with the company that it belongs to.
#[derive(Clone)]
pub struct OpenLink {
    pub link: OwnerLink,
    /// As the page shows it.
    pub place: String,
    pub project: String,
    store: Arc<dyn CompanyStore>,
    actor: Actor,
    at: DateTime<Utc>,
}

impl fmt::Debug for OpenLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenLink").field("link", &self.link.id).finish_non_exhaustive()
    }
}

/// Opens a link.
///
/// # Errors
/// `NotFound` for whatever was not signed here or was taken back; `Refused` with `link-expired` for one that has ended.
pub async fn open(directory: &dyn Directory, token: &str, at: DateTime<Utc>) -> Result<OpenLink> {
    let unknown = || Error::not_found("link", "this address");
    let (said, signature) = read(token).ok_or_else(unknown)?;
    let store = directory.company(said.company_id);
    let secret = store.owner_link_secret().await?.ok_or_else(unknown)?;
    // Compared in constant time.
    said.mac(&secret).verify_slice(&signature).map_err(|_| unknown())?;
    let link = store.owner_link(said.link_id).await?;
    if link.revoked_at.is_some() {
        return Err(unknown());
    }
    if said.expires_at <= at || link.expires_at <= at {
        return Err(Error::refused("link-expired", "this link has ended: ask the office for a new one"));
    }
    let operator = store.actor(OPERATOR).await?.ok_or_else(unknown)?;
    // Whoever has the link may do what the desk does for them, on what the link is about; the trail names the link.
    let actor = Actor { name: "owner-link".to_owned(), roles: vec![Role::FrontDesk], ..operator };
    let place = match link.about {
        LinkAbout::Unit(unit) => {
            let places = store.places(&[unit]).await?;
            places.first().map(|(_, place)| place.to_string()).unwrap_or_default()
        }
        LinkAbout::Ticket(ticket) => store.ticket(ticket).await?.ticket.place,
    };
    let project = store.project(link.project_id).await?.name;
    Ok(OpenLink { link, place, project, store, actor, at })
}

/// What an owner reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub kind: String,
    pub category: String,
    pub words: String,
    pub caller: Caller,
}

impl OpenLink {
    #[must_use]
    pub fn tickets(&self) -> Tickets {
        Tickets::new(self.store.clone())
    }

    fn stamp(&self) -> Stamp {
        Stamp { actor: self.actor.clone(), at: self.at, origin: format!("owner-link {}", self.link.id) }
    }

    /// The time zone of the project.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn time_zone(&self) -> Result<String> {
        Ok(self.store.project(self.link.project_id).await?.time_zone)
    }

    /// The tickets of this link, newest first: its own one, or those that came through it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn listed(&self) -> Result<Vec<TicketRow>> {
        match self.link.about {
            LinkAbout::Ticket(ticket) => Ok(vec![self.store.ticket(ticket).await?]),
            LinkAbout::Unit(_) => self.store.tickets_of_link(self.link.id, TICKETS_SHOWN).await,
        }
    }

    /// Reports something about the unit.
    ///
    /// # Errors
    /// `Refused` with `link-of-ticket` where the link is about a ticket, with `too-many-reports` after
    /// [`REPORTS_A_DAY_MAX`]; otherwise as [`Tickets::take_in`].
    pub async fn report(&self, report: Report) -> Result<TicketRow> {
        let Some(unit) = self.link.about.unit_id() else {
            return Err(Error::refused(
                "link-of-ticket",
                "this link is about one ticket: report something new at the desk",
            ));
        };
        let since = self.at - Duration::days(1);
        if self.store.count_reports(self.link.id, since).await? >= REPORTS_A_DAY_MAX {
            let message = format!("{REPORTS_A_DAY_MAX} reports came through this link today: call the office");
            return Err(Error::refused("too-many-reports", message));
        }
        let intake = Intake {
            project_id: self.link.project_id,
            kind: report.kind,
            category: report.category,
            channel: Channel::OwnerLink,
            unit_id: Some(unit),
            place: String::new(),
            words: report.words,
            caller: report.caller,
            priority: None,
            link_id: Some(self.link.id),
        };
        self.tickets().take_in(&self.stamp(), intake).await
    }

    /// Says whether they are satisfied with a solved ticket of this link.
    ///
    /// # Errors
    /// `NotFound` for another ticket; `Refused` with `illegal-move` before it is solved; `Invalid` for a score that does not exist.
    pub async fn rate(
        &self,
        ticket: TicketId,
        satisfied: bool,
        score: Option<i64>,
        words: String,
    ) -> Result<TicketRow> {
        let own = self.listed().await?.into_iter().any(|row| row.ticket.id == ticket);
        if !own {
            return Err(Error::not_found("ticket", ticket));
        }
        let result = if satisfied { FollowUpResult::Satisfied } else { FollowUpResult::Dissatisfied };
        let entry = FollowUpEntry { result, channel: FollowUpChannel::OwnerLink, score, words };
        let wanted = Wanted { follow_up: Some(entry), ..Wanted::plain(TicketMove::FollowUp) };
        self.tickets().move_ticket(&self.stamp(), ticket, None, &wanted).await
    }

    /// Whether a ticket waits to be rated.
    #[must_use]
    pub fn may_rate(row: &TicketRow) -> bool {
        row.ticket.state == TicketState::Solved
    }
}

/// Links of one company.
#[derive(Clone)]
pub struct OwnerLinks {
    store: Arc<dyn CompanyStore>,
}

impl fmt::Debug for OwnerLinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnerLinks").field("company_id", &self.store.company_id()).finish_non_exhaustive()
    }
}

impl OwnerLinks {
    #[must_use]
    pub fn new(store: Arc<dyn CompanyStore>) -> Self {
        Self { store }
    }

    /// Makes a link for so many days. What stands in its address is shown once.
    ///
    /// # Errors
    /// `NotFound` for an unknown unit or ticket, `Invalid` for a life of no days or more than [`LINK_DAYS_MAX`], `Refused` without the
    /// permission.
    pub async fn make(&self, stamp: &Stamp, about: LinkAbout, days: i64) -> Result<(OwnerLink, String)> {
        stamp.actor.require(Permission::WriteTickets)?;
        if !(1..=LINK_DAYS_MAX).contains(&days) {
            return Err(Error::invalid(format!("a link lives 1 to {LINK_DAYS_MAX} days")));
        }
        let project_id = match about {
            LinkAbout::Unit(unit) => self.store.project_of_unit(unit).await?,
            LinkAbout::Ticket(ticket) => self.store.ticket(ticket).await?.ticket.project_id,
        };
        // Addresses carry whole seconds.
        let expires_at = DateTime::from_timestamp((stamp.at + Duration::days(days)).timestamp(), 0);
        let link = OwnerLink {
            id: OwnerLinkId::generate(),
            project_id,
            about,
            expires_at: expires_at.ok_or(Error::Overflow("ending a link"))?,
            revoked_at: None,
            made_by: stamp.actor.name.clone(),
            created_at: stamp.at,
        };
        let secret = self.store.add_owner_link(stamp, &link).await?;
        let said = Said { company_id: self.store.company_id(), link_id: link.id, expires_at: link.expires_at };
        Ok((link, said.signed(&secret)))
    }

    /// The links of a unit or ticket, newest first; at most a hundred.
    ///
    /// # Errors
    /// `Refused` without the permission.
    pub async fn of(&self, actor: &Actor, about: LinkAbout) -> Result<Vec<OwnerLink>> {
        actor.require(Permission::ReadTickets)?;
        self.store.owner_links(about).await
    }

    /// Takes a link back.
    ///
    /// # Errors
    /// `NotFound` for an unknown one, `Conflict` for one that was taken back already, `Refused` without the permission.
    pub async fn revoke(&self, stamp: &Stamp, link: OwnerLinkId) -> Result<OwnerLink> {
        stamp.actor.require(Permission::WriteTickets)?;
        self.store.revoke_owner_link(stamp, link).await?;
        self.store.owner_link(link).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> Said {
        Said {
            company_id: CompanyId::generate(),
            link_id: OwnerLinkId::generate(),
            expires_at: DateTime::from_timestamp(1_800_000_000, 0).expect("is a time"),
        }
    }

    #[test]
    fn an_address_is_read_as_it_was_signed() {
        let (said, secret) = (said(), [7; SECRET_BYTES]);
        let token = said.signed(&secret);
        let (found, signature) = read(&token).expect("is an address");
        assert_eq!(found, said);
        assert!(said.mac(&secret).verify_slice(&signature).is_ok());
        assert!(said.mac(&[8; SECRET_BYTES]).verify_slice(&signature).is_err(), "another company's key");
    }

    /// Every single bit counts.
    #[test]
    fn a_changed_address_does_not_hold() {
        let (said, secret) = (said(), [7; SECRET_BYTES]);
        let bytes = URL_SAFE_NO_PAD.decode(said.signed(&secret)).expect("is base64");
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let holds = read(&URL_SAFE_NO_PAD.encode(&changed))
                .is_some_and(|(said, signature)| said.mac(&secret).verify_slice(&signature).is_ok());
            assert!(!holds, "bit {bit}");
        }
        for cut in ["", "x", "!!", &said.signed(&secret)[..90]] {
            assert_eq!(read(cut), None, "{cut:?}");
        }
    }
}
