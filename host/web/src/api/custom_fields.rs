//! Custom fields (自定义字段): what a company keeps of its units and parties, and the values that people enter.

use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
};
use guanjia_domain::{
    Error,
    custom_field::{CustomField, CustomFields, FieldCode, FieldEdit, FieldKind, RecordValues},
    entity::{Entity, RecordRef},
    estate::FieldProblem,
    ids::{CustomFieldId, PartyId, UnitId},
    party::ViewedPart,
    plugin::Text,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Ask, At, List, Reply, etag, parties::parties, require_match};
use crate::{
    access::{
        Require, Signed,
        needs::{ManageOffice, ReadEstate, ReadPersonalData, WriteEstate},
    },
    fault::{Answer, Fault, Problem},
};

/// One field of the company's own.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CustomFieldBody {
    pub id: Uuid,
    /// `unit`, `party`.
    pub entity: String,
    pub key: String,
    pub title_zh: String,
    pub title_en: String,
    /// `number`, `code`, `date`, `flag`, `text`.
    pub kind: &'static str,
    /// Decimal places of a number.
    pub scale: Option<u8>,
    /// What a code may be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<FieldCodeBody>,
    pub required: bool,
    /// Not offered any more; what was entered stays.
    pub retired: bool,
    /// Name of the fact that rules may ask for; absent for text.
    pub fact: Option<String>,
    /// Counts the changes; the number in the `ETag`.
    pub version: i64,
}

/// One entry of a list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldCodeBody {
    pub code: String,
    pub title_zh: String,
    pub title_en: String,
}

impl From<CustomField> for CustomFieldBody {
    fn from(field: CustomField) -> Self {
        let scale = match field.kind {
            FieldKind::Number { scale } => Some(scale),
            _ => None,
        };
        let code = |code: &FieldCode| FieldCodeBody {
            code: code.code.clone(),
            title_zh: code.title.zh.clone(),
            title_en: code.title.en.clone(),
        };
        Self {
            id: field.id.0,
            entity: field.entity.to_string(),
            fact: field.fact().map(|fact| fact.name.into_owned()),
            kind: field.kind.code(),
            scale,
            codes: field.kind.codes().iter().map(code).collect(),
            key: field.key,
            title_zh: field.title.zh,
            title_en: field.title.en,
            required: field.required,
            retired: field.retired,
            version: field.version,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EntityQuery {
    /// `unit` or `party`; both without it.
    entity: Option<String>,
}

/// A field with its entity tag.
type Tagged = ([(HeaderName, HeaderValue); 1], Json<CustomFieldBody>);

fn tagged(field: CustomField) -> Tagged {
    ([(header::ETAG, etag(field.version))], Json(field.into()))
}

/// Lists the company's own fields in the order of their declaration, with those that are retired.
#[utoipa::path(
    get, path = "/api/v1/custom-fields", tag = "custom-fields", params(EntityQuery),
    responses((status = 200, body = List<CustomFieldBody>)),
)]
pub(crate) async fn list_custom_fields(
    access: Require<ReadEstate>,
    Ask(query): Ask<EntityQuery>,
) -> Reply<List<CustomFieldBody>> {
    let entity = query.entity.as_deref().map(entity).transpose()?;
    Ok(Json(List::whole(fields(&access).list(&access.stamp(), entity).await?)))
}

fn entity(text: &str) -> Answer<Entity> {
    text.parse().map_err(|error: Error| Fault::malformed(error.to_string()))
}

/// A field that is declared.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewCustomField {
    /// `unit` or `party`.
    entity: String,
    /// Small letters, digits and hyphens: part of the fact's name, and never given again.
    key: String,
    #[serde(flatten)]
    declared: Declared,
}

/// What can be said of a field again.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CustomFieldEdit {
    #[serde(flatten)]
    declared: Declared,
    /// Retired fields are not offered any more; what was entered stays.
    #[serde(default)]
    retired: bool,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Declared {
    title_zh: String,
    title_en: String,
    /// `number`, `code`, `date`, `flag`, `text`.
    kind: String,
    /// Decimal places of a number; none without it.
    scale: Option<u8>,
    /// What a code may be.
    #[serde(default)]
    codes: Vec<FieldCodeBody>,
    /// Whoever enters values of a record has to enter this one.
    #[serde(default)]
    required: bool,
}

