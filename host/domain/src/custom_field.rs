//! Custom fields (自定义字段): what a company keeps of its units and parties beyond what every office keeps.
//!
//! A field is declared once and typed for good: values are checked against its kind, and rules read them as the facts
//! `unit.custom.KEY` and `payer.custom.KEY`. A kind never changes once there are values, because bills were made of them;
//! a field that is not wanted any more is retired, and keeps what was entered.

mod service;
mod value;

use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeSet};

use crate::{
    Decimal, Error, Result,
    entity::Entity,
    estate::FieldProblem,
    facts::{FactDefinition, FactKind},
    ids::CustomFieldId,
    plugin::Text,
};

pub use service::{CustomFields, FieldEdit};
pub use value::{CustomValues, FieldValue, RecordValues, checked_values};

/// Fields of one entity: more than this is no page that a person fills in.
pub const FIELDS_MAX: usize = 100;
/// A key is part of a fact's name.
pub const KEY_LENGTH_MAX: usize = 40;
/// What fits beside an input.
pub const TITLE_LENGTH_MAX: usize = 40;
/// A list to choose from; longer ones are registers.
pub const CODES_MAX: usize = 100;
/// Some sentences; longer texts are attachments.
pub const TEXT_LENGTH_MAX: usize = 500;
/// Six places: finer than any office measures, and the rest of 64 bits stays for what is measured.
pub const SCALE_MAX: u8 = 6;
/// A million times a million: beyond what an office counts, and far from where products with prices overflow.
pub const NUMBER_MAX: i64 = 1_000_000_000_000;

/// What the values of a field are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum FieldKind {
    /// Decimals with so many places.
    Number {
        scale: u8,
    },
    /// One of a list.
    Code {
        codes: Vec<FieldCode>,
    },
    Date,
    Flag,
    /// Some words for people. No rule reads them: what a rule decides by has to be typed.
    Text,
}

/// Codes of the kinds, in the order in which they are offered.
pub const KINDS: [&str; 5] = ["number", "code", "date", "flag", "text"];

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldCode {
    /// Kebab-case: what rules see.
    pub code: String,
    pub title: Text,
}

impl FieldKind {
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Number { .. } => "number",
            Self::Code { .. } => "code",
            Self::Date => "date",
            Self::Flag => "flag",
            Self::Text => "text",
        }
    }

    /// The kind of the fact that the field is; `None` for text.
    #[must_use]
    pub fn fact(&self) -> Option<FactKind> {
        match self {
            Self::Number { scale } => Some(FactKind::Number { scale: *scale }),
            Self::Code { .. } => Some(FactKind::Code),
            Self::Date => Some(FactKind::Date),
            Self::Flag => Some(FactKind::Flag),
            Self::Text => None,
        }
    }

    #[must_use]
    pub fn codes(&self) -> &[FieldCode] {
        match self {
            Self::Code { codes } => codes,
            _ => &[],
        }
    }

    /// Whether values of the one can stand as values of the other. A list may grow and be reworded.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Code { .. }, Self::Code { .. }) => true,
            _ => self == other,
        }
    }
}

/// A field of a company's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomField {
    pub id: CustomFieldId,
    pub entity: Entity,
    /// Kebab-case, unique in company and entity, and never given again.
    pub key: String,
    pub title: Text,
    #[serde(flatten)]
    pub kind: FieldKind,
    /// Whoever enters values of a record has to enter this one.
    pub required: bool,
    /// Not offered any more. What was entered stays, and so does the fact for rules that are bound already.
    pub retired: bool,
    /// Counts the changes, for optimistic concurrency.
    pub version: i64,
}

impl CustomField {
    /// The field as a fact; `None` for text, and for fields of what is never charged.
    #[must_use]
    pub fn fact(&self) -> Option<FactDefinition> {
        Some(FactDefinition {
            name: Cow::Owned(fact_name(self.entity, &self.key)?),
            kind: self.kind.fact()?,
            title_zh: Cow::Owned(self.title.zh.clone()),
            title_en: Cow::Owned(self.title.en.clone()),
            measure: Cow::Borrowed(""),
        })
    }
}

/// Whose custom fields are facts, and how their names begin. A party is asked about as the payer of a stretch of time.
const FACT_PREFIXES: [(&str, Entity); 2] = [("unit.custom.", Entity::Unit), ("payer.custom.", Entity::Party)];

fn fact_name(entity: Entity, key: &str) -> Option<String> {
    let (prefix, _) = FACT_PREFIXES.iter().find(|(_, of)| *of == entity)?;
    Some(format!("{prefix}{key}"))
}

