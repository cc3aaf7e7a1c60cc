//! Custom fields and their values.

use async_trait::async_trait;
use guanjia_domain::{
    Error, Result,
    access::Stamp,
    custom_field::{CustomField, CustomValues, FieldKind, FieldValue, RecordValues, check_change},
    entity::{Entity, RecordRef},
    estate::STALE,
    facts::{CustomFact, FactKind},
    ids::CustomFieldId,
    plugin::Text,
    ports::CustomFieldStore,
};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

use crate::{
    CompanyScope,
    audit::Change,
    db::{Row, Scope},
    value,
};

/// Different values that are looked at before a declaration changes: lists are shorter, and of everything else one is
/// enough to know.
const VALUES_LOOKED_AT: u32 = 200;

macro_rules! field_columns {
    () => {
        "SELECT id, entity, key, title_zh, title_en, kind, required, retired, version FROM custom_field "
    };
}

fn read_field(row: &Row) -> Result<CustomField> {
    let mut cells = row.cells();
    Ok(CustomField {
        id: cells.take()?,
        entity: cells.take()?,
        key: cells.take()?,
        title: Text { zh: cells.take()?, en: cells.take()? },
        kind: value::json::<FieldKind>(&cells.take::<String>()?)?,
        required: cells.take()?,
        retired: cells.take()?,
        version: cells.take()?,
    })
}

/// A stored value is one of its field's kind; anything else was not written here.
fn read_value(kind: &FieldKind, text: &str) -> Result<FieldValue> {
    kind.read(text).map_err(|(_, reason)| Error::unavailable("a stored value is damaged", reason))
}

/// What the audit trail keeps of the values of a record. Nothing can be taken out of the trail, so that of a person it
/// keeps which fields there are and not what stands in them.
fn told(entity: Entity, fields: &[CustomField], values: &HashMap<CustomFieldId, FieldValue>) -> Json {
    let told: Map<String, Json> = fields
        .iter()
        .filter_map(|field| {
            let value = values.get(&field.id)?;
            let shown = if entity == Entity::Unit { json!(value.to_string()) } else { json!("set") };
            Some((field.key.clone(), shown))
        })
        .collect();
    Json::Object(told)
}

impl Scope {
    async fn fields(&mut self) -> Result<Vec<CustomField>> {
        let statement = sql!(field_columns!(), "WHERE company_id = $1 ORDER BY entity, id");
        self.rows(statement, values![]).await?.iter().map(read_field).collect()
    }

    /// Declarations of an entity; in a transaction they stay as they are until it ends.
    async fn fields_held(&mut self, entity: Entity) -> Result<Vec<CustomField>> {
        let statement = sql!(field_columns!(), "WHERE company_id = $1 AND entity = $2 ORDER BY id {for share}");
        self.rows(statement, values![entity]).await?.iter().map(read_field).collect()
    }

    async fn values_of(&mut self, record: RecordRef, fields: Vec<CustomField>) -> Result<RecordValues> {
        let rows = self
            .rows(
                sql!("SELECT custom_field_id, value FROM custom_value WHERE company_id = $1 AND record_id = $2"),
                values![record.id],
            )
            .await?;
        let mut values = HashMap::new();
        for row in &rows {
            let mut cells = row.cells();
            let id: CustomFieldId = cells.take()?;
            let text: String = cells.take()?;
            if let Some(field) = fields.iter().find(|field| field.id == id) {
                values.insert(id, read_value(&field.kind, &text)?);
            }
        }
        let version = self
            .row(
                sql!(
                    "SELECT version FROM custom_value_version WHERE company_id = $1 AND entity = $2 AND record_id = $3"
                ),
                values![record.entity, record.id],
            )
            .await?
            .map_or(Ok(0), |row| row.only())?;
        let fields = fields.into_iter().filter(|field| !field.retired || values.contains_key(&field.id)).collect();
        Ok(RecordValues { fields, values, version })
    }

    /// Moves the version of a record's values on from the one that was seen.
    async fn advance(&mut self, stamp: &Stamp, record: RecordRef, version: i64) -> Result<()> {
        let changed = if version == 0 {
            let statement = sql!(
                "INSERT INTO custom_value_version (company_id, entity, record_id, version, created_at) ",
                "VALUES ($1, $2, $3, 1, $4) ON CONFLICT (company_id, entity, record_id) DO NOTHING"
            );
            self.execute(statement, values![record.entity, record.id, stamp.at]).await?
        } else {
            let statement = sql!(
                "UPDATE custom_value_version SET version = version + 1 ",
                "WHERE company_id = $1 AND entity = $2 AND record_id = $3 AND version = $4"
            );
            self.execute(statement, values![record.entity, record.id, version]).await?
        };
        if changed == 0 {
            return Err(Error::refused(STALE, "somebody entered values meanwhile: read them again"));
        }
        Ok(())
    }

