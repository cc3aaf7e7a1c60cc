//! What went wrong, for a person and for a script. A [`Fault`] travels in the response; the outermost door renders it as a
//! page or as a problem document (RFC 9457), because only there the request id and the kind of door are known.

use axum::{
    Json,
    body::{Body, to_bytes},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use guanjia_domain::{
    Error,
    error::InputProblem,
    estate::{FieldProblem, STALE},
};
use serde::Serialize;
use tower_http::csrf::ProtectionError;
use utoipa::ToSchema;

/// An answer that is not what was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub status: StatusCode,
    /// Stable; scripts and the catalogue go by it.
    pub code: &'static str,
    /// A sentence for whoever asked.
    pub detail: String,
    pub problems: Vec<InputProblem>,
    /// Fields of a JSON body that cannot be used.
    pub fields: Vec<FieldProblem>,
    /// For the log only: what failed below.
    pub chain: Option<String>,
}

/// A handler's result.
pub(crate) type Answer<T> = Result<T, Fault>;

impl Fault {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), problems: Vec::new(), fields: Vec::new(), chain: None }
    }

    /// Nobody is logged in, or the session is over.
    pub(crate) fn unsigned() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unsigned", "log in, or send an API token as `Authorization: Bearer …`")
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    /// Fields of a JSON body cannot be used.
    pub(crate) fn fields(fields: Vec<FieldProblem>) -> Self {
        let detail = format!("fields that cannot be used: {}; nothing was changed", fields.len());
        Self { fields, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail) }
    }

    pub(crate) fn panicked() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the host made a mistake; it was written to the log")
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::NotFound { .. } => Self::new(StatusCode::NOT_FOUND, "not-found", detail),
            Error::Conflict(_) => Self::new(StatusCode::CONFLICT, "conflict", detail),
            Error::Refused { code: "permission", .. } => Self::new(StatusCode::FORBIDDEN, "permission", detail),
            Error::Refused { code: STALE, .. } => Self::new(StatusCode::PRECONDITION_FAILED, STALE, detail),
            Error::Refused { code, .. } => Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail),
            Error::Invalid { problems, .. } => {
                Self { problems, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail) }
            }
            Error::Fields(fields) => Self::fields(fields),
            Error::Overflow(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "overflow", detail),
            Error::Cancelled => Self::new(StatusCode::CONFLICT, "cancelled", detail),
            Error::Unavailable { context, source } => {
                let said = "a part that the host needs does not answer; nothing was changed, try again";
                let fault = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", said);
                Self { chain: Some(chain(&context, source.as_ref())), ..fault }
            }
        }
    }
}

impl From<askama::Error> for Fault {
    fn from(error: askama::Error) -> Self {
        Self { chain: Some(format!("rendering a page: {error}")), ..Self::panicked() }
    }
}

/// The whole chain of causes in one line.
fn chain(context: &str, source: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(source), |error| error.source());
    causes.fold(context.to_owned(), |line, cause| format!("{line}: {cause}"))
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Longest text of an extractor's own refusal that is passed on.
const REFUSAL_BYTES_MAX: usize = 2_000;

/// The fault that a response carries, if it is one: ours, the cross-site guard's, or what axum itself refused.
pub(crate) async fn of_response(response: Response) -> Result<Response, Fault> {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return Ok(response);
    }
    if let Some(fault) = response.extensions().get::<Fault>() {
        return Err(fault.clone());
    }
    if response.extensions().get::<ProtectionError>().is_some() {
        return Err(Fault::new(status, "cross-site", "the request came from another site"));
    }
    let plain = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_none_or(|kind| kind.to_str().is_ok_and(|kind| kind.starts_with("text/plain")));
    if !plain {
        return Ok(response);
    }
    let text = text(response.into_body()).await;
    Err(Fault::new(status, code_of(status), if text.is_empty() { sentence_of(status).to_owned() } else { text }))
}

async fn text(body: Body) -> String {
    let bytes = to_bytes(body, REFUSAL_BYTES_MAX).await.unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn code_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "not-found",
        StatusCode::METHOD_NOT_ALLOWED => "method-not-allowed",
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => "timeout",
        StatusCode::PAYLOAD_TOO_LARGE => "too-large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported-media-type",
        StatusCode::FORBIDDEN => "permission",
        status if status.is_server_error() => "internal",
        _ => "malformed",
    }
}

fn sentence_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "there is nothing at this address",
        StatusCode::METHOD_NOT_ALLOWED => "this address does not take this method",
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => "this took too long and was stopped",
        StatusCode::PAYLOAD_TOO_LARGE => "what was sent is too large",
        _ => "the request cannot be used",
    }
}

/// A problem document (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`; `code` says which problem it is.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The status in words.
    pub title: String,
    pub status: u16,
    /// What was wrong, in a sentence.
    pub detail: String,
    /// Stable code: `not-found`, `conflict`, `permission`, `four-eyes`, `invalid`, …
    pub code: String,
    /// Name of this request in the log.
    pub request_id: String,
    /// Cells of a workbook that cannot be used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<ProblemCell>,
    /// Fields of the body that cannot be used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemField>,
}

/// One field of the body that cannot be used.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemField {
    /// JSON pointer (RFC 6901) to the field, as a URI fragment: `#/storey`.
    pub pointer: String,
    /// Why it cannot be used.
    pub detail: String,
}

impl From<&FieldProblem> for ProblemField {
    fn from(problem: &FieldProblem) -> Self {
        Self { pointer: format!("#/{}", problem.field), detail: problem.reason.clone() }
    }
}

/// One cell that cannot be used.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemCell {
    pub sheet: String,
    /// Row as the spreadsheet shows it, from 1.
    pub row: u32,
    pub column: String,
    pub value: String,
    /// Stable code of the reason.
    pub code: String,
    /// Why it cannot be used, in the language of the request.
    pub reason: String,
}

impl From<&InputProblem> for ProblemCell {
    fn from(problem: &InputProblem) -> Self {
        let InputProblem { sheet, row, column, value, reason } = problem.clone();
        Self { sheet, row, column, value, code: reason.code.to_owned(), reason: reason.sentence }
    }
}

/// The fault as a problem document.
pub(crate) fn problem_document(fault: &Fault, request_id: &str) -> Response {
    let problem = Problem {
        kind: "about:blank",
        title: fault.status.canonical_reason().unwrap_or("Error").to_owned(),
        status: fault.status.as_u16(),
        detail: fault.detail.clone(),
        code: fault.code.to_owned(),
        request_id: request_id.to_owned(),
        problems: fault.problems.iter().map(ProblemCell::from).collect(),
        errors: fault.fields.iter().map(ProblemField::from).collect(),
    };
    let mut response = (fault.status, Json(problem)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if fault.status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
