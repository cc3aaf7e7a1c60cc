//! Who holds which post: one person one post, one person several, several people one (一人一岗、一人多岗、一岗多人).

use serde::{Deserialize, Serialize};

use super::{Post, Span, Staff};
use crate::{
    Date, Error, Result,
    estate::FieldProblem,
    ids::{PostAssignmentId, PostId, ProjectId, StaffId},
};

/// The whole of a person's working time, in thousandths.
pub const WHOLE_SHARE_PERMILLE: i64 = 1_000;

/// Ties somebody to a post for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostAssignment {
    pub id: PostAssignmentId,
    pub staff_id: StaffId,
    pub post_id: PostId,
    /// None for the whole company.
    pub project_id: Option<ProjectId>,
    #[serde(flatten)]
    pub span: Span,
    /// The one that counts where only one can, as on a business card.
    pub is_primary: bool,
    /// How much of the working time goes to it, where that is divided.
    pub share_permille: Option<i64>,
}

impl PostAssignment {
    /// Every field that a person may not have meant.
    #[must_use]
    pub fn problems(&self) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
        if self.span.is_empty() {
            problems.push(FieldProblem::new("ends_on", "it lies after the start"));
        }
        if self.share_permille.is_some_and(|share| !(1..=WHOLE_SHARE_PERMILLE).contains(&share)) {
            problems.push(FieldProblem::new("share_permille", "it lies between 1 and 1000"));
        }
        problems
    }
}

/// Checks an assignment against the person, the post, and all other assignments of the person.
///
/// # Errors
/// `Refused` with `not-employed`, `post-closed`, `assigned-already` for the same post and place on the same day,
/// `primary-already`, or `share-exceeded` where the shares of a day would be more than the whole.
pub fn check_assignment(
    assignment: &PostAssignment,
    staff: &Staff,
    post: &Post,
    others: &[PostAssignment],
) -> Result<()> {
    let span = assignment.span;
    if !span.lies_within(&staff.employment()) {
        let sentence = match staff.left_on {
            Some(left) => format!("{} works here from {} until before {left}", staff.name, staff.joined_on),
            None => format!("{} works here from {}", staff.name, staff.joined_on),
        };
        return Err(Error::refused("not-employed", sentence));
    }
    if let Some(closed_on) = post.closed_on
        && span.ends_on.is_none_or(|end| end > closed_on)
    {
        let sentence = format!("{} ends on {closed_on}: nobody can hold it from then on", post.name);
        return Err(Error::refused("post-closed", sentence));
    }
    let same_days = || others.iter().filter(|other| other.id != assignment.id && other.span.overlaps(&span));
    let held =
        same_days().find(|other| other.post_id == assignment.post_id && other.project_id == assignment.project_id);
    if let Some(held) = held {
        let sentence = format!("{} holds {} there since {} already", staff.name, post.name, held.span.starts_on);
        return Err(Error::refused("assigned-already", sentence));
    }
    if assignment.is_primary && same_days().any(|other| other.is_primary) {
        let sentence = format!("{} has a primary post on some of these days already", staff.name);
        return Err(Error::refused("primary-already", sentence));
    }
    let days = same_days().map(|other| other.span.starts_on.max(span.starts_on)).chain([span.starts_on]);
    // Shares grow on the days on which something starts, so that these are the days to look at.
    for day in days {
        let shared: i64 =
            same_days().filter(|other| other.span.contains(day)).filter_map(|other| other.share_permille).sum();
        if assignment.share_permille.is_some_and(|share| shared + share > WHOLE_SHARE_PERMILLE) {
            let sentence = format!("{shared}‰ of {}'s time are given to other posts on {day}", staff.name);
            return Err(Error::refused("share-exceeded", sentence));
        }
    }
    Ok(())
}

/// What a list of assignments is looked through for. Everything that is given has to fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AssignmentFilter {
    pub staff_id: Option<StaffId>,
    pub post_id: Option<PostId>,
    pub project_id: Option<ProjectId>,
    /// Those that hold on the day.
    pub day: Option<Date>,
}

