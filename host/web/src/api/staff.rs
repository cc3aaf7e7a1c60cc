//! The people who work for the company (员工).

use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
};
use guanjia_domain::{
    Date,
    access::Permission,
    estate::FieldProblem,
    ids::{DepartmentId, PostId, ProjectId, StaffId, UserId},
    ports::{PostName, StaffRow, StaffSearch},
    staff::{Code, Skill, Staff, Staffing, Versioned, skill_problems},
};
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Ask, At, List, Reply, date, etag, limit, require_match};
use crate::{
    access::{
        Require, Signed,
        needs::{ReadStaff, WriteStaff},
    },
    fault::{Answer, Fault, Problem},
    format::masked_phone,
};

/// A body with the entity tag of its version.
pub(crate) type Tagged<T> = ([(HeaderName, HeaderValue); 1], Json<T>);

pub(crate) fn tagged<T>(version: i64, body: T) -> Tagged<T> {
    ([(header::ETAG, etag(version))], Json(body))
}

pub(crate) fn staffing(access: &Signed) -> Staffing {
    Staffing::new(access.store.clone())
}

/// Fields of a body as they are read: all that cannot be used are named at once.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    problems: Vec<FieldProblem>,
}

impl Fields {
    /// A field that is written as a text; something that is refused in the end where it cannot be read.
    pub(crate) fn parsed<T: FromStr<Err = guanjia_domain::Error> + Placeholder>(
        &mut self,
        field: &'static str,
        text: &str,
    ) -> T {
        text.trim().parse().unwrap_or_else(|error: guanjia_domain::Error| {
            self.problems.push(FieldProblem::new(field, error.to_string()));
            T::placeholder()
        })
    }

    pub(crate) fn optional<T: FromStr<Err = guanjia_domain::Error> + Placeholder>(
        &mut self,
        field: &'static str,
        text: Option<&str>,
    ) -> Option<T> {
        text.map(str::trim).filter(|text| !text.is_empty()).map(|text| self.parsed(field, text))
    }

    pub(crate) fn some<T: Placeholder>(&mut self, field: &'static str, value: Option<T>, reason: &str) -> T {
        value.unwrap_or_else(|| {
            self.problems.push(FieldProblem::new(field, reason));
            T::placeholder()
        })
    }

    /// The record, if nothing about it cannot be used.
    ///
    /// # Errors
    /// 422 with every field.
    pub(crate) fn done<T>(mut self, record: T, problems: impl Fn(&T) -> Vec<FieldProblem>) -> Answer<T> {
        self.problems.extend(problems(&record));
        if self.problems.is_empty() { Ok(record) } else { Err(Fault::fields(self.problems)) }
    }
}

/// What stands in the place of a field that cannot be read, until the record is refused for it.
pub(crate) trait Placeholder {
    fn placeholder() -> Self;
}

impl Placeholder for Code {
    fn placeholder() -> Self {
        "unreadable".parse().expect("is made of small letters")
    }
}

impl Placeholder for guanjia_domain::staff::PostLevel {
    fn placeholder() -> Self {
        Self::Worker
    }
}

/// A day that was asked for; otherwise today at the project or, without one, where the company's first project is.
pub(crate) async fn day_or_today(access: &Signed, project: Option<ProjectId>, day: Option<&str>) -> Answer<Date> {
    if let Some(day) = day.filter(|day| !day.is_empty()) {
        return date(day);
    }
    let project = match project {
        Some(project) => Some(access.store.project(project).await?),
        None => access.store.projects().await?.into_iter().next(),
    };
    match project {
        Some(project) => Ok(project.today(access.at)?),
        None => date(&access.at.date_naive().to_string()),
    }
}

/// One person in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StaffRowBody {
    pub id: Uuid,
    pub staff_no: String,
    pub name: String,
    /// Masked.
    pub phone: Option<String>,
    pub joined_on: String,
    /// The first day on which they no longer work here.
    pub left_on: Option<String>,
    /// What they hold on the day, primary first.
    pub posts: Vec<PostNameBody>,
}

/// A post that somebody holds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PostNameBody {
    pub post: String,
    /// None for the whole company.
    pub project: Option<String>,
}

impl From<PostName> for PostNameBody {
    fn from(PostName { post, project }: PostName) -> Self {
        Self { post, project }
    }
}

