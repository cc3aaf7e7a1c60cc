//! 人员: the list, one person with everything dated about them, and what is changed there.

use askama::Template;
use axum::{
    Form,
    extract::{Path, Query},
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use guanjia_domain::{
    Date,
    access::Permission,
    ids::{CertificateId, DepartmentId, PostAssignmentId, PostId, ProjectId, StaffId},
    ports::{PostName, StaffRow, StaffSearch},
    staff::{
        AssignmentFilter, AssignmentRow, Certificate, CertificateFilter, CertificateRow, PostAssignment, Skill, Span,
        Staff, Versioned,
    },
};
use serde::{Deserialize, Deserializer};

use super::{Page, Section, chosen_project, show, units::time_span};
use crate::{
    access::{
        Require, Signed,
        needs::{ReadStaff, WriteStaff},
    },
    api::staff::{day_or_today, staffing},
    door::is_htmx,
    fault::{Answer, Fault},
    format, urls,
    words::{Words, text},
};

/// Rows of one page: two screens on a desk.
const STAFF_PER_PAGE: u32 = 50;
/// Assignments and certificates of one person that are shown: a whole working life.
const RECORDS_SHOWN: u32 = 200;
/// A certificate that runs out within so many days is marked: enough to renew it.
const RUNS_OUT_DAYS: i32 = 60;

/// An empty field of a form as nothing.
pub(super) fn blank<'de, D: Deserializer<'de>, T: std::str::FromStr>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| serde::de::Error::custom(format!("{text:?} cannot be read")))
}

#[derive(Deserialize)]
pub(crate) struct ListQuery {
    #[serde(default)]
    search: String,
    #[serde(default, deserialize_with = "blank")]
    project: Option<ProjectId>,
    #[serde(default, deserialize_with = "blank")]
    department: Option<DepartmentId>,
    /// Also those who left.
    #[serde(default)]
    all: String,
    cursor: Option<String>,
}

pub(super) struct Choice {
    pub(super) value: String,
    pub(super) label: String,
    pub(super) current: bool,
}

struct Row {
    url: String,
    staff_no: String,
    name: String,
    posts: Vec<String>,
    phone: String,
    /// Empty while they work here.
    left: String,
}

#[derive(Template)]
#[template(path = "staff.html")]
struct ListPage {
    page: Page,
    rows: Vec<Row>,
    more_url: String,
    projects: Vec<Choice>,
    departments: Vec<Choice>,
    all: bool,
    may_write: bool,
    today: String,
}

#[derive(Template)]
#[template(path = "staff_rows.html")]
struct ListRows {
    page: Page,
    rows: Vec<Row>,
    more_url: String,
}

pub(crate) async fn list(
    access: Require<ReadStaff>,
    headers: HeaderMap,
    Query(query): Query<ListQuery>,
) -> Answer<Response> {
    let project = match query.project {
        Some(project) => Some(access.store.project(project).await?),
        None => None,
    };
    let today = day_or_today(&access, query.project, None).await?;
    let all = !query.all.is_empty();
    let search = StaffSearch {
        text: query.search.trim().to_owned(),
        personal_data: access.may(Permission::ReadPersonalData),
        day: if all { None } else { Some(today) },
        department_id: query.department,
        project_id: query.project,
        ..StaffSearch::default()
    };
    let found = access.store.staff(&search, query.cursor.as_deref(), STAFF_PER_PAGE).await?;
    let more_url = found
        .next
        .map(|cursor| urls::staff_after(query.project, query.department, &search.text, all, &cursor))
        .unwrap_or_default();
    let rows = found.items.into_iter().map(|row| list_row(access.words, row)).collect();
    let mut page = Page::new(&access, Section::Staff, project);
    page.search = search.text;
    page.searches = true;
    if is_htmx(&headers) {
        return show(&ListRows { page, rows, more_url });
    }
    let choice = |value: String, label: String, current| Choice { value, label, current };
    let projects = access.store.projects().await?.into_iter();
    let departments = access.store.departments().await?.into_iter().map(|department| department.record);
    show(&ListPage {
        page,
        rows,
        more_url,
        projects: projects
            .map(|project| choice(project.id.to_string(), project.name, query.project == Some(project.id)))
            .collect(),
        departments: departments
            .filter(|department| department.closed_on.is_none())
            .map(|one| choice(one.id.to_string(), one.name, query.department == Some(one.id)))
            .collect(),
        all,
        may_write: access.may(Permission::WriteStaff),
        today: today.to_string(),
    })
}

