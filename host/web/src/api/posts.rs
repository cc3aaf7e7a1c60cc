//! Posts (岗位) and who answers for them.

use axum::{
    Json,
    http::{HeaderMap, StatusCode},
};
use guanjia_domain::{
    Error,
    ids::{DepartmentId, PostId, ProjectId},
    staff::{Code, Post, PostLevel, Versioned},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    Ask, At, List, Reply, date, require_match,
    staff::{Fields, Tagged, day_or_today, staffing, tagged},
};
use crate::{
    access::{
        Require, Signed,
        needs::{ReadStaff, WriteStaff},
    },
    fault::{Answer, Problem},
};

/// One post.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PostBody {
    pub id: Uuid,
    pub name: String,
    /// Stable code of its kind, such as `site-manager`: rules go by it.
    pub kind: String,
    pub department: Uuid,
    /// `worker`, `team-leader`, `supervisor`, `manager`, `executive`.
    pub level: String,
    pub duties: String,
    /// To which post it answers where it works.
    pub line_superior: Option<Uuid>,
    /// To which post it answers in its trade.
    pub functional_superior: Option<Uuid>,
    /// It may be empty.
    pub optional: bool,
    /// The post that answers while it is empty.
    pub stand_in: Option<Uuid>,
    /// The first day on which it no longer exists.
    pub closed_on: Option<String>,
    /// Counts the changes; the number in the `ETag`.
    pub version: i64,
}

