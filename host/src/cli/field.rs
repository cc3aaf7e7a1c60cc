//! `guanjia field`: custom fields (自定义字段), and what units and parties have of them.

use clap::{Args, Subcommand};
use guanjia_domain::{
    Error, Result,
    custom_field::{CustomField, CustomFields, FieldCode, FieldEdit, FieldKind, RecordValues},
    entity::{Entity, RecordRef},
    estate::STALE,
    ids::{PartyId, UnitId},
    plugin::{Language, Text},
};
use serde_json::json;
use std::collections::BTreeMap;

use super::{Done, Global, output, unit::Place};
use crate::boot::Office;

#[derive(Debug, Subcommand)]
pub(super) enum Field {
    /// Declare a field of the company's own.
    Declare {
        #[command(flatten)]
        of: Key,
        #[arg(long, value_name = "TITLE")]
        title_zh: String,
        #[arg(long, value_name = "TITLE")]
        title_en: String,
        #[command(flatten)]
        kind: Kind,
        /// Whoever enters values has to enter this one.
        #[arg(long)]
        required: bool,
    },
    /// The fields, with the facts that rules may ask for.
    List {
        /// Only those of units or of parties.
        #[arg(long, value_name = "ENTITY")]
        entity: Option<Entity>,
    },
    /// Offer a field no more, or again; what was entered stays.
    Retire {
        #[command(flatten)]
        of: Key,
        /// Offer it again.
        #[arg(long)]
        undo: bool,
    },
    /// Enter values of a unit or party; those that are not named stay.
    Set {
        #[command(flatten)]
        record: Record,
        /// `key=value`; an empty value empties it.
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = assignment)]
        values: Vec<(String, String)>,
    },
    /// What a unit or party has.
    Show {
        #[command(flatten)]
        record: Record,
    },
}

#[derive(Debug, Args)]
pub(super) struct Key {
    /// `unit` or `party`.
    #[arg(long, default_value = "unit", value_name = "ENTITY")]
    entity: Entity,
    /// Small letters, digits and hyphens, such as heated-area.
    #[arg(long, value_name = "KEY")]
    key: String,
}

#[derive(Debug, Args)]
pub(super) struct Kind {
    /// `number`, `code`, `date`, `flag` or `text`.
    #[arg(long = "type", value_name = "TYPE")]
    name: String,
    /// Decimal places of a number.
    #[arg(long, default_value_t = 0, value_name = "PLACES")]
    scale: u8,
    /// An entry of a list, such as `north=朝北/North`; may be said several times.
    #[arg(long = "code", value_name = "CODE=ZH/EN", value_parser = assignment)]
    codes: Vec<(String, String)>,
}

