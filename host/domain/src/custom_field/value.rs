//! Values of custom fields: typed when they are entered, and read as columns by a run.

use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};
use uuid::Uuid;

use super::{CustomField, FieldKind, SCALE_MAX, TEXT_LENGTH_MAX, number};
use crate::{Date, Decimal, estate::FieldProblem, ids::CustomFieldId};

/// One value, of its field's kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldValue {
    /// At the scale of its field.
    Number(Decimal),
    Code(String),
    Date(Date),
    Flag(bool),
    Text(String),
}

/// As it is stored, sent and read again.
impl fmt::Display for FieldValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Code(text) | Self::Text(text) => f.write_str(text),
            Self::Date(date) => date.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
        }
    }
}

impl FieldKind {
    /// The value that a text says.
    ///
    /// # Errors
    /// Code and sentence of why it says none.
    pub fn read(&self, text: &str) -> Result<FieldValue, (&'static str, String)> {
        let text = text.trim();
        match self {
            Self::Number { scale } => number(text, *scale).map(FieldValue::Number).ok_or_else(|| {
                ("not-a-number", format!("{text:?} is not a number of at most {scale} places, or far too large"))
            }),
            Self::Code { codes } => match codes.iter().find(|code| code.code == text) {
                Some(code) => Ok(FieldValue::Code(code.code.clone())),
                None => Err(("not-in-list", format!("{text:?} is not in the list"))),
            },
            Self::Date => text
                .parse()
                .map(FieldValue::Date)
                .map_err(|_| ("not-a-date", format!("{text:?} is not a date such as 2025-03-01"))),
            Self::Flag => match text {
                "true" => Ok(FieldValue::Flag(true)),
                "false" => Ok(FieldValue::Flag(false)),
                _ => Err(("not-a-flag", format!("{text:?} is neither true nor false"))),
            },
            Self::Text if text.chars().count() > TEXT_LENGTH_MAX => {
                Err(("text-too-long", format!("it may have {TEXT_LENGTH_MAX} characters at most")))
            }
            Self::Text if text.chars().any(|c| c.is_control() && c != '\n') => {
                Err(("text-control", "it may not have control characters".to_owned()))
            }
            Self::Text => Ok(FieldValue::Text(text.to_owned())),
        }
    }
}

/// What was entered for a record, checked field by field: all fields that are in use, where an empty text is no value.
///
/// # Errors
/// Every field that cannot be used, by its key: of another kind, required and empty, unknown, or retired.
pub fn checked_values(
    fields: &[CustomField],
    entered: &BTreeMap<String, String>,
) -> Result<Vec<(CustomFieldId, FieldValue)>, Vec<FieldProblem>> {
    let (mut values, mut problems) = (Vec::new(), Vec::new());
    for field in fields.iter().filter(|field| !field.retired) {
        let text = entered.get(&field.key).map(|text| text.trim()).filter(|text| !text.is_empty());
        match text.map(|text| field.kind.read(text)) {
            Some(Ok(value)) => values.push((field.id, value)),
            Some(Err((code, reason))) => problems.push(FieldProblem::coded(field.key.clone(), code, reason)),
            None if field.required => {
                problems.push(FieldProblem::coded(field.key.clone(), "required", "it has to be entered"));
            }
            None => {}
        }
    }
    let known = |key: &String| fields.iter().any(|field| !field.retired && field.key == *key);
    for key in entered.keys().filter(|key| !known(key)) {
        problems.push(FieldProblem::coded(key.clone(), "unknown-field", "there is no such field, or it is retired"));
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

/// What a record has of a company's own fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordValues {
    /// Fields in use, in the order of their declaration, and retired ones that have a value.
    pub fields: Vec<CustomField>,
    pub values: HashMap<CustomFieldId, FieldValue>,
    /// Counts the changes of the record's values; 0 before the first one.
    pub version: i64,
}

impl RecordValues {
    #[must_use]
    pub fn of(&self, field: &CustomField) -> Option<&FieldValue> {
        self.values.get(&field.id)
    }
}

/// Values of some fields of a page of records, as a run reads them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomValues(HashMap<(CustomFieldId, Uuid), FieldValue>);

impl CustomValues {
    pub fn insert(&mut self, field: CustomFieldId, record: Uuid, value: FieldValue) {
        self.0.insert((field, record), value);
    }

    #[must_use]
    pub fn of(&self, field: CustomFieldId, record: Uuid) -> Option<&FieldValue> {
        self.0.get(&(field, record))
    }
}

// The scale of a value is that of its field, which a declaration keeps below the largest one.
const _: () = assert!(SCALE_MAX <= Decimal::SCALE_MAX);

#[cfg(test)]
mod tests {
    use super::super::tests::{field, list};
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::number(FieldKind::Number { scale: 2 }, " 89.5 ", "89.50")]
    #[case::whole(FieldKind::Number { scale: 0 }, "-3", "-3")]
    #[case::largest(FieldKind::Number { scale: 6 }, "1000000000000", "1000000000000.000000")]
    #[case::too_large(FieldKind::Number { scale: 0 }, "1000000000001", "not-a-number")]
    #[case::too_fine(FieldKind::Number { scale: 2 }, "1.005", "not-a-number")]
    #[case::words(FieldKind::Number { scale: 2 }, "十", "not-a-number")]
    #[case::power(FieldKind::Number { scale: 2 }, "1e3", "not-a-number")]
    #[case::chosen(list(&["north", "south"]), "south", "south")]
    #[case::not_there(list(&["north", "south"]), "South", "not-in-list")]
    #[case::day(FieldKind::Date, "2025-02-28", "2025-02-28")]
    #[case::no_day(FieldKind::Date, "2025-02-30", "not-a-date")]
    #[case::yes(FieldKind::Flag, "true", "true")]
    #[case::maybe(FieldKind::Flag, "1", "not-a-flag")]
    #[case::markup(FieldKind::Text, "<b>x</b>", "<b>x</b>")]
    #[case::control(FieldKind::Text, "a\u{7}b", "text-control")]
    #[case::endless(FieldKind::Text, &"x".repeat(501), "text-too-long")]
    fn values_are_of_their_fields_kind(#[case] kind: FieldKind, #[case] text: &str, #[case] expected: &str) {
        let read = match kind.read(text) {
            Ok(value) => {
                assert_eq!(kind.read(&value.to_string()), Ok(value.clone()), "what is stored is read again");
                value.to_string()
            }
            Err((code, _)) => code.to_owned(),
        };
        assert_eq!(read, expected);
    }

    #[rstest]
    #[case::complete(&[("area", "1"), ("note", "")], &[])]
    #[case::required(&[("note", "x")], &["area required"])]
    #[case::blank(&[("area", "  ")], &["area required"])]
    #[case::unknown(&[("area", "1"), ("colour", "red")], &["colour unknown-field"])]
    #[case::retired(&[("area", "1"), ("old", "true")], &["old unknown-field"])]
    #[case::both(&[("area", "x"), ("note", "\u{1}")], &["area not-a-number", "note text-control"])]
    fn all_of_a_record_is_checked_at_once(#[case] entered: &[(&str, &str)], #[case] expected: &[&str]) {
        let fields = [
            CustomField { required: true, ..field("area", FieldKind::Number { scale: 2 }) },
            field("note", FieldKind::Text),
            CustomField { retired: true, ..field("old", FieldKind::Flag) },
        ];
        let entered = entered.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
        let problems = checked_values(&fields, &entered).err().unwrap_or_default();
        let told: Vec<String> = problems.iter().map(|problem| format!("{} {}", problem.field, problem.code)).collect();
        assert_eq!(told, expected);
    }
}
