//! What a component file says about itself, in the words of the domain, without running it.

use guanjia_domain::{
    Error, Result,
    plugin::difference::{ExportOutline, PluginOutline},
};
use guanjia_packaging::{ComponentInfo, Manifest};

use crate::{
    install::{messages, step_text},
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
