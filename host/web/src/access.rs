//! Who is at the door: a session cookie or a bearer token becomes an actor with the store of the actor's company.
//!
//! A handler names what it asks for in its signature: [`Require<P>`] for a permission, [`Signed`] for any person who is
//! logged in. Both hand out the one store that is scoped to the actor's company, so that no handler can reach another's.

use axum::{
    extract::{FromRequestParts, OriginalUri},
    http::{HeaderMap, header, request::Parts},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use chrono::{DateTime, TimeDelta, Utc};
use guanjia_domain::{
    access::{Actor, Permission, Stamp},
    billing::Billing,
    estate::Project,
    ids::PartyId,
    ports::{CompanyStore, UnitSearch},
    trial::Trials,
};
use std::{marker::PhantomData, ops::Deref, sync::Arc};

use crate::{AppState, door::RequestId, fault::Fault, words::Words};

/// Name of the cookie that carries a session.
pub(crate) const SESSION_COOKIE: &str = "guanjia_session";
/// A working day with its overtime; after it one logs in again.
pub(crate) const SESSION_HOURS: i64 = 12;
/// No token is anywhere near as long; longer ones are not even looked up.
const SECRET_LENGTH_MAX: usize = 512;

/// A person (or script) that is known, with the store of the company it belongs to.
#[derive(Clone)]
pub(crate) struct Signed {
    pub actor: Actor,
    pub store: Arc<dyn CompanyStore>,
    pub billing: Billing,
    pub trials: Trials,
    pub words: Words,
    /// Path and query that were asked for.
    pub here: String,
    pub at: DateTime<Utc>,
    origin: String,
}

impl Signed {
    /// Who changes something, when and through which door.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp { actor: self.actor.clone(), at: self.at, origin: self.origin.clone() }
    }

    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.actor.may(permission)
    }

    /// A search of units for what this reader may see.
    pub(crate) fn search<'a>(&self, text: &'a str) -> UnitSearch<'a> {
        UnitSearch { text: text.trim(), personal_data: self.may(Permission::ReadPersonalData) }
    }

    /// A person's name as this reader may see it.
    pub(crate) fn name(&self, name: &str) -> String {
        if self.may(Permission::ReadPersonalData) { name.to_owned() } else { crate::format::masked(name) }
    }

    /// The names of those who pay in a project, as this reader may see them.
    pub(crate) fn payers(&self, project: &Project) -> Payers {
        Payers { in_full: self.may(Permission::ReadPersonalData), developer_id: project.developer_id }
    }
}

/// How names of payers are shown. The developer, who pays for unsold units, is a firm and no person: its name is no
/// personal data, however short it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Payers {
    in_full: bool,
    developer_id: PartyId,
}

impl Payers {
    /// As lists show them to everybody.
    pub(crate) fn masked(project: &Project) -> Self {
        Self { in_full: false, developer_id: project.developer_id }
    }

    pub(crate) fn name(&self, payer_id: PartyId, name: &str) -> String {
        if self.in_full || payer_id == self.developer_id { name.to_owned() } else { crate::format::masked(name) }
    }
}

impl FromRequestParts<AppState> for Signed {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Fault> {
        let secret = secret(&parts.headers).ok_or_else(Fault::unsigned)?;
        let at = app.clock.now();
        let actor = app.directory.actor_of_token(&secret, at).await?.ok_or_else(Fault::unsigned)?;
        let store = app.directory.company(actor.company_id);
        let here = here(parts);
        Ok(Self {
            billing: Billing::new(store.clone(), app.engine.clone(), app.clock.clone()),
            trials: Trials::new(store.clone(), app.engine.clone(), app.clock.clone()),
            store,
            words: Words::of(&parts.headers),
            origin: origin(parts, &here),
            here,
            at,
            actor,
        })
    }
}

fn here(parts: &Parts) -> String {
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
    uri.path_and_query().map_or_else(|| uri.path().to_owned(), ToString::to_string)
}

/// Door and request, as the audit trail keeps them.
pub(crate) fn origin(parts: &Parts, path: &str) -> String {
    let door = if path.starts_with("/api/") { "api" } else { "console" };
    parts.extensions.get::<RequestId>().map_or_else(|| door.to_owned(), |id| format!("{door} {id}"))
}

/// The secret of the bearer token or, without one, of the session cookie.
pub(crate) fn secret(headers: &HeaderMap) -> Option<String> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let secret = match bearer {
        Some(value) => {
            value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))?.1.trim().to_owned()
        }
        None => CookieJar::from_headers(headers).get(SESSION_COOKIE)?.value().to_owned(),
    };
    (!secret.is_empty() && secret.len() <= SECRET_LENGTH_MAX).then_some(secret)
}

/// The cookie of a new session.
pub(crate) fn session_cookie(secret: String, app: &AppState) -> Cookie<'static> {
    let mut cookie = Cookie::new(SESSION_COOKIE, secret);
    cookie.set_path("/");
    cookie.set_http_only(true);
    cookie.set_same_site(SameSite::Lax);
    cookie.set_secure(app.secure_cookies);
    cookie
}

/// When a session that begins now ends.
pub(crate) fn session_end(now: DateTime<Utc>) -> DateTime<Utc> {
    now + TimeDelta::hours(SESSION_HOURS)
}

/// A known person who has the permission `P`.
pub(crate) struct Require<P> {
    signed: Signed,
    permission: PhantomData<P>,
}

impl<P> Deref for Require<P> {
    type Target = Signed;

    fn deref(&self) -> &Signed {
        &self.signed
    }
}

impl<P: Needed> FromRequestParts<AppState> for Require<P> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Fault> {
        let signed = Signed::from_request_parts(parts, app).await?;
        signed.actor.require(P::PERMISSION)?;
        Ok(Self { signed, permission: PhantomData })
    }
}

/// A permission as a type, so that it can stand in a signature.
pub(crate) trait Needed: Send + Sync {
    const PERMISSION: Permission;
}

/// One type for each permission, under the permission's own name.
pub(crate) mod needs {
    use super::{Needed, Permission};

    macro_rules! needs {
        ($($name:ident)*) => {$(
            pub(crate) struct $name;

            impl Needed for $name {
                const PERMISSION: Permission = Permission::$name;
            }
        )*};
    }

    needs! {
        ReadEstate WriteEstate WriteReadings ReadPersonalData ReadCharges PreviewCharges ApproveCharges PostCharges ReadPlugins ManagePlugins ApprovePlugins
        TryPlugins ManageUsers ReadAudit
        ReadTickets WriteTickets ManageOffice
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_developer_is_no_person() {
        let (developer_id, person) = (PartyId::generate(), PartyId::generate());
        let payers = |in_full| Payers { in_full, developer_id };
        assert_eq!(payers(false).name(developer_id, "开发商"), "开发商");
        assert_eq!(payers(false).name(person, "开发商"), "开*商", "a person of the same name is a person");
        assert_eq!(payers(true).name(person, "王天宇"), "王天宇");
    }
}
