//! Posts (岗位): what is to be done, in which department, under whom, and who answers while nobody holds one.

use serde::{Deserialize, Serialize};
use std::{collections::HashMap, fmt, str::FromStr};

use super::{Code, Department, NAME_LENGTH_MAX, is_earlier, text_problem};
use crate::{
    Date, Error, Result,
    access::codes,
    estate::FieldProblem,
    ids::{DepartmentId, PostId, ProjectId, StaffId},
};

/// Longest text of duties: three printed pages.
pub const DUTIES_LENGTH_MAX: usize = 6_000;
/// Posts of one company: far more than any rule book describes. They are read as a whole.
pub const POSTS_MAX: usize = 2_000;

/// Kind of the post that runs a project (项目经理, 管理处主任).
pub const SITE_MANAGER: &str = "site-manager";
/// Kind of the post of a steward (管家): the named contact of a service area.
pub const STEWARD: &str = "steward";
/// Kind of the post that leads a squad (班长): one is on duty in the control room at any hour.
pub const SQUAD_LEADER: &str = "squad-leader";

codes! {
    /// How high a post stands. Rules say "supervisor level and above"; the order is the one written here.
    PostLevel {
        Worker = "worker",
        TeamLeader = "team-leader",
        Supervisor = "supervisor",
        Manager = "manager",
        Executive = "executive",
    }
}

/// A post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    pub id: PostId,
    /// What the company calls it.
    pub name: String,
    /// Which kind of post it is, whatever it is called, such as [`SITE_MANAGER`]: rules go by it.
    pub kind: Code,
    pub department_id: DepartmentId,
    pub level: PostLevel,
    /// Duties (岗位职责), as the company's handbook has them.
    pub duties: String,
    /// To whom it answers where it works, such as the project's manager.
    pub line_superior_id: Option<PostId>,
    /// To whom it answers in its trade, such as the company's customer-service manager.
    pub functional_superior_id: Option<PostId>,
    /// The company may leave it empty.
    pub optional: bool,
    /// The post that answers while an optional one is empty: without a finance manager, the accountant.
    pub stand_in_id: Option<PostId>,
    /// The first day on which it no longer exists.
    pub closed_on: Option<Date>,
}

impl Post {
    /// Every field that a person may not have meant.
    #[must_use]
    pub fn problems(&self) -> Vec<FieldProblem> {
        let mut problems: Vec<_> = [
            text_problem("name", &self.name, NAME_LENGTH_MAX, true),
            text_problem("duties", &self.duties, DUTIES_LENGTH_MAX, false),
        ]
        .into_iter()
        .flatten()
        .collect();
        if self.stand_in_id.is_some() && !self.optional {
            problems.push(FieldProblem::new("stand_in", "only a post that may be empty has another one stand in"));
        }
        if self.line_superior_id.is_some() && self.line_superior_id == self.functional_superior_id {
            problems.push(FieldProblem::new("functional_superior", "the two lines lead to two posts"));
        }
        problems
    }
}

/// Checks that a post fits to all others: a customer-service supervisor answers to the project manager and to the company's
/// customer-service manager, but no line comes back to where it starts.
///
/// # Errors
/// `NotFound` for a superior or stand-in that is none; `Refused` with `superior-cycle` or `stand-in-cycle`; `Conflict` for a second
/// open post of the name in the department.
pub fn check_post(post: &Post, all: &[Post]) -> Result<()> {
    let mut by_id: HashMap<PostId, &Post> = all.iter().map(|other| (other.id, other)).collect();
    by_id.insert(post.id, post);
    let named = [post.line_superior_id, post.functional_superior_id, post.stand_in_id];
    if let Some(unknown) = named.into_iter().flatten().find(|id| !by_id.contains_key(id)) {
        return Err(Error::not_found("post", unknown));
    }
    let same = |other: &&Post| {
        other.id != post.id
            && other.closed_on.is_none()
            && other.department_id == post.department_id
            && other.name.trim() == post.name.trim()
    };
    if post.closed_on.is_none() && all.iter().any(|other| same(&other)) {
        return Err(Error::Conflict(format!("the department has a post {:?} already", post.name)));
    }
    let superiors = |post: &Post| [post.line_superior_id, post.functional_superior_id];
    if comes_back(post, &by_id, superiors) {
        return Err(Error::refused("superior-cycle", "a post cannot be its own superior, by whatever way"));
    }
    if comes_back(post, &by_id, |post| [post.stand_in_id, None]) {
        return Err(Error::refused("stand-in-cycle", "posts cannot stand in for each other in a circle"));
    }
    Ok(())
}