fn list_row(words: Words, StaffRow { staff, posts, .. }: StaffRow) -> Row {
    Row {
        url: urls::person(staff.id),
        staff_no: staff.staff_no,
        name: staff.name,
        posts: posts.into_iter().map(|PostName { post, project }| held(words, post, project)).collect(),
        phone: staff.phone.as_deref().map(format::masked_phone).unwrap_or_default(),
        left: staff
            .left_on
            .map(|day| words.say("staff-left-since", &[("date", text(day.to_string()))]))
            .unwrap_or_default(),
    }
}

/// A post with where it is held.
fn held(words: Words, post: String, project: Option<String>) -> String {
    format!("{post} · {}", project.unwrap_or_else(|| words.t("staff-whole-company")))
}

#[derive(Deserialize)]
pub(crate) struct NewForm {
    staff_no: String,
    name: String,
    #[serde(default)]
    phone: String,
    joined_on: String,
}

pub(crate) async fn add(access: Require<WriteStaff>, Form(form): Form<NewForm>) -> Answer<Redirect> {
    let phone = form.phone.trim();
    let staff = Staff {
        id: StaffId::generate(),
        staff_no: form.staff_no.trim().to_owned(),
        name: form.name.trim().to_owned(),
        phone: (!phone.is_empty()).then(|| phone.to_owned()),
        born_on: None,
        education: None,
        in_trade_since: None,
        joined_on: crate::api::date(form.joined_on.trim())?,
        left_on: None,
        user_id: None,
    };
    staffing(&access).add_staff(&access.stamp(), std::slice::from_ref(&staff)).await?;
    Ok(Redirect::to(&urls::person(staff.id)))
}

struct Fact {
    label: String,
    value: String,
}

struct AssignmentLine {
    post: String,
    days: String,
    /// Holds today.
    current: bool,
    note: String,
    /// Where it can be ended; nowhere once it is over.
    end_url: String,
    version: i64,
}

struct CertificateLine {
    kind: String,
    number: String,
    days: String,
    /// Class of the mark, and its word: valid, running out, expired or revoked.
    state: &'static str,
    state_word: String,
}

struct AreaLine {
    name: String,
    days: String,
    url: String,
}

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage {
    page: Page,
    url: String,
    name: String,
    staff_no: String,
    /// Empty while they work here.
    left: String,
    facts: Vec<Fact>,
    masked: bool,
    assignments: Vec<AssignmentLine>,
    certificates: Vec<CertificateLine>,
    skills: Vec<Fact>,
    /// As they are typed, one a line.
    skills_typed: String,
    areas: Vec<AreaLine>,
    posts: Vec<Choice>,
    projects: Vec<Choice>,
    today: String,
    version: i64,
    may_write: bool,
}

pub(crate) async fn page(access: Require<ReadStaff>, Path(id): Path<StaffId>) -> Answer<Response> {
    let words = access.words;
    let Versioned { record: staff, version } = access.store.staff_member(id).await?;
    let today = day_or_today(&access, None, None).await?;
    let filter = AssignmentFilter { staff_id: Some(id), ..AssignmentFilter::default() };
    let assignments = access.store.assignments(&filter, None, RECORDS_SHOWN).await?.items;
    let filter = CertificateFilter { staff_id: Some(id), ..CertificateFilter::default() };
    let certificates = access.store.certificates(&filter, None, RECORDS_SHOWN).await?.items;
    let skills = access.store.skills(id).await?;
    let areas = access.store.stewardships(id).await?.into_iter();
    let may_write = access.may(Permission::WriteStaff) && staff.left_on.is_none();
    let choice = |value: String, label: String| Choice { value, label, current: false };
    let posts = access.store.posts().await?.into_iter().map(|post| post.record);
    let first_project = chosen_project(access.store.as_ref(), None).await?.map(|project| project.id);
    let projects = access.store.projects().await?.into_iter();
    let typed: Vec<_> = skills.iter().map(|skill| format!("{} {}", skill.code, skill.level)).collect();
    show(&PersonPage {
        page: Page::new(&access, Section::Staff, None),
        url: urls::person(id),
        facts: facts(&access, &staff),
        masked: !access.may(Permission::ReadPersonalData),
        left: staff
            .left_on
            .map(|day| words.say("staff-left-since", &[("date", text(day.to_string()))]))
            .unwrap_or_default(),
        name: staff.name,
        staff_no: staff.staff_no,
        assignments: assignments.into_iter().map(|row| assignment_line(words, row, today)).collect(),
        certificates: certificates.into_iter().map(|row| certificate_line(words, row, today)).collect(),
        skills: skills.into_iter().map(|skill| skill_fact(words, &skill)).collect(),
        skills_typed: typed.join("\n"),
        areas: areas
            .map(|(area, span)| AreaLine {
                name: area.name,
                days: time_span(words, Some(span.starts_on), span.ends_on),
                url: urls::service_areas(Some(area.project_id)),
            })
            .collect(),
        posts: posts
            .filter(|post| post.closed_on.is_none())
            .map(|post| choice(post.id.to_string(), post.name))
            .collect(),
        projects: projects
            .map(|one| Choice { current: Some(one.id) == first_project, ..choice(one.id.to_string(), one.name) })
            .collect(),
        today: today.to_string(),
        version,
        may_write,
    })
}

