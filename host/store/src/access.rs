//! Users, passwords and tokens.

use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};
use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use guanjia_domain::{
    Error, Result,
    access::{Actor, Role, Stamp, User},
    ids::{CompanyId, TokenId, UserId},
    ports::{AccessStore, TokenPurpose},
};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::sync::{Arc, OnceLock};
use tokio::sync::Semaphore;

use crate::{CompanyScope, audit::Change, db::Scope};

/// So many wrong passwords within the window lock the login for as long as the window is.
const FAILED_LOGINS_MAX: i64 = 10;
const FAILED_LOGIN_WINDOW: Duration = Duration::minutes(15);
/// Random bytes of a token: nobody guesses 256 bits, so that a fast hash is enough to keep it.
const SECRET_BYTES: usize = 32;
/// Lets a leaked token be recognised by scanners.
const SECRET_PREFIX: &str = "gj_";
/// A longer password costs time before it is even hashed.
const PASSWORD_BYTES_MAX: usize = 1_024;

/// What a login is decided by.
pub(crate) struct LoginRow {
    pub(crate) company_id: CompanyId,
    pub(crate) user_id: UserId,
    pub(crate) name: String,
    pub(crate) roles: Vec<Role>,
    pub(crate) disabled: bool,
    pub(crate) password_hash: Option<String>,
    pub(crate) failed_count: i64,
    pub(crate) locked_until: Option<DateTime<Utc>>,
}

impl LoginRow {
    pub(crate) fn is_locked(&self, now: DateTime<Utc>) -> bool {
        self.locked_until.is_some_and(|until| now < until)
    }
}

/// Whether the password fits the hash. Without a hash the same work is done for nothing, so that the time does not tell
/// whether the user exists.
pub(crate) async fn verify_password(hashing: &Arc<Semaphore>, hash: Option<String>, password: &str) -> Result<bool> {
    let password = password.to_owned();
    in_background(hashing, move || {
        if password.len() > PASSWORD_BYTES_MAX {
            return Ok(false);
        }
        let known = hash.is_some();
        let hash = hash.map_or_else(dummy_hash, Ok)?;
        let parsed =
            PasswordHash::new(&hash).map_err(|error| Error::unavailable("a stored password hash is damaged", error))?;
        Ok(Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok() && known)
    })
    .await
}

async fn hash_password(hashing: &Arc<Semaphore>, password: &str) -> Result<String> {
    if password.is_empty() || password.len() > PASSWORD_BYTES_MAX {
        return Err(Error::invalid(format!("a password has 1 to {PASSWORD_BYTES_MAX} bytes")));
    }
    let password = password.to_owned();
    in_background(hashing, move || new_hash(&password)).await
}

fn new_hash(password: &str) -> Result<String> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash: PasswordHash| hash.to_string())
        .map_err(|error| Error::unavailable("the password could not be hashed", error))
}

/// The hash of a password that nobody has.
fn dummy_hash() -> Result<String> {
    static DUMMY: OnceLock<String> = OnceLock::new();
    if let Some(hash) = DUMMY.get() {
        return Ok(hash.clone());
    }
    let hash = new_hash(&new_secret()?)?;
    Ok(DUMMY.get_or_init(|| hash).clone())
}

/// Hashing takes tens of milliseconds of CPU: off the async threads, and not too many at once.
async fn in_background<T: Send + 'static>(
    hashing: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let permit =
        Arc::clone(hashing).acquire_owned().await.map_err(|error| Error::unavailable("the host is stopping", error))?;
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    })
    .await
    .map_err(|error| Error::unavailable("hashing a password failed", error))?
}

fn new_secret() -> Result<String> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Error::unavailable("the system gives no random bytes", error))?;
    Ok(format!("{SECRET_PREFIX}{}", hex::encode(bytes)))
}

pub(crate) fn secret_hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

pub(crate) fn to_roles(codes: &str) -> Result<Vec<Role>> {
    codes.split(',').filter(|code| !code.is_empty()).map(str::parse).collect()
}