/// Entity and key of the custom field that a fact's name stands for.
#[must_use]
pub fn field_of_fact(name: &str) -> Option<(Entity, &str)> {
    let (prefix, entity) = FACT_PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix))?;
    let key = name.strip_prefix(prefix)?;
    is_key(key).then_some((*entity, key))
}

/// Words of lower-case letters and digits, joined by single hyphens, starting with a letter.
fn is_key(text: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    text.len() <= KEY_LENGTH_MAX && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.split('-').all(word)
}

/// Everything that cannot stand in a declaration.
#[must_use]
pub fn declaration_problems(field: &CustomField) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    if !field.entity.takes_custom_fields() {
        problems.push(FieldProblem::coded("entity", "entity-closed", "fields can be declared for units and parties"));
    }
    if !is_key(&field.key) {
        problems.push(FieldProblem::coded(
            "key",
            "key-shape",
            format!(
                "a key is made of small letters, digits and hyphens, such as heated-area; {KEY_LENGTH_MAX} at most"
            ),
        ));
    }
    title_problems("title", &field.title, &mut problems);
    match &field.kind {
        FieldKind::Number { scale } if *scale > SCALE_MAX => {
            problems.push(FieldProblem::coded("scale", "scale-too-fine", format!("at most {SCALE_MAX} places")));
        }
        FieldKind::Code { codes } => code_problems(codes, &mut problems),
        _ => {}
    }
    problems
}

fn title_problems(field: &str, title: &Text, problems: &mut Vec<FieldProblem>) {
    for (language, text) in [("zh", &title.zh), ("en", &title.en)] {
        let field = format!("{field}_{language}");
        if text.trim().is_empty() {
            problems.push(FieldProblem::coded(field, "title-missing", "a title in both languages is needed"));
        } else if text.chars().count() > TITLE_LENGTH_MAX || text.chars().any(char::is_control) {
            let reason = format!("a title has at most {TITLE_LENGTH_MAX} characters on one line");
            problems.push(FieldProblem::coded(field, "title-too-long", reason));
        }
    }
}

fn code_problems(codes: &[FieldCode], problems: &mut Vec<FieldProblem>) {
    if codes.is_empty() || codes.len() > CODES_MAX {
        let reason = format!("a list has from one to {CODES_MAX} entries");
        problems.push(FieldProblem::coded("codes", "codes-count", reason));
    }
    let mut seen = BTreeSet::new();
    for FieldCode { code, title } in codes {
        if !is_key(code) || !seen.insert(code) {
            let reason = format!("{code:?} is not an entry's code, or stands there twice; write it like a key");
            problems.push(FieldProblem::coded("codes", "codes-shape", reason));
        }
        title_problems("codes", title, problems);
    }
}

/// Code of the refusal of another kind where there are values.
pub const RETYPED: &str = "custom-field-retyped";
/// Code of the refusal to take an entry away that is chosen somewhere.
pub const CODE_USED: &str = "custom-field-code-used";
/// Code of the refusal to retire or retype what a rule asks for.
pub const ASKED: &str = "custom-field-asked";

/// Whether a declaration may become another one. `values` are the different values that were entered.
///
/// # Errors
/// `Refused` with [`RETYPED`] or [`CODE_USED`].
pub fn check_change(before: &CustomField, after: &CustomField, values: &[String]) -> Result<()> {
    let key = &before.key;
    if !before.kind.is_same(&after.kind) {
        if !values.is_empty() {
            return Err(Error::refused(
                RETYPED,
                format!(
                    "{key} has values of the kind {}: a field is never retyped once it has values. Retire it and declare another",
                    before.kind.code()
                ),
            ));
        }
        return Ok(());
    }
    let missing = values.iter().find(|value| {
        matches!(after.kind, FieldKind::Code { .. }) && after.kind.codes().iter().all(|code| code.code != **value)
    });
    match missing {
        Some(value) => Err(Error::refused(
            CODE_USED,
            format!("the entry {value} of {key} is chosen somewhere and cannot be taken away"),
        )),
        None => Ok(()),
    }
}

/// Whether a change takes away what rules that are bound ask for.
///
/// # Errors
/// `Refused` with [`ASKED`] that names one of them.
pub fn check_asked(before: &CustomField, after: &CustomField, asked_by: Option<&str>) -> Result<()> {
    let taken_away = !before.kind.is_same(&after.kind) || (after.retired && !before.retired);
    match asked_by {
        Some(plugin) if taken_away => Err(Error::refused(
            ASKED,
            format!("the plug-in {plugin} is bound and asks for {}: end its binding first", before.key),
        )),
        _ => Ok(()),
    }
}