/// An assignment with the names that a list shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignmentRow {
    pub assignment: PostAssignment,
    pub version: i64,
    pub staff: String,
    pub staff_no: String,
    pub post: String,
    /// None for the whole company.
    pub project: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::DepartmentId,
        staff::{PostLevel, SITE_MANAGER},
    };
    use rstest::rstest;

    fn day(text: &str) -> Date {
        text.parse().expect("is a date")
    }

    fn span(start: &str, end: &str) -> Span {
        Span::new(day(start), (!end.is_empty()).then(|| day(end)))
    }

    /// The site manager of two projects: 600‰ of the time here from January to June, the rest of it elsewhere for May only.
    #[rstest]
    #[case::elsewhere(None, span("2025-01-01", ""), false, None, "")]
    #[case::rest_of_the_time(None, span("2025-01-01", "2025-05-01"), false, Some(400), "")]
    #[case::one_more(None, span("2025-01-01", "2025-05-01"), false, Some(401), "share-exceeded")]
    #[case::into_may(None, span("2025-04-01", ""), false, Some(1), "share-exceeded")]
    #[case::from_july(None, span("2025-07-01", ""), true, Some(1_000), "")]
    #[case::second_primary(None, span("2025-06-30", ""), true, None, "primary-already")]
    #[case::same_place(Some(()), span("2025-06-30", ""), false, None, "assigned-already")]
    #[case::same_place_later(Some(()), span("2025-07-01", ""), false, None, "")]
    #[case::before_joining(None, span("2024-12-31", ""), false, None, "not-employed")]
    #[case::beyond_leaving(None, span("2025-07-01", "2026-01-02"), false, None, "not-employed")]
    #[case::until_leaving(None, span("2025-07-01", "2025-12-01"), false, None, "")]
    #[case::closed(None, span("2025-07-01", "2025-12-02"), false, None, "post-closed")]
    fn what_one_person_can_hold(
        #[case] same_place: Option<()>,
        #[case] span_asked: Span,
        #[case] is_primary: bool,
        #[case] share_permille: Option<i64>,
        #[case] expected: &str,
    ) {
        let mut staff = Staff {
            id: StaffId::generate(),
            staff_no: "1".into(),
            name: "Li".into(),
            phone: None,
            born_on: None,
            education: None,
            in_trade_since: None,
            joined_on: day("2025-01-01"),
            left_on: None,
            user_id: None,
        };
        let mut post = Post {
            id: PostId::generate(),
            name: "Site manager".into(),
            kind: SITE_MANAGER.parse().expect("is a code"),
            department_id: DepartmentId::generate(),
            level: PostLevel::Manager,
            duties: String::new(),
            line_superior_id: None,
            functional_superior_id: None,
            optional: false,
            stand_in_id: None,
            closed_on: None,
        };
        if span_asked.ends_on.is_some_and(|end| end > day("2025-07-01")) {
            (staff.left_on, post.closed_on) = (Some(day("2026-01-01")), Some(day("2025-12-01")));
        }
        let here = ProjectId::generate();
        let held = |project, span, is_primary, share| PostAssignment {
            id: PostAssignmentId::generate(),
            staff_id: staff.id,
            post_id: post.id,
            project_id: Some(project),
            span,
            is_primary,
            share_permille: Some(share),
        };
        let others = [
            held(here, span("2025-01-01", "2025-07-01"), true, 600),
            held(ProjectId::generate(), span("2025-05-01", "2025-06-01"), false, 400),
        ];
        let asked = PostAssignment {
            id: PostAssignmentId::generate(),
            staff_id: staff.id,
            post_id: post.id,
            project_id: Some(same_place.map_or_else(ProjectId::generate, |()| here)),
            span: span_asked,
            is_primary,
            share_permille,
        };
        let code = match check_assignment(&asked, &staff, &post, &others) {
            Ok(()) => "",
            Err(Error::Refused { code, .. }) => code,
            Err(other) => panic!("{other}"),
        };
        assert_eq!(code, expected);
        assert!(
            check_assignment(&others[0], &Staff { left_on: None, ..staff }, &Post { closed_on: None, ..post }, &others)
                .is_ok(),
            "itself is no other"
        );
    }

    #[rstest]
    #[case::usual(span("2025-01-01", "2025-01-02"), Some(1_000), &[])]
    #[case::empty(span("2025-01-01", "2025-01-01"), None, &["ends_on"])]
    #[case::nothing(span("2025-01-01", ""), Some(0), &["share_permille"])]
    #[case::more_than_all(span("2025-01-01", ""), Some(1_001), &["share_permille"])]
    fn what_nobody_means_is_named_by_its_field(
        #[case] span: Span,
        #[case] share_permille: Option<i64>,
        #[case] expected: &[&str],
    ) {
        let assignment = PostAssignment {
            id: PostAssignmentId::generate(),
            staff_id: StaffId::generate(),
            post_id: PostId::generate(),
            project_id: None,
            span,
            is_primary: false,
            share_permille,
        };
        let fields: Vec<_> = assignment.problems().iter().map(|problem| problem.field).collect();
        assert_eq!(fields, expected);
    }
}