impl From<StaffRow> for StaffRowBody {
    fn from(StaffRow { staff, posts, .. }: StaffRow) -> Self {
        Self {
            id: staff.id.0,
            staff_no: staff.staff_no,
            name: staff.name,
            phone: staff.phone.as_deref().map(masked_phone),
            joined_on: staff.joined_on.to_string(),
            left_on: staff.left_on.map(|day| day.to_string()),
            posts: posts.into_iter().map(PostNameBody::from).collect(),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StaffQuery {
    /// Part of a name or number; with the permission to read personal data also of a phone number.
    #[serde(default)]
    search: String,
    /// Those who work here on the day; today without it, and `all` for everybody who ever did.
    day: Option<String>,
    /// Those who hold a post of the department on the day.
    #[param(value_type = Option<Uuid>)]
    department: Option<DepartmentId>,
    /// Those who hold the post on the day.
    #[param(value_type = Option<Uuid>)]
    post: Option<PostId>,
    /// Those who hold a post at the project, or for the whole company, on the day.
    #[param(value_type = Option<Uuid>)]
    project: Option<ProjectId>,
    /// Code of something that they can do.
    skill: Option<String>,
    cursor: Option<String>,
    /// 50 by default, 500 at most.
    limit: Option<u32>,
}

/// Lists staff by number.
#[utoipa::path(get, path = "/api/v1/staff", tag = "staff", params(StaffQuery), responses((status = 200, body = List<StaffRowBody>)))]
pub(crate) async fn list_staff(access: Require<ReadStaff>, Ask(query): Ask<StaffQuery>) -> Reply<List<StaffRowBody>> {
    let day = match query.day.as_deref() {
        Some("all") => None,
        asked => Some(day_or_today(&access, query.project, asked).await?),
    };
    let search = StaffSearch {
        text: query.search.trim().to_owned(),
        personal_data: access.may(Permission::ReadPersonalData),
        day,
        department_id: query.department,
        post_id: query.post,
        project_id: query.project,
        skill: query.skill.as_deref().map(str::parse).transpose()?,
    };
    let page = access.store.staff(&search, query.cursor.as_deref(), limit(query.limit)).await?;
    Ok(Json(List::page(page, StaffRowBody::from)))
}

/// One person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StaffBody {
    pub id: Uuid,
    pub staff_no: String,
    pub name: String,
    /// Masked without the permission to read personal data.
    pub phone: Option<String>,
    /// Absent without the permission to read personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub born_on: Option<String>,
    /// Highest degree, as a code of the company's own.
    pub education: Option<String>,
    /// Since when they have worked in property management.
    pub in_trade_since: Option<String>,
    pub joined_on: String,
    /// The first day on which they no longer work here.
    pub left_on: Option<String>,
    /// The login that is theirs.
    pub user: Option<Uuid>,
    pub skills: Vec<SkillBody>,
    /// Counts the changes of the fields above; the number in the `ETag`.
    pub version: i64,
}

/// Something that somebody can do.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SkillBody {
    pub code: String,
    /// From 1, learning, to 5, teaching others.
    pub level: i64,
}

impl StaffBody {
    fn new(Versioned { record, version }: Versioned<Staff>, skills: Vec<Skill>, access: &Signed) -> Self {
        let in_full = access.may(Permission::ReadPersonalData);
        let phone = |phone: String| if in_full { phone } else { masked_phone(&phone) };
        let day = |day: Option<Date>| day.map(|day| day.to_string());
        Self {
            id: record.id.0,
            staff_no: record.staff_no,
            name: record.name,
            phone: record.phone.map(phone),
            born_on: day(record.born_on).filter(|_| in_full),
            education: record.education.map(|code| code.to_string()),
            in_trade_since: day(record.in_trade_since),
            joined_on: record.joined_on.to_string(),
            left_on: day(record.left_on),
            user: record.user_id.map(|user| user.0),
            skills: skills
                .into_iter()
                .map(|skill| SkillBody { code: skill.code.to_string(), level: skill.level })
                .collect(),
            version,
        }
    }
}

async fn shown(access: &Signed, id: StaffId) -> Answer<Tagged<StaffBody>> {
    let found = access.store.staff_member(id).await?;
    let skills = access.store.skills(id).await?;
    Ok(tagged(found.version, StaffBody::new(found, skills, access)))
}

/// A person, all of it: an optional field that is left out is emptied. Whoever may not read personal data keeps `phone` and
/// `born_on` as they are by leaving them out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StaffEdit {
    /// Unique in the company.
    staff_no: String,
    name: String,
    phone: Option<String>,
    born_on: Option<String>,
    education: Option<String>,
    in_trade_since: Option<String>,
    joined_on: String,
    #[schema(value_type = Option<Uuid>)]
    user: Option<UserId>,
}

impl StaffEdit {
    fn read(self, id: StaffId, before: Option<&Staff>, access: &Signed) -> Answer<Staff> {
        let mut fields = Fields::default();
        let day = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(date).transpose();
        let sees = access.may(Permission::ReadPersonalData);
        let phone = self.phone.map(|phone| phone.trim().to_owned()).filter(|phone| !phone.is_empty());
        let born_on = day(self.born_on.as_deref())?;
        let staff = Staff {
            id,
            staff_no: self.staff_no.trim().to_owned(),
            name: self.name.trim().to_owned(),
            phone: phone.or_else(|| before.filter(|_| !sees).and_then(|before| before.phone.clone())),
            born_on: born_on.or_else(|| before.filter(|_| !sees).and_then(|before| before.born_on)),
            education: fields.optional("education", self.education.as_deref()),
            in_trade_since: day(self.in_trade_since.as_deref())?,
            joined_on: date(&self.joined_on)?,
            left_on: before.and_then(|before| before.left_on),
            user_id: self.user,
        };
        fields.done(staff, Staff::problems)
    }
}