fn facts(access: &Signed, staff: &Staff) -> Vec<Fact> {
    let words = access.words;
    let in_full = access.may(Permission::ReadPersonalData);
    let fact = |key: &str, value: Option<String>| value.map(|value| Fact { label: words.t(key), value });
    let phone = |phone: &String| if in_full { phone.clone() } else { format::masked_phone(phone) };
    [
        fact("staff-no", Some(staff.staff_no.clone())),
        fact("staff-phone", staff.phone.as_ref().map(phone)),
        fact("staff-born-on", staff.born_on.filter(|_| in_full).map(|day| day.to_string())),
        fact("staff-education", staff.education.as_ref().map(|code| words.code("education", code.as_str()))),
        fact("staff-in-trade-since", staff.in_trade_since.map(|day| day.to_string())),
        fact("staff-joined-on", Some(staff.joined_on.to_string())),
        fact("staff-left-on", staff.left_on.map(|day| day.to_string())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn skill_fact(words: Words, skill: &Skill) -> Fact {
    let level = words.say("skill-level", &[("level", text(skill.level.to_string()))]);
    Fact { label: words.code("skill", skill.code.as_str()), value: level }
}

fn assignment_line(words: Words, row: AssignmentRow, today: Date) -> AssignmentLine {
    let AssignmentRow { assignment, version, post, project, .. } = row;
    let share = assignment.share_permille.map(|share| {
        let percent = guanjia_domain::Decimal::new(share, 1).trimmed(0);
        words.say("assignment-share", &[("percent", text(percent.to_string()))])
    });
    let primary = assignment.is_primary.then(|| words.t("assignment-primary"));
    let open = assignment.span.ends_on.is_none_or(|end| end > today);
    AssignmentLine {
        post: held(words, post, project),
        days: time_span(words, Some(assignment.span.starts_on), assignment.span.ends_on),
        current: assignment.span.contains(today),
        note: [primary, share].into_iter().flatten().collect::<Vec<_>>().join(" · "),
        end_url: if open { urls::assignment_end(assignment.id) } else { String::new() },
        version,
    }
}

fn certificate_line(words: Words, row: CertificateRow, today: Date) -> CertificateLine {
    let certificate = row.certificate;
    let soon = today.plus_days(RUNS_OUT_DAYS).unwrap_or(today);
    let (state, key) = if certificate.revoked_on.is_some_and(|day| day <= today) {
        ("cancelled", "certificate-revoked")
    } else if !certificate.is_valid_on(today) {
        ("refused", "certificate-expired")
    } else if certificate.expires_on.is_some_and(|last| last <= soon) {
        ("held", "certificate-runs-out")
    } else {
        ("posted", "certificate-valid")
    };
    let after = certificate.expires_on.and_then(|last| last.plus_days(1));
    CertificateLine {
        kind: words.code("certificate", certificate.kind.as_str()),
        days: time_span(words, Some(certificate.issued_on), after),
        number: certificate.number,
        state,
        state_word: words.t(key),
    }
}

#[derive(Deserialize)]
pub(crate) struct AssignForm {
    post: PostId,
    #[serde(default, deserialize_with = "blank")]
    project: Option<ProjectId>,
    starts_on: String,
    #[serde(default)]
    ends_on: String,
    /// Ticked.
    primary: Option<String>,
    /// In percent of the working time.
    #[serde(default, deserialize_with = "blank")]
    share: Option<i64>,
}

pub(crate) async fn assign(
    access: Require<WriteStaff>,
    Path(id): Path<StaffId>,
    Form(form): Form<AssignForm>,
) -> Answer<Redirect> {
    let ends_on = form.ends_on.trim();
    let ends_on = if ends_on.is_empty() { None } else { Some(crate::api::date(ends_on)?) };
    let assignment = PostAssignment {
        id: PostAssignmentId::generate(),
        staff_id: id,
        post_id: form.post,
        project_id: form.project,
        span: Span::new(crate::api::date(form.starts_on.trim())?, ends_on),
        is_primary: form.primary.is_some(),
        share_permille: form.share.map(|percent| percent.saturating_mul(10)),
    };
    staffing(&access).assign(&access.stamp(), &assignment).await?;
    Ok(Redirect::to(&urls::person(id)))
}

#[derive(Deserialize)]
pub(crate) struct EndForm {
    version: i64,
    ends_on: String,
}

pub(crate) async fn end_assignment(
    access: Require<WriteStaff>,
    Path(id): Path<PostAssignmentId>,
    Form(form): Form<EndForm>,
) -> Answer<Redirect> {
    let mut assignment = access.store.assignment(id).await?.assignment;
    assignment.span.ends_on = Some(crate::api::date(form.ends_on.trim())?);
    staffing(&access).change_assignment(&access.stamp(), &assignment, form.version).await?;
    Ok(Redirect::to(&urls::person(assignment.staff_id)))
}

#[derive(Deserialize)]
pub(crate) struct SkillsForm {
    version: i64,
    /// One a line: a code and a level.
    skills: String,
}

pub(crate) async fn set_skills(
    access: Require<WriteStaff>,
    Path(id): Path<StaffId>,
    Form(form): Form<SkillsForm>,
) -> Answer<Redirect> {
    // Looked up first, so that another company's person is not found whatever is typed.
    access.store.staff_member(id).await?;
    let skills = form.skills.lines().map(str::trim).filter(|line| !line.is_empty()).map(read_skill);
    let skills = skills.collect::<Answer<Vec<_>>>()?;
    staffing(&access).set_skills(&access.stamp(), id, &skills, form.version).await?;
    Ok(Redirect::to(&urls::person(id)))
}

/// `lift 3`; without a level, one that can do the work alone.
fn read_skill(line: &str) -> Answer<Skill> {
    const ALONE: i64 = 3;
    let mut words = line.split_whitespace();
    let code = words.next().unwrap_or_default().parse()?;
    let level = words.next().map_or(Ok(ALONE), str::parse);
    let level = level.map_err(|_| Fault::malformed(format!("{line:?}: write a code and a level, like `lift 3`")))?;
    Ok(Skill { code, level })
}

#[derive(Deserialize)]
pub(crate) struct CertificateForm {
    kind: String,
    number: String,
    issued_on: String,
    #[serde(default)]
    expires_on: String,
}

pub(crate) async fn add_certificate(
    access: Require<WriteStaff>,
    Path(id): Path<StaffId>,
    Form(form): Form<CertificateForm>,
) -> Answer<Redirect> {
    access.store.staff_member(id).await?;
    let expires_on = form.expires_on.trim();
    let certificate = Certificate {
        id: CertificateId::generate(),
        staff_id: id,
        kind: form.kind.trim().parse()?,
        number: form.number.trim().to_owned(),
        issuer: None,
        issued_on: crate::api::date(form.issued_on.trim())?,
        expires_on: if expires_on.is_empty() { None } else { Some(crate::api::date(expires_on)?) },
        revoked_on: None,
    };
    staffing(&access).add_certificate(&access.stamp(), &certificate).await?;
    Ok(Redirect::to(&urls::person(id)))
}

#[derive(Deserialize)]
pub(crate) struct LeaveForm {
    version: i64,
    left_on: String,
}

pub(crate) async fn leave(
    access: Require<WriteStaff>,
    Path(id): Path<StaffId>,
    Form(form): Form<LeaveForm>,
) -> Answer<Response> {
    let left_on = crate::api::date(form.left_on.trim())?;
    staffing(&access).leave(&access.stamp(), id, left_on, form.version).await?;
    Ok(Redirect::to(&urls::person(id)).into_response())
}
