//! What is different about another version of a plug-in: what somebody looks at before the new one is switched on.
//!
//! Pure: it compares two outlines. An outline can be had of an installed plug-in, and of a file that nobody has installed.

use semver::Version;
use serde::Serialize;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use super::{InstalledPlugin, MessageText, StepText, Text, Tier};

/// A schema deeper than this is compared down to here; settings of the standard plug-ins are three deep.
const DEPTH_MAX: usize = 8;
/// Fields of one schema that are compared. A form of more than this nobody fills in.
const FIELDS_MAX: usize = 2_000;

/// What is different since the newest installed version that is older, with that version. A first one is compared with
/// nothing.
#[must_use]
pub fn since_last(outline: &PluginOutline, installed: &[InstalledPlugin]) -> Option<(String, Difference)> {
    let this: Version = outline.version.parse().ok()?;
    let number = |plugin: &InstalledPlugin| plugin.version.parse::<Version>().ok();
    let older = |other: &&InstalledPlugin| other.id == outline.id && number(other).is_some_and(|other| other < this);
    let before = installed.iter().filter(older).max_by_key(|other| number(other))?;
    Some((before.version.clone(), difference(&PluginOutline::from(before), outline)))
}

/// What a plug-in offers, asks for and says, as far as two versions of it can differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginOutline {
    pub id: String,
    pub version: String,
    pub publisher: String,
    pub exports: Vec<ExportOutline>,
    /// JSON Schema.
    pub settings_schema: Value,
    pub steps: BTreeMap<String, StepText>,
    pub messages: BTreeMap<String, MessageText>,
    pub float_free: bool,
    pub tier: Tier,
    pub size_bytes: i64,
}

/// One decision that a plug-in answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportOutline {
    /// Code of the extension point.
    pub point: String,
    /// Version of the WIT package.
    pub wit: String,
    pub facts: Vec<String>,
}

impl From<&InstalledPlugin> for PluginOutline {
    fn from(plugin: &InstalledPlugin) -> Self {
        let export = |export: &super::PluginExport| ExportOutline {
            point: export.point.to_string(),
            wit: export.wit.clone(),
            facts: export.description.facts.clone(),
        };
        Self {
            id: plugin.id.clone(),
            version: plugin.version.clone(),
            publisher: plugin.publisher.clone(),
            exports: plugin.exports.iter().map(export).collect(),
            settings_schema: plugin.settings_schema.clone(),
            steps: plugin.steps.clone(),
            messages: plugin.messages.clone(),
            float_free: plugin.float_free,
            tier: plugin.tier,
            size_bytes: plugin.size_bytes,
        }
    }
}

/// A value that was one thing and is another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed<T> {
    pub before: T,
    pub after: T,
}

/// A fact that one extension point asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PointFact {
    pub point: String,
    pub fact: String,
}

/// What became of one field of the settings. Places are written `tiers[].price`, and `by-tenure.*.price` where any name may
/// stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum SettingChange {
    Added {
        path: String,
        kind: String,
        required: bool,
    },
    Removed {
        path: String,
        kind: String,
    },
    /// It takes another kind of value.
    Kind {
        path: String,
        before: String,
        after: String,
    },
    /// It has to be there now, or need not be there any more.
    Required {
        path: String,
        required: bool,
    },
    /// What holds when it is not set.
    Default {
        path: String,
        before: Option<Value>,
        after: Option<Value>,
    },
    /// The same kind of value within other bounds.
    Bounds {
        path: String,
    },
}

/// What became of sentences: steps of an explanation, or messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TextDifference {
    pub added: Vec<String>,
    pub removed: Vec<String>,
    /// They take other numbers than before.
    pub arguments: Vec<String>,
    /// Other words for the same thing.
    pub reworded: Vec<String>,
}

impl TextDifference {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.arguments.is_empty() && self.reworded.is_empty()
    }
}

/// What is different about the later of two versions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Extension points that only the later one answers.
    pub exports_added: Vec<String>,
    pub exports_removed: Vec<String>,
    /// Versions of the contract, by extension point.
    pub wit: BTreeMap<String, Changed<String>>,
    /// Facts that the later one asks for and the earlier one did not: what it newly gets to see.
    pub facts_added: Vec<PointFact>,
    pub facts_removed: Vec<PointFact>,
    pub settings: Vec<SettingChange>,
    pub steps: TextDifference,
    pub messages: TextDifference,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<Changed<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub float_free: Option<Changed<bool>>,
    /// Another engine runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<Changed<Tier>>,
    pub size_bytes: Option<Changed<i64>>,
}

