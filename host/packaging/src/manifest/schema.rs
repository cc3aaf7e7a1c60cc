//! What a settings schema may be: a form's worth of JSON Schema, closed in itself.
//!
//! A schema comes with a plug-in and is run by the host, so it is bounded like one: it refers to nothing outside of
//! itself, it does not refer to itself in circles, and with every reference written out it stays small. Patterns are
//! counted because each becomes a machine of its own.

use serde_json::{Map, Value};

use super::text;

/// Levels of a schema with its references written out. Settings that a person fills in have five.
pub const DEPTH_MAX: usize = 32;
/// Values of a schema with its references written out. The largest standard one has about 150.
pub const NODES_MAX: usize = 10_000;
/// Regular expressions of a schema.
pub const PATTERNS_MAX: usize = 100;
/// Length of a regular expression, in bytes.
pub const PATTERN_BYTES_MAX: usize = 500;

/// Keys whose strings a person reads.
const TEXTS: [&str; 4] = ["title", "description", "x-title-en", "x-description-en"];

/// All that is wrong, one sentence each; one sentence where a bound ends the reading.
pub fn problems(schema: &Value) -> Vec<String> {
    if !schema.is_object() {
        return vec!["settings-schema: a JSON Schema that is an object is needed".to_owned()];
    }
    let mut walk = Walk { root: schema, nodes: 0, patterns: 0, open: Vec::new(), problems: Vec::new() };
    if let Err(Stop(sentence)) = walk.value(schema, 1) {
        walk.problems.push(sentence);
    }
    walk.problems.iter().map(|problem| format!("settings-schema: {problem}")).collect()
}

/// Why there is no use in reading on.
struct Stop(String);

struct Walk<'a> {
    root: &'a Value,
    nodes: usize,
    patterns: usize,
    /// Targets of the references that are being followed.
    open: Vec<&'a str>,
    problems: Vec<String>,
}