/// A number of a field, within its range.
fn number(text: &str, scale: u8) -> Option<Decimal> {
    let number = text.parse::<Decimal>().ok()?.rescale(scale)?;
    let whole = i128::from(number.mantissa).unsigned_abs() / 10_u128.pow(u32::from(scale));
    (whole <= u128::from(NUMBER_MAX.unsigned_abs())).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    pub(super) fn field(key: &str, kind: FieldKind) -> CustomField {
        CustomField {
            id: CustomFieldId::generate(),
            entity: Entity::Unit,
            key: key.into(),
            title: Text { zh: "采暖面积".into(), en: "Heated area".into() },
            kind,
            required: false,
            retired: false,
            version: 1,
        }
    }

    pub(super) fn list(codes: &[&str]) -> FieldKind {
        let code = |code: &&str| FieldCode {
            code: (*code).to_owned(),
            title: Text { zh: "甲".into(), en: (*code).to_owned() },
        };
        FieldKind::Code { codes: codes.iter().map(code).collect() }
    }

    #[rstest]
    #[case::usual(field("heated-area", FieldKind::Number { scale: 2 }), &[])]
    #[case::words(field("Heated Area", FieldKind::Flag), &["key"])]
    #[case::nothing(field("", FieldKind::Flag), &["key"])]
    #[case::path(field("../x", FieldKind::Flag), &["key"])]
    #[case::point(field("a.b", FieldKind::Flag), &["key"])]
    #[case::long(field(&"a".repeat(41), FieldKind::Flag), &["key"])]
    #[case::too_fine(field("a", FieldKind::Number { scale: 7 }), &["scale"])]
    #[case::no_entries(field("a", list(&[])), &["codes"])]
    #[case::twice(field("a", list(&["b", "b"])), &["codes"])]
    #[case::of_tickets(CustomField { entity: Entity::Ticket, ..field("a", FieldKind::Date) }, &["entity"])]
    #[case::untitled(CustomField { title: Text { zh: " ".into(), en: "a\nb".into() }, ..field("a", FieldKind::Date) }, &["title_zh", "title_en"])]
    fn what_cannot_be_declared_is_named(#[case] field: CustomField, #[case] expected: &[&str]) {
        let problems = declaration_problems(&field);
        assert_eq!(problems.iter().map(|problem| &*problem.field).collect::<Vec<_>>(), expected);
    }

    #[rstest]
    #[case::reworded(list(&["a"]), list(&["a", "b"]), &["a"], "")]
    #[case::shorter(list(&["a", "b"]), list(&["b"]), &["b"], "")]
    #[case::chosen_entry_gone(list(&["a", "b"]), list(&["b"]), &["a"], CODE_USED)]
    #[case::finer(FieldKind::Number { scale: 2 }, FieldKind::Number { scale: 3 }, &["1.25"], RETYPED)]
    #[case::finer_before_values(FieldKind::Number { scale: 2 }, FieldKind::Number { scale: 3 }, &[], "")]
    #[case::to_text(FieldKind::Date, FieldKind::Text, &["2025-01-01"], RETYPED)]
    #[case::same(FieldKind::Date, FieldKind::Date, &["2025-01-01"], "")]
    fn a_kind_stays_once_there_are_values(
        #[case] before: FieldKind,
        #[case] after: FieldKind,
        #[case] values: &[&str],
        #[case] expected: &str,
    ) {
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        let code = match check_change(&field("a", before), &field("a", after), &values) {
            Ok(()) => "",
            Err(Error::Refused { code, .. }) => code,
            Err(other) => panic!("{other}"),
        };
        assert_eq!(code, expected);
    }

    #[test]
    fn what_a_rule_asks_for_is_not_taken_away() {
        let before = field("a", FieldKind::Flag);
        let retired = CustomField { retired: true, ..before.clone() };
        let required = CustomField { required: true, ..before.clone() };
        assert!(check_asked(&before, &retired, Some("heat-fee")).is_err());
        assert!(check_asked(&before, &field("a", FieldKind::Date), Some("heat-fee")).is_err());
        assert!(check_asked(&before, &required, Some("heat-fee")).is_ok());
        assert!(check_asked(&before, &retired, None).is_ok());
        assert!(check_asked(&retired, &retired, Some("heat-fee")).is_ok(), "it is retired already");
    }

    #[rstest]
    #[case::unit("unit.custom.heated-area", Some((Entity::Unit, "heated-area")))]
    #[case::payer("payer.custom.member", Some((Entity::Party, "member")))]
    #[case::registered("unit.area", None)]
    #[case::nothing("unit.custom.", None)]
    #[case::deeper("unit.custom.a.b", None)]
    #[case::staff("staff.custom.a", None)]
    fn a_facts_name_tells_the_field(#[case] name: &str, #[case] expected: Option<(Entity, &str)>) {
        assert_eq!(field_of_fact(name), expected);
    }
}