/// Takes somebody on.
#[utoipa::path(
    post, path = "/api/v1/staff", tag = "staff", request_body = StaffEdit,
    responses(
        (status = 201, body = StaffBody),
        (status = 409, description = "somebody has the number or the login", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`errors` names the fields that cannot be used", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create_staff(
    access: Require<WriteStaff>,
    Json(edit): Json<StaffEdit>,
) -> Answer<(StatusCode, Tagged<StaffBody>)> {
    let staff = edit.read(StaffId::generate(), None, &access)?;
    staffing(&access).add_staff(&access.stamp(), std::slice::from_ref(&staff)).await?;
    Ok((StatusCode::CREATED, shown(&access, staff.id).await?))
}

/// Reads one person. The `ETag` stands for the person and the skills, not for what is dated about them.
#[utoipa::path(
    get, path = "/api/v1/staff/{id}", tag = "staff", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = StaffBody, headers(("ETag" = String, description = "what an edit sends as `If-Match`"))),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn read_staff(access: Require<ReadStaff>, At(id): At<StaffId>) -> Answer<Tagged<StaffBody>> {
    shown(&access, id).await
}

/// Edits one person, if they still are what was read.
#[utoipa::path(
    put, path = "/api/v1/staff/{id}", tag = "staff",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "the `ETag` of the state that was edited")),
    request_body = StaffEdit,
    responses(
        (status = 200, body = StaffBody, headers(("ETag" = String, description = "of the state after the edit"))),
        (status = 409, description = "somebody has the number or the login", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`stale`: it was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`in-use-before`, or `errors` names the fields", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: `If-Match` is missing", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn edit_staff(
    access: Require<WriteStaff>,
    At(id): At<StaffId>,
    headers: HeaderMap,
    Json(edit): Json<StaffEdit>,
) -> Answer<Tagged<StaffBody>> {
    let before = access.store.staff_member(id).await?;
    require_match(&headers, before.version)?;
    let staff = edit.read(id, Some(&before.record), &access)?;
    staffing(&access).change_staff(&access.stamp(), &staff, before.version).await?;
    shown(&access, id).await
}

/// Replaces what somebody can do.
#[utoipa::path(
    put, path = "/api/v1/staff/{id}/skills", tag = "staff",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "the `ETag` of the person")),
    request_body = Vec<SkillBody>,
    responses(
        (status = 200, body = StaffBody, headers(("ETag" = String, description = "of the state after the edit"))),
        (status = 412, description = "`stale`: it was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`errors` names what cannot be used", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: `If-Match` is missing", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn edit_skills(
    access: Require<WriteStaff>,
    At(id): At<StaffId>,
    headers: HeaderMap,
    Json(skills): Json<Vec<SkillBody>>,
) -> Answer<Tagged<StaffBody>> {
    let before = access.store.staff_member(id).await?;
    require_match(&headers, before.version)?;
    let mut fields = Fields::default();
    let skills: Vec<Skill> =
        skills.iter().map(|skill| Skill { code: fields.parsed("skills", &skill.code), level: skill.level }).collect();
    let skills = fields.done(skills, |skills: &Vec<Skill>| skill_problems(skills))?;
    staffing(&access).set_skills(&access.stamp(), id, &skills, before.version).await?;
    shown(&access, id).await
}

/// When somebody leaves.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Leaving {
    /// The first day on which they no longer work here.
    left_on: String,
}

/// Somebody leaves: their posts and areas end on that day, and later shifts are taken off the roster.
#[utoipa::path(
    post, path = "/api/v1/staff/{id}/leave", tag = "staff",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "the `ETag` of the person")),
    request_body = Leaving,
    responses(
        (status = 200, body = StaffBody, headers(("ETag" = String, description = "of the state after the edit"))),
        (status = 412, description = "`stale`: it was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`left-already`", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: `If-Match` is missing", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn leave(
    access: Require<WriteStaff>,
    At(id): At<StaffId>,
    headers: HeaderMap,
    Json(leaving): Json<Leaving>,
) -> Answer<Tagged<StaffBody>> {
    let before = access.store.staff_member(id).await?;
    require_match(&headers, before.version)?;
    staffing(&access).leave(&access.stamp(), id, date(&leaving.left_on)?, before.version).await?;
    shown(&access, id).await
}
