//! Staff and organisation (人员与组织): departments, the posts in them, who holds which post when and where, what people can
//! do, what they are certified for, and who is on duty.
//!
//! Everything is dated: an assignment, a certificate, a shift says from when to when it holds, and nothing is overwritten by
//! what comes after it, so that "who answered for this last March" has an answer.

mod assignment;
mod certificate;
mod department;
mod facts;
mod import;
mod person;
mod post;
mod roster;
mod service;

pub use assignment::*;
pub use certificate::*;
pub use department::*;
pub use facts::*;
pub use import::{NewStaff, STAFF_IMPORT_MAX, StaffRecords, read_staff};
pub use person::*;
pub use post::*;
pub use roster::*;
pub use service::{ImportMode, Staffing};

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

use crate::{Date, Error, Result, estate::FieldProblem};

/// Longest name of a department, post or person: what a column of a list can show.
pub const NAME_LENGTH_MAX: usize = 64;
/// Longest number of a person or certificate.
pub const NUMBER_LENGTH_MAX: usize = 64;
/// Longest phone number as people write it, with country, area and extension.
pub const PHONE_LENGTH_MAX: usize = 32;
/// Longest code: the longest one known has half of it.
const CODE_LENGTH_MAX: usize = 48;

/// A stable code of an open set, such as a kind of department, post, skill or certificate: small letters, digits and dashes,
/// beginning with a letter. Rules go by codes; people read the names that each company gives them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Code(String);

impl Code {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Code {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let first = text.starts_with(|character: char| character.is_ascii_lowercase());
        let known = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
        if first && text.len() <= CODE_LENGTH_MAX && text.chars().all(known) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::invalid(format!(
            "{text:?} is not a code: small letters, digits and dashes, beginning with a letter, {CODE_LENGTH_MAX} at most"
        )))
    }
}

impl TryFrom<String> for Code {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl PartialEq<str> for Code {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

/// A record with the version that an edit of it is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    pub record: T,
    /// Counts the changes.
    pub version: i64,
}

/// Days on which something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub starts_on: Date,
    /// The first day on which it no longer holds; none while it goes on.
    pub ends_on: Option<Date>,
}

impl Span {
    #[must_use]
    pub fn new(starts_on: Date, ends_on: Option<Date>) -> Self {
        Self { starts_on, ends_on }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends_on.is_some_and(|end| end <= self.starts_on)
    }

    #[must_use]
    pub fn contains(&self, day: Date) -> bool {
        self.starts_on <= day && self.ends_on.is_none_or(|end| day < end)
    }

    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.ends_on.is_none_or(|end| other.starts_on < end) && other.ends_on.is_none_or(|end| self.starts_on < end)
    }

    /// Whether no day of it lies outside of the other.
    #[must_use]
    pub fn lies_within(&self, other: &Self) -> bool {
        let ends_in_time = match (self.ends_on, other.ends_on) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(end), Some(last)) => end <= last,
        };
        self.starts_on >= other.starts_on && ends_in_time
    }
}

/// What is wrong with a text that a person typed: missing, too long, or with characters that nobody sees.
fn text_problem(field: &'static str, text: &str, length_max: usize, required: bool) -> Option<FieldProblem> {
    let reason = if required && text.trim().is_empty() {
        "it may not be empty".to_owned()
    } else if text.chars().count() > length_max {
        format!("it may have {length_max} characters at most")
    } else if text.chars().any(|character| character.is_control() && character != '\n') {
        "it may not have control characters".to_owned()
    } else {
        return None;
    };
    Some(FieldProblem::new(field, reason))
}

/// What is wrong with a phone number, if anything: digits, with what people write between them.
pub(crate) fn phone_problem(field: &'static str, phone: &str) -> Option<FieldProblem> {
    text_problem(field, phone, PHONE_LENGTH_MAX, false).or_else(|| {
        let usual = |character: char| character.is_ascii_digit() || "+-() 转/".contains(character);
        let reason = "a phone number has digits, spaces and + - ( ) / only";
        (!phone.chars().all(usual)).then(|| FieldProblem::new(field, reason))
    })
}

/// One sentence of all fields that cannot be used.
///
/// # Errors
/// `Invalid` when there is one.
pub fn usable(problems: Vec<FieldProblem>) -> Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    let sentences: Vec<_> = problems.iter().map(|problem| format!("{}: {}", problem.field, problem.reason)).collect();
    Err(Error::invalid(sentences.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn day(text: &str) -> Date {
        text.parse().expect("is a date")
    }

    fn span(start: &str, end: &str) -> Span {
        Span::new(day(start), (!end.is_empty()).then(|| day(end)))
    }

    #[rstest]
    #[case::usual("customer-service", true)]
    #[case::digits("grade-4", true)]
    #[case::empty("", false)]
    #[case::digit_first("4-star", false)]
    #[case::large("HR", false)]
    #[case::chinese("客服", false)]
    #[case::blank("customer service", false)]
    fn codes_are_stable_words(#[case] text: &str, #[case] taken: bool) {
        assert_eq!(text.parse::<Code>().is_ok(), taken);
        assert_eq!("a".repeat(CODE_LENGTH_MAX).parse::<Code>().is_ok(), true);
        assert_eq!("a".repeat(CODE_LENGTH_MAX + 1).parse::<Code>().is_ok(), false);
    }

    #[rstest]
    #[case::apart(span("2025-01-01", "2025-02-01"), span("2025-02-01", ""), false, false)]
    #[case::last_day(span("2025-01-01", "2025-02-02"), span("2025-02-01", ""), true, false)]
    #[case::both_go_on(span("2025-03-01", ""), span("2025-02-01", ""), true, true)]
    #[case::inside(span("2025-03-01", "2025-04-01"), span("2025-02-01", "2025-04-01"), true, true)]
    #[case::a_day_longer(span("2025-03-01", "2025-04-02"), span("2025-02-01", "2025-04-01"), true, false)]
    #[case::without_end(span("2025-03-01", ""), span("2025-02-01", "2025-04-01"), true, false)]
    fn spans_are_half_open(#[case] one: Span, #[case] other: Span, #[case] overlap: bool, #[case] within: bool) {
        assert_eq!((one.overlaps(&other), other.overlaps(&one), one.lies_within(&other)), (overlap, overlap, within));
    }

    #[rstest]
    #[case::mobile("13800000001", true)]
    #[case::international("+86 (21) 5555-0101", true)]
    #[case::extension("021-55550101转8", true)]
    #[case::words("call me", false)]
    #[case::endless("1".repeat(33).as_str().to_owned().leak(), false)]
    fn phone_numbers_are_numbers(#[case] phone: &str, #[case] taken: bool) {
        assert_eq!(phone_problem("phone", phone).is_none(), taken);
    }
}