fn from_roles(roles: &[Role]) -> String {
    let mut sorted = roles.to_vec();
    sorted.sort();
    sorted.dedup();
    sorted.iter().map(|role| role.code()).collect::<Vec<_>>().join(",")
}

pub(crate) async fn write_user(
    scope: &mut Scope,
    user: UserId,
    name: &str,
    roles: &[Role],
    now: DateTime<Utc>,
) -> Result<()> {
    scope
        .execute(
            sql!("INSERT INTO app_user (company_id, id, name, roles, disabled, created_at) VALUES ($1, $2, $3, $4, FALSE, $5)"),
            values![user, name, from_roles(roles), now],
        )
        .await?;
    Ok(())
}

async fn write_password(scope: &mut Scope, user: UserId, hash: String, now: DateTime<Utc>) -> Result<()> {
    scope
        .execute(
            sql!(
                "INSERT INTO credential (company_id, user_id, password_hash, failed_count, created_at) VALUES ($1, $2, $3, 0, $4) ",
                "ON CONFLICT (user_id) DO UPDATE SET password_hash = excluded.password_hash, failed_count = 0, ",
                "failed_since = NULL, locked_until = NULL, created_at = excluded.created_at ",
                "WHERE credential.company_id = excluded.company_id"
            ),
            values![user, hash, now],
        )
        .await?;
    Ok(())
}

impl CompanyScope {
    /// Counts a wrong password; the one that is too many locks the login for a while.
    pub(crate) async fn count_failed_login(&self, user: UserId, now: DateTime<Utc>) -> Result<()> {
        let mut scope = self.write().await?;
        scope
            .execute(
                sql!(
                    "UPDATE credential SET ",
                    "failed_count = CASE WHEN failed_since IS NULL OR failed_since < $3 THEN 1 ELSE failed_count + 1 END, ",
                    "failed_since = CASE WHEN failed_since IS NULL OR failed_since < $3 THEN $4 ELSE failed_since END ",
                    "WHERE company_id = $1 AND user_id = $2"
                ),
                values![user, now - FAILED_LOGIN_WINDOW, now],
            )
            .await?;
        scope
            .execute(
                sql!(
                    "UPDATE credential SET locked_until = $3, failed_count = 0, failed_since = NULL ",
                    "WHERE company_id = $1 AND user_id = $2 AND failed_count >= $4"
                ),
                values![user, now + FAILED_LOGIN_WINDOW, FAILED_LOGINS_MAX],
            )
            .await?;
        scope.commit().await
    }

    pub(crate) async fn forget_failed_logins(&self, user: UserId) -> Result<()> {
        let mut scope = self.write().await?;
        scope
            .execute(
                sql!(
                    "UPDATE credential SET failed_count = 0, failed_since = NULL, locked_until = NULL ",
                    "WHERE company_id = $1 AND user_id = $2"
                ),
                values![user],
            )
            .await?;
        scope.commit().await
    }
}

