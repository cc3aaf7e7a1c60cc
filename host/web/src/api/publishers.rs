//! Whom the company trusts to sign plug-ins, and what it asks of them.

use axum::{Json, http::StatusCode};
use guanjia_domain::{
    ids::PublisherId,
    plugin::{Trust, TrustRule, TrustedPublisher},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{At, List, Reply};
use crate::{
    access::{
        Require,
        needs::{ManagePlugins, ReadPlugins},
    },
    fault::{Answer, Problem},
};

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PublisherBody {
    pub id: Uuid,
    /// The company's own name for whoever holds the key.
    pub name: String,
    /// Public key (Ed25519), written `ed25519:` and 64 hexadecimal digits.
    pub key: String,
    /// A short name of the key, for people to compare.
    pub key_id: String,
}

impl From<TrustedPublisher> for PublisherBody {
    fn from(publisher: TrustedPublisher) -> Self {
        Self { id: publisher.id.0, name: publisher.name, key_id: publisher.key.id(), key: publisher.key.to_string() }
    }
}

/// Lists the keys whose signatures the company accepts.
#[utoipa::path(get, path = "/api/v1/publishers", tag = "publishers", responses((status = 200, body = List<PublisherBody>)))]
pub(crate) async fn list_publishers(access: Require<ReadPlugins>) -> Reply<List<PublisherBody>> {
    Ok(Json(List::whole(access.store.trusted_publishers().await?)))
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewPublisherBody {
    /// The company's own name for whoever holds the key.
    name: String,
    /// `ed25519:` and 64 hexadecimal digits, as `guanjia plugin keygen` prints it.
    key: String,
}

/// Trusts a key. What it signed and is installed already counts as trusted from now on.
#[utoipa::path(
    post, path = "/api/v1/publishers", tag = "publishers", request_body = NewPublisherBody,
    responses(
        (status = 201, body = PublisherBody),
        (status = 409, description = "the key is trusted already", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "not a name or not a key", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create_publisher(
    access: Require<ManagePlugins>,
    Json(body): Json<NewPublisherBody>,
) -> Answer<(StatusCode, Json<PublisherBody>)> {
    let trust = Trust::new(access.store.clone());
    let publisher = trust.add(&access.stamp(), &body.name, body.key.parse()?).await?;
    Ok((StatusCode::CREATED, Json(publisher.into())))
}

/// Trusts a key no longer. What is installed stays installed and bound; it is shown as signed by an unknown key.
#[utoipa::path(
    delete, path = "/api/v1/publishers/{id}", tag = "publishers", params(("id" = Uuid, Path)),
    responses((status = 204), (status = 404, body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn delete_publisher(access: Require<ManagePlugins>, At(id): At<PublisherId>) -> Answer<StatusCode> {
    Trust::new(access.store.clone()).remove(&access.stamp(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the company asks of a plug-in before it is installed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct TrustRuleBody {
    /// Whether only plug-ins with a trusted signature are installed.
    pub require_trusted: bool,
}

/// Reads what the company asks of a plug-in before it is installed.
#[utoipa::path(get, path = "/api/v1/trust-rule", tag = "publishers", responses((status = 200, body = TrustRuleBody)))]
pub(crate) async fn read_trust_rule(access: Require<ReadPlugins>) -> Reply<TrustRuleBody> {
    let TrustRule { require_trusted } = access.store.trust_rule().await?;
    Ok(Json(TrustRuleBody { require_trusted }))
}

/// Says what the company asks of a plug-in before it is installed. What is installed already stays. The body is the whole
/// rule and makes no use of what was there, so that it needs no `If-Match`.
#[utoipa::path(
    put, path = "/api/v1/trust-rule", tag = "publishers", request_body = TrustRuleBody,
    responses((status = 200, body = TrustRuleBody)),
)]
pub(crate) async fn edit_trust_rule(
    access: Require<ManagePlugins>,
    Json(body): Json<TrustRuleBody>,
) -> Reply<TrustRuleBody> {
    let rule = TrustRule { require_trusted: body.require_trusted };
    Trust::new(access.store.clone()).set_rule(&access.stamp(), rule).await?;
    Ok(Json(body))
}