    async fn replace_values(
        &mut self,
        stamp: &Stamp,
        record: RecordRef,
        before: &RecordValues,
        values: &[(CustomFieldId, FieldValue)],
    ) -> Result<()> {
        for field in before.fields.iter().filter(|field| !field.retired) {
            let statement =
                sql!("DELETE FROM custom_value WHERE company_id = $1 AND record_id = $2 AND custom_field_id = $3");
            self.execute(statement, values![record.id, field.id]).await?;
        }
        for (field, value) in values {
            let statement = sql!(
                "INSERT INTO custom_value (company_id, record_id, custom_field_id, value, created_at) ",
                "VALUES ($1, $2, $3, $4, $5)"
            );
            self.execute(statement, values![record.id, *field, value.to_string(), stamp.at]).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl CustomFieldStore for CompanyScope {
    async fn custom_fields(&self) -> Result<Vec<CustomField>> {
        self.read().await?.fields().await
    }

    async fn custom_field(&self, field: CustomFieldId) -> Result<CustomField> {
        let statement = sql!(field_columns!(), "WHERE company_id = $1 AND id = $2");
        let row = self.read().await?.row(statement, values![field]).await?;
        read_field(&row.ok_or_else(|| Error::not_found("custom field", field))?)
    }

    async fn add_custom_field(&self, stamp: &Stamp, field: &CustomField) -> Result<()> {
        let mut scope = self.write().await?;
        let statement = sql!(
            "INSERT INTO custom_field (company_id, id, entity, key, title_zh, title_en, kind, required, retired, version, ",
            "created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
        );
        let values = values![
            field.id,
            field.entity,
            &field.key,
            &field.title.zh,
            &field.title.en,
            value::to_json(&field.kind)?,
            field.required,
            field.retired,
            field.version,
            stamp.at
        ];
        scope.execute(statement, values).await?;
        let subject = format!("custom-field {}", field.id);
        scope.event(stamp.at, "custom-field.declared", None, field.id.to_string(), &json!(field)).await?;
        scope.audit(stamp, Change::of("custom-field.declare", subject, json!(field))).await?;
        scope.commit().await
    }

    async fn change_custom_field(&self, stamp: &Stamp, field: &CustomField, version: i64) -> Result<CustomField> {
        let mut scope = self.write().await?;
        let lock = sql!(field_columns!(), "WHERE company_id = $1 AND id = $2 {for update}");
        let row = scope.row(lock, values![field.id]).await?;
        let before = read_field(&row.ok_or_else(|| Error::not_found("custom field", field.id))?)?;
        if before.version != version {
            return Err(Error::refused(STALE, "the field was changed meanwhile: read it again"));
        }
        let entered = scope
            .rows(
                sql!("SELECT DISTINCT value FROM custom_value WHERE company_id = $1 AND custom_field_id = $2 LIMIT $3"),
                values![field.id, VALUES_LOOKED_AT],
            )
            .await?;
        let entered = entered.iter().map(Row::only).collect::<Result<Vec<String>>>()?;
        check_change(&before, field, &entered)?;
        let statement = sql!(
            "UPDATE custom_field SET title_zh = $3, title_en = $4, kind = $5, required = $6, retired = $7, ",
            "version = version + 1 WHERE company_id = $1 AND id = $2"
        );
        let values = values![
            field.id,
            &field.title.zh,
            &field.title.en,
            value::to_json(&field.kind)?,
            field.required,
            field.retired
        ];
        scope.execute(statement, values).await?;
        let after = CustomField { version: version + 1, ..field.clone() };
        let subject = format!("custom-field {}", field.id);
        scope.event(stamp.at, "custom-field.changed", None, field.id.to_string(), &json!(after)).await?;
        let change = Change { action: "custom-field.change", subject, before: json!(before), after: json!(after) };
        scope.audit(stamp, change).await?;
        scope.commit().await?;
        Ok(after)
    }

    async fn record_values(&self, record: RecordRef) -> Result<RecordValues> {
        let mut scope = self.read().await?;
        scope.require_record(record).await?;
        let mut fields = scope.fields().await?;
        fields.retain(|field| field.entity == record.entity);
        scope.values_of(record, fields).await
    }

    async fn set_record_values(
        &self,
        stamp: &Stamp,
        record: RecordRef,
        version: i64,
        seen: &[CustomField],
        values: &[(CustomFieldId, FieldValue)],
    ) -> Result<()> {
        let mut scope = self.write().await?;
        scope.require_record(record).await?;
        let fields = scope.fields_held(record.entity).await?;
        let known: BTreeMap<CustomFieldId, i64> = fields.iter().map(|field| (field.id, field.version)).collect();
        if seen.iter().any(|field| known.get(&field.id) != Some(&field.version)) {
            return Err(Error::refused(STALE, "the fields were declared otherwise meanwhile: read them again"));
        }
        scope.advance(stamp, record, version).await?;
        let before = scope.values_of(record, fields).await?;
        scope.replace_values(stamp, record, &before, values).await?;
        // Values of retired fields stay as they are, on both sides.
        let mut after = before.values.clone();
        after.retain(|id, _| before.fields.iter().any(|field| field.id == *id && field.retired));
        after.extend(values.iter().cloned());
        let change = Change {
            action: "custom-values.set",
            subject: record.to_string(),
            before: told(record.entity, &before.fields, &before.values),
            after: told(record.entity, seen, &after),
        };
        scope.audit(stamp, change).await?;
        scope.commit().await
    }

    async fn custom_values(&self, facts: &[CustomFact], records: &[Uuid]) -> Result<CustomValues> {
        let mut scope = self.read().await?;
        let statement = sql!(
            "SELECT custom_field_id, record_id, value FROM custom_value WHERE company_id = $1 AND record_id IN ({list})"
        );
        let mut values = CustomValues::default();
        for row in scope.rows_of(statement, records).await? {
            let mut cells = row.cells();
            let (field, record): (CustomFieldId, Uuid) = (cells.take()?, cells.take()?);
            let text: String = cells.take()?;
            if let Some(fact) = facts.iter().find(|fact| fact.field_id == field) {
                values.insert(field, record, read_cell(fact.kind, text)?);
            }
        }
        Ok(values)
    }
}

/// A stored value as a fact. Which entries a list has does not matter to a rule that reads a chosen one.
fn read_cell(kind: FactKind, text: String) -> Result<FieldValue> {
    let kind = match kind {
        FactKind::Code => return Ok(FieldValue::Code(text)),
        FactKind::Number { scale } => FieldKind::Number { scale },
        FactKind::Date => FieldKind::Date,
        FactKind::Flag => FieldKind::Flag,
    };
    read_value(&kind, &text)
}