impl Difference {
    /// Whether nothing that a person could notice is different. The size alone is not.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { size_bytes: _, .. } = self;
        *self == Self { size_bytes: self.size_bytes.clone(), ..Self::default() }
    }
}

/// Compares two versions. It compares any two plug-ins; whether that makes sense is the caller's to know.
#[must_use]
pub fn difference(before: &PluginOutline, after: &PluginOutline) -> Difference {
    let (old_points, new_points) = (points(before), points(after));
    let (old_facts, new_facts) = (facts(before), facts(after));
    let wit = old_points.iter().filter_map(|(point, old)| {
        let new = new_points.get(point).filter(|new| *new != old)?;
        Some(((*point).to_owned(), Changed { before: (*old).to_owned(), after: (*new).to_owned() }))
    });
    let only = |left: &BTreeMap<&str, &str>, right: &BTreeMap<&str, &str>| {
        left.keys().filter(|point| !right.contains_key(*point)).map(|point| (*point).to_owned()).collect()
    };
    Difference {
        exports_added: only(&new_points, &old_points),
        exports_removed: only(&old_points, &new_points),
        wit: wit.collect(),
        facts_added: new_facts.difference(&old_facts).cloned().collect(),
        facts_removed: old_facts.difference(&new_facts).cloned().collect(),
        settings: settings(&before.settings_schema, &after.settings_schema),
        steps: texts(&before.steps, &after.steps, |step| (&step.args, [&step.label, &step.text])),
        messages: texts(&before.messages, &after.messages, |message| (&message.args, [&message.text])),
        publisher: changed(&before.publisher, &after.publisher),
        float_free: changed(&before.float_free, &after.float_free),
        tier: changed(&before.tier, &after.tier),
        size_bytes: changed(&before.size_bytes, &after.size_bytes),
    }
}

fn changed<T: PartialEq + Clone>(before: &T, after: &T) -> Option<Changed<T>> {
    (before != after).then(|| Changed { before: before.clone(), after: after.clone() })
}

fn points(outline: &PluginOutline) -> BTreeMap<&str, &str> {
    outline.exports.iter().map(|export| (export.point.as_str(), export.wit.as_str())).collect()
}

fn facts(outline: &PluginOutline) -> BTreeSet<PointFact> {
    let of = |export: &ExportOutline| {
        let point = export.point.clone();
        export.facts.clone().into_iter().map(move |fact| PointFact { point: point.clone(), fact })
    };
    outline.exports.iter().flat_map(of).collect()
}

/// Compares sentences by what they take and by what they say.
fn texts<T, const N: usize>(
    before: &BTreeMap<String, T>,
    after: &BTreeMap<String, T>,
    parts: for<'a> fn(&'a T) -> (&'a [String], [&'a Text; N]),
) -> TextDifference {
    let mut difference = TextDifference::default();
    for (key, new) in after {
        let Some(old) = before.get(key) else {
            difference.added.push(key.clone());
            continue;
        };
        let ((old_args, old_words), (new_args, new_words)) = (parts(old), parts(new));
        if old_args != new_args {
            difference.arguments.push(key.clone());
        } else if old_words != new_words {
            difference.reworded.push(key.clone());
        }
    }
    difference.removed = before.keys().filter(|key| !after.contains_key(*key)).cloned().collect();
    difference
}

/// One field of the settings.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingField {
    /// Written `tiers[].price`.
    pub path: String,
    /// What it takes, in words of JSON Schema: `string`, `integer`, `array of object`, `one of "a", "b"`.
    pub kind: String,
    pub required: bool,
    pub default: Option<Value>,
    /// Title in Chinese and in English, where the schema has them.
    pub title: Option<String>,
    pub title_en: Option<String>,
    /// Whatever else the schema asks of it.
    bounds: Value,
}

/// The fields of a settings schema, in the order of their places. Only references within the schema are followed.
#[must_use]
pub fn setting_fields(schema: &Value) -> Vec<SettingField> {
    let mut fields = Vec::new();
    collect_fields(schema, schema, "", 0, &mut fields);
    fields.sort_by(|left, right| left.path.cmp(&right.path));
    fields.dedup_by(|left, right| left.path == right.path);
    fields
}