impl From<Versioned<Post>> for PostBody {
    fn from(Versioned { record, version }: Versioned<Post>) -> Self {
        Self {
            id: record.id.0,
            name: record.name,
            kind: record.kind.to_string(),
            department: record.department_id.0,
            level: record.level.to_string(),
            duties: record.duties,
            line_superior: record.line_superior_id.map(|post| post.0),
            functional_superior: record.functional_superior_id.map(|post| post.0),
            optional: record.optional,
            stand_in: record.stand_in_id.map(|post| post.0),
            closed_on: record.closed_on.map(|day| day.to_string()),
            version,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PostsQuery {
    #[param(value_type = Option<Uuid>)]
    department: Option<DepartmentId>,
    kind: Option<String>,
    /// At least this level: `supervisor` finds supervisors, managers and executives.
    level: Option<String>,
}

/// Lists posts, the highest first.
#[utoipa::path(get, path = "/api/v1/posts", tag = "organisation", params(PostsQuery), responses((status = 200, body = List<PostBody>)))]
pub(crate) async fn list_posts(access: Require<ReadStaff>, Ask(query): Ask<PostsQuery>) -> Reply<List<PostBody>> {
    let level: Option<PostLevel> = query.level.as_deref().map(str::parse).transpose()?;
    let mut posts = access.store.posts().await?;
    posts.retain(|post| {
        let post = &post.record;
        query.department.is_none_or(|department| post.department_id == department)
            && query.kind.as_deref().is_none_or(|kind| post.kind == *kind)
            && level.is_none_or(|level| post.level >= level)
    });
    Ok(Json(List::whole(posts)))
}

/// A post, all of it: an optional field that is left out is emptied.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostEdit {
    name: String,
    kind: String,
    #[schema(value_type = Uuid)]
    department: DepartmentId,
    /// `worker`, `team-leader`, `supervisor`, `manager`, `executive`.
    level: String,
    #[serde(default)]
    duties: String,
    #[schema(value_type = Option<Uuid>)]
    line_superior: Option<PostId>,
    #[schema(value_type = Option<Uuid>)]
    functional_superior: Option<PostId>,
    #[serde(default)]
    optional: bool,
    #[schema(value_type = Option<Uuid>)]
    stand_in: Option<PostId>,
    closed_on: Option<String>,
}

impl PostEdit {
    fn read(self, id: PostId) -> Answer<Post> {
        let mut fields = Fields::default();
        let post = Post {
            id,
            name: self.name.trim().to_owned(),
            kind: fields.parsed::<Code>("kind", &self.kind),
            department_id: self.department,
            level: fields.parsed::<PostLevel>("level", &self.level),
            duties: self.duties.trim().to_owned(),
            line_superior_id: self.line_superior,
            functional_superior_id: self.functional_superior,
            optional: self.optional,
            stand_in_id: self.stand_in,
            closed_on: self.closed_on.as_deref().map(date).transpose()?,
        };
        fields.done(post, Post::problems)
    }
}

/// Adds a post.
#[utoipa::path(
    post, path = "/api/v1/posts", tag = "organisation", request_body = PostEdit,
    responses(
        (status = 201, body = PostBody),
        (status = 404, description = "no such department or post", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "the department has one of this name", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`department-closed`, or `errors` names the fields", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create_post(
    access: Require<WriteStaff>,
    Json(edit): Json<PostEdit>,
) -> Answer<(StatusCode, Tagged<PostBody>)> {
    let record = edit.read(PostId::generate())?;
    staffing(&access).add_post(&access.stamp(), &record).await?;
    Ok((StatusCode::CREATED, tagged(1, Versioned { record, version: 1 }.into())))
}

async fn stored(access: &Signed, id: PostId) -> Answer<Versioned<Post>> {
    let found = access.store.posts().await?.into_iter().find(|post| post.record.id == id);
    Ok(found.ok_or_else(|| Error::not_found("post", id))?)
}

/// Reads one post.
#[utoipa::path(
    get, path = "/api/v1/posts/{id}", tag = "organisation", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = PostBody, headers(("ETag" = String, description = "what an edit sends as `If-Match`"))),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn read_post(access: Require<ReadStaff>, At(id): At<PostId>) -> Answer<Tagged<PostBody>> {
    let found = stored(&access, id).await?;
    Ok(tagged(found.version, found.into()))
}

/// Edits one post, if it still is what was read.
#[utoipa::path(
    put, path = "/api/v1/posts/{id}", tag = "organisation",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "the `ETag` of the state that was edited")),
    request_body = PostEdit,
    responses(
        (status = 200, body = PostBody, headers(("ETag" = String, description = "of the state after the edit"))),
        (status = 412, description = "`stale`: it was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`superior-cycle`, `stand-in-cycle`, `post-in-use`, or `errors` names the fields", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: `If-Match` is missing", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn edit_post(
    access: Require<WriteStaff>,
    At(id): At<PostId>,
    headers: HeaderMap,
    Json(edit): Json<PostEdit>,
) -> Answer<Tagged<PostBody>> {
    let before = stored(&access, id).await?;
    require_match(&headers, before.version)?;
    let record = edit.read(id)?;
    let version = staffing(&access).change_post(&access.stamp(), &record, before.version).await?;
    Ok(tagged(version, Versioned { record, version }.into()))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AnswerableQuery {
    /// Where; without one, in the company as a whole.
    #[param(value_type = Option<Uuid>)]
    at: Option<ProjectId>,
    /// Today without it.
    day: Option<String>,
}

/// Who answers for a post.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AnswerableBody {
    /// The post itself, or the one that stands in for it.
    pub post: Uuid,
    /// Nobody, where a post is empty that may not be.
    pub staff: Vec<Uuid>,
}

/// Says who answers for a post on a day: who holds it at the project, otherwise in the company, otherwise who holds its stand-in.
#[utoipa::path(
    get, path = "/api/v1/posts/{id}/answerable", tag = "organisation", params(("id" = Uuid, Path), AnswerableQuery),
    responses((status = 200, body = AnswerableBody), (status = 404, body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn read_answerable(
    access: Require<ReadStaff>,
    At(id): At<PostId>,
    Ask(query): Ask<AnswerableQuery>,
) -> Reply<AnswerableBody> {
    let day = day_or_today(&access, query.at, query.day.as_deref()).await?;
    let answerable = access.store.answerable(id, query.at, day).await?;
    let staff = answerable.staff_ids.into_iter().map(|staff| staff.0).collect();
    Ok(Json(AnswerableBody { post: answerable.post_id.0, staff }))
}
