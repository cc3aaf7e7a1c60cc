//! 自定义字段: declaring the company's own fields, and the part of a record's page where their values are entered.

use askama::Template;
use axum::{
    Form,
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use guanjia_domain::{
    Error,
    access::Permission,
    custom_field::{CustomField, FieldCode, FieldEdit, FieldKind, FieldValue, KINDS, RecordValues, SCALE_MAX},
    entity::{Entity, RecordRef},
    estate::{FieldProblem, STALE},
    ids::CustomFieldId,
    plugin::Text,
};
use serde::Deserialize;
use std::collections::BTreeMap;

use super::{Page, Section, show};
use crate::{
    access::{Require, Signed, needs::ManageOffice},
    api::custom_fields::fields,
    fault::Answer,
    urls,
    words::{Words, text},
};

#[derive(Template)]
#[template(path = "custom_fields.html")]
struct FieldsPage {
    page: Page,
    groups: Vec<Group>,
    entities: Vec<Choice>,
    /// Why what was sent was not taken; nothing when nothing was sent.
    refused: Vec<String>,
    /// The form of a new field, with what was typed.
    draft: FieldForm,
    kinds: Vec<Choice>,
    scales: Vec<u8>,
}

struct Group {
    title: String,
    rows: Vec<Row>,
}

struct Row {
    title: String,
    key: String,
    kind: String,
    fact: String,
    required: bool,
    retired: bool,
    url: String,
    /// The form with what is declared.
    form: FieldForm,
    is_code: bool,
}

struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

/// What a form says of a field.
#[derive(Debug, Default, Clone, Deserialize)]
pub(crate) struct FieldForm {
    #[serde(default)]
    entity: String,
    #[serde(default)]
    key: String,
    title_zh: String,
    title_en: String,
    kind: String,
    #[serde(default)]
    scale: u8,
    /// One entry a line: code, Chinese and English title, separated by bars.
    #[serde(default)]
    codes: String,
    #[serde(default)]
    required: String,
    #[serde(default)]
    retired: String,
    #[serde(default)]
    version: i64,
}

impl FieldForm {
    fn of(field: &CustomField) -> Self {
        let line = |FieldCode { code, title }: &FieldCode| format!("{code} | {} | {}", title.zh, title.en);
        let ticked = |set: bool| if set { "on".to_owned() } else { String::new() };
        Self {
            entity: field.entity.to_string(),
            key: field.key.clone(),
            title_zh: field.title.zh.clone(),
            title_en: field.title.en.clone(),
            kind: field.kind.code().to_owned(),
            scale: match field.kind {
                FieldKind::Number { scale } => scale,
                _ => 0,
            },
            codes: field.kind.codes().iter().map(line).collect::<Vec<_>>().join("\n"),
            required: ticked(field.required),
            retired: ticked(field.retired),
            version: field.version,
        }
    }

    fn edit(&self) -> Result<FieldEdit, Error> {
        let title = |zh: &str, en: &str| Text { zh: zh.trim().to_owned(), en: en.trim().to_owned() };
        let kind = match self.kind.as_str() {
            "number" => FieldKind::Number { scale: self.scale },
            "code" => FieldKind::Code { codes: self.codes.lines().filter_map(entry).collect() },
            "date" => FieldKind::Date,
            "flag" => FieldKind::Flag,
            "text" => FieldKind::Text,
            _ => return Err(Error::Fields(vec![FieldProblem::new("kind", "choose a kind")])),
        };
        Ok(FieldEdit {
            title: title(&self.title_zh, &self.title_en),
            kind,
            required: !self.required.is_empty(),
            retired: !self.retired.is_empty(),
        })
    }
}

/// An entry of a list as it is typed; a title that is left out is the code.
fn entry(line: &str) -> Option<FieldCode> {
    // Keyboards for Chinese write a bar of another width.
    let mut parts = line.split(['|', '｜']).map(str::trim);
    let code = parts.next().filter(|code| !code.is_empty())?;
    let mut title = || parts.next().filter(|title| !title.is_empty()).unwrap_or(code).to_owned();
    Some(FieldCode { code: code.to_owned(), title: Text { zh: title(), en: title() } })
}

pub(crate) async fn list(access: Require<ManageOffice>) -> Answer<Response> {
    render(&access, Vec::new(), FieldForm { kind: "number".into(), ..FieldForm::default() }).await
}

pub(crate) async fn declare(access: Require<ManageOffice>, Form(form): Form<FieldForm>) -> Answer<Response> {
    let declared = async {
        let entity: Entity = form.entity.parse()?;
        fields(&access).declare(&access.stamp(), entity, &form.key, form.edit()?).await
    };
    let outcome = declared.await.map(|_| ());
    answer(&access, outcome, form).await
}

pub(crate) async fn change(
    access: Require<ManageOffice>,
    Path(id): Path<CustomFieldId>,
    Form(form): Form<FieldForm>,
) -> Answer<Response> {
    // Another company's field is not found, whatever the form says.
    access.store.custom_field(id).await?;
    let changed = async { fields(&access).change(&access.stamp(), id, form.version, form.edit()?).await };
    let outcome = changed.await.map(|_| ());
    answer(&access, outcome, FieldForm { kind: "number".into(), ..FieldForm::default() }).await
}

/// Back to the list, or the list with the reasons and what was typed.
async fn answer(access: &Signed, outcome: Result<(), Error>, draft: FieldForm) -> Answer<Response> {
    let words = access.words;
    let refused = match outcome {
        Ok(()) => return Ok(Redirect::to(urls::CUSTOM_FIELDS).into_response()),
        Err(Error::Fields(problems)) => problems.iter().map(|problem| problem_told(words, problem)).collect(),
        Err(Error::Conflict(_)) => vec![words.t("custom-field-key-taken")],
        Err(Error::Refused { code, message }) if code == STALE || code.starts_with("custom-field") => {
            vec![words.find(&format!("refused-{code}")).unwrap_or(message)]
        }
        Err(other) => return Err(other.into()),
    };
    let mut response = render(access, refused, draft).await?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

/// A field that cannot be used, in the reader's language.
pub(super) fn problem_told(words: Words, problem: &FieldProblem) -> String {
    words.find(&format!("field-problem-{}", problem.code)).unwrap_or_else(|| problem.reason.clone())
}

async fn render(access: &Signed, refused: Vec<String>, draft: FieldForm) -> Answer<Response> {
    let words = access.words;
    let known = fields(access).list(&access.stamp(), None).await?;
    let open = Entity::ALL.iter().copied().filter(|entity| entity.takes_custom_fields());
    let groups = open.clone().map(|entity| Group {
        title: words.code("entity", entity.code()),
        rows: known.iter().filter(|field| field.entity == entity).map(|field| row(words, field)).collect(),
    });
    let choice =
        |value: &str, label: String, chosen: &str| Choice { label, chosen: value == chosen, value: value.to_owned() };
    show(&FieldsPage {
        groups: groups.collect(),
        entities: open
            .map(|entity| choice(entity.code(), words.code("entity", entity.code()), &draft.entity))
            .collect(),
        kinds: KINDS.iter().map(|kind| choice(kind, words.code("field-kind", kind), &draft.kind)).collect(),
        scales: (0..=SCALE_MAX).collect(),
        refused,
        draft,
        page: Page::new(access, Section::Fields, None),
    })
}

fn row(words: Words, field: &CustomField) -> Row {
    let kind = match &field.kind {
        FieldKind::Number { scale } if *scale > 0 => {
            words.say("fact-number", &[("scale", crate::words::Arg::Count(i64::from(*scale)))])
        }
        kind => words.code("field-kind", kind.code()),
    };
    Row {
        title: field.title.in_language(words.language).to_owned(),
        key: field.key.clone(),
        kind,
        fact: field.fact().map(|fact| fact.name.into_owned()).unwrap_or_default(),
        required: field.required,
        retired: field.retired,
        url: urls::custom_field(field.id),
        form: FieldForm::of(field),
        is_code: matches!(field.kind, FieldKind::Code { .. }),
    }
}

/// The company's own fields on the page of a record.
pub(super) struct OwnFields {
    pub rows: Vec<OwnField>,
    pub url: String,
    pub version: i64,
    pub may_write: bool,
    /// Set where something was not taken.
    pub refused: String,
    /// Where fields are declared; empty for those who may not.
    pub declare_url: String,
}

pub(super) struct OwnField {
    pub key: String,
    pub title: String,
    pub kind: &'static str,
    pub required: bool,
    /// As it is shown.
    pub shown: String,
    /// As the form has it.
    pub value: String,
    /// Places of a number, as the step of its input.
    pub hint: String,
    pub choices: Vec<OwnChoice>,
    pub problem: String,
}

pub(super) struct OwnChoice {
    pub value: String,
    pub label: String,
    pub chosen: bool,
}

/// What was typed, with what is wrong with it.
#[derive(Default)]
pub(super) struct OwnDraft {
    pub entered: BTreeMap<String, String>,
    pub problems: Vec<FieldProblem>,
    /// Somebody else was faster.
    pub stale: bool,
}

impl OwnFields {
    /// The fields of a record in use, with their values or with what was typed.
    pub(super) async fn of(access: &Signed, record: RecordRef, url: String, draft: Option<OwnDraft>) -> Answer<Self> {
        let known = access.store.record_values(record).await?;
        let words = access.words;
        let draft = draft.unwrap_or_default();
        let typed = !draft.problems.is_empty();
        let refused = if draft.stale {
            words.t("own-fields-stale")
        } else if typed {
            words.t("own-fields-refused")
        } else {
            String::new()
        };
        let row = |field: &CustomField| own_field(words, &known, field, typed.then_some(&draft));
        Ok(Self {
            rows: known.fields.iter().filter(|field| !field.retired).map(row).collect(),
            url,
            version: known.version,
            may_write: access.may(record.entity.write_permission()),
            refused,
            declare_url: if access.may(Permission::ManageOffice) {
                urls::CUSTOM_FIELDS.to_owned()
            } else {
                String::new()
            },
        })
    }
}

fn own_field(words: Words, known: &RecordValues, field: &CustomField, draft: Option<&OwnDraft>) -> OwnField {
    let stored = known.of(field);
    let value = match draft {
        Some(draft) => draft.entered.get(&field.key).cloned().unwrap_or_default(),
        None => stored.map(ToString::to_string).unwrap_or_default(),
    };
    let problem = draft.and_then(|draft| draft.problems.iter().find(|problem| problem.field == field.key));
    let choice =
        |value_of: &str, label: String| OwnChoice { chosen: value == value_of, value: value_of.to_owned(), label };
    let choices = match &field.kind {
        FieldKind::Code { codes } => {
            let title = |code: &FieldCode| code.title.in_language(words.language).to_owned();
            codes.iter().map(|code| choice(&code.code, title(code))).collect()
        }
        FieldKind::Flag => vec![choice("true", words.t("yes")), choice("false", words.t("no"))],
        _ => Vec::new(),
    };
    OwnField {
        key: field.key.clone(),
        title: field.title.in_language(words.language).to_owned(),
        kind: field.kind.code(),
        required: field.required,
        shown: stored.map(|value| shown(words, field, value)).unwrap_or_default(),
        hint: match field.kind {
            FieldKind::Number { scale } if scale > 0 => {
                words.say("own-field-places", &[("scale", text(scale.to_string()))])
            }
            _ => String::new(),
        },
        choices,
        problem: problem.map(|problem| problem_told(words, problem)).unwrap_or_default(),
        value,
    }
}

fn shown(words: Words, field: &CustomField, value: &FieldValue) -> String {
    match value {
        FieldValue::Flag(true) => words.t("yes"),
        FieldValue::Flag(false) => words.t("no"),
        FieldValue::Code(code) => {
            let known = field.kind.codes().iter().find(|known| known.code == *code);
            known.map_or(code.as_str(), |known| known.title.in_language(words.language)).to_owned()
        }
        other => other.to_string(),
    }
}

/// What the form of a record's page sends: the version that was seen, and a value for each key.
pub(super) type ValuesForm = BTreeMap<String, String>;

/// Name of the version among the values; no key has an underscore.
const VERSION_FIELD: &str = "_version";

/// Enters the values of a form: `None` when they are written, and otherwise what to show instead.
pub(super) async fn enter(access: &Signed, record: RecordRef, mut form: ValuesForm) -> Answer<Option<OwnDraft>> {
    let version = form.remove(VERSION_FIELD).and_then(|version| version.parse().ok()).unwrap_or_default();
    match fields(access).set(&access.stamp(), record, version, &form).await {
        Ok(_) => Ok(None),
        Err(Error::Fields(problems)) => Ok(Some(OwnDraft { entered: form, problems, stale: false })),
        // Over somebody else's values only what is stored now is offered again.
        Err(Error::Refused { code: STALE, .. }) => Ok(Some(OwnDraft { stale: true, ..OwnDraft::default() })),
        Err(other) => Err(other.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::whole("north | 朝北 | North", Some(("north", "朝北", "North")))]
    #[case::wide("north｜朝北｜North", Some(("north", "朝北", "North")))]
    #[case::code_only("north", Some(("north", "north", "north")))]
    #[case::nothing("  ", None)]
    fn entries_are_typed_a_line_each(#[case] line: &str, #[case] expected: Option<(&str, &str, &str)>) {
        let read = entry(line).map(|entry| (entry.code, entry.title.zh, entry.title.en));
        assert_eq!(read.as_ref().map(|(code, zh, en)| (code.as_str(), zh.as_str(), en.as_str())), expected);
    }
}