/// Checks that the department of a post exists as long as the post does.
///
/// # Errors
/// `Refused` with `department-closed`.
pub fn check_post_department(post: &Post, department: &Department) -> Result<()> {
    if is_earlier(department.closed_on, post.closed_on) {
        let sentence = format!("{} is closed: no post can go on in it", department.name);
        return Err(Error::refused("department-closed", sentence));
    }
    Ok(())
}

/// Whether a way from the post leads back to it.
fn comes_back(post: &Post, by_id: &HashMap<PostId, &Post>, ways: impl Fn(&Post) -> [Option<PostId>; 2]) -> bool {
    let mut open: Vec<PostId> = ways(post).into_iter().flatten().collect();
    let mut seen = Vec::new();
    while let Some(id) = open.pop() {
        if id == post.id {
            return true;
        }
        if seen.contains(&id) {
            continue;
        }
        seen.push(id);
        if let Some(next) = by_id.get(&id) {
            open.extend(ways(next).into_iter().flatten());
        }
    }
    false
}

/// Somebody who holds a post on the day that is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    pub post_id: PostId,
    pub staff_id: StaffId,
    /// None for the whole company.
    pub project_id: Option<ProjectId>,
}

/// Who answers for a post on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answerable {
    /// The post itself, or the one that stands in for it.
    pub post_id: PostId,
    /// Nobody, where a post is empty that may not be, or whose stand-in is empty, too.
    pub staff_ids: Vec<StaffId>,
}