impl<'a> Walk<'a> {
    fn value(&mut self, value: &'a Value, depth: usize) -> Result<(), Stop> {
        self.nodes += 1;
        if depth > DEPTH_MAX {
            return Err(Stop(format!("it is deeper than {DEPTH_MAX} levels")));
        }
        if self.nodes > NODES_MAX {
            return Err(Stop(format!("with its references written out it has more than {NODES_MAX} values")));
        }
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.value(item, depth + 1)),
            Value::Object(members) => self.members(members, depth),
            Value::String(string) => self.string("a string", string),
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }

    fn members(&mut self, members: &'a Map<String, Value>, depth: usize) -> Result<(), Stop> {
        for (key, member) in members {
            self.string("a key", key)?;
            match (key.as_str(), member) {
                ("$ref", Value::String(target)) => self.reference(target, depth)?,
                ("$dynamicRef" | "$recursiveRef", Value::String(_)) => {
                    return Err(Stop(format!("{key} is not supported; use $ref with a pointer such as #/$defs/price")));
                }
                ("$id" | "id", Value::String(_)) if depth > 1 => {
                    return Err(Stop("only the schema as a whole may have an $id".to_owned()));
                }
                ("pattern", Value::String(pattern)) => self.pattern(pattern)?,
                ("patternProperties", Value::Object(patterns)) => {
                    patterns.keys().try_for_each(|pattern| self.pattern(pattern))?;
                }
                (key, Value::String(words)) if TEXTS.contains(&key) => {
                    self.problems.extend(text::problem(words).map(|problem| format!("{key} {problem}")));
                }
                _ => {}
            }
            self.value(member, depth + 1)?;
        }
        Ok(())
    }

    fn reference(&mut self, target: &'a str, depth: usize) -> Result<(), Stop> {
        let Some(pointer) = target.strip_prefix('#').filter(|pointer| pointer.starts_with('/')) else {
            return Err(Stop(format!(
                "it refers to {target:?}; only places of its own may be referred to, such as #/$defs/price"
            )));
        };
        if self.open.contains(&pointer) {
            return Err(Stop(format!("{target} refers to itself; a schema may not be recursive")));
        }
        let found = self.root.pointer(pointer);
        let found = found.ok_or_else(|| Stop(format!("it refers to {target}, which is not there")))?;
        self.open.push(pointer);
        self.value(found, depth + 1)?;
        self.open.pop();
        Ok(())
    }

    fn pattern(&mut self, pattern: &str) -> Result<(), Stop> {
        self.patterns += 1;
        if self.patterns > PATTERNS_MAX {
            return Err(Stop(format!("it has more than {PATTERNS_MAX} patterns")));
        }
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(Stop(format!("a pattern is longer than {PATTERN_BYTES_MAX} bytes")));
        }
        Ok(())
    }

    fn string(&mut self, what: &str, string: &str) -> Result<(), Stop> {
        match text::hidden(string) {
            Some(character) => Err(Stop(format!("{what} has the hidden character {}", character.escape_unicode()))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn deep(levels: usize) -> Value {
        (1..levels).fold(json!({}), |inner, _| json!({ "items": inner }))
    }

    /// Each definition refers to the next one four times, so that `levels` of them are 4^levels.
    fn multiplying(levels: usize) -> Value {
        let definition = |level: usize| {
            let next = json!({ "$ref": format!("#/$defs/d{}", level + 1) });
            (format!("d{level}"), json!({ "allOf": [next, next, next, next] }))
        };
        let mut definitions: Map<String, Value> = (0..levels).map(definition).collect();
        definitions.insert(format!("d{levels}"), json!({}));
        json!({ "$ref": "#/$defs/d0", "$defs": definitions })
    }

    #[rstest]
    #[case::no_object(json!([]), "is an object")]
    #[case::http(json!({ "$ref": "https://example.org/schema.json" }), "only places of its own")]
    #[case::file(json!({ "properties": { "a": { "$ref": "file:///etc/passwd" } } }), "only places of its own")]
    #[case::relative(json!({ "$ref": "other.json#/a" }), "only places of its own")]
    #[case::anchor(json!({ "$ref": "#price" }), "only places of its own")]
    #[case::whole(json!({ "allOf": [{ "$ref": "#" }] }), "only places of its own")]
    #[case::circle(json!({ "$ref": "#/$defs/a", "$defs": { "a": { "items": { "$ref": "#/$defs/a" } } } }), "refers to itself")]
    #[case::longer_circle(json!({ "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "$ref": "#/$defs/a" } } }), "refers to itself")]
    #[case::nowhere(json!({ "$ref": "#/$defs/a" }), "which is not there")]
    #[case::dynamic(json!({ "$dynamicRef": "#a" }), "not supported")]
    #[case::inner_id(json!({ "properties": { "a": { "$id": "https://example.org" } } }), "only the schema as a whole")]
    #[case::deep(deep(DEPTH_MAX + 1), "deeper than 32")]
    #[case::multiplying(multiplying(8), "more than 10000 values")]
    #[case::huge(json!({ "enum": vec![0; NODES_MAX] }), "more than 10000 values")]
    #[case::patterns(json!({ "allOf": vec![json!({ "pattern": "a" }); PATTERNS_MAX + 1] }), "more than 100 patterns")]
    #[case::long_pattern(json!({ "pattern": "a".repeat(PATTERN_BYTES_MAX + 1) }), "longer than 500")]
    #[case::long_key_pattern(json!({ "patternProperties": { "a".repeat(PATTERN_BYTES_MAX + 1): {} } }), "longer than 500")]
    #[case::markup(json!({ "properties": { "a": { "title": "<b>价格</b>" } } }), "markup")]
    #[case::hidden(json!({ "properties": { "a\u{202e}b": {} } }), "\\u{202e}")]
    fn what_is_no_form_is_refused(#[case] schema: Value, #[case] words: &str) {
        let problems = problems(&schema);
        assert!(problems.len() == 1 && problems[0].contains(words), "{problems:?}");
    }

    #[rstest]
    #[case::empty(json!({}))]
    #[case::reference(json!({ "$id": "https://example.org/s", "properties": { "a": { "$ref": "#/$defs/a" }, "b": { "$ref": "#/$defs/a" } }, "$defs": { "a": {} } }))]
    #[case::deep(deep(DEPTH_MAX))]
    #[case::a_property_of_that_name(json!({ "properties": { "$ref": { "type": "string" }, "title": { "type": "string" } } }))]
    #[case::comparison(json!({ "title": "面积 < 100" }))]
    fn what_is_one_passes(#[case] schema: Value) {
        assert_eq!(problems(&schema), Vec::<String>::new());
    }
}
