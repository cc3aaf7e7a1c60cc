//! What a plug-in is, for its page and for the page of a file that nobody has installed yet.

use guanjia_domain::{
    effect,
    plugin::{
        CallLimits, CaseOutcome, ExtensionPoint, GoldenCase, Inspected, InstalledPlugin, Judgement, Language, Signer,
        Verdict,
    },
};

use super::{
    line::{Named, choice, title},
    plugin_difference::DifferenceView,
};
use crate::{
    format,
    words::{Words, text},
};

/// Everything that a page says about one plug-in.
pub(super) struct About {
    pub id: String,
    pub version: String,
    pub title: String,
    pub summary: String,
    pub publisher: String,
    pub signature: String,
    pub signature_code: &'static str,
    pub signers: Vec<Signer>,
    pub size: String,
    pub arithmetic: String,
    pub runtime: String,
    pub digest: String,
    pub exports: Vec<ExportView>,
    pub cases: Vec<CaseView>,
    pub limits: Vec<Named>,
    pub settings: Vec<Named>,
    /// Of a file that is looked at, what installing it would come to.
    pub verdict: Option<VerdictView>,
    /// Since the version before, if one is installed.
    pub since: Option<DifferenceView>,
}

/// One decision that it answers.
pub(super) struct ExportView {
    pub point: String,
    pub code: String,
    pub wit: String,
    pub facts: Vec<Named>,
    /// What it asks the host to do besides answering.
    pub effects: Vec<Named>,
    /// Whether it reads what customers wrote or said.
    pub words: bool,
}

pub(super) struct CaseView {
    pub name: String,
    pub point: String,
    pub subjects: u32,
    pub outcome: String,
    pub class: &'static str,
}

pub(super) struct VerdictView {
    pub sentence: String,
    pub class: &'static str,
    /// Why it would be refused, in the words of whoever has to mend it.
    pub reason: String,
    /// Whether the very same component is installed.
    pub installed: bool,
}

impl About {
    /// Of an installed plug-in, all of whose cases passed.
    pub(super) fn installed(
        words: Words,
        plugin: &InstalledPlugin,
        judgement: Judgement,
        limits: CallLimits,
        since: Option<DifferenceView>,
    ) -> Self {
        let about = Self::new(words, plugin, judgement, limits);
        let cases = plugin.cases.iter().map(|case| CaseView::new(words, case, CaseOutcome::Passed)).collect();
        Self { arithmetic: arithmetic(words, Some(plugin.float_free)), cases, since, ..about }
    }

    /// Of a file that was looked at.
    pub(super) fn inspected(words: Words, inspected: Inspected, limits: CallLimits) -> Self {
        let Inspected { inspection, judgement, since, installed } = inspected;
        let class = match inspection.verdict {
            Verdict::Accepted => "good",
            Verdict::Later => "computing",
            Verdict::Refused(_) => "trap",
        };
        Self {
            arithmetic: arithmetic(words, inspection.float_free),
            cases: inspection.cases().map(|(case, outcome)| CaseView::new(words, case, outcome)).collect(),
            since: since.map(|since| DifferenceView::new(words, &since)),
            verdict: Some(VerdictView {
                sentence: words.code("verdict", inspection.verdict.code()),
                class,
                reason: inspection.verdict.reason().to_owned(),
                installed,
            }),
            ..Self::new(words, &inspection.plugin, judgement, limits)
        }
    }

    fn new(words: Words, plugin: &InstalledPlugin, judgement: Judgement, limits: CallLimits) -> Self {
        Self {
            id: plugin.id.clone(),
            version: plugin.version.clone(),
            title: plugin.title.in_language(words.language).to_owned(),
            summary: plugin.summary.in_language(words.language).to_owned(),
            publisher: plugin.publisher.clone(),
            signature: words.code("signature", judgement.state.code()),
            signature_code: judgement.state.code(),
            signers: judgement.signers,
            size: format::bytes(plugin.size_bytes),
            arithmetic: String::new(),
            runtime: words.code("runtime", plugin.tier.code()),
            digest: plugin.digest.clone(),
            exports: exports(words, plugin),
            cases: Vec::new(),
            limits: limit_rows(words, limits),
            settings: schema_titles(words, &plugin.settings_schema),
            verdict: None,
            since: None,
        }
    }
}

impl CaseView {
    fn new(words: Words, case: &GoldenCase, outcome: CaseOutcome) -> Self {
        Self {
            name: case.name.clone(),
            point: words.code("point", case.point.code()),
            subjects: case.subjects,
            outcome: words.code("case", outcome.code()),
            class: match outcome {
                CaseOutcome::Passed => "good",
                CaseOutcome::Failed => "trap",
                CaseOutcome::NotRun => "computing",
            },
        }
    }
}

fn arithmetic(words: Words, float_free: Option<bool>) -> String {
    words.t(match float_free {
        Some(true) => "float-free",
        Some(false) => "has-floats",
        None => "floats-unknown",
    })
}

fn limit_rows(words: Words, limits: CallLimits) -> Vec<Named> {
    let CallLimits { memory_bytes, fuel_base, fuel_per_subject, deadline_ms } = limits;
    let row = |key: &str, value: String| Named { label: words.t(key), code: String::new(), value, missing: false };
    let fuel = words.say(
        "limit-fuel-figures",
        &[("base", text(format::count(fuel_base))), ("each", text(format::count(fuel_per_subject)))],
    );
    vec![
        row("limit-memory", format::bytes(memory_bytes)),
        row("limit-fuel", fuel),
        row("limit-deadline", words.say("limit-seconds", &[("seconds", text((deadline_ms / 1_000).to_string()))])),
    ]
}

fn exports(words: Words, plugin: &InstalledPlugin) -> Vec<ExportView> {
    let view = |point: ExtensionPoint, name: &String| {
        let definition = point.fact(name);
        let label = definition.map(|definition| match words.language {
            Language::Zh => definition.title_zh,
            Language::En => definition.title_en,
        });
        Named {
            label: label.unwrap_or(name).to_owned(),
            code: name.clone(),
            value: String::new(),
            missing: definition.is_none(),
        }
    };
    plugin
        .exports
        .iter()
        .map(|export| ExportView {
            point: words.code("point", export.point.code()),
            code: export.point.to_string(),
            wit: export.wit.clone(),
            facts: export.description.facts.iter().map(|name| view(export.point, name)).collect(),
            effects: export.effects.iter().map(|kind| effect_named(words, kind)).collect(),
            words: export.words,
        })
        .collect()
}

/// An effect in the words of the catalogue.
pub(super) fn effect_named(words: Words, kind: &str) -> Named {
    let definition = effect::definition(kind);
    let label = definition.map(|definition| match words.language {
        Language::Zh => definition.title_zh,
        Language::En => definition.title_en,
    });
    Named {
        label: label.unwrap_or(kind).to_owned(),
        code: kind.to_owned(),
        value: String::new(),
        missing: definition.is_none(),
    }
}

/// What can be set, in the words of the schema.
pub(super) fn schema_titles(words: Words, schema: &serde_json::Value) -> Vec<Named> {
    let Some(properties) = schema["properties"].as_object() else { return Vec::new() };
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
    properties
        .iter()
        .map(|(key, property)| Named {
            label: title(words, property).unwrap_or_else(|| key.clone()),
            code: key.clone(),
            value: match property.get("default") {
                Some(serde_json::Value::String(text)) => choice(words, property, text).unwrap_or_else(|| text.clone()),
                Some(other) => other.to_string(),
                None => String::new(),
            },
            missing: required.contains(&key.as_str()),
        })
        .collect()
}