/// A unit by its place, or a party by its id.
#[derive(Debug, Args)]
pub(super) struct Record {
    #[arg(long, value_name = "NAME", requires = "unit")]
    project: Option<String>,
    /// Building, entrance and number, such as 6-1-103.
    #[arg(long, value_name = "PLACE", requires = "project", required_unless_present = "party")]
    unit: Option<String>,
    #[arg(long, value_name = "ID", conflicts_with_all = ["unit", "project"])]
    party: Option<PartyId>,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not written like key=value"))?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

impl Kind {
    fn read(&self) -> Result<FieldKind> {
        let code = |(code, titles): &(String, String)| {
            let (zh, en) = titles.split_once('/').unwrap_or((titles, titles));
            FieldCode { code: code.clone(), title: Text { zh: zh.trim().to_owned(), en: en.trim().to_owned() } }
        };
        Ok(match self.name.as_str() {
            "number" => FieldKind::Number { scale: self.scale },
            "code" => FieldKind::Code { codes: self.codes.iter().map(code).collect() },
            "date" => FieldKind::Date,
            "flag" => FieldKind::Flag,
            "text" => FieldKind::Text,
            other => {
                return Err(Error::invalid(format!(
                    "{other:?} is not a type; known are number, code, date, flag, text"
                )));
            }
        })
    }
}

impl Record {
    async fn find(&self, office: &Office) -> Result<RecordRef> {
        match (&self.project, &self.unit, self.party) {
            (_, _, Some(party)) => Ok(party.into()),
            (Some(project), Some(unit), None) => {
                let place = Place { project: project.clone(), unit: unit.clone() };
                let unit: UnitId = place.find(office).await?.unit.id;
                Ok(unit.into())
            }
            _ => Err(Error::invalid("name a unit with --project and --unit, or a party with --party")),
        }
    }
}

impl Field {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        let office = global.office().await?;
        let stamp = office.stamp(global.acting.as_deref(), "cli").await?;
        let fields = CustomFields::new(office.store.clone());
        match self {
            Field::Declare { of, title_zh, title_en, kind, required } => {
                let edit = FieldEdit {
                    title: Text { zh: title_zh.clone(), en: title_en.clone() },
                    kind: kind.read()?,
                    required: *required,
                    retired: false,
                };
                print(&fields.declare(&stamp, of.entity, &of.key, edit).await?, global);
            }
            Field::List { entity } => {
                for field in fields.list(&stamp, *entity).await? {
                    print(&field, global);
                }
            }
            Field::Retire { of, undo } => {
                let known = fields.list(&stamp, Some(of.entity)).await?;
                let field = known.into_iter().find(|field| field.key == of.key);
                let field = field.ok_or_else(|| Error::not_found("custom field", &of.key))?;
                let CustomField { id, title, kind, required, version, .. } = field;
                let edit = FieldEdit { title, kind, required, retired: !undo };
                print(&fields.change(&stamp, id, version, edit).await?, global);
            }
            Field::Set { record, values } => {
                let record = record.find(&office).await?;
                let known = fields.values(&stamp, record).await?;
                let mut entered = texts(&known);
                entered.extend(values.iter().cloned());
                let set = fields.set(&stamp, record, known.version, &entered).await.map_err(|error| match error {
                    Error::Refused { code: STALE, message } => Error::Conflict(message),
                    other => other,
                })?;
                print_values(record, &set, global);
            }
            Field::Show { record } => {
                let record = record.find(&office).await?;
                print_values(record, &fields.values(&stamp, record).await?, global);
            }
        }
        Ok(Done::Well)
    }
}

/// Values of the fields in use, by key.
fn texts(known: &RecordValues) -> BTreeMap<String, String> {
    let used = known.fields.iter().filter(|field| !field.retired);
    used.filter_map(|field| Some((field.key.clone(), known.of(field)?.to_string()))).collect()
}

fn print(field: &CustomField, global: &Global) {
    let fact = field.fact().map(|fact| fact.name.into_owned());
    if global.json {
        let scale = match field.kind {
            FieldKind::Number { scale } => Some(scale),
            _ => None,
        };
        let codes: Vec<&str> = field.kind.codes().iter().map(|code| code.code.as_str()).collect();
        output::line(&json!({
            "id": field.id, "entity": field.entity.code(), "key": field.key, "kind": field.kind.code(), "scale": scale,
            "codes": codes, "title_zh": field.title.zh, "title_en": field.title.en, "required": field.required,
            "retired": field.retired, "fact": fact, "version": field.version,
        }));
        return;
    }
    let language = global.language(Language::En);
    let mut line =
        format!("{}  {:<24}  {:<6}  {}", field.entity, field.key, field.kind.code(), field.title.in_language(language));
    if field.required {
        line.push_str(output::pick(language, "  必填", "  required"));
    }
    if field.retired {
        line.push_str(output::pick(language, "  已停用", "  retired"));
    }
    output::text(&format!("{line}  {}", fact.unwrap_or_default()));
}

fn print_values(record: RecordRef, known: &RecordValues, global: &Global) {
    let values = texts(known);
    if global.json {
        output::line(
            &json!({ "entity": record.entity.code(), "id": record.id, "values": values, "version": known.version }),
        );
        return;
    }
    for (key, value) in values {
        output::text(&format!("{key:<24}  {value}"));
    }
}
