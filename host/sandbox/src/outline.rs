//! What a component file says about itself, in the words of the domain, without running it.

use guanjia_domain::{
    Error, Result,
    plugin::{
        GoldenCase,
        difference::{ExportOutline, PluginOutline},
    },
};
use guanjia_packaging::{ComponentInfo, Manifest};
use serde_json::Value;

use crate::{
    install::{golden::point_of, messages, step_text},
    tier::tier,
};

/// The outline of a file that nobody has installed, to be compared with another. What the component does when it is asked
/// is not in it.
///
/// # Errors
/// [`Error::Overflow`] for a size that no file has.
pub fn outline(info: &ComponentInfo, manifest: &Manifest) -> Result<PluginOutline> {
    let export = |(point, export): (&String, &guanjia_packaging::Export)| ExportOutline {
        point: point.clone(),
        wit: export.wit.to_string(),
        facts: export.facts.clone(),
    };
    Ok(PluginOutline {
        id: manifest.id.clone(),
        version: manifest.version.to_string(),
        publisher: manifest.publisher.clone(),
        exports: manifest.exports.iter().map(export).collect(),
        settings_schema: manifest.settings_schema.clone(),
        steps: manifest.steps.iter().map(|(key, step)| (key.clone(), step_text(step))).collect(),
        messages: messages(manifest),
        float_free: info.float_free,
        tier: tier(info),
        size_bytes: i64::try_from(info.size).map_err(|_| Error::Overflow("measuring a component"))?,
    })
}

/// The golden cases of a manifest, in the order in which they are run: by extension point, then as the manifest has them.
#[must_use]
pub fn golden_cases(manifest: &Manifest) -> Vec<GoldenCase> {
    let one = |value: &Value| {
        let subjects = ["subjects", "charges"].iter().find_map(|key| value.get(*key)?.as_array());
        GoldenCase {
            name: value.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            point: point_of(value),
            subjects: subjects.map_or(0, |subjects| u32::try_from(subjects.len()).unwrap_or(u32::MAX)),
        }
    };
    // An entry of a manifest may be several cases.
    let flat = manifest.cases.iter().flat_map(|value| match value {
        Value::Array(several) => several.as_slice(),
        one => std::slice::from_ref(one),
    });
    let mut cases: Vec<GoldenCase> = flat.map(one).collect();
    cases.sort_by_key(|case| case.point.code());
    cases
}
