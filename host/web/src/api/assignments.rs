//! Who holds which post, where and when (任职).

use axum::{
    Json,
    http::{HeaderMap, StatusCode},
};
use guanjia_domain::{
    ids::{PostAssignmentId, PostId, ProjectId, StaffId},
    staff::{AssignmentFilter, AssignmentRow, PostAssignment, Span},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    Ask, At, List, Reply, date, limit, require_match,
    staff::{Fields, Tagged, staffing, tagged},
};
use crate::{
    access::{
        Require, Signed,
        needs::{ReadStaff, WriteStaff},
    },
    fault::{Answer, Problem},
};

/// One assignment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AssignmentBody {
    pub id: Uuid,
    pub staff: Uuid,
    pub staff_name: String,
    pub staff_no: String,
    pub post: Uuid,
    pub post_name: String,
    /// None for the whole company.
    pub project: Option<Uuid>,
    pub project_name: Option<String>,
    pub starts_on: String,
    /// The first day on which it no longer holds; none while it goes on.
    pub ends_on: Option<String>,
    /// The one that counts where only one can.
    pub primary: bool,
    /// How much of the working time goes to it, in thousandths, where that is divided.
    pub share_permille: Option<i64>,
    /// Counts the changes; the number in the `ETag`.
    pub version: i64,
}

impl From<AssignmentRow> for AssignmentBody {
    fn from(row: AssignmentRow) -> Self {
        let AssignmentRow { assignment, version, staff, staff_no, post, project } = row;
        Self {
            id: assignment.id.0,
            staff: assignment.staff_id.0,
            staff_name: staff,
            staff_no,
            post: assignment.post_id.0,
            post_name: post,
            project: assignment.project_id.map(|project| project.0),
            project_name: project,
            starts_on: assignment.span.starts_on.to_string(),
            ends_on: assignment.span.ends_on.map(|day| day.to_string()),
            primary: assignment.is_primary,
            share_permille: assignment.share_permille,
            version,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AssignmentsQuery {
    #[param(value_type = Option<Uuid>)]
    staff: Option<StaffId>,
    #[param(value_type = Option<Uuid>)]
    post: Option<PostId>,
    #[param(value_type = Option<Uuid>)]
    project: Option<ProjectId>,
    /// Those that hold on the day; the whole history without it.
    day: Option<String>,
    cursor: Option<String>,
    /// 50 by default, 500 at most.
    limit: Option<u32>,
}

/// Lists assignments, latest first.
#[utoipa::path(get, path = "/api/v1/assignments", tag = "staff", params(AssignmentsQuery), responses((status = 200, body = List<AssignmentBody>)))]
pub(crate) async fn list_assignments(
    access: Require<ReadStaff>,
    Ask(query): Ask<AssignmentsQuery>,
) -> Reply<List<AssignmentBody>> {
    let filter = AssignmentFilter {
        staff_id: query.staff,
        post_id: query.post,
        project_id: query.project,
        day: query.day.as_deref().map(date).transpose()?,
    };
    let page = access.store.assignments(&filter, query.cursor.as_deref(), limit(query.limit)).await?;
    Ok(Json(List::page(page, AssignmentBody::from)))
}

/// A new assignment.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewAssignment {
    #[schema(value_type = Uuid)]
    staff: StaffId,
    #[schema(value_type = Uuid)]
    post: PostId,
    /// Without one for the whole company.
    #[schema(value_type = Option<Uuid>)]
    project: Option<ProjectId>,
    #[serde(flatten)]
    terms: Terms,
}

/// What can be changed of an assignment, all of it: an optional field that is left out is emptied.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Terms {
    starts_on: String,
    /// The first day on which it no longer holds.
    ends_on: Option<String>,
    #[serde(default)]
    primary: bool,
    /// 1 to 1000; the shares of a day come to 1000 at most.
    share_permille: Option<i64>,
}

impl Terms {
    fn read(&self, of: PostAssignment) -> Answer<PostAssignment> {
        let assignment = PostAssignment {
            span: Span::new(date(&self.starts_on)?, self.ends_on.as_deref().map(date).transpose()?),
            is_primary: self.primary,
            share_permille: self.share_permille,
            ..of
        };
        Fields::default().done(assignment, PostAssignment::problems)
    }
}

async fn shown(access: &Signed, id: PostAssignmentId) -> Answer<Tagged<AssignmentBody>> {
    let row = access.store.assignment(id).await?;
    Ok(tagged(row.version, row.into()))
}

/// Assigns somebody to a post. One person may hold several posts, and several people one.
#[utoipa::path(
    post, path = "/api/v1/assignments", tag = "staff", request_body = NewAssignment,
    responses(
        (status = 201, body = AssignmentBody),
        (status = 404, description = "no such person, post or project", body = Problem, content_type = "application/problem+json"),
        (
            status = 422, description = "`not-employed`, `post-closed`, `assigned-already`, `primary-already`, `share-exceeded`",
            body = Problem, content_type = "application/problem+json",
        ),
    ),
)]
pub(crate) async fn create_assignment(
    access: Require<WriteStaff>,
    Json(new): Json<NewAssignment>,
) -> Answer<(StatusCode, Tagged<AssignmentBody>)> {
    let assignment = new.terms.read(PostAssignment {
        id: PostAssignmentId::generate(),
        staff_id: new.staff,
        post_id: new.post,
        project_id: new.project,
        span: Span::new(date(&new.terms.starts_on)?, None),
        is_primary: false,
        share_permille: None,
    })?;
    staffing(&access).assign(&access.stamp(), &assignment).await?;
    Ok((StatusCode::CREATED, shown(&access, assignment.id).await?))
}

/// Reads one assignment.
#[utoipa::path(
    get, path = "/api/v1/assignments/{id}", tag = "staff", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = AssignmentBody, headers(("ETag" = String, description = "what an edit sends as `If-Match`"))),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn read_assignment(
    access: Require<ReadStaff>,
    At(id): At<PostAssignmentId>,
) -> Answer<Tagged<AssignmentBody>> {
    shown(&access, id).await
}

/// Changes an assignment, if it still is what was read: its days, its share, its rank. It is ended by `ends_on`, never deleted.
#[utoipa::path(
    put, path = "/api/v1/assignments/{id}", tag = "staff",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "the `ETag` of the state that was edited")),
    request_body = Terms,
    responses(
        (status = 200, body = AssignmentBody, headers(("ETag" = String, description = "of the state after the edit"))),
        (status = 412, description = "`stale`: it was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "as when it is made", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: `If-Match` is missing", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn edit_assignment(
    access: Require<WriteStaff>,
    At(id): At<PostAssignmentId>,
    headers: HeaderMap,
    Json(terms): Json<Terms>,
) -> Answer<Tagged<AssignmentBody>> {
    let before = access.store.assignment(id).await?;
    require_match(&headers, before.version)?;
    let assignment = terms.read(before.assignment)?;
    staffing(&access).change_assignment(&access.stamp(), &assignment, before.version).await?;
    shown(&access, id).await
}