/// Who answers for a post in a project on a day: those who hold it there; otherwise those who hold it for the whole company;
/// otherwise, where it may be empty, whoever answers for its stand-in. `holders` are those of that day.
#[must_use]
pub fn who_answers(post: PostId, project: Option<ProjectId>, posts: &[Post], holders: &[Holder]) -> Answerable {
    let mut answering = post;
    // No more steps than posts: stand-ins make no circle, and what is stored wrongly must not hang.
    for _ in 0..=posts.len() {
        let of = |project: Option<ProjectId>| -> Vec<StaffId> {
            let held = |holder: &&Holder| holder.post_id == answering && holder.project_id == project;
            holders.iter().filter(held).map(|holder| holder.staff_id).collect()
        };
        let here = if project.is_some() { of(project) } else { Vec::new() };
        let staff_ids = if here.is_empty() { of(None) } else { here };
        if !staff_ids.is_empty() {
            return Answerable { post_id: answering, staff_ids };
        }
        let stand_in = posts.iter().find(|post| post.id == answering).filter(|post| post.optional);
        match stand_in.and_then(|post| post.stand_in_id) {
            Some(next) => answering = next,
            None => break,
        }
    }
    Answerable { post_id: answering, staff_ids: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn post(name: &str) -> Post {
        Post {
            id: PostId::generate(),
            name: name.into(),
            kind: "clerk".parse().expect("is a code"),
            department_id: DepartmentId(uuid::Uuid::nil()),
            level: PostLevel::Worker,
            duties: String::new(),
            line_superior_id: None,
            functional_superior_id: None,
            optional: false,
            stand_in_id: None,
            closed_on: None,
        }
    }

    fn code(checked: Result<()>) -> &'static str {
        match checked {
            Ok(()) => "",
            Err(Error::Refused { code, .. }) => code,
            Err(Error::Conflict(_)) => "conflict",
            Err(Error::NotFound { .. }) => "not-found",
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn lines_lead_upwards() {
        let general = post("总经理");
        let trade = Post { line_superior_id: Some(general.id), ..post("客服经理") };
        let site = Post { line_superior_id: Some(general.id), ..post("项目经理") };
        let both =
            Post { line_superior_id: Some(site.id), functional_superior_id: Some(trade.id), ..post("客服主管") };
        let all = [general.clone(), trade.clone(), site.clone(), both.clone()];
        assert_eq!(code(check_post(&both, &all)), "", "two ways up may meet");
        assert_eq!(
            code(check_post(&Post { line_superior_id: Some(both.id), ..general.clone() }, &all)),
            "superior-cycle"
        );
        assert_eq!(code(check_post(&Post { functional_superior_id: Some(both.id), ..site }, &all)), "superior-cycle");
        assert_eq!(code(check_post(&Post { functional_superior_id: Some(trade.id), ..trade }, &all)), "superior-cycle");
        assert_eq!(
            code(check_post(&Post { line_superior_id: Some(PostId::generate()), ..post("前台") }, &all)),
            "not-found"
        );
        assert_eq!(code(check_post(&post("客服主管"), &all)), "conflict");
        assert_eq!(code(check_post(&Post { closed_on: Some(Date(0)), ..post("客服主管") }, &all)), "");
    }

    #[test]
    fn stand_ins_make_no_circle() {
        let (mut manager, mut accountant) = (post("财务经理"), post("会计"));
        (manager.optional, manager.stand_in_id) = (true, Some(accountant.id));
        (accountant.optional, accountant.stand_in_id) = (true, Some(manager.id));
        assert_eq!(
            code(check_post(
                &manager,
                &[manager.clone(), post("出纳"), Post { stand_in_id: None, ..accountant.clone() }]
            )),
            ""
        );
        assert_eq!(code(check_post(&accountant, &[manager, accountant.clone()])), "stand-in-cycle");
    }

    #[rstest]
    #[case::usual(post("会计"), &[])]
    #[case::unnamed(post(" "), &["name"])]
    #[case::stood_in_for(Post { stand_in_id: Some(PostId::generate()), ..post("出纳") }, &["stand_in"])]
    #[case::may_be_empty(Post { optional: true, stand_in_id: Some(PostId::generate()), ..post("出纳") }, &[])]
    #[case::endless(Post { duties: "责".repeat(DUTIES_LENGTH_MAX + 1), ..post("出纳") }, &["duties"])]
    fn what_nobody_means_is_named_by_its_field(#[case] post: Post, #[case] expected: &[&str]) {
        let fields: Vec<_> = post.problems().iter().map(|problem| problem.field).collect();
        assert_eq!(fields, expected);
    }

    #[test]
    fn levels_have_an_order() {
        assert!(PostLevel::Supervisor > PostLevel::TeamLeader && PostLevel::Executive > PostLevel::Manager);
    }

    /// The finance manager may be missing, and the accountant holds the post; the cashier may not be.
    #[test]
    fn whoever_stands_in_answers() {
        let (accountant, cashier) = (post("会计"), post("出纳"));
        let manager = Post { optional: true, stand_in_id: Some(accountant.id), ..post("财务经理") };
        let head = Post { optional: true, stand_in_id: Some(manager.id), ..post("财务总监") };
        let posts = [accountant.clone(), cashier.clone(), manager.clone(), head.clone()];
        let (li, wang, zhang) = (StaffId::generate(), StaffId::generate(), StaffId::generate());
        let (here, there) = (ProjectId::generate(), ProjectId::generate());
        let held = |post: &Post, staff_id, project_id| Holder { post_id: post.id, staff_id, project_id };
        let answers = |post: &Post, project, holders: &[Holder]| who_answers(post.id, project, &posts, holders);
        let some = |post: &Post, staff: &[StaffId]| Answerable { post_id: post.id, staff_ids: staff.to_vec() };

        let accountant_only = [held(&accountant, li, None)];
        assert_eq!(answers(&manager, None, &accountant_only), some(&accountant, &[li]));
        assert_eq!(answers(&head, Some(here), &accountant_only), some(&accountant, &[li]), "two steps");
        assert_eq!(answers(&cashier, None, &accountant_only), some(&cashier, &[]), "may not be empty: nobody answers");
        let with_manager = [held(&accountant, li, None), held(&manager, wang, None)];
        assert_eq!(answers(&manager, Some(here), &with_manager), some(&manager, &[wang]));
        let of_a_project =
            [held(&accountant, li, None), held(&accountant, wang, Some(here)), held(&accountant, zhang, Some(here))];
        assert_eq!(answers(&accountant, Some(here), &of_a_project), some(&accountant, &[wang, zhang]));
        assert_eq!(answers(&accountant, Some(there), &of_a_project), some(&accountant, &[li]));
        assert_eq!(answers(&accountant, None, &of_a_project), some(&accountant, &[li]));
        let only_there = [held(&manager, wang, Some(there)), held(&accountant, li, None)];
        assert_eq!(answers(&manager, Some(here), &only_there), some(&accountant, &[li]));
    }
}
