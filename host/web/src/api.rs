//! The JSON API. One file per noun; a handler names its permission, calls one thing below and converts.

pub(crate) mod activations;
pub(crate) mod audit;
pub(crate) mod billing_runs;
pub(crate) mod bindings;
pub(crate) mod calendars;
pub(crate) mod charges;
pub(crate) mod cost_pools;
pub(crate) mod decisions;
pub(crate) mod facts;
pub(crate) mod imports;
pub(crate) mod installations;
pub(crate) mod meters;
pub(crate) mod owner_links;
pub(crate) mod plugins;
pub(crate) mod progress;
pub(crate) mod projects;
pub(crate) mod publishers;
pub(crate) mod replay_samples;
pub(crate) mod ticket_kinds;
pub(crate) mod tickets;
pub(crate) mod trials;
pub(crate) mod units;
pub(crate) mod users;
pub(crate) mod watch;
pub(crate) mod work_orders;

use axum::Json;
// The document takes a parameter's type from its schema, which typed ids do not have: parameters are declared by hand, and
// the extractors go under other names so that the macro does not look at them.
pub(crate) use axum::extract::{Path as At, Query as Ask};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use guanjia_domain::{
    Date, Period,
    estate::{STALE, UnitPlace},
    plugin::Language,
    ports::Page,
};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use crate::fault::{Answer, Fault};

/// Most entries of one page: what a reader or a script handles at once.
const LIMIT_MAX: u32 = 500;
const LIMIT_DEFAULT: u32 = 50;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Guanjia",
        description = "Records, billing and rules of a property office. Amounts are integers in minor units (fen), dates \
            ISO 8601, instants UTC, ids UUIDs. Errors are problem documents (RFC 9457) with a stable `code`. \
            An edit sends the `ETag` of what it was made from as `If-Match`; a POST that may have to be sent again sends an \
            `Idempotency-Key`, which stands for it for 24 hours.",
    ),
    components(schemas(crate::fault::Problem)),
    modifiers(&Tokens),
    security(("token" = [])),
)]
pub(crate) struct Document;

/// API tokens are sent as bearer tokens.
struct Tokens;

impl utoipa::Modify for Tokens {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

/// What JSON handlers give back.
pub(crate) type Reply<T> = Answer<Json<T>>;

/// A list, or one page of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct List<T: ToSchema> {
    pub items: Vec<T>,
    /// Value of `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T: ToSchema> List<T> {
    pub(crate) fn whole<S>(items: impl IntoIterator<Item = S>) -> Self
    where
        T: From<S>,
    {
        Self { items: items.into_iter().map(T::from).collect(), next: None }
    }

    pub(crate) fn page<S>(page: Page<S>, convert: impl FnMut(S) -> T) -> Self {
        Self { items: page.items.into_iter().map(convert).collect(), next: page.next }
    }
}

/// Where a unit is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlaceBody {
    /// Building, or parking area of a parking space.
    pub building: String,
    /// Empty for parking spaces.
    pub entrance: String,
    pub unit: String,
}

impl From<UnitPlace> for PlaceBody {
    fn from(UnitPlace { building, entrance, unit }: UnitPlace) -> Self {
        Self { building, entrance, unit }
    }
}

/// The strong entity tag of a version.
pub(crate) fn etag(version: i64) -> HeaderValue {
    // A number between quotes is always a header value; without one the tag would match nothing.
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// Lets an edit go on that was made from the version that is stored. `*` is refused like no tag at all: it would write
/// over whatever is there, which is what the tag is for.
///
/// # Errors
/// 428 without a tag, 412 when none of them is the stored version's. A weak tag never is.
pub(crate) fn require_match(headers: &HeaderMap, version: i64) -> Answer<()> {
    let tags: Vec<&str> = headers
        .get_all(header::IF_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|tag| !tag.is_empty() && *tag != "*")
        .collect();
    if tags.is_empty() {
        let detail = "send the `ETag` of the state that was edited as `If-Match`";
        return Err(Fault::new(StatusCode::PRECONDITION_REQUIRED, "precondition-required", detail));
    }
    let current = etag(version);
    if tags.iter().any(|tag| current == *tag) {
        return Ok(());
    }
    Err(Fault::new(StatusCode::PRECONDITION_FAILED, STALE, "it was changed meanwhile: read it again"))
}

/// How many entries a page has.
pub(crate) fn limit(asked: Option<u32>) -> u32 {
    asked.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX)
}

/// A month written `2025-03`.
pub(crate) fn month(text: &str) -> Answer<Period> {
    let first: Date = format!("{text}-01")
        .parse()
        .map_err(|_| Fault::malformed(format!("{text:?} is not a month; write it like 2025-03")))?;
    Ok(Period::month_of(first))
}

/// A date written `2025-03-01`.
pub(crate) fn date(text: &str) -> Answer<Date> {
    text.parse().map_err(|error| Fault::malformed(format!("{text:?}: {error}")))
}

/// Language of a `lang` parameter; without one, the reader's.
pub(crate) fn language(asked: Option<&str>, reader: Language) -> Answer<Language> {
    asked.map_or(Ok(reader), |text| {
        text.parse().map_err(|_| Fault::malformed(format!("{text:?} is not a language here; known are zh, en")))
    })
}
