//! 组织架构: departments as a tree, the posts in them, to whom they answer and who holds them.

use askama::Template;
use axum::{
    Form,
    response::{Redirect, Response},
};
use guanjia_domain::{
    Date,
    access::Permission,
    ids::{DepartmentId, PostId, StaffId},
    plugin::Language,
    staff::{
        AssignmentFilter, AssignmentRow, Code, DEPARTMENT_KINDS, Department, DepartmentAlias, Post, PostLevel,
        department_kind,
    },
};
use serde::Deserialize;
use std::collections::HashMap;

use super::{
    Page, Section, show,
    staff::{Choice, blank},
};
use crate::{
    access::{
        Require,
        needs::{ReadStaff, WriteStaff},
    },
    api::staff::{day_or_today, staffing},
    fault::{Answer, Fault},
    urls,
    words::{Words, text},
};

/// Assignments of one day that are read for the tree, page by page.
const ASSIGNMENTS_AT_ONCE: u32 = 1_000;

struct PostLine {
    name: String,
    level: String,
    /// Whom it answers to, both lines.
    superiors: String,
    holders: Vec<Holder>,
    /// What is said while nobody holds it: that it may be empty and who stands in, or that somebody is missing.
    vacant: String,
    missing: bool,
    duties: String,
}

struct Holder {
    name: String,
    url: String,
    place: String,
}

struct DepartmentView {
    name: String,
    /// What its kind is called elsewhere.
    kind: String,
    aliases: String,
    depth: usize,
    url: String,
    posts: Vec<PostLine>,
}

#[derive(Template)]
#[template(path = "organisation.html")]
struct OrganisationPage {
    page: Page,
    departments: Vec<DepartmentView>,
    department_choices: Vec<Choice>,
    post_choices: Vec<Choice>,
    kinds: Vec<Choice>,
    levels: Vec<Choice>,
    headline: String,
    may_write: bool,
}

pub(crate) async fn page(access: Require<ReadStaff>) -> Answer<Response> {
    let words = access.words;
    let today = day_or_today(&access, None, None).await?;
    let exists = |closed_on: Option<Date>| closed_on.is_none_or(|closed| today < closed);
    let departments = access.store.departments().await?.into_iter().map(|department| department.record);
    let departments: Vec<Department> = departments.filter(|department| exists(department.closed_on)).collect();
    let posts = access.store.posts().await?.into_iter().map(|post| post.record);
    let posts: Vec<Post> = posts.filter(|post| exists(post.closed_on)).collect();
    let aliases = access.store.department_aliases().await?;
    let filter = AssignmentFilter { day: Some(today), ..AssignmentFilter::default() };
    let (mut held, mut cursor): (HashMap<PostId, Vec<AssignmentRow>>, Option<String>) = (HashMap::new(), None);
    loop {
        let found = access.store.assignments(&filter, cursor.as_deref(), ASSIGNMENTS_AT_ONCE).await?;
        for row in found.items {
            held.entry(row.assignment.post_id).or_default().push(row);
        }
        cursor = found.next;
        if cursor.is_none() {
            break;
        }
    }
    let lines = |department: &Department| {
        let of = |post: &&Post| post.department_id == department.id;
        posts.iter().filter(of).map(|post| post_line(words, post, &posts, &held)).collect()
    };
    let mut views = Vec::new();
    for (department, depth) in in_order(&departments) {
        views.push(DepartmentView {
            name: department.name.clone(),
            kind: kind_title(words, &department.kind),
            aliases: own_names(&aliases, &department.kind),
            depth,
            url: urls::staff_of(department.id),
            posts: lines(department),
        });
    }
    let people: std::collections::HashSet<StaffId> =
        held.values().flatten().map(|row| row.assignment.staff_id).collect();
    let count = |count: usize| text(count.to_string());
    let headline = words.say(
        "organisation-headline",
        &[("departments", count(departments.len())), ("posts", count(posts.len())), ("people", count(people.len()))],
    );
    show(&OrganisationPage {
        page: Page::new(&access, Section::Staff, None),
        departments: views,
        department_choices: departments.iter().map(|one| choice(one.id.to_string(), one.name.clone())).collect(),
        post_choices: posts.iter().map(|post| choice(post.id.to_string(), post.name.clone())).collect(),
        kinds: DEPARTMENT_KINDS.iter().map(|kind| choice(kind.code.to_owned(), known_title(words, kind))).collect(),
        levels: PostLevel::ALL
            .iter()
            .map(|level| choice(level.code().to_owned(), words.code("post-level", level.code())))
            .collect(),
        headline,
        may_write: access.may(Permission::WriteStaff),
    })
}

fn choice(value: String, label: String) -> Choice {
    Choice { value, label, current: false }
}