fn settings(before: &Value, after: &Value) -> Vec<SettingChange> {
    let by_path = |schema| -> BTreeMap<String, SettingField> {
        setting_fields(schema).into_iter().map(|field| (field.path.clone(), field)).collect()
    };
    let (old, new) = (by_path(before), by_path(after));
    let mut changes = Vec::new();
    for (path, field) in &old {
        if !new.contains_key(path) {
            changes.push(SettingChange::Removed { path: path.clone(), kind: field.kind.clone() });
        }
    }
    for (path, field) in new {
        match old.get(&path) {
            None => changes.push(SettingChange::Added { path, kind: field.kind, required: field.required }),
            Some(earlier) => changes.extend(field_changes(earlier, &field)),
        }
    }
    changes
}

fn field_changes(before: &SettingField, after: &SettingField) -> Vec<SettingChange> {
    let path = || after.path.clone();
    let mut changes = Vec::new();
    if before.kind != after.kind {
        changes.push(SettingChange::Kind { path: path(), before: before.kind.clone(), after: after.kind.clone() });
    } else if before.bounds != after.bounds {
        changes.push(SettingChange::Bounds { path: path() });
    }
    if before.required != after.required {
        changes.push(SettingChange::Required { path: path(), required: after.required });
    }
    if before.default != after.default {
        let (before, after) = (before.default.clone(), after.default.clone());
        changes.push(SettingChange::Default { path: path(), before, after });
    }
    changes
}

fn collect_fields(root: &Value, schema: &Value, prefix: &str, depth: usize, fields: &mut Vec<SettingField>) {
    let schema = resolved(root, schema);
    if depth == DEPTH_MAX {
        return;
    }
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if fields.len() == FIELDS_MAX {
            return;
        }
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let property = resolved(root, property);
        fields.push(SettingField {
            kind: kind(root, property, 0),
            required: required.contains(&name.as_str()),
            default: property.get("default").cloned(),
            title: text(property, "title"),
            title_en: text(property, "x-title-en"),
            bounds: bounds(property),
            path: path.clone(),
        });
        collect_fields(root, property, &path, depth + 1, fields);
    }
    for (keyword, mark) in [("items", "[]"), ("additionalProperties", ".*")] {
        if schema[keyword].is_object() {
            collect_fields(root, &schema[keyword], &format!("{prefix}{mark}"), depth + 1, fields);
        }
    }
}

fn text(schema: &Value, key: &str) -> Option<String> {
    schema[key].as_str().map(str::to_owned)
}

