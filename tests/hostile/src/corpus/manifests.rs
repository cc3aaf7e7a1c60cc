//! Manifests that are forged, damaged, or made to hurt who reads them.

use serde_json::{Value, json};

use super::{Entry, refused};
use crate::{guest::Guest, package::*};

pub(super) const ENTRIES: &[Entry] = &[
    refused("no manifest", "no manifest", || bare(Guest::honest())),
    refused("two manifests", "more than one manifest", || {
        let json = serde_json::to_vec(&good_manifest()).unwrap();
        with_section(honest_with(&good_manifest()), &json)
    }),
    refused("a manifest in a nested component", "no manifest", || nested(2, true)),
    refused("a manifest that is no JSON", "guanjia:manifest", || with_section(bare(Guest::honest()), b"id = 'toml'")),
    refused("a manifest that is no UTF-8", "guanjia:manifest", || {
        with_section(bare(Guest::honest()), b"{\"id\": \"\xff\"}")
    }),
    refused("a manifest of two megabytes", "1048576 are allowed", || {
        with_section(bare(Guest::honest()), &vec![b' '; 2 << 20])
    }),
    refused("a manifest of a hundred thousand brackets", "recursion limit", || {
        let json = manifest_with("/settings-schema", json!("HERE")).to_string();
        with_section(bare(Guest::honest()), json.replace("\"HERE\"", &"[".repeat(100_000)).as_bytes())
    }),
    refused("a manifest with the same key twice", "duplicate field", || {
        let json = good_manifest().to_string().replacen('{', r#"{"id":"other","#, 1);
        with_section(bare(Guest::honest()), json.as_bytes())
    }),
    refused("a member that nobody knows", "unknown field", || {
        honest_with(&manifest_with("/grants", json!(["network"])))
    }),
    refused("an id that is a path", "must be kebab-case", || {
        honest_with(&manifest_with("/id", json!("../../etc/passwd")))
    }),
    refused("an id with a letter from elsewhere", "must be kebab-case", || {
        // The first letter is Cyrillic.
        honest_with(&manifest_with("/id", json!("\u{430}rea-fee")))
    }),
    refused("an id with an invisible character", "must be kebab-case", || {
        honest_with(&manifest_with("/id", json!("area\u{200b}-fee")))
    }),
    refused("an id without end", "must be kebab-case", || {
        honest_with(&manifest_with("/id", json!("a".repeat(10_000))))
    }),
    refused("a version that is none", "unexpected character", || {
        honest_with(&manifest_with("/version", json!("latest")))
    }),
    refused("a version with a path", "unexpected character", || {
        honest_with(&manifest_with("/version", json!("1.0.0/../..")))
    }),
    refused("an export that the component does not have", "promises guanjia:late-fee-policy", || {
        honest_with(&manifest_with("/exports/late-fee-policy", json!({ "wit": "1.0.0" })))
    }),
    refused("an extension point that nobody knows", "extension points are", || {
        honest_with(&manifest_with("/exports/shell-policy", json!({ "wit": "1.0.0" })))
    }),
    refused("facts that the component does not read", "its manifest lists [unit.area]", || {
        honest_with(&manifest_with("/exports/fee-policy/facts", json!(["unit.area"])))
    }),
    refused("a step without words", "Add [steps.step]", || honest_with(&manifest_with("/steps", json!({})))),
    refused("three hundred facts", "at most 256", || {
        let facts: Vec<String> = (0..300).map(|number| format!("unit.fact-{number}")).collect();
        honest_with(&manifest_with("/exports/fee-policy/facts", json!(facts)))
    }),
    refused("a title with markup", "markup", || titled("<img src=x onerror=alert(1)>")),
    refused("a title with a link", "markup", || titled("价格 <a href=\"//evil\">详情</a>")),
    refused("a title that clears the terminal", "hidden character", || titled("\u{1b}[2J\u{1b}[H")),
    refused("a title that turns the writing round", "hidden character", || titled("面积\u{202e}费")),
    refused("a title without end", "more than 1000 characters", || titled(&"面".repeat(1_001))),
    refused("a sentence with markup", "markup", || {
        honest_with(&manifest_with("/messages", json!({ "no": { "zh": "<script>", "en": "no" } })))
    }),
    refused("a sentence with a place that is not filled", "none of its arguments", || {
        honest_with(&manifest_with("/messages", json!({ "no": { "zh": "{secret}", "en": "no" } })))
    }),
    refused("a schema from the network", "only places of its own", || {
        schema(&json!({ "$ref": "http://169.254.169.254/latest/meta-data" }))
    }),
    refused("a schema from a file", "only places of its own", || {
        schema(&json!({ "properties": { "a": { "$ref": "file:///etc/passwd" } } }))
    }),
    refused("a schema that is its own part", "refers to itself", || {
        schema(&json!({ "$ref": "#/$defs/a", "$defs": { "a": { "allOf": [{ "$ref": "#/$defs/a" }] } } }))
    }),
    refused("a schema that multiplies by four eight times", "more than 10000 values", || {
        let mut definitions = serde_json::Map::new();
        for level in 0..8 {
            let next = json!({ "$ref": format!("#/$defs/d{}", level + 1) });
            definitions.insert(format!("d{level}"), json!({ "anyOf": [next, next, next, next] }));
        }
        definitions.insert("d8".to_owned(), json!({ "type": "string" }));
        schema(&json!({ "$ref": "#/$defs/d0", "$defs": definitions }))
    }),
    refused("a schema of a hundred levels", "deeper than 32", || {
        schema(&(0..100).fold(json!({}), |inner, _| json!({ "not": inner })))
    }),
    refused("a schema of fifty thousand values", "more than 10000 values", || {
        schema(&json!({ "enum": vec![0; 50_000] }))
    }),
    refused("a schema with a pattern of gigabytes", "settings schema is broken", || {
        schema(&json!({ "properties": { "a": { "pattern": "^(\\p{L}{1,1000}){1,1000}$" } } }))
    }),
    refused("a schema with a pattern that looks back", "settings schema is broken", || {
        schema(&json!({ "properties": { "a": { "pattern": "^(?=(a+))\\1$" } } }))
    }),
    refused("a schema of a draft that nobody knows", "settings schema is broken", || {
        schema(&json!({ "$schema": "https://evil.example/draft" }))
    }),
    refused("a schema that is none", "settings schema is broken", || schema(&json!({ "type": "mistake" }))),
    refused("a schema with markup", "markup", || schema(&json!({ "properties": { "a": { "title": "<b>价</b>" } } }))),
];

fn titled(zh: &str) -> Vec<u8> {
    honest_with(&manifest_with("/title/zh", json!(zh)))
}

fn schema(schema: &Value) -> Vec<u8> {
    honest_with(&manifest_with("/settings-schema", schema.clone()))
}
