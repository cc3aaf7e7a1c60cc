//! The people who work for a company, and what they can do.

use serde::{Deserialize, Serialize};

use super::{Code, NAME_LENGTH_MAX, NUMBER_LENGTH_MAX, Span, phone_problem, text_problem};
use crate::{
    Date,
    estate::FieldProblem,
    ids::{StaffId, UserId},
};

/// Skills of one person: nobody is asked for more.
pub const SKILLS_MAX: usize = 50;
/// Grades of a skill, from learning to teaching.
pub const SKILL_LEVELS: std::ops::RangeInclusive<i64> = 1..=5;
/// People who join before this are older than any company.
const JOINED_FROM: i32 = 1950;

/// Somebody who works for the company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staff {
    pub id: StaffId,
    /// 工号, unique in the company.
    pub staff_no: String,
    pub name: String,
    /// Personal data: lists show it masked.
    pub phone: Option<String>,
    /// Personal data. Rules for some posts ask for an age.
    pub born_on: Option<Date>,
    /// Highest degree, as a code of the company's own, such as `college`.
    pub education: Option<Code>,
    /// Since when they have worked in property management, here or elsewhere.
    pub in_trade_since: Option<Date>,
    pub joined_on: Date,
    /// The first day on which they no longer work here.
    pub left_on: Option<Date>,
    /// The login that is theirs, if they have one.
    pub user_id: Option<UserId>,
}

impl Staff {
    /// From when to when they work here.
    #[must_use]
    pub fn employment(&self) -> Span {
        Span::new(self.joined_on, self.left_on)
    }

    /// Every field that a person may not have meant.
    #[must_use]
    pub fn problems(&self) -> Vec<FieldProblem> {
        let mut problems: Vec<_> = [
            text_problem("staff_no", &self.staff_no, NUMBER_LENGTH_MAX, true),
            text_problem("name", &self.name, NAME_LENGTH_MAX, true),
            self.phone.as_deref().and_then(|phone| phone_problem("phone", phone)),
        ]
        .into_iter()
        .flatten()
        .collect();
        if self.joined_on.year() < JOINED_FROM {
            problems.push(FieldProblem::new("joined_on", format!("nobody joined before {JOINED_FROM}")));
        }
        if self.employment().is_empty() {
            problems.push(FieldProblem::new("left_on", "nobody leaves before they have worked a day"));
        }
        if self.born_on.is_some_and(|born| born >= self.joined_on) {
            problems.push(FieldProblem::new("born_on", "it lies before the day of joining"));
        }
        problems
    }
}

/// Something that somebody can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skill {
    /// Such as `lift`, `plumbing`, `high-voltage`.
    pub code: Code,
    /// How well: from 1, learning, to 5, teaching others.
    pub level: i64,
}

/// Every problem of a person's list of skills.
#[must_use]
pub fn skill_problems(skills: &[Skill]) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    if skills.len() > SKILLS_MAX {
        problems.push(FieldProblem::new("skills", format!("{SKILLS_MAX} at most")));
    }
    for (index, skill) in skills.iter().enumerate() {
        if !SKILL_LEVELS.contains(&skill.level) {
            let sentence = format!("the level of {} lies between 1 and 5", skill.code);
            problems.push(FieldProblem::new("skills", sentence));
        }
        if skills[..index].iter().any(|other| other.code == skill.code) {
            problems.push(FieldProblem::new("skills", format!("{} is there twice", skill.code)));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn somebody() -> Staff {
        Staff {
            id: StaffId::generate(),
            staff_no: "G017".into(),
            name: "李工".into(),
            phone: Some("13800000001".into()),
            born_on: None,
            education: None,
            in_trade_since: None,
            joined_on: "2020-03-01".parse().expect("is a date"),
            left_on: None,
            user_id: None,
        }
    }

    fn day(text: &str) -> Option<Date> {
        Some(text.parse().expect("is a date"))
    }

    #[rstest]
    #[case::usual(somebody(), &[])]
    #[case::nobody(Staff { staff_no: String::new(), name: " ".into(), ..somebody() }, &["staff_no", "name"])]
    #[case::no_phone(Staff { phone: Some("ask the front desk".into()), ..somebody() }, &["phone"])]
    #[case::never_worked(Staff { left_on: day("2020-03-01"), ..somebody() }, &["left_on"])]
    #[case::one_day(Staff { left_on: day("2020-03-02"), ..somebody() }, &[])]
    #[case::unborn(Staff { born_on: day("2020-03-01"), ..somebody() }, &["born_on"])]
    #[case::slip(Staff { joined_on: "0202-03-01".parse().expect("is a date"), ..somebody() }, &["joined_on"])]
    fn what_nobody_means_is_named_by_its_field(#[case] staff: Staff, #[case] expected: &[&str]) {
        let fields: Vec<_> = staff.problems().iter().map(|problem| problem.field).collect();
        assert_eq!(fields, expected);
    }

    #[rstest]
    #[case::none(&[], 0)]
    #[case::two(&[("lift", 5), ("plumbing", 1)], 0)]
    #[case::twice(&[("lift", 5), ("lift", 1)], 1)]
    #[case::out_of_range(&[("lift", 0), ("plumbing", 6)], 2)]
    fn skills_are_graded_once(#[case] skills: &[(&str, i64)], #[case] expected: usize) {
        let skills: Vec<_> = skills
            .iter()
            .map(|(code, level)| Skill { code: code.parse().expect("is a code"), level: *level })
            .collect();
        assert_eq!(skill_problems(&skills).len(), expected);
    }
}
