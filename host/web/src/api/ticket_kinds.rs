//! Kinds and categories of tickets (诉求类型).

use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue, header},
};
use guanjia_domain::{
    ids::ProjectId,
    ticket::{Declared, Held, TicketCategory, TicketKind},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Ask, At, List, Reply, etag, require_match, tickets::tickets};
use crate::{
    access::{
        Require,
        needs::{ManageOffice, ReadTickets},
    },
    fault::{Answer, Fault, Problem},
};

/// A text in both languages.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct TitleBody {
    pub zh: String,
    pub en: String,
}

/// A duration on a clock.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct AllowedBody {
    pub minutes: i64,
    /// `working`: those of the working calendar; `around`: all of them.
    pub clock: String,
}

/// Up to whom a ticket rises, and after which time.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct StepBody {
    pub after: AllowedBody,
    /// `steward`, `supervisor`, `project-head`, `company`.
    pub level: String,
}

/// A kind as it is declared.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct KindEntry {
    pub title: TitleBody,
    /// Its tickets cannot be closed before their follow-up. Always, for `repair` and `complaint`.
    pub follow_up: bool,
    /// `urgent`, `high`, `normal`, `low`.
    pub priority: String,
    /// Until somebody has accepted it.
    pub response: Option<AllowedBody>,
    pub solve: Option<AllowedBody>,
    /// From solved to the follow-up.
    pub follow_up_within: Option<AllowedBody>,
    /// `assign`, `offer`, `wait`.
    pub dispatch: String,
    #[serde(default)]
    pub escalations: Vec<StepBody>,
    /// Not offered any more.
    #[serde(default)]
    pub retired: bool,
}

/// A category as it is declared. What is left open is taken from the one above, and in the end from its kind.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct CategoryEntry {
    pub title: TitleBody,
    /// Code of its kind.
    pub kind: String,
    /// Code of the category above.
    pub parent: Option<String>,
    /// Code of what somebody has to be able to do.
    pub skill: Option<String>,
    pub priority: Option<String>,
    pub response: Option<AllowedBody>,
    pub solve: Option<AllowedBody>,
    pub dispatch: Option<String>,
    pub escalations: Option<Vec<StepBody>>,
    #[serde(default)]
    pub retired: bool,
}

/// A declaration that holds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KindBody {
    pub code: String,
    #[serde(flatten)]
    pub declared: KindEntry,
    /// Whose declaration it is; none for the company's and what is built in.
    pub project: Option<Uuid>,
    /// 0 for what is built in.
    pub version: i64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CategoryBody {
    pub code: String,
    #[serde(flatten)]
    pub declared: CategoryEntry,
    /// Whose declaration it is; none for the company's and what is built in.
    pub project: Option<Uuid>,
    /// 0 for what is built in.
    pub version: i64,
}

/// The same in JSON is the same: bodies and records are spelt alike.
fn respelt<T: DeserializeOwned>(value: &impl Serialize) -> Answer<T> {
    let spelt = serde_json::to_value(value).and_then(serde_json::from_value);
    spelt.map_err(|error| Fault::malformed(format!("the declaration cannot be used: {error}")))
}

fn kind_body(code: String, held: &Held<TicketKind>) -> Answer<KindBody> {
    let project = held.project_id.map(|project| project.0);
    Ok(KindBody { code, declared: respelt(&held.of)?, project, version: held.version })
}

fn category_body(code: String, held: &Held<TicketCategory>) -> Answer<CategoryBody> {
    let project = held.project_id.map(|project| project.0);
    Ok(CategoryBody { code, declared: respelt(&held.of)?, project, version: held.version })
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ScopeQuery {
    /// What holds at this project; without it, for the company.
    #[param(value_type = Option<Uuid>)]
    pub project: Option<ProjectId>,
}

/// Lists the kinds of tickets that hold.
#[utoipa::path(
    get, path = "/api/v1/ticket-kinds", tag = "tickets", params(ScopeQuery), responses((status = 200, body = List<KindBody>)),
)]
pub(crate) async fn list_ticket_kinds(
    access: Require<ReadTickets>,
    Ask(query): Ask<ScopeQuery>,
) -> Reply<List<KindBody>> {
    let setup = tickets(&access).setup(query.project).await?;
    let items = setup.kinds.into_iter().map(|(code, held)| kind_body(code, &held)).collect::<Answer<_>>()?;
    Ok(Json(List { items, next: None }))
}

