//! Settings on their way from one version of a plug-in to another.

use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

use super::check_settings;
use crate::{Error, Result};

/// What becomes of settings under another version's schema. A person looks at it before it counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SettingsMigration {
    pub settings: Value,
    /// Old name and new name.
    pub renamed: Vec<(String, String)>,
    /// Fields with their values that the new version does not know.
    pub dropped: Vec<(String, Value)>,
    /// Fields that were not set before, with the new version's default.
    pub added: Vec<(String, Value)>,
    /// What still has to be set by hand, and what does not fit, as the schema says it.
    pub problems: Vec<String>,
}

/// Carries settings over: fields keep their values, renamed ones (`old` → `new`, as the new manifest says) move, those that the
/// new schema does not know are dropped, and required ones that are missing get the schema's default where it has one.
///
/// # Errors
/// [`Error::Invalid`] when the settings are not a JSON object.
pub fn migrate_settings(
    settings: &str,
    schema: &Value,
    renames: &BTreeMap<String, String>,
) -> Result<SettingsMigration> {
    let Ok(Value::Object(old)) = serde_json::from_str(settings) else {
        return Err(Error::invalid("the settings have to be a JSON object"));
    };
    let nothing = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&nothing);
    let closed = schema["additionalProperties"] == Value::Bool(false);
    let mut migration = SettingsMigration::default();
    let mut new = Map::new();
    for (name, value) in old {
        let renamed = renames.get(&name).filter(|_| !properties.contains_key(&name));
        match renamed {
            Some(to) => {
                migration.renamed.push((name, to.clone()));
                new.insert(to.clone(), value);
            }
            None if closed && !properties.contains_key(&name) => migration.dropped.push((name, value)),
            None => {
                new.insert(name, value);
            }
        }
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for name in required {
        if let (false, Some(default)) =
            (new.contains_key(name), properties.get(name).and_then(|field| field.get("default")))
        {
            migration.added.push((name.to_owned(), default.clone()));
            new.insert(name.to_owned(), default.clone());
        }
    }
    migration.settings = Value::Object(new);
    migration.settings.sort_all_objects();
    if let Err(error) = check_settings(schema, &migration.settings.to_string()) {
        migration.problems.push(error.to_string());
    }
    Ok(migration)
}

/// Settings with the schema's defaults where they say nothing: that is what the rule goes by.
#[must_use]
pub fn with_defaults(schema: &Value, settings: &str) -> String {
    let Ok(Value::Object(mut settings)) = serde_json::from_str(settings) else { return settings.to_owned() };
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(default) = property.get("default") {
            settings.entry(name.clone()).or_insert_with(|| default.clone());
        }
    }
    let mut sorted: Vec<_> = settings.into_iter().collect();
    sorted.sort_by(|(left, _), (right, _)| left.cmp(right));
    Value::Object(sorted.into_iter().collect()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "price": { "type": "string" },
                "surcharge": { "type": "string" },
                "rounding": { "enum": ["half-up", "down"], "default": "half-up" },
                "basis": { "type": "string" },
            },
            "required": ["price", "rounding"],
            "additionalProperties": false,
        })
    }

    fn renames() -> BTreeMap<String, String> {
        BTreeMap::from([("extra".to_owned(), "surcharge".to_owned())])
    }

    #[rstest]
    #[case::kept(r#"{"price":"2.8","rounding":"down"}"#, json!({"price": "2.8", "rounding": "down"}), 0, 0, 0, 0)]
    #[case::renamed(r#"{"price":"2.8","extra":"5"}"#, json!({"price": "2.8", "surcharge": "5", "rounding": "half-up"}), 1, 0, 1, 0)]
    #[case::dropped(r#"{"price":"2.8","colour":"red"}"#, json!({"price": "2.8", "rounding": "half-up"}), 0, 1, 1, 0)]
    #[case::nothing_invented(r#"{"rounding":"down"}"#, json!({"rounding": "down"}), 0, 0, 0, 1)]
    #[case::does_not_fit(r#"{"price":2.8,"rounding":"down"}"#, json!({"price": 2.8, "rounding": "down"}), 0, 0, 0, 1)]
    fn settings_are_carried_over(
        #[case] settings: &str,
        #[case] expected: Value,
        #[case] renamed: usize,
        #[case] dropped: usize,
        #[case] added: usize,
        #[case] problems: usize,
    ) {
        let migration = migrate_settings(settings, &schema(), &renames()).expect("is an object");
        assert_eq!(migration.settings, expected);
        let counts =
            (migration.renamed.len(), migration.dropped.len(), migration.added.len(), migration.problems.len());
        assert_eq!(counts, (renamed, dropped, added, problems), "{migration:?}");
    }

    #[test]
    fn an_open_schema_keeps_what_it_does_not_know() {
        let migration = migrate_settings(r#"{"colour":"red"}"#, &json!({}), &BTreeMap::new()).expect("is an object");
        assert_eq!(migration.settings, json!({"colour": "red"}));
        assert!(migrate_settings("[]", &json!({}), &BTreeMap::new()).is_err());
    }
}
