//! A form made from the JSON Schema of a plug-in's settings, and the settings that come back from it.

use guanjia_domain::{Error, Result};
use serde_json::{Map, Value};
use std::collections::HashMap;

use super::line::{choice, title};
use crate::words::Words;

/// What stands before the names of the settings in the form, so that they cannot be mistaken for its other fields.
const PREFIX: &str = "s.";

/// One setting of the form.
pub(crate) struct Field {
    pub name: String,
    pub label: String,
    pub code: String,
    pub required: bool,
    pub value: String,
    pub input: Input,
    pub help: String,
}

/// How a setting is entered.
pub(crate) enum Input {
    Text {
        pattern: String,
        number: bool,
    },
    Choice(Vec<Choice>),
    Flag(bool),
    /// Lines of `code value`.
    Entries,
    /// Anything else, as JSON.
    Json,
}

pub(crate) struct Choice {
    pub value: String,
    pub label: String,
    pub chosen: bool,
}

/// What a property of the schema is entered as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Choice,
    Flag,
    Number,
    Text,
    Entries,
    Json,
}

fn kind(property: &Value) -> Kind {
    if property["enum"].is_array() {
        return Kind::Choice;
    }
    match property["type"].as_str() {
        Some("boolean") => Kind::Flag,
        Some("integer" | "number") => Kind::Number,
        Some("string") => Kind::Text,
        Some("object") if property["additionalProperties"]["type"] == "string" && property["properties"].is_null() => {
            Kind::Entries
        }
        _ => Kind::Json,
    }
}

/// The form for a schema, filled in with settings; required ones first, as the schema orders them otherwise.
pub(crate) fn fields(words: Words, schema: &Value, settings: &Value) -> Vec<Field> {
    let Some(properties) = schema["properties"].as_object() else { return Vec::new() };
    let required = |name: &str| {
        schema["required"].as_array().into_iter().flatten().any(|required| required.as_str() == Some(name))
    };
    let mut fields: Vec<Field> = properties
        .iter()
        .map(|(name, property)| field(words, name, property, required(name), &settings[name]))
        .collect();
    fields.sort_by_key(|field| !field.required);
    fields
}

fn field(words: Words, name: &str, property: &Value, required: bool, set: &Value) -> Field {
    let value = if set.is_null() { &property["default"] } else { set };
    let kind = kind(property);
    let input = match kind {
        Kind::Choice => Input::Choice(choices(words, property, value, required)),
        Kind::Flag => Input::Flag(value.as_bool().unwrap_or(false)),
        Kind::Number => Input::Text { pattern: String::new(), number: true },
        Kind::Text => {
            Input::Text { pattern: property["pattern"].as_str().map(input_pattern).unwrap_or_default(), number: false }
        }
        Kind::Entries => Input::Entries,
        Kind::Json => Input::Json,
    };
    Field {
        name: format!("{PREFIX}{name}"),
        label: title(words, property).unwrap_or_else(|| name.to_owned()),
        code: name.to_owned(),
        required,
        value: shown(kind, value),
        help: match kind {
            Kind::Entries => words.t("settings-entries-help"),
            Kind::Json => words.t("settings-json-help"),
            _ => String::new(),
        },
        input,
    }
}

/// A form's pattern is anchored by itself.
fn input_pattern(pattern: &str) -> String {
    pattern.trim_start_matches('^').trim_end_matches('$').to_owned()
}

