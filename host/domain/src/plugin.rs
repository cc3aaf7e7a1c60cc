//! Installed plug-ins and the bindings that switch them on.

mod activation;
pub mod difference;
mod installation;
mod migration;
mod quarantine;
mod service;
pub mod signature;
pub mod trust;
mod uses;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt, str::FromStr};

use crate::{
    Date, Error, Result,
    access::codes,
    facts::{CustomFactNeed, FactDefinition},
    ids::*,
    values::Description,
};

pub use crate::point::ExtensionPoint;
pub use activation::{
    Activation, ActivationRule, Cause, NOTE_CHARS_MAX, PostedMonths, Proposal, ProposalState, TemplateRequest,
};
pub use installation::{Examined, INSTALLATIONS_OPEN_MAX, Install, Installation};
pub use migration::{SettingsMigration, migrate_settings, with_defaults};
pub use quarantine::{BindingState, BindingWatch, QUARANTINE_FAILURES, Quarantine, QuarantineOrder, ReleaseReport};
pub(crate) use service::StoredComponents;
pub use service::{BindRequest, PluginFile, Plugins};
pub use signature::{Judgement, PluginSignature, PublicKey, SignatureState, Signer};
pub use trust::{Trust, TrustRule, TrustedPublisher};
pub use uses::{BindingUse, RunUse, ShadowDifference, Use, UseError, exceeds};

codes! {
    /// Whether the answers of a binding count.
    BindingMode {
        /// Run on past inputs, on demand.
        Trial = "trial",
        /// Runs beside the active one and counts for nothing.
        Shadow = "shadow",
        Active = "active",
    }
}

codes! {
    /// What a component is made of, and with that the engine that runs it. It follows from its bytes alone.
    #[derive(Default)]
    Tier {
        /// Nothing but its rule.
        #[default]
        Pure = "pure",
        /// Brings the runtime of its language, such as an interpreter, and runs with a virtual WASI.
        WithRuntime = "virtual-wasi",
    }
}

impl Tier {
    /// What people call it, in every language.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Pure => "pure",
            Self::WithRuntime => "virtual WASI",
        }
    }
}

/// A sentence in the two languages of the product.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    pub zh: String,
    pub en: String,
}

codes! {
    Language { Zh = "zh", En = "en", }
}

impl Text {
    #[must_use]
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::Zh => &self.zh,
            Language::En => &self.en,
        }
    }
}

/// How an explanation step is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepText {
    /// Names of the arguments, in the order in which the plug-in gives them.
    #[serde(default)]
    pub args: Vec<String>,
    /// What the step is, such as 基础物业费.
    pub label: Text,
    /// The formula with `{area}`, `{value}`, `{from:date}` in the places of the numbers.
    pub text: Text,
}

/// How a problem is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageText {
    #[serde(default)]
    pub args: Vec<String>,
    pub text: Text,
}

/// One version of a plug-in as the host knows it after the install checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledPlugin {
    pub id: String,
    pub version: String,
    /// SHA-256 of the component without its signatures, in hex: what runs, and the identity that decisions name.
    pub digest: String,
    /// As the manifest says. Who signed is another question.
    pub publisher: String,
    pub title: Text,
    pub summary: Text,
    pub exports: Vec<PluginExport>,
    /// JSON Schema of the settings.
    pub settings_schema: serde_json::Value,
    /// Settings that an earlier version called otherwise: old name → new name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings_renames: BTreeMap<String, String>,
    /// Custom fields that it asks for, by the names of their facts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub custom_facts: BTreeMap<String, CustomFactNeed>,
    pub steps: BTreeMap<String, StepText>,
    pub messages: BTreeMap<String, MessageText>,
    /// Whether the component is free of floating point.
    pub float_free: bool,
    /// Whether it brings a language's runtime. What was installed before there was a choice is pure.
    #[serde(default)]
    pub tier: Tier,
    /// Size of the component without its signatures.
    pub size_bytes: i64,
    /// Signatures that hold, whoever made them. They may become more while the plug-in is installed, so they are kept beside
    /// it and not in it.
    #[serde(skip)]
    pub signatures: Vec<PluginSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginExport {
    pub point: ExtensionPoint,
    /// Version of the WIT package it was built against.
    pub wit: String,
    pub description: Description,
}

impl InstalledPlugin {
    /// # Errors
    /// [`Error::Invalid`] when the plug-in does not answer this extension point.
    pub fn export(&self, point: ExtensionPoint) -> Result<&PluginExport> {
        self.exports
            .iter()
            .find(|export| export.point == point)
            .ok_or_else(|| Error::invalid(format!("plug-in {} {} does not export {point}", self.id, self.version)))
    }

    /// A fact that it asks for in words: those of the host or, for a custom field, its own. What a company calls the field
    /// today is not what it called it when a month was charged, so that explanations go by the rule.
    #[must_use]
    pub fn fact(&self, point: ExtensionPoint, name: &str) -> Option<FactDefinition> {
        point.fact(name).or_else(|| {
            let CustomFactNeed { kind, title } = self.custom_facts.get(name)?;
            Some(FactDefinition {
                name: name.to_owned().into(),
                kind: *kind,
                title_zh: title.zh.clone().into(),
                title_en: title.en.clone().into(),
                measure: "".into(),
            })
        })
    }