/// Follows references within the schema; one that leads in a circle or out of it stays what it is.
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    for _ in 0..DEPTH_MAX {
        let target = schema["$ref"].as_str().and_then(|to| root.pointer(to.strip_prefix('#')?));
        match target {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

fn kind(root: &Value, schema: &Value, depth: usize) -> String {
    let schema = resolved(root, schema);
    let inner = |keyword: &str| kind(root, &schema[keyword], depth + 1);
    if let Some(choices) = schema["enum"].as_array() {
        let mut text = String::from("one of ");
        for (number, choice) in choices.iter().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            let _ = write!(text, "{comma}{choice}");
        }
        return text;
    }
    let name = match &schema["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "any".to_owned(),
    };
    if depth < DEPTH_MAX && name == "array" && schema["items"].is_object() {
        return format!("array of {}", inner("items"));
    }
    if depth < DEPTH_MAX && name == "object" && schema["additionalProperties"].is_object() {
        return format!("map to {}", inner("additionalProperties"));
    }
    name
}

/// What a field's schema asks for beside its kind. Words for people, and what is compared as fields of their own, do not count.
fn bounds(schema: &Value) -> Value {
    let spoken = |key: &str| {
        key.starts_with("x-")
            || [
                "title",
                "description",
                "default",
                "enum",
                "type",
                "properties",
                "required",
                "items",
                "examples",
                "$comment",
            ]
            .contains(&key)
    };
    let mut bounds: serde_json::Map<String, Value> = schema
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| !spoken(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    // The bounds of what a list or a map holds belong to it where that has no fields of its own.
    for keyword in ["items", "additionalProperties"] {
        let inner = &schema[keyword];
        if inner.is_object() {
            let inner_bounds = self::bounds(inner);
            bounds.insert(keyword.to_owned(), inner_bounds);
        }
    }
    Value::Object(bounds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn words(text: &str) -> Text {
        Text { zh: text.to_owned(), en: text.to_owned() }
    }

    fn outline() -> PluginOutline {
        let step = StepText { args: vec!["area".into()], label: words("label"), text: words("text") };
        let message = MessageText { args: vec![], text: words("sentence") };
        PluginOutline {
            id: "area-fee".into(),
            version: "1.0.0".into(),
            publisher: "Guanjia".into(),
            exports: vec![ExportOutline {
                point: "fee-policy".into(),
                wit: "1.0.0".into(),
                facts: vec!["unit.area".into()],
            }],
            settings_schema: json!({
                "type": "object", "required": ["price"],
                "properties": {
                    "price": { "$ref": "#/$defs/money", "title": "单价" },
                    "area": { "enum": ["built-up", "internal"], "default": "built-up" },
                    "tiers": { "type": "array", "items": { "type": "object", "required": ["price"], "properties": { "price": { "type": "string" } } } },
                    "by-kind": { "type": "object", "additionalProperties": { "type": "string", "pattern": "^[0-9]+$" } },
                },
                "$defs": { "money": { "type": "string", "pattern": "^[0-9]+$" } },
            }),
            steps: BTreeMap::from([("product".to_owned(), step)]),
            messages: BTreeMap::from([("too-small".to_owned(), message)]),
            float_free: true,
            tier: Tier::Pure,
            size_bytes: 100,
        }
    }

    type Change = fn(&mut PluginOutline);

    #[rstest]
    #[case::nothing(|_: &mut PluginOutline| (), json!({}))]
    #[case::size(|o: &mut PluginOutline| o.size_bytes = 90, json!({"size_bytes": {"before": 100, "after": 90}}))]
    #[case::publisher(|o: &mut PluginOutline| o.publisher = "X".into(), json!({"publisher": {"before": "Guanjia", "after": "X"}}))]
    #[case::tier(|o: &mut PluginOutline| o.tier = Tier::WithRuntime, json!({"tier": {"before": "pure", "after": "virtual-wasi"}}))]
    #[case::floats(|o: &mut PluginOutline| o.float_free = false, json!({"float_free": {"before": true, "after": false}}))]
    #[case::contract(|o: &mut PluginOutline| o.exports[0].wit = "1.1.0".into(), json!({"wit": {"fee-policy": {"before": "1.0.0", "after": "1.1.0"}}}))]
    #[case::fact_asked_for(|o: &mut PluginOutline| o.exports[0].facts.push("unit.rent".into()), json!({"facts_added": [{"point": "fee-policy", "fact": "unit.rent"}]}))]
    #[case::facts_in_another_order(|o: &mut PluginOutline| o.exports[0].facts.insert(0, "unit.rent".into()), json!({"facts_added": [{"point": "fee-policy", "fact": "unit.rent"}]}))]
    #[case::fact_dropped(|o: &mut PluginOutline| o.exports[0].facts.clear(), json!({"facts_removed": [{"point": "fee-policy", "fact": "unit.area"}]}))]
    #[case::export_added(|o: &mut PluginOutline| o.exports.push(ExportOutline { point: "late-fee-policy".into(), wit: "1.0.0".into(), facts: vec![] }), json!({"exports_added": ["late-fee-policy"]}))]
    #[case::export_replaced(|o: &mut PluginOutline| o.exports[0].point = "late-fee-policy".into(), json!({
        "exports_added": ["late-fee-policy"], "exports_removed": ["fee-policy"],
        "facts_added": [{"point": "late-fee-policy", "fact": "unit.area"}], "facts_removed": [{"point": "fee-policy", "fact": "unit.area"}],
    }))]
    #[case::field_added(|o: &mut PluginOutline| o.settings_schema["properties"]["cap"] = json!({"type": "integer"}), json!({"settings": [{"change": "added", "path": "cap", "kind": "integer", "required": false}]}))]
    #[case::field_removed(|o: &mut PluginOutline| { o.settings_schema["properties"].as_object_mut().map(|all| all.remove("area")); }, json!({"settings": [{"change": "removed", "path": "area", "kind": "one of \"built-up\", \"internal\""}]}))]
    #[case::field_of_another_kind(|o: &mut PluginOutline| o.settings_schema["$defs"]["money"]["type"] = "integer".into(), json!({"settings": [{"change": "kind", "path": "price", "before": "string", "after": "integer"}]}))]
    #[case::choice_added(|o: &mut PluginOutline| o.settings_schema["properties"]["area"]["enum"] = json!(["built-up"]), json!({"settings": [{"change": "kind", "path": "area", "before": "one of \"built-up\", \"internal\"", "after": "one of \"built-up\""}]}))]
    #[case::field_narrowed(|o: &mut PluginOutline| o.settings_schema["$defs"]["money"]["pattern"] = "^[0-9]$".into(), json!({"settings": [{"change": "bounds", "path": "price"}]}))]
    #[case::map_narrowed(|o: &mut PluginOutline| o.settings_schema["properties"]["by-kind"]["additionalProperties"]["pattern"] = "^x$".into(), json!({"settings": [{"change": "bounds", "path": "by-kind"}]}))]
    #[case::field_of_a_list(|o: &mut PluginOutline| o.settings_schema["properties"]["tiers"]["items"]["properties"]["up-to"] = json!({"type": "string"}), json!({"settings": [{"change": "added", "path": "tiers[].up-to", "kind": "string", "required": false}]}))]
    #[case::field_no_longer_required(|o: &mut PluginOutline| o.settings_schema["required"] = json!([]), json!({"settings": [{"change": "required", "path": "price", "required": false}]}))]
    #[case::other_default(|o: &mut PluginOutline| o.settings_schema["properties"]["area"]["default"] = "internal".into(), json!({"settings": [{"change": "default", "path": "area", "before": "built-up", "after": "internal"}]}))]
    #[case::other_title(|o: &mut PluginOutline| o.settings_schema["properties"]["area"]["title"] = "面积".into(), json!({}))]
    #[case::step_added(|o: &mut PluginOutline| { let step = o.steps["product"].clone(); o.steps.insert("rounded".into(), step); }, json!({"steps": {"added": ["rounded"]}}))]
    #[case::step_removed(|o: &mut PluginOutline| o.steps.clear(), json!({"steps": {"removed": ["product"]}}))]
    #[case::step_takes_other_numbers(|o: &mut PluginOutline| { if let Some(step) = o.steps.get_mut("product") { step.args.clear() } }, json!({"steps": {"arguments": ["product"]}}))]
    #[case::step_in_other_words(|o: &mut PluginOutline| { if let Some(step) = o.steps.get_mut("product") { step.label.zh = "面积".into() } }, json!({"steps": {"reworded": ["product"]}}))]
    #[case::message_in_other_words(|o: &mut PluginOutline| { if let Some(message) = o.messages.get_mut("too-small") { message.text.en = "x".into() } }, json!({"messages": {"reworded": ["too-small"]}}))]
    fn exactly_what_changed_is_told(#[case] change: Change, #[case] expected: Value) {
        let (before, mut after) = (outline(), outline());
        change(&mut after);
        let difference = difference(&before, &after);
        assert_eq!(told(&difference), expected);
        let size_only = expected == json!({}) || expected.get("size_bytes").is_some();
        assert_eq!(difference.is_empty(), size_only);
        assert!(super::difference(&after, &after).is_empty());
    }

    /// The parts of a difference that say anything.
    fn told(difference: &Difference) -> Value {
        fn trimmed(value: Value) -> Option<Value> {
            match value {
                Value::Null => None,
                Value::Array(items) if items.is_empty() => None,
                Value::Object(members) => {
                    let kept: serde_json::Map<_, _> =
                        members.into_iter().filter_map(|(key, value)| Some((key, trimmed(value)?))).collect();
                    (!kept.is_empty()).then_some(Value::Object(kept))
                }
                other => Some(other),
            }
        }
        trimmed(serde_json::to_value(difference).expect("is plain data")).unwrap_or_else(|| json!({}))
    }

    #[test]
    fn fields_carry_their_words() {
        let fields = setting_fields(&outline().settings_schema);
        let paths: Vec<&str> = fields.iter().map(|field| field.path.as_str()).collect();
        assert_eq!(paths, ["area", "by-kind", "price", "tiers", "tiers[].price"]);
        let kinds: Vec<&str> = fields.iter().map(|field| field.kind.as_str()).collect();
        assert_eq!(
            kinds,
            ["one of \"built-up\", \"internal\"", "map to string", "string", "array of object", "string"]
        );
        assert!(fields[2].required && fields[4].required && !fields[3].required);
    }

    #[test]
    fn a_schema_that_leads_in_a_circle_has_an_end() {
        let schema = json!({ "properties": { "a": { "$ref": "#" }, "b": { "$ref": "#/properties/b" }, "c": { "$ref": "https://example.com" } } });
        let fields = setting_fields(&schema);
        assert!(fields.len() < 20 * FIELDS_MAX && fields.iter().any(|field| field.path == "a.a.b"));
    }

    #[test]
    fn a_schema_that_fans_out_has_an_end() {
        let wide: serde_json::Map<String, Value> =
            (0..50).map(|number| (format!("p{number}"), json!({ "$ref": "#" }))).collect();
        assert_eq!(setting_fields(&json!({ "properties": wide })).len(), FIELDS_MAX);
    }
}