#[async_trait]
impl AccessStore for CompanyScope {
    async fn users(&self) -> Result<Vec<User>> {
        let statement = sql!("SELECT id, name, roles, disabled FROM app_user WHERE company_id = $1 ORDER BY name");
        let rows = self.read().await?.rows(statement, values![]).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok(User {
                    id: cells.take()?,
                    name: cells.take()?,
                    roles: to_roles(&cells.take::<String>()?)?,
                    disabled: cells.take()?,
                })
            })
            .collect()
    }

    async fn add_user(&self, stamp: &Stamp, name: &str, roles: &[Role], password: Option<&str>) -> Result<User> {
        if name.trim().is_empty() {
            return Err(Error::invalid("a user needs a name"));
        }
        // Hashed before the transaction begins: it takes longer than everything in it.
        let hash = match password {
            Some(password) => Some(hash_password(&self.hashing, password).await?),
            None => None,
        };
        let user = User {
            id: UserId::generate(),
            name: name.to_owned(),
            roles: to_roles(&from_roles(roles))?,
            disabled: false,
        };
        let mut scope = self.write().await?;
        write_user(&mut scope, user.id, name, roles, stamp.at).await?;
        if let Some(hash) = hash {
            write_password(&mut scope, user.id, hash, stamp.at).await?;
        }
        let after = json!({ "name": name, "roles": user.roles, "password": password.is_some() });
        scope.event(stamp.at, "user.added", None, user.id.to_string(), &json!({ "name": name })).await?;
        scope.audit(stamp, Change::of("user.add", format!("user {}", user.id), after)).await?;
        scope.commit().await?;
        Ok(user)
    }

    async fn set_password(&self, stamp: &Stamp, user: UserId, password: &str) -> Result<()> {
        let hash = hash_password(&self.hashing, password).await?;
        let mut scope = self.write().await?;
        require_user(&mut scope, user).await?;
        write_password(&mut scope, user, hash, stamp.at).await?;
        // Whoever knew the old password is logged out; tokens of scripts were made on purpose and stay.
        scope
            .execute(
                sql!(
                    "UPDATE token SET revoked_at = $3 ",
                    "WHERE company_id = $1 AND user_id = $2 AND purpose = 'session' AND revoked_at IS NULL"
                ),
                values![user, stamp.at],
            )
            .await?;
        scope.audit(stamp, Change::of("user.set-password", format!("user {user}"), json!({}))).await?;
        scope.commit().await
    }

    async fn actor(&self, name: &str) -> Result<Option<Actor>> {
        let statement =
            sql!("SELECT id, name, roles FROM app_user WHERE company_id = $1 AND name = $2 AND NOT disabled");
        let row = self.read().await?.row(statement, values![name]).await?;
        row.map(|row| {
            let mut cells = row.cells();
            Ok(Actor {
                company_id: self.company,
                user_id: cells.take()?,
                name: cells.take()?,
                roles: to_roles(&cells.take::<String>()?)?,
            })
        })
        .transpose()
    }

    async fn issue_token(
        &self,
        stamp: &Stamp,
        user: UserId,
        purpose: TokenPurpose,
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<String> {
        let secret = new_secret()?;
        let token = TokenId::generate();
        let mut scope = self.write().await?;
        require_user(&mut scope, user).await?;
        scope
            .execute(
                sql!(
                    "INSERT INTO token (company_id, id, user_id, purpose, secret_sha256, expires_at, created_at) ",
                    "VALUES ($1, $2, $3, $4, $5, $6, $7)"
                ),
                values![token, user, purpose.code(), secret_hash(&secret), expires_at, stamp.at],
            )
            .await?;
        let after = json!({ "user": user, "purpose": purpose.code(), "expires_at": expires_at });
        scope.audit(stamp, Change::of("token.issue", format!("token {token}"), after)).await?;
        scope.commit().await?;
        Ok(secret)
    }

    async fn revoke_token(&self, stamp: &Stamp, secret: &str) -> Result<()> {
        let mut scope = self.write().await?;
        let row = scope
            .row(
                sql!(
                    "UPDATE token SET revoked_at = $3 ",
                    "WHERE company_id = $1 AND secret_sha256 = $2 AND revoked_at IS NULL RETURNING id"
                ),
                values![secret_hash(secret), stamp.at],
            )
            .await?;
        // A token that is unknown or revoked already opens nothing: there is nothing to do.
        if let Some(row) = row {
            let token: TokenId = row.only()?;
            scope.audit(stamp, Change::of("token.revoke", format!("token {token}"), json!({}))).await?;
        }
        scope.commit().await
    }
}

async fn require_user(scope: &mut Scope, user: UserId) -> Result<()> {
    let row = scope.row(sql!("SELECT id FROM app_user WHERE company_id = $1 AND id = $2"), values![user]).await?;
    row.map(|_| ()).ok_or_else(|| Error::not_found("user", user))
}
