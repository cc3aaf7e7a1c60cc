//! Departments (部门) and the names that a company gives them.

use axum::{
    Json,
    http::{HeaderMap, StatusCode},
};
use guanjia_domain::{
    Error,
    ids::DepartmentId,
    staff::{Code, DEPARTMENT_KINDS, Department, DepartmentAlias, Versioned, department_kind, find_departments},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    Ask, At, List, Reply, date, require_match,
    staff::{Fields, Tagged, staffing, tagged},
};
use crate::{
    access::{
        Require, Signed,
        needs::{ReadStaff, WriteStaff},
    },
    fault::{Answer, Problem},
};

/// One department.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DepartmentBody {
    pub id: Uuid,
    /// What the company calls it.
    pub name: String,
    /// Stable code of its kind: `customer-service`, `engineering`, … or one of the company's own.
    pub kind: String,
    /// None for what stands at the top.
    pub parent: Option<Uuid>,
    /// The first day on which it no longer exists.
    pub closed_on: Option<String>,
    /// Counts the changes; the number in the `ETag`.
    pub version: i64,
}

impl From<Versioned<Department>> for DepartmentBody {
    fn from(Versioned { record, version }: Versioned<Department>) -> Self {
        Self {
            id: record.id.0,
            name: record.name,
            kind: record.kind.to_string(),
            parent: record.parent_id.map(|parent| parent.0),
            closed_on: record.closed_on.map(|day| day.to_string()),
            version,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DepartmentsQuery {
    /// A department's name, or any name of its kind: `客服部` finds what this company calls 管家部.
    name: Option<String>,
}

/// Lists departments by name: the whole tree, or those that a name stands for.
#[utoipa::path(get, path = "/api/v1/departments", tag = "organisation", params(DepartmentsQuery), responses((status = 200, body = List<DepartmentBody>)))]
pub(crate) async fn list_departments(
    access: Require<ReadStaff>,
    Ask(query): Ask<DepartmentsQuery>,
) -> Reply<List<DepartmentBody>> {
    let mut departments = access.store.departments().await?;
    if let Some(name) = query.name.as_deref().filter(|name| !name.trim().is_empty()) {
        let aliases = access.store.department_aliases().await?;
        let all: Vec<_> = departments.iter().map(|department| department.record.clone()).collect();
        let found: Vec<_> = find_departments(name, &all, &aliases).iter().map(|found| found.id).collect();
        departments.retain(|department| found.contains(&department.record.id));
    }
    Ok(Json(List::whole(departments)))
}

/// A department, all of it: an optional field that is left out is emptied.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DepartmentEdit {
    name: String,
    /// A code of its kind, or any name of it. Without one, what the name stands for.
    kind: Option<String>,
    #[schema(value_type = Option<Uuid>)]
    parent: Option<DepartmentId>,
    closed_on: Option<String>,
}

impl DepartmentEdit {
    async fn read(self, access: &Signed, id: DepartmentId) -> Answer<Department> {
        let aliases = access.store.department_aliases().await?;
        let mut fields = Fields::default();
        let asked = self.kind.as_deref().unwrap_or(&self.name);
        let kind = department_kind(asked, &aliases).or_else(|| asked.parse().ok());
        let department = Department {
            id,
            name: self.name.trim().to_owned(),
            kind: fields.some("kind", kind, "give the code of its kind: the name stands for none"),
            parent_id: self.parent,
            closed_on: self.closed_on.as_deref().map(date).transpose()?,
        };
        fields.done(department, Department::problems)
    }
}

/// Adds a department.
#[utoipa::path(
    post, path = "/api/v1/departments", tag = "organisation", request_body = DepartmentEdit,
    responses(
        (status = 201, body = DepartmentBody),
        (status = 409, description = "there is one of this name at the place", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`department-closed`, `department-too-deep`, or `errors` names the fields", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create_department(
    access: Require<WriteStaff>,
    Json(edit): Json<DepartmentEdit>,
) -> Answer<(StatusCode, Tagged<DepartmentBody>)> {
    let record = edit.read(&access, DepartmentId::generate()).await?;
    staffing(&access).add_department(&access.stamp(), &record).await?;
    Ok((StatusCode::CREATED, tagged(1, Versioned { record, version: 1 }.into())))
}

async fn stored(access: &Signed, id: DepartmentId) -> Answer<Versioned<Department>> {
    let found = access.store.departments().await?.into_iter().find(|department| department.record.id == id);
    Ok(found.ok_or_else(|| Error::not_found("department", id))?)
}

/// Reads one department.
#[utoipa::path(
    get, path = "/api/v1/departments/{id}", tag = "organisation", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = DepartmentBody, headers(("ETag" = String, description = "what an edit sends as `If-Match`"))),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn read_department(
    access: Require<ReadStaff>,
    At(id): At<DepartmentId>,
) -> Answer<Tagged<DepartmentBody>> {
    let found = stored(&access, id).await?;
    Ok(tagged(found.version, found.into()))
}

/// Edits one department, if it still is what was read.
#[utoipa::path(
    put, path = "/api/v1/departments/{id}", tag = "organisation",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "the `ETag` of the state that was edited")),
    request_body = DepartmentEdit,
    responses(
        (status = 200, body = DepartmentBody, headers(("ETag" = String, description = "of the state after the edit"))),
        (status = 412, description = "`stale`: it was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`department-cycle`, `department-open-below`, `department-in-use`, or `errors` names the fields", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: `If-Match` is missing", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn edit_department(
    access: Require<WriteStaff>,
    At(id): At<DepartmentId>,
    headers: HeaderMap,
    Json(edit): Json<DepartmentEdit>,
) -> Answer<Tagged<DepartmentBody>> {
    let before = stored(&access, id).await?;
    require_match(&headers, before.version)?;
    let record = edit.read(&access, id).await?;
    let version = staffing(&access).change_department(&access.stamp(), &record, before.version).await?;
    Ok(tagged(version, Versioned { record, version }.into()))
}

/// Names of one kind of department.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KindBody {
    /// Stable code.
    pub kind: String,
    /// Names that any company understands.
    pub usual: Vec<String>,
    /// Names that this company gave it.
    pub own: Vec<String>,
}