    /// The component within the file that this plug-in was read from: what is kept and run. Signatures follow it there.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the file is another one.
    pub fn component_in<'a>(&self, file: &'a [u8]) -> Result<&'a [u8]> {
        usize::try_from(self.size_bytes)
            .ok()
            .and_then(|size| file.get(..size))
            .filter(|component| hex::encode(Sha256::digest(component)) == self.digest)
            .ok_or_else(|| Error::invalid(format!("this is not the file of plug-in {} {}", self.id, self.version)))
    }
}

/// A plug-in version with settings, switched on for a project from a date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    pub id: BindingId,
    pub project_id: ProjectId,
    pub point: ExtensionPoint,
    /// Fee policies are bound per fee item.
    pub fee_item_id: Option<FeeItemId>,
    pub plugin_id: String,
    pub plugin_version: String,
    /// Digest of the component: what is really run.
    pub digest: String,
    /// Canonical JSON: keys sorted, no spaces.
    pub settings: String,
    pub effective_from: Date,
    /// The first day on which it no longer holds.
    pub effective_to: Option<Date>,
    pub mode: BindingMode,
    /// Of a shadow: by how much, in permille of the total, it may differ from the active one before somebody is told.
    /// With 0 every subject that comes out otherwise is told.
    #[serde(default)]
    pub tolerance_permille: i64,
}

impl Binding {
    /// Whether the binding answers for a period that starts on this day.
    #[must_use]
    pub fn holds_on(&self, day: Date) -> bool {
        self.effective_from <= day && self.effective_to.is_none_or(|end| day < end)
    }
}

/// Settings as they are stored, hashed and passed: keys sorted, no spaces, so that equal settings are equal bytes.
///
/// # Errors
/// [`Error::Invalid`] when the text is not a JSON object.
pub fn canonical_settings(text: &str) -> Result<String> {
    let mut value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| Error::invalid(format!("the settings are not JSON: {error}")))?;
    if !value.is_object() {
        return Err(Error::invalid("the settings have to be a JSON object"));
    }
    // serde_json's map is sorted by itself unless some dependency turns `preserve_order` on.
    value.sort_all_objects();
    Ok(value.to_string())
}

/// Checks settings against the JSON Schema of the manifest.
///
/// # Errors
/// [`Error::Invalid`] that names every offending place by its JSON pointer.
pub fn check_settings(schema: &serde_json::Value, settings: &str) -> Result<()> {
    let value: serde_json::Value = serde_json::from_str(settings)
        .map_err(|error| Error::invalid(format!("the settings are not JSON: {error}")))?;
    let validator = settings_validator(schema)?;
    let problems: Vec<String> =
        validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(Error::invalid(format!("the settings do not fit the plug-in: {}", problems.join("; "))))
}

/// Checks that a settings schema can be used at all.
///
/// # Errors
/// [`Error::Invalid`] that says what is wrong with it.
pub fn check_settings_schema(schema: &serde_json::Value) -> Result<()> {
    settings_validator(schema).map(drop)
}

/// Memory of one compiled pattern, in bytes: a class of letters that is repeated a few dozen times stays below.
const PATTERN_MEMORY_MAX: usize = 1 << 20;

/// A schema is a plug-in's word, so that its patterns run on the engine whose time is linear: one that backtracks could
/// be held for hours by a pattern and a setting of some dozens of characters.
fn settings_validator(schema: &serde_json::Value) -> Result<jsonschema::Validator> {
    let patterns =
        jsonschema::PatternOptions::regex().size_limit(PATTERN_MEMORY_MAX).dfa_size_limit(PATTERN_MEMORY_MAX);
    jsonschema::options()
        .with_pattern_options(patterns)
        .build(schema)
        .map_err(|error| Error::invalid(format!("the settings schema is broken: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_with_a_costly_pattern_is_linear_or_refused() {
        let hours = json!({ "properties": { "a": { "pattern": "^(a+)+$" } } });
        let settings = format!(r#"{{"a":"{}!"}}"#, "a".repeat(10_000));
        assert!(check_settings(&hours, &settings).is_err(), "it answers, and at once");
        let huge = json!({ "properties": { "a": { "pattern": "^(\\p{L}{1,1000}){1,1000}$" } } });
        assert!(check_settings_schema(&huge).is_err());
        let look_behind = json!({ "properties": { "a": { "pattern": "(?<=a)b" } } });
        assert!(check_settings_schema(&look_behind).is_err(), "only a backtracking engine has it");
    }

    #[test]
    fn equal_settings_are_equal_bytes() {
        let left = canonical_settings(r#"{"b": 1, "a": {"d": "x", "c": null}}"#).expect("is an object");
        let right = canonical_settings(r#"{"a":{"c":null,"d":"x"},"b":1}"#).expect("is an object");
        assert_eq!(left, right);
        assert_eq!(left, r#"{"a":{"c":null,"d":"x"},"b":1}"#);
        assert!(canonical_settings("[1]").is_err());
    }
}