impl Declared {
    fn edit(self, retired: bool) -> Answer<FieldEdit> {
        let title = |zh: String, en: String| Text { zh, en };
        let code = |code: FieldCodeBody| FieldCode { code: code.code, title: title(code.title_zh, code.title_en) };
        let kind = match self.kind.as_str() {
            "number" => FieldKind::Number { scale: self.scale.unwrap_or_default() },
            "code" => FieldKind::Code { codes: self.codes.into_iter().map(code).collect() },
            "date" => FieldKind::Date,
            "flag" => FieldKind::Flag,
            "text" => FieldKind::Text,
            other => {
                let reason = format!("{other:?} is not a kind; known are number, code, date, flag, text");
                return Err(Fault::fields(vec![FieldProblem::new("kind", reason)]));
            }
        };
        Ok(FieldEdit { title: title(self.title_zh, self.title_en), kind, required: self.required, retired })
    }
}

/// Declares a field of the company's own.
#[utoipa::path(
    post, path = "/api/v1/custom-fields", tag = "custom-fields", request_body = NewCustomField,
    responses(
        (status = 201, body = CustomFieldBody),
        (status = 409, description = "there is, or was, a field of this key", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`errors` names what cannot stand in a declaration", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn declare_custom_field(
    access: Require<ManageOffice>,
    Json(new): Json<NewCustomField>,
) -> Answer<(StatusCode, Tagged)> {
    let entity = new
        .entity
        .parse()
        .map_err(|error: Error| Fault::fields(vec![FieldProblem::new("entity", error.to_string())]))?;
    let field = fields(&access).declare(&access.stamp(), entity, &new.key, new.declared.edit(false)?).await?;
    Ok((StatusCode::CREATED, tagged(field)))
}

/// Reads one field.
#[utoipa::path(
    get, path = "/api/v1/custom-fields/{id}", tag = "custom-fields", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = CustomFieldBody, headers(("ETag" = String, description = "what a change sends as `If-Match`"))),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn read_custom_field(access: Require<ReadEstate>, At(id): At<CustomFieldId>) -> Answer<Tagged> {
    Ok(tagged(access.store.custom_field(id).await?))
}

/// Changes a field, if it still is what was read. Its kind stays once there are values.
#[utoipa::path(
    put, path = "/api/v1/custom-fields/{id}", tag = "custom-fields",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "the `ETag` of the field that is changed")),
    request_body = CustomFieldEdit,
    responses(
        (status = 200, body = CustomFieldBody, headers(("ETag" = String, description = "of the field after the change"))),
        (status = 412, description = "`stale`: it was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (
            status = 422, description = "`custom-field-retyped`, `custom-field-code-used`, `custom-field-asked`, or `errors`",
            body = Problem, content_type = "application/problem+json",
        ),
        (status = 428, description = "`precondition-required`: `If-Match` is missing", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn change_custom_field(
    access: Require<ManageOffice>,
    At(id): At<CustomFieldId>,
    headers: HeaderMap,
    Json(edit): Json<CustomFieldEdit>,
) -> Answer<Tagged> {
    let stored = access.store.custom_field(id).await?;
    require_match(&headers, stored.version)?;
    let edit = edit.declared.edit(edit.retired)?;
    // The store compares the version once more, where nobody can come between.
    Ok(tagged(fields(&access).change(&access.stamp(), id, stored.version, edit).await?))
}

/// What a record has of the company's own fields.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CustomValuesBody {
    /// By the key of the field. Numbers are texts, so that no place of them is lost.
    pub values: BTreeMap<String, String>,
    /// Required fields without a value.
    pub missing: Vec<String>,
    /// Counts the changes; the number in the `ETag`.
    pub version: i64,
}

impl From<RecordValues> for CustomValuesBody {
    fn from(record: RecordValues) -> Self {
        let missing = |field: &&CustomField| field.required && !field.retired && record.of(field).is_none();
        Self {
            values: record
                .fields
                .iter()
                .filter_map(|field| Some((field.key.clone(), record.of(field)?.to_string())))
                .collect(),
            missing: record.fields.iter().filter(missing).map(|field| field.key.clone()).collect(),
            version: record.version,
        }
    }
}

/// Values of a record's fields: all that are in use, where one that is left out is emptied.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CustomValuesEdit {
    /// By the key of the field: a text, a whole number, `true`, `false`, or nothing (`null`).
    #[schema(value_type = BTreeMap<String, String>)]
    values: BTreeMap<String, serde_json::Value>,
}