/// Lists the categories of tickets that hold.
#[utoipa::path(
    get, path = "/api/v1/ticket-categories", tag = "tickets", params(ScopeQuery),
    responses((status = 200, body = List<CategoryBody>)),
)]
pub(crate) async fn list_ticket_categories(
    access: Require<ReadTickets>,
    Ask(query): Ask<ScopeQuery>,
) -> Reply<List<CategoryBody>> {
    let setup = tickets(&access).setup(query.project).await?;
    let items = setup.categories.into_iter().map(|(code, held)| category_body(code, &held)).collect::<Answer<_>>()?;
    Ok(Json(List { items, next: None }))
}

/// The version that a scope has of its own: 0 where it only takes over what holds above it.
fn own_version<T>(held: Option<&Held<T>>, project: Option<ProjectId>) -> i64 {
    held.filter(|held| held.project_id == project).map_or(0, |held| held.version)
}

type Tagged<T> = ([(HeaderName, HeaderValue); 1], Json<T>);

/// Declares a kind for the company or a project, over the version that was seen: `"0"` where it had none of its own.
#[utoipa::path(
    put, path = "/api/v1/ticket-kinds/{code}", tag = "tickets",
    params(
        ("code" = String, Path, description = "small letters, digits and hyphens"), ScopeQuery,
        ("If-Match" = String, Header, description = "the `version` that was seen, between quotes"),
    ),
    request_body = KindEntry,
    responses(
        (status = 200, body = KindBody),
        (status = 412, description = "`stale`: it was declared anew meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`follow-up-required`, or what cannot be", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: `If-Match` is missing", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn set_ticket_kind(
    access: Require<ManageOffice>,
    At(code): At<String>,
    Ask(query): Ask<ScopeQuery>,
    headers: HeaderMap,
    Json(entry): Json<KindEntry>,
) -> Answer<Tagged<KindBody>> {
    let kind: TicketKind = respelt(&entry)?;
    let setup = tickets(&access).setup(query.project).await?;
    let seen = own_version(setup.kinds.get(&code), query.project);
    require_match(&headers, seen)?;
    let declared = Declared::Kind(kind.clone());
    let kept = tickets(&access).declare(&access.stamp(), query.project, &code, seen, declared).await?;
    let held = Held { of: kind, project_id: kept.project_id, version: kept.version };
    Ok(([(header::ETAG, etag(kept.version))], Json(kind_body(code, &held)?)))
}

/// Declares a category for the company or a project, over the version that was seen: `"0"` where it had none of its own.
#[utoipa::path(
    put, path = "/api/v1/ticket-categories/{code}", tag = "tickets",
    params(
        ("code" = String, Path, description = "small letters, digits and hyphens"), ScopeQuery,
        ("If-Match" = String, Header, description = "the `version` that was seen, between quotes"),
    ),
    request_body = CategoryEntry,
    responses(
        (status = 200, body = CategoryBody),
        (status = 412, description = "`stale`: it was declared anew meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a tree or a duration that cannot be", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: `If-Match` is missing", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn set_ticket_category(
    access: Require<ManageOffice>,
    At(code): At<String>,
    Ask(query): Ask<ScopeQuery>,
    headers: HeaderMap,
    Json(entry): Json<CategoryEntry>,
) -> Answer<Tagged<CategoryBody>> {
    let category: TicketCategory = respelt(&entry)?;
    let setup = tickets(&access).setup(query.project).await?;
    let seen = own_version(setup.categories.get(&code), query.project);
    require_match(&headers, seen)?;
    let declared = Declared::Category(category.clone());
    let kept = tickets(&access).declare(&access.stamp(), query.project, &code, seen, declared).await?;
    let held = Held { of: category, project_id: kept.project_id, version: kept.version };
    Ok(([(header::ETAG, etag(kept.version))], Json(category_body(code, &held)?)))
}
