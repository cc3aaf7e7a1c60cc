//! `Idempotency-Key`: a request that a machine sends again, because it never saw the answer, has its effect once.
//!
//! One layer around every POST of the API. It lets requests without a key through, and answers those with a key that was
//! answered before. What fails below (5xx) is forgotten, so that sending it again may succeed.

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use guanjia_domain::{
    idempotency::{KEY_LENGTH_MAX, KeyClaim, KeyState, KeyedRequest, StoredAnswer},
    ports::CompanyStore,
};
use std::{panic, sync::Arc};
use tracing::Instrument;

use crate::{
    AppState,
    access::Signed,
    door::RequestId,
    fault::{self, Answer, Fault},
    routes::Asks,
};

pub(crate) const KEY_HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that the answer is an earlier one.
const REPLAYED_HEADER: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Headers that belong to an answer itself. All others are made anew by the door.
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG];

/// Runs a request with a key once; requests without one as they come.
pub(crate) async fn once(asks: Asks, app: AppState, request: Request, next: Next) -> Response {
    if !request.headers().contains_key(KEY_HEADER) {
        return next.run(request).await;
    }
    keyed(asks, &app, request, next).await.unwrap_or_else(IntoResponse::into_response)
}

async fn keyed(asks: Asks, app: &AppState, request: Request, next: Next) -> Answer<Response> {
    let (mut parts, body) = request.into_parts();
    let signed = Signed::from_request_parts(&mut parts, app).await?;
    // An earlier answer is for those only who may still ask.
    if let Asks::For(permission) = asks {
        signed.actor.require(permission)?;
    }
    let key = key(&parts.headers)?;
    let body = match Bytes::from_request(Request::from_parts(parts.clone(), body), &()).await {
        Ok(body) => body,
        Err(refused) => return Ok(refused.into_response()),
    };
    let route = format!("{} {}", parts.method, signed.here);
    let request = KeyedRequest { user_id: signed.actor.user_id, key: &key, route: &route, body: &body };
    let claim = match signed.store.claim_key(&request, signed.at).await? {
        KeyState::Claimed(claim) => claim,
        KeyState::Answered(answer) => return replayed(answer),
        KeyState::Running => {
            let detail = "the request of this `Idempotency-Key` is being worked on: ask again for its answer";
            return Err(Fault::new(StatusCode::CONFLICT, "idempotency-key-running", detail));
        }
        KeyState::Other => {
            let detail = "this `Idempotency-Key` stands for a request with another address or body: choose a new one";
            return Err(Fault::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", detail));
        }
    };
    let request_id = parts.extensions.get::<RequestId>().map(ToString::to_string).unwrap_or_default();
    let request = Request::from_parts(parts, Body::from(body));
    // In a task of its own: whoever sent it may hang up and send it again, and is to find the answer then.
    let work = tokio::spawn(answered(signed.store, claim, request_id, request, next).in_current_span());
    match work.await {
        Ok(response) => Ok(response),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => panic::resume_unwind(panic),
            Err(_) => Err(Fault::panicked()),
        },
    }
}

/// The key of a request: what can be seen and typed, of a limited length.
fn key(headers: &HeaderMap) -> Answer<String> {
    let mut values = headers.get_all(KEY_HEADER).iter();
    let key = values.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let usable = !key.is_empty() && key.len() <= KEY_LENGTH_MAX && key.bytes().all(|byte| byte.is_ascii_graphic());
    if !usable || values.next().is_some() {
        return Err(Fault::malformed(format!(
            "send one `Idempotency-Key` of 1 to {KEY_LENGTH_MAX} letters, digits and signs without spaces"
        )));
    }
    Ok(key.to_owned())
}

/// Runs the request and keeps its answer, or gives the key up.
async fn answered(
    store: Arc<dyn CompanyStore>,
    claim: KeyClaim,
    request_id: String,
    request: Request,
    next: Next,
) -> Response {
    let response = match panic::AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            release(store.as_ref(), &claim).await;
            panic::resume_unwind(panic);
        }
    };
    // What the door refused is written down as it will be shown; what failed goes on to the door, which logs it.
    let response = match fault::of_response(response).await {
        Ok(response) => response,
        Err(fault) if fault.status.is_server_error() => fault.into_response(),
        Err(fault) => fault::problem_document(&fault, &request_id),
    };
    if response.status().is_server_error() {
        release(store.as_ref(), &claim).await;
        return response;
    }
    let (parts, body) = response.into_parts();
    // Handlers make their answers whole, so that there is nothing left to limit here.
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        release(store.as_ref(), &claim).await;
        return Fault::panicked().into_response();
    };
    let header = |name: &HeaderName| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    };
    let answer = StoredAnswer {
        status: parts.status.as_u16(),
        headers: KEPT_HEADERS.iter().filter_map(header).collect(),
        body: body.to_vec(),
    };
    if let Err(error) = store.keep_answer(&claim, &answer).await {
        tracing::error!(error = %error, "the answer of a request with a key could not be kept");
    }
    Response::from_parts(parts, Body::from(body))
}

async fn release(store: &dyn CompanyStore, claim: &KeyClaim) {
    if let Err(error) = store.release_key(claim).await {
        tracing::error!(error = %error, "the key of a failed request could not be given up; it is free again later");
    }
}

/// An earlier answer, which says so.
fn replayed(answer: StoredAnswer) -> Answer<Response> {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).map_err(|_| Fault::panicked())?;
    let headers = response.headers_mut();
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED_HEADER, HeaderValue::from_static("true"));
    Ok(response)
}
