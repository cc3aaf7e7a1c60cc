//! What every request passes on its way in and out: a request id, a log span, the guard against other sites, limits, one
//! renderer of faults, and headers that keep browsers strict.

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Redirect, Response},
};
use std::{any::Any, fmt, sync::Arc, time::Duration, time::Instant};
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer, csrf::CsrfLayer, timeout::TimeoutLayer};
use tracing::Instrument;
use uuid::Uuid;

use crate::{AppState, console, fault, fault::Fault, urls, words::Words};

/// No page and no answer takes nearly so long; what does is stuck. Streams begin to answer at once and go on.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Forms and JSON bodies are far smaller; uploads have a limit of their own.
const BODY_BYTES_MAX: usize = 256 << 10;
const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Name of one request, in its answer, in the log and in the audit trail.
#[derive(Clone)]
pub(crate) struct RequestId(Arc<str>);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Puts the ways in and out around the routes.
pub(crate) fn around(routes: Router<AppState>) -> Router<AppState> {
    routes
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(CsrfLayer::new())
        .layer(from_fn(pass))
        .layer(CompressionLayer::new())
}

#[expect(clippy::needless_pass_by_value, reason = "the layer gives it away")]
fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no words");
    Fault { chain: Some(format!("a handler panicked: {said}")), ..Fault::panicked() }.into_response()
}

async fn pass(mut request: Request, next: Next) -> Response {
    let id = RequestId(Uuid::now_v7().to_string().into());
    request.extensions_mut().insert(id.clone());
    let asked = Asked::of(&request);
    let span =
        tracing::info_span!("request", request.id = %id, http.method = %request.method(), http.route = %asked.route);
    async {
        let started = Instant::now();
        let mut response = asked.answer(next.run(request).await, &id).await;
        dress(response.headers_mut(), &id);
        asked.note(response.status(), started.elapsed());
        response
    }
    .instrument(span)
    .await
}

/// What is remembered of a request until its answer is rendered.
struct Asked {
    method: &'static str,
    /// The pattern, never the path: paths carry identifiers.
    route: String,
    path_and_query: String,
    script: bool,
    htmx: bool,
    words: Words,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let path = request.uri().path();
        let probes = [urls::HEALTHZ, urls::READYZ, urls::METRICS];
        Self {
            method: method_name(request),
            route: request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned(),
            path_and_query: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
            script: path.starts_with("/api/") || probes.contains(&path),
            htmx: is_htmx(request.headers()),
            words: Words::of(request.headers()),
        }
    }

    async fn answer(&self, response: Response, id: &RequestId) -> Response {
        let fault = match fault::of_response(response).await {
            Ok(response) => return response,
            Err(fault) => fault,
        };
        if let Some(chain) = &fault.chain {
            tracing::error!(error.code = fault.code, error.chain = %chain, "a request failed");
        }
        if self.script {
            return fault::problem_document(&fault, &id.0);
        }
        if fault.code == "unsigned" {
            return self.to_login();
        }
        console::fault_page(&fault, &id.0, self.words)
    }

    /// The console sends strangers to the login page and back to where they wanted to go.
    fn to_login(&self) -> Response {
        let next = if self.method == "GET" { self.path_and_query.as_str() } else { urls::HOME };
        let url = urls::login(next);
        if !self.htmx {
            return Redirect::to(&url).into_response();
        }
        let mut response = StatusCode::UNAUTHORIZED.into_response();
        if let Ok(url) = HeaderValue::from_str(&url) {
            response.headers_mut().insert("hx-redirect", url);
        }
        response
    }

    fn note(&self, status: StatusCode, duration: Duration) {
        let labels = [
            ("method", self.method.to_owned()),
            ("route", self.route.clone()),
            ("status", status.as_u16().to_string()),
        ];
        metrics::counter!("http_requests_total", &labels).increment(1);
        metrics::histogram!("http_request_duration_seconds", "route" => self.route.clone()).record(duration);
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(http.status = status.as_u16(), duration_ms, "a request was answered");
    }
}

/// Known methods only: a label that strangers choose would grow without end.
fn method_name(request: &Request) -> &'static str {
    match request.method().as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        _ => "other",
    }
}

/// Whether htmx asks and wants a part of the page.
pub(crate) fn is_htmx(headers: &HeaderMap) -> bool {
    headers.contains_key("hx-request") && !headers.contains_key("hx-history-restore-request")
}

/// Scripts, styles, frames and forms come from this host or not at all.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

fn dress(headers: &mut HeaderMap, id: &RequestId) {
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID_HEADER, id);
    }
}
