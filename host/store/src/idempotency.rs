//! Keys of requests that may come twice, with the answers to them.
//!
//! Only hashes of key and body are kept. The key goes into the body's hash, so that a password in a body cannot be guessed
//! from it without knowing the key.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use guanjia_domain::{
    Error, Result,
    idempotency::{KEY_HOURS, KeyClaim, KeyState, KeyedRequest, RUNNING_MINUTES_MAX, StoredAnswer},
    ports::IdempotencyStore,
};
use sha2::{Digest, Sha256};

use crate::{CompanyScope, db::Row, value};

/// Forgotten keys that one new key sweeps away: more than come in between, and few enough to delete in passing.
const SWEPT_KEYS: i64 = 100;

fn key_hash(key: &str) -> Vec<u8> {
    Sha256::digest(key.as_bytes()).to_vec()
}

fn body_hash(request: &KeyedRequest<'_>) -> Vec<u8> {
    // A key has no control characters, so that the separator says where it ends.
    Sha256::new().chain_update(request.key).chain_update([0]).chain_update(request.body).finalize().to_vec()
}

/// What became of the request that stands under the key.
fn read_state(row: &Row, request: &KeyedRequest<'_>) -> Result<KeyState> {
    let mut cells = row.cells();
    let (route, body_sha256): (String, Vec<u8>) = (cells.take()?, cells.take()?);
    if route != request.route || body_sha256 != body_hash(request) {
        return Ok(KeyState::Other);
    }
    let (status, headers, body): (Option<i64>, Option<String>, Option<Vec<u8>>) =
        (cells.take()?, cells.take()?, cells.take()?);
    let (Some(status), Some(headers), Some(body)) = (status, headers, body) else { return Ok(KeyState::Running) };
    let status = u16::try_from(status).map_err(|error| Error::unavailable("a stored answer is damaged", error))?;
    Ok(KeyState::Answered(StoredAnswer { status, headers: value::json(&headers)?, body }))
}

#[async_trait]
impl IdempotencyStore for CompanyScope {
    async fn claim_key(&self, request: &KeyedRequest<'_>, now: DateTime<Utc>) -> Result<KeyState> {
        let forgotten = now - TimeDelta::hours(KEY_HOURS);
        let key_sha256 = key_hash(request.key);
        let mut scope = self.write().await?;
        let sweep = sql!(
            "DELETE FROM idempotency_key WHERE company_id = $1 AND (user_id, key_sha256) IN ",
            "(SELECT user_id, key_sha256 FROM idempotency_key WHERE company_id = $1 AND created_at <= $2 LIMIT $3 {skip locked})"
        );
        scope.execute(sweep, values![forgotten, SWEPT_KEYS]).await?;
        let claim = sql!(
            "INSERT INTO idempotency_key (company_id, user_id, key_sha256, route, body_sha256, created_at) ",
            "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (company_id, user_id, key_sha256) DO UPDATE SET ",
            "route = excluded.route, body_sha256 = excluded.body_sha256, status = NULL, headers = NULL, body = NULL, ",
            "created_at = excluded.created_at WHERE idempotency_key.company_id = excluded.company_id ",
            "AND (idempotency_key.created_at <= $7 OR (idempotency_key.status IS NULL AND idempotency_key.created_at <= $8 ",
            "AND idempotency_key.route = excluded.route AND idempotency_key.body_sha256 = excluded.body_sha256))"
        );
        let abandoned = now - TimeDelta::minutes(RUNNING_MINUTES_MAX);
        let values =
            values![request.user_id, key_sha256.clone(), request.route, body_hash(request), now, forgotten, abandoned];
        if scope.execute(claim, values).await? == 1 {
            scope.commit().await?;
            return Ok(KeyState::Claimed(KeyClaim { user_id: request.user_id, key: request.key.to_owned(), at: now }));
        }
        let known = sql!(
            "SELECT route, body_sha256, status, headers, body FROM idempotency_key ",
            "WHERE company_id = $1 AND user_id = $2 AND key_sha256 = $3"
        );
        let row = scope.row(known, values![request.user_id, key_sha256]).await?;
        scope.commit().await?;
        // Given up this very moment: whoever asks again finds it free.
        row.map_or(Ok(KeyState::Running), |row| read_state(&row, request))
    }

    async fn keep_answer(&self, claim: &KeyClaim, answer: &StoredAnswer) -> Result<()> {
        let statement = sql!(
            "UPDATE idempotency_key SET status = $5, headers = $6, body = $7 ",
            "WHERE company_id = $1 AND user_id = $2 AND key_sha256 = $3 AND created_at = $4 AND status IS NULL"
        );
        let values = values![
            claim.user_id,
            key_hash(&claim.key),
            claim.at,
            i64::from(answer.status),
            value::to_json(&answer.headers)?,
            answer.body.clone()
        ];
        let mut scope = self.write().await?;
        scope.execute(statement, values).await?;
        scope.commit().await
    }

    async fn release_key(&self, claim: &KeyClaim) -> Result<()> {
        let statement = sql!(
            "DELETE FROM idempotency_key ",
            "WHERE company_id = $1 AND user_id = $2 AND key_sha256 = $3 AND created_at = $4 AND status IS NULL"
        );
        let mut scope = self.write().await?;
        scope.execute(statement, values![claim.user_id, key_hash(&claim.key), claim.at]).await?;
        scope.commit().await
    }
}