impl CustomValuesEdit {
    /// Texts as people would write them. A number with a point is refused: in JSON it may lose its last places.
    fn texts(self) -> Answer<BTreeMap<String, String>> {
        use serde_json::Value;
        let (mut texts, mut problems) = (BTreeMap::new(), Vec::new());
        for (key, value) in self.values {
            let text = match value {
                Value::Null => String::new(),
                Value::String(text) => text,
                Value::Bool(flag) => flag.to_string(),
                Value::Number(number) if number.is_i64() => number.to_string(),
                _ => {
                    let reason = "write numbers with a point as text, such as \"80.50\"";
                    problems.push(FieldProblem::coded(format!("values/{key}"), "not-a-text", reason));
                    continue;
                }
            };
            texts.insert(key, text);
        }
        if problems.is_empty() { Ok(texts) } else { Err(Fault::fields(problems)) }
    }
}

/// Values with their entity tag.
type TaggedValues = ([(HeaderName, HeaderValue); 1], Json<CustomValuesBody>);

fn tagged_values(record: RecordValues) -> TaggedValues {
    ([(header::ETAG, etag(record.version))], Json(record.into()))
}

async fn set(access: &Signed, record: RecordRef, headers: &HeaderMap, edit: CustomValuesEdit) -> Answer<TaggedValues> {
    let version = access.store.record_values(record).await?.version;
    require_match(headers, version)?;
    let set = fields(access).set(&access.stamp(), record, version, &edit.texts()?).await;
    Ok(tagged_values(set.map_err(|error| match error {
        Error::Fields(mut problems) => {
            for problem in &mut problems {
                problem.field = format!("values/{}", problem.field).into();
            }
            Fault::fields(problems)
        }
        other => other.into(),
    })?))
}

/// Reads what a unit has of the company's own fields.
#[utoipa::path(
    get, path = "/api/v1/units/{id}/custom-values", tag = "custom-fields", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = CustomValuesBody, headers(("ETag" = String, description = "what an edit sends as `If-Match`"))),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn read_unit_values(access: Require<ReadEstate>, At(id): At<UnitId>) -> Answer<TaggedValues> {
    Ok(tagged_values(fields(&access).values(&access.stamp(), id.into()).await?))
}

/// Enters what a unit has of the company's own fields, if it still is what was read.
#[utoipa::path(
    put, path = "/api/v1/units/{id}/custom-values", tag = "custom-fields",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "the `ETag` of the values that were edited")),
    request_body = CustomValuesEdit,
    responses(
        (status = 200, body = CustomValuesBody, headers(("ETag" = String, description = "of the values after the edit"))),
        (status = 412, description = "`stale`: they were changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`errors` names the keys that cannot be used", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: `If-Match` is missing", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn set_unit_values(
    access: Require<WriteEstate>,
    At(id): At<UnitId>,
    headers: HeaderMap,
    Json(edit): Json<CustomValuesEdit>,
) -> Answer<TaggedValues> {
    set(&access, id.into(), &headers, edit).await
}

/// Reads what a party has of the company's own fields. It is personal data.
#[utoipa::path(
    get, path = "/api/v1/parties/{id}/custom-values", tag = "custom-fields", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = CustomValuesBody, headers(("ETag" = String, description = "what an edit sends as `If-Match`"))),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn read_party_values(access: Require<ReadPersonalData>, At(id): At<PartyId>) -> Answer<TaggedValues> {
    let values = fields(&access).values(&access.stamp(), id.into()).await?;
    parties(&access).viewed(&access.stamp(), ViewedPart::Party, RecordRef::from(id).to_string()).await?;
    Ok(tagged_values(values))
}

/// Enters what a party has of the company's own fields, if it still is what was read.
#[utoipa::path(
    put, path = "/api/v1/parties/{id}/custom-values", tag = "custom-fields",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "the `ETag` of the values that were edited")),
    request_body = CustomValuesEdit,
    responses(
        (status = 200, body = CustomValuesBody, headers(("ETag" = String, description = "of the values after the edit"))),
        (status = 412, description = "`stale`: they were changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`errors` names the keys that cannot be used", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: `If-Match` is missing", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn set_party_values(
    access: Require<WriteEstate>,
    At(id): At<PartyId>,
    headers: HeaderMap,
    Json(edit): Json<CustomValuesEdit>,
) -> Answer<TaggedValues> {
    set(&access, id.into(), &headers, edit).await
}

pub(crate) fn fields(access: &Signed) -> CustomFields {
    CustomFields::new(access.store.clone())
}