fn choices(words: Words, property: &Value, value: &Value, required: bool) -> Vec<Choice> {
    let known = property["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut choices: Vec<Choice> = known
        .map(|code| Choice {
            value: code.to_owned(),
            label: choice(words, property, code).unwrap_or_else(|| code.to_owned()),
            chosen: value.as_str() == Some(code),
        })
        .collect();
    if !required && property["default"].is_null() {
        let chosen = value.is_null();
        choices.insert(0, Choice { value: String::new(), label: words.t("settings-unset"), chosen });
    }
    choices
}

fn shown(kind: Kind, value: &Value) -> String {
    match (kind, value) {
        (_, Value::Null) => String::new(),
        (Kind::Entries, Value::Object(entries)) => {
            let line = |(code, value): (&String, &Value)| format!("{code} {}", value.as_str().unwrap_or_default());
            entries.iter().map(line).collect::<Vec<_>>().join("\n")
        }
        (Kind::Json, value) => serde_json::to_string_pretty(value).unwrap_or_default(),
        (_, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    }
}

/// Puts back what was entered, whether it can be read or not.
pub(crate) fn refill(fields: &mut [Field], form: &HashMap<String, String>) {
    for field in fields {
        let entered = form.get(&field.name).cloned().unwrap_or_default();
        match &mut field.input {
            Input::Flag(set) => *set = !entered.is_empty(),
            Input::Choice(choices) => choices.iter_mut().for_each(|choice| choice.chosen = choice.value == entered),
            Input::Text { .. } | Input::Entries | Input::Json => {}
        }
        field.value = entered;
    }
}

/// The settings that a form came back with. What was left empty is not set; whether the rest fits is for the schema to say.
///
/// # Errors
/// `Invalid` that names the setting which cannot be read.
pub(crate) fn read(schema: &Value, form: &HashMap<String, String>) -> Result<Value> {
    let mut settings = Map::new();
    let Some(properties) = schema["properties"].as_object() else { return Ok(Value::Object(settings)) };
    for (name, property) in properties {
        let text = form.get(&format!("{PREFIX}{name}")).map(|text| text.trim()).unwrap_or_default();
        let kind = kind(property);
        if kind == Kind::Flag {
            settings.insert(name.clone(), Value::Bool(!text.is_empty()));
            continue;
        }
        if text.is_empty() {
            continue;
        }
        settings.insert(name.clone(), entered(name, kind, text)?);
    }
    Ok(Value::Object(settings))
}

fn entered(name: &str, kind: Kind, text: &str) -> Result<Value> {
    Ok(match kind {
        Kind::Choice | Kind::Text | Kind::Flag => Value::String(text.to_owned()),
        Kind::Number | Kind::Json => serde_json::from_str(text)
            .map_err(|error| Error::invalid(format!("the setting {name} cannot be read: {error}")))?,
        Kind::Entries => {
            let mut entries = Map::new();
            for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
                let (code, value) = line.split_once(char::is_whitespace).ok_or_else(|| {
                    Error::invalid(format!("the setting {name} has the line {line:?}: write a code and a value"))
                })?;
                entries.insert(code.to_owned(), Value::String(value.trim().to_owned()));
            }
            Value::Object(entries)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Words;
    use guanjia_domain::plugin::Language;
    use serde_json::json;

    fn schema() -> Value {
        json!({
            "required": ["price"],
            "properties": {
                "area": { "enum": ["built-up", "internal"], "default": "built-up", "x-enum-zh": ["建筑面积", "套内面积"] },
                "price": { "type": "string", "pattern": "^[0-9]+$", "title": "单价" },
                "by-kind": { "type": "object", "additionalProperties": { "type": "string" } },
                "tiers": { "type": "array" },
                "rounded": { "type": "boolean" },
                "days": { "type": "integer" },
            },
        })
    }

    #[test]
    fn what_is_filled_in_comes_back() {
        let settings = json!({
            "area": "internal", "price": "280", "by-kind": { "shop": "435", "home": "280" }, "tiers": [{ "price": "1" }],
            "rounded": true, "days": 3,
        });
        let words = Words::new(Language::Zh);
        let fields = fields(words, &schema(), &settings);
        assert_eq!(fields[0].label, "单价", "what has to be set comes first");
        assert!(matches!(&fields[0].input, Input::Text { pattern, .. } if pattern == "[0-9]+"));
        let form: HashMap<String, String> = fields
            .into_iter()
            .map(|field| match field.input {
                Input::Flag(set) => (field.name, if set { "on".to_owned() } else { String::new() }),
                _ => (field.name, field.value),
            })
            .collect();
        assert_eq!(read(&schema(), &form).expect("can be read"), settings);
    }

    #[test]
    fn what_is_not_set_is_proposed_from_the_schema() {
        let fields = fields(Words::new(Language::Zh), &schema(), &json!({}));
        let area = fields.iter().find(|field| field.code == "area").expect("is a setting");
        let Input::Choice(choices) = &area.input else { panic!("an area is chosen") };
        let chosen: Vec<&str> =
            choices.iter().filter(|choice| choice.chosen).map(|choice| choice.value.as_str()).collect();
        assert_eq!((chosen, area.value.as_str()), (vec!["built-up"], "built-up"));
        let price = fields.iter().find(|field| field.code == "price").expect("is a setting");
        assert_eq!(price.value, "", "it has no default");
    }

    #[test]
    fn what_is_left_empty_is_not_set() {
        let form = HashMap::from([("s.price".to_owned(), " ".to_owned()), ("s.unknown".to_owned(), "1".to_owned())]);
        assert_eq!(read(&schema(), &form).expect("can be read"), json!({ "rounded": false }));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (field, text) in [("s.tiers", "[1"), ("s.by-kind", "shop"), ("s.days", "three")] {
            let form = HashMap::from([(field.to_owned(), text.to_owned())]);
            let error = read(&schema(), &form).expect_err("cannot be read").to_string();
            assert!(error.contains(&field[2..]), "{error}");
        }
    }
}