fn known_title(words: Words, kind: &guanjia_domain::staff::KnownKind) -> String {
    match words.language {
        Language::Zh => kind.zh.to_owned(),
        Language::En => kind.en.to_owned(),
    }
}

/// What a kind of department is usually called, or its code.
fn kind_title(words: Words, kind: &Code) -> String {
    let known = DEPARTMENT_KINDS.iter().find(|known| *kind == *known.code);
    known.map_or_else(|| kind.to_string(), |known| known_title(words, known))
}

fn own_names(aliases: &[DepartmentAlias], kind: &Code) -> String {
    let own = aliases.iter().filter(|alias| alias.kind == *kind).map(|alias| alias.alias.as_str());
    own.collect::<Vec<_>>().join("、")
}

/// Departments from the top downwards, each before what lies under it, with how deep it lies.
fn in_order(departments: &[Department]) -> Vec<(&Department, usize)> {
    fn below<'d>(
        parent: Option<DepartmentId>,
        depth: usize,
        departments: &'d [Department],
        out: &mut Vec<(&'d Department, usize)>,
    ) {
        for department in departments.iter().filter(|department| department.parent_id == parent) {
            out.push((department, depth));
            below(Some(department.id), depth + 1, departments, out);
        }
    }
    let mut order = Vec::with_capacity(departments.len());
    below(None, 0, departments, &mut order);
    order
}

fn post_line(words: Words, post: &Post, posts: &[Post], held: &HashMap<PostId, Vec<AssignmentRow>>) -> PostLine {
    let name = |id: PostId| posts.iter().find(|post| post.id == id).map(|post| post.name.as_str());
    let superiors = [post.line_superior_id, post.functional_superior_id].into_iter().flatten().filter_map(name);
    let superiors = superiors.collect::<Vec<_>>().join(" + ");
    let stand_in = post.stand_in_id.and_then(name);
    let vacant = match (post.optional, stand_in) {
        (true, Some(stand_in)) => words.say("post-stood-in", &[("post", text(stand_in))]),
        (true, None) => words.t("post-may-be-empty"),
        (false, _) => words.t("post-vacant"),
    };
    let holders = held.get(&post.id).into_iter().flatten().map(|row| Holder {
        name: row.staff.clone(),
        url: urls::person(row.assignment.staff_id),
        place: row.project.clone().unwrap_or_else(|| words.t("staff-whole-company")),
    });
    PostLine {
        name: post.name.clone(),
        level: words.code("post-level", post.level.code()),
        superiors: if superiors.is_empty() {
            superiors
        } else {
            words.say("post-answers-to", &[("posts", text(superiors))])
        },
        holders: holders.collect(),
        vacant,
        missing: !post.optional,
        duties: post.duties.clone(),
    }
}

#[derive(Deserialize)]
pub(crate) struct DepartmentForm {
    name: String,
    #[serde(default)]
    kind: String,
    #[serde(default, deserialize_with = "blank")]
    parent: Option<DepartmentId>,
}

pub(crate) async fn add_department(access: Require<WriteStaff>, Form(form): Form<DepartmentForm>) -> Answer<Redirect> {
    let aliases = access.store.department_aliases().await?;
    let asked = if form.kind.trim().is_empty() { &form.name } else { &form.kind };
    let kind = department_kind(asked, &aliases).or_else(|| asked.trim().parse().ok());
    let kind = kind.ok_or_else(|| Fault::malformed("choose the kind of the department: its name stands for none"))?;
    let department = Department {
        id: DepartmentId::generate(),
        name: form.name.trim().to_owned(),
        kind,
        parent_id: form.parent,
        closed_on: None,
    };
    staffing(&access).add_department(&access.stamp(), &department).await?;
    Ok(Redirect::to(urls::ORGANISATION))
}

#[derive(Deserialize)]
pub(crate) struct PostForm {
    name: String,
    kind: String,
    department: DepartmentId,
    level: String,
    #[serde(default)]
    duties: String,
    #[serde(default, deserialize_with = "blank")]
    line_superior: Option<PostId>,
    #[serde(default, deserialize_with = "blank")]
    functional_superior: Option<PostId>,
}

pub(crate) async fn add_post(access: Require<WriteStaff>, Form(form): Form<PostForm>) -> Answer<Redirect> {
    let post = Post {
        id: PostId::generate(),
        name: form.name.trim().to_owned(),
        kind: form.kind.trim().parse()?,
        department_id: form.department,
        level: form.level.parse()?,
        duties: form.duties.trim().to_owned(),
        line_superior_id: form.line_superior,
        functional_superior_id: form.functional_superior,
        optional: false,
        stand_in_id: None,
        closed_on: None,
    };
    staffing(&access).add_post(&access.stamp(), &post).await?;
    Ok(Redirect::to(urls::ORGANISATION))
}