/// Lists kinds of departments with all their names: lookups and imports take any of them.
#[utoipa::path(get, path = "/api/v1/department-aliases", tag = "organisation", responses((status = 200, body = List<KindBody>)))]
pub(crate) async fn list_aliases(access: Require<ReadStaff>) -> Reply<List<KindBody>> {
    let own = access.store.department_aliases().await?;
    let of = |kind: &str| own.iter().filter(|alias| alias.kind == *kind).map(|alias| alias.alias.clone()).collect();
    let mut kinds: Vec<KindBody> = DEPARTMENT_KINDS
        .iter()
        .map(|known| KindBody {
            kind: known.code.to_owned(),
            usual: [known.zh, known.en].iter().chain(known.aliases).map(|&name| name.to_owned()).collect(),
            own: of(known.code),
        })
        .collect();
    for alias in &own {
        if !kinds.iter().any(|kind| alias.kind == *kind.kind.as_str()) {
            let kind = alias.kind.to_string();
            kinds.push(KindBody { usual: Vec::new(), own: of(&kind), kind });
        }
    }
    Ok(Json(List { items: kinds, next: None }))
}

/// A name of a kind of department.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AliasBody {
    /// Stable code.
    kind: String,
    alias: String,
}

/// Gives a kind of department another name.
#[utoipa::path(
    post, path = "/api/v1/department-aliases", tag = "organisation", request_body = AliasBody,
    responses(
        (status = 201, body = AliasBody),
        (status = 409, description = "the name stands for a kind already", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create_alias(
    access: Require<WriteStaff>,
    Json(body): Json<AliasBody>,
) -> Answer<(StatusCode, Json<AliasBody>)> {
    let mut fields = Fields::default();
    let alias =
        DepartmentAlias { kind: fields.parsed::<Code>("kind", &body.kind), alias: body.alias.trim().to_owned() };
    let alias = fields.done(alias, DepartmentAlias::problems)?;
    staffing(&access).add_department_alias(&access.stamp(), &alias).await?;
    Ok((StatusCode::CREATED, Json(body)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AliasQuery {
    alias: String,
}

/// Takes a name away that the company gave.
#[utoipa::path(
    delete, path = "/api/v1/department-aliases", tag = "organisation", params(AliasQuery),
    responses((status = 204), (status = 404, body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn delete_alias(access: Require<WriteStaff>, Ask(query): Ask<AliasQuery>) -> Answer<StatusCode> {
    staffing(&access).remove_department_alias(&access.stamp(), &query.alias).await?;
    Ok(StatusCode::NO_CONTENT)
}
