//! Verifying a component before anybody trusts it. Every refusal says what is wrong and what to do about it.

mod golden;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use guanjia_domain::{
    Error, Result, custom_field,
    facts::{self, CustomFactNeed},
    job::{RunProgress, Watch},
    plugin::{
        Examined, ExtensionPoint, InstalledPlugin, MessageText, PluginExport, PluginSignature, StepText, Text, Tier,
        check_settings_schema,
    },
    values::Description,
};
use guanjia_packaging::{ComponentError, Export, Localized, Manifest, Outline, manifest};

use crate::{
    compile::bounded,
    limits::InstallLimits,
    log::cut,
    prepared::Prepared,
    sandbox::{Inner, Sandbox},
    tier::{self, Engine},
    wasi,
};

/// What this host lets a component import. All of version 1.0: a patch release changes no type.
const IMPORTS: [&str; 2] = ["guanjia:types/types@1.0.", "guanjia:types/log@1.0."];
/// Codes that the SDK raises by itself; every plug-in gets their sentences.
const SDK_CODES: [&str; 4] = ["missing-fact", "wrong-kind-of-fact", "out-of-range", "invalid-settings"];

/// A component that looks right, but has not been run.
struct Candidate {
    tier: Tier,
    outline: Outline,
    manifest: Manifest,
    signatures: Vec<guanjia_packaging::Signature>,
}

/// Size, signatures, proportions, manifest, imports, exports, validation, compilation, description, golden cases: the cheap
/// checks come first, and nothing is run before everything else is known to fit. What is compiled is the component without
/// its signatures.
///
/// Whoever watches is told only where it takes long, which is where a component brings a language's runtime.
pub(crate) async fn verify(sandbox: &Sandbox, bytes: Vec<u8>, watch: &mut dyn Watch) -> Result<InstalledPlugin> {
    let bytes: Arc<[u8]> = bytes.into();
    let candidate = Arc::new(candidate(sandbox, &bytes).await?);
    let (tier, digest) = (candidate.tier, &candidate.outline.digest);
    // The same bytes may have been compiled before, by another host with this cache or for another company.
    let (compiled, prepared) = match sandbox.load(digest).await? {
        Some(prepared) => (None, prepared),
        None => {
            let bytes: Arc<[u8]> = bytes[..candidate.outline.size].into();
            let compile = sandbox.compile(tier, bytes, candidate.manifest.to_string());
            let (compiled, prepared) = match tier {
                Tier::Pure => compile.await?,
                Tier::WithRuntime => compiling(compile, candidate.outline.size, watch).await?,
            };
            (Some(compiled), prepared)
        }
    };
    if tier == Tier::WithRuntime {
        watch.tell(RunProgress { done: COMPILED, total: KEPT }).await?;
    }
    let limits = sandbox.install_limits(tier);
    let (tried, candidate_) = (Arc::clone(&prepared), Arc::clone(&candidate));
    let exports = sandbox.in_place(move |inner| try_out(inner, &tried, &candidate_.manifest, &limits)).await??;
    let float_free = prepared.float_free;
    if let Some(compiled) = compiled {
        sandbox.keep(digest, compiled, prepared).await?;
    }
    if tier == Tier::WithRuntime {
        watch.tell(RunProgress { done: KEPT, total: KEPT }).await?;
    }
    installed(&candidate, exports, float_free)
}

/// Hundredths of the way at which the machine code is there, and at which the golden cases are passed, too.
const COMPILED: i64 = 90;
const KEPT: i64 = 100;
/// How often a compilation is looked at: often enough for a moving bar and a prompt stop.
const LOOK: Duration = Duration::from_millis(200);
/// Component bytes that a machine with nothing else to do compiles in a second. Nothing counts how far the compiler is, so
/// the bar goes by the clock, and slower the longer it takes: it never stands still, and never arrives early.
const COMPILED_BYTES_PER_SECOND: usize = 2 << 20;

/// Waits for a compilation and tells how far it may be. Who ends it by that ends the worker process, too.
async fn compiling<T>(compile: impl Future<Output = Result<T>>, size: usize, watch: &mut dyn Watch) -> Result<T> {
    let started = Instant::now();
    let expected =
        Duration::from_secs(1).saturating_mul(u32::try_from(size / COMPILED_BYTES_PER_SECOND + 1).unwrap_or(u32::MAX));
    let mut compile = std::pin::pin!(compile);
    loop {
        watch.tell(RunProgress { done: compiled_part(started.elapsed(), expected), total: KEPT }).await?;
        if let Ok(done) = tokio::time::timeout(LOOK, &mut compile).await {
            return done;
        }
    }
}

/// Half-way when the time that was expected is over, three quarters after three times as long.
fn compiled_part(elapsed: Duration, expected: Duration) -> i64 {
    let (elapsed, expected) = (elapsed.as_millis(), expected.as_millis().max(1));
    let part = u128::from(COMPILED.unsigned_abs()) * elapsed / (elapsed + expected);
    i64::try_from(part).unwrap_or(COMPILED)
}

/// What can be said of a file before it costs anything.
pub(crate) async fn examined(sandbox: &Sandbox, file: Vec<u8>) -> Result<Examined> {
    let candidate = candidate(sandbox, &file.into()).await?;
    let Manifest { id, version, .. } = candidate.manifest;
    Ok(Examined { tier: candidate.tier, id, version: version.to_string() })
}

async fn candidate(sandbox: &Sandbox, bytes: &Arc<[u8]>) -> Result<Candidate> {
    let (read, sizes) = (Arc::clone(bytes), sandbox.clone());
    let examined = tokio::task::spawn_blocking(move || examine(&read, |tier| sizes.component_bytes_max(tier)));
    bounded(sandbox.install_limits(Tier::Pure).compile_time, examined).await?
}

/// Who signed a file. All signatures are checked, and nothing else of it is looked at.
pub(crate) async fn signatures(sandbox: &Sandbox, bytes: Vec<u8>) -> Result<Vec<PluginSignature>> {
    let size_max = largest(|tier| sandbox.component_bytes_max(tier));
    let time = sandbox.install_limits(Tier::Pure).compile_time;
    let read = tokio::task::spawn_blocking(move || {
        check_size(&bytes, size_max)?;
        let signed = guanjia_packaging::read_signatures(&bytes).map_err(|error| component_refused(&error))?;
        signed.signatures.iter().map(signature).collect()
    });
    bounded(time, read).await?
}

fn check_size(bytes: &[u8], size_max: usize) -> Result<()> {
    if bytes.len() > size_max {
        return Err(refused(format!(
            "the component has {} bytes; at most {size_max} are installed. Build it in the release profile with `strip` and `lto`, \
             or have the operator raise the limit",
            bytes.len()
        )));
    }
    Ok(())
}

/// What is larger than the components of any tier is not even looked at.
fn largest(size_max: impl Fn(Tier) -> usize) -> usize {
    Tier::ALL.iter().map(|tier| size_max(*tier)).max().unwrap_or_default()
}

/// What can be said without validating or compiling.
fn examine(bytes: &[u8], size_max: impl Fn(Tier) -> usize) -> Result<Candidate> {
    check_size(bytes, largest(&size_max))?;
    let signed = guanjia_packaging::read_signatures(bytes).map_err(|error| component_refused(&error))?;
    let (bytes, signatures) = (signed.component, signed.signatures);
    let outline = guanjia_packaging::outline(bytes).map_err(|error| component_refused(&error))?;
    let tier = tier::of_outline(&outline);
    check_size(bytes, size_max(tier))?;
    let manifest = guanjia_packaging::read_manifest(bytes).map_err(|error| component_refused(&error))?;
    check_imports(&outline)?;
    check_exports(&outline, &manifest, tier)?;
    check_settings_schema(&manifest.settings_schema)?;
    Ok(Candidate { tier, outline, manifest, signatures })
}

fn component_refused(error: &ComponentError) -> Error {
    let advice = match error {
        ComponentError::CoreModule | ComponentError::Encode { .. } => "",
        ComponentError::TooLarge { .. } => ". Build it in the release profile with `strip` and `lto`",
        ComponentError::Excess(_) => ". Make it smaller: a rule needs far less",
        ComponentError::NotWasm { .. } => ". Choose the .wasm file that `guanjia plugin build` writes",
        ComponentError::Invalid { .. } => ". Build it again; the file may be cut or use an extension of WebAssembly",
        ComponentError::NoManifest => ". Add a plugin.toml and build it with `guanjia plugin build`",
        ComponentError::SeveralManifests => ". Build it from its core module again",
        ComponentError::Signed => ". Build it again, without its signatures",
        ComponentError::Signature(_) => {
            ". Nothing of it is installed: get the file from its publisher again, or build and sign it again"
        }
        ComponentError::Manifest(_) => ". Mend plugin.toml and build it again",
    };
    refused(format!("{error}{advice}"))
}

fn check_imports(info: &Outline) -> Result<()> {
    let allowed =
        |name: &String| IMPORTS.iter().any(|prefix| name.starts_with(prefix)) || wasi::interface(name).is_some();
    let Some(name) = info.imports.iter().find(|name| !allowed(name)) else {
        return Ok(());
    };
    if name.starts_with("wasi:") {
        return Err(refused(format!(
            "the component imports {name}, which a rule has no use for. Build it without: Rust for wasm32-unknown-unknown, \
             JavaScript with `componentize-qjs --sync` or `componentize-js --disable http fetch-event`, \
             Python with `componentize-py componentize --stub-wasi`"
        )));
    }
    let advice = if name.starts_with("guanjia:types/") {
        "This host offers version 1.0: build it with the SDK of this host"
    } else {
        "A plug-in may import only the types and the log of guanjia:types@1.0: take facts and settings as arguments"
    };
    Err(refused(format!("the component imports {name}, which this host does not offer. {advice}")))
}

fn check_exports(info: &Outline, manifest: &Manifest, tier: Tier) -> Result<()> {
    for (point, export) in &manifest.exports {
        if (export.wit.major, export.wit.minor) != (1, 0) {
            return Err(refused(format!(
                "the manifest names version {} of {point}; this host serves 1.0. Build it with the SDK of this host",
                export.wit
            )));
        }
        let name = export_name(point, export);
        if !info.exports.contains(&name) {
            return Err(refused(format!(
                "the manifest promises {name}, but the component exports {}. Export it, or take exports.{point} out of plugin.toml",
                if info.exports.is_empty() { "nothing".to_owned() } else { info.exports.join(", ") }
            )));
        }
    }
    let promised: Vec<String> = manifest.exports.iter().map(|(point, export)| export_name(point, export)).collect();
    // Tools that start a runtime while they build leave what they started it with behind, under names without a package.
    // Nothing ever calls it.
    let is_left_over = |name: &str| tier == Tier::WithRuntime && !name.contains(':');
    match info.exports.iter().find(|name| !promised.contains(name) && !is_left_over(name)) {
        Some(name) => Err(refused(format!(
            "the component exports {name}, which its manifest does not name. Add it to [exports] of plugin.toml, or do not export it"
        ))),
        None => Ok(()),
    }
}

fn export_name(point: &str, export: &Export) -> String {
    format!("guanjia:{point}/{point}@{}", export.wit)
}

/// Instantiates the component, asks it what it is, and runs its golden cases.
fn try_out(
    inner: &Inner,
    prepared: &Prepared,
    manifest: &Manifest,
    limits: &InstallLimits,
) -> Result<Vec<PluginExport>> {
    golden::check_points(manifest)?;
    let mut exports = Vec::with_capacity(manifest.exports.len());
    for (name, export) in &manifest.exports {
        let point: ExtensionPoint = name.parse()?;
        let description = describe(inner, prepared, point)?;
        check_description(point, export, &description, manifest)?;
        let time = limits.golden_cases_time;
        match point {
            ExtensionPoint::FeePolicy => golden::run(inner, prepared, manifest, &description, time)?,
            ExtensionPoint::LateFeePolicy => golden::late_fee::run(inner, prepared, manifest, &description, time)?,
        }
        exports.push(PluginExport { point, wit: export.wit.to_string(), description });
    }
    Ok(exports)
}

fn describe(inner: &Inner, prepared: &Prepared, point: ExtensionPoint) -> Result<Description> {
    let policy = prepared.policy(point).ok_or_else(|| {
        refused(format!(
            "the component does not export {point} as this host knows it. Build it with the SDK of this host"
        ))
    })?;
    let Engine { runtime, limits, .. } = inner.engine(prepared.tier)?;
    let called = policy.describe(runtime, limits)?;
    called.result.map_err(|failure| {
        refused(format!(
            "asked what it reads and writes (describe of {point}), the plug-in failed: {}. Mend it and build it again",
            failure.reason
        ))
    })
}

/// What the component says of itself is what its manifest says, and the host has the facts that it wants.
fn check_description(
    point: ExtensionPoint,
    export: &Export,
    description: &Description,
    manifest: &Manifest,
) -> Result<()> {
    if description.facts != export.facts {
        return Err(refused(format!(
            "the component reads the facts [{}], its manifest lists [{}]. Make both the same, in the same order",
            description.facts.join(", "),
            export.facts.join(", ")
        )));
    }
    // Whether a company has declared a custom field is asked when the rule is bound.
    let is_custom = |fact: &String| {
        facts::takes_custom(point)
            && custom_field::field_of_fact(fact).is_some()
            && manifest.custom_facts.contains_key(fact)
    };
    if let Some(fact) = description.facts.iter().find(|fact| point.fact(fact).is_none() && !is_custom(fact)) {
        return Err(refused(format!(
            "the plug-in reads the fact {fact}, which this host does not have for {point}. It has: {}",
            known_facts(point)
        )));
    }
    if let Some(step) = description.steps.iter().find(|step| !manifest.steps.contains_key(*step)) {
        return Err(refused(format!(
            "the plug-in explains itself with the step {step}, for which there are no words. Add [steps.{step}] to plugin.toml"
        )));
    }
    check_measures(&description.measures)
}

/// Units of measure that one rule charges by.
const MEASURES_MAX: usize = 64;
/// A unit's name is a word, such as `household`.
const MEASURE_BYTES_MAX: usize = 32;

/// Names of units are shown beside every quantity; they come from the component itself, not from its manifest.
fn check_measures(measures: &[String]) -> Result<()> {
    if measures.len() > MEASURES_MAX {
        return Err(refused(format!(
            "the plug-in describes {} units of measure; {MEASURES_MAX} are allowed. Make it several plug-ins",
            measures.len()
        )));
    }
    let word = |measure: &&String| {
        !measure.is_empty()
            && measure.len() <= MEASURE_BYTES_MAX
            && measure.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    match measures.iter().find(|measure| !word(measure)) {
        Some(measure) => Err(refused(format!(
            "the plug-in describes the unit of measure {:?}. Name it with small letters and digits, such as m2 or month",
            cut(measure, MEASURE_BYTES_MAX)
        ))),
        None => Ok(()),
    }
}

fn known_facts(point: ExtensionPoint) -> String {
    let mut names: Vec<String> = point.facts().into_iter().map(|fact| fact.name.into_owned()).collect();
    if facts::takes_custom(point) {
        names.push("custom fields such as unit.custom.heated-area, with their kind in [custom-facts]".to_owned());
    }
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn installed(candidate: &Candidate, exports: Vec<PluginExport>, float_free: bool) -> Result<InstalledPlugin> {
    let Candidate { tier, outline, manifest, signatures } = candidate;
    Ok(InstalledPlugin {
        id: manifest.id.clone(),
        version: manifest.version.to_string(),
        digest: outline.digest.clone(),
        publisher: manifest.publisher.clone(),
        title: text(&manifest.title),
        summary: text(&manifest.summary),
        exports,
        settings_schema: manifest.settings_schema.clone(),
        settings_renames: manifest.settings_renames.clone(),
        custom_facts: custom_facts(manifest)?,
        steps: manifest.steps.iter().map(|(key, step)| (key.clone(), step_text(step))).collect(),
        messages: messages(manifest),
        float_free,
        tier: *tier,
        size_bytes: i64::try_from(outline.size).map_err(|_| Error::Overflow("measuring a component"))?,
        signatures: signatures.iter().map(signature).collect::<Result<_>>()?,
    })
}

fn custom_facts(manifest: &Manifest) -> Result<BTreeMap<String, CustomFactNeed>> {
    let need = |(name, fact): (&String, &manifest::CustomFact)| {
        Ok((name.clone(), CustomFactNeed { kind: fact.kind.parse()?, title: text(&fact.title) }))
    };
    manifest.custom_facts.iter().map(need).collect()
}

fn signature(signature: &guanjia_packaging::Signature) -> Result<PluginSignature> {
    Ok(PluginSignature { key: signature.key.to_string().parse()?, publisher: signature.publisher.clone() })
}

pub(crate) fn text(localized: &Localized) -> Text {
    Text { zh: localized.zh.clone(), en: localized.en.clone() }
}

pub(crate) fn step_text(step: &manifest::StepText) -> StepText {
    StepText { args: step.args.clone(), label: text(&step.label), text: text(&step.text) }
}

/// The manifest's sentences, and those of the codes that the SDK raises by itself.
pub(crate) fn messages(manifest: &Manifest) -> BTreeMap<String, MessageText> {
    let codes = manifest.messages.keys().map(String::as_str).chain(SDK_CODES);
    let message = |code: &str| {
        let message = manifest.message(code)?;
        let text = Text { zh: message.zh, en: message.en };
        Some((code.to_owned(), MessageText { args: message.args, text }))
    };
    codes.filter_map(message).collect()
}

fn refused(sentence: String) -> Error {
    Error::invalid(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn info(imports: &[&str]) -> Outline {
        Outline {
            imports: imports.iter().map(|name| (*name).to_owned()).collect(),
            exports: Vec::new(),
            parts: guanjia_packaging::Parts::default(),
            size: 0,
            digest: String::new(),
        }
    }

    #[test]
    fn a_bar_only_grows_and_does_not_arrive_early() {
        let expected = Duration::from_secs(10);
        let parts: Vec<i64> = (0..600).map(|second| compiled_part(Duration::from_secs(second), expected)).collect();
        assert_eq!((parts[0], parts[10], parts[30]), (0, COMPILED / 2, COMPILED * 3 / 4));
        assert!(parts.is_sorted() && parts.iter().all(|part| *part < COMPILED), "{parts:?}");
        assert_eq!(compiled_part(Duration::ZERO, Duration::ZERO), 0);
    }

    #[rstest]
    #[case::types_and_log(&["guanjia:types/types@1.0.0", "guanjia:types/log@1.0.0"], "")]
    #[case::patch_release(&["guanjia:types/types@1.0.7"], "")]
    #[case::later_minor(&["guanjia:types/types@1.1.0"], "This host offers version 1.0")]
    #[case::other_interface(&["guanjia:types/clock@1.0.0"], "guanjia:types/clock@1.0.0")]
    #[case::virtual_wasi(&["guanjia:types/types@1.0.0", "wasi:cli/environment@0.2.6"], "")]
    #[case::sockets(&["wasi:sockets/tcp@0.2.9"], "imports wasi:sockets/tcp@0.2.9, which a rule has no use for")]
    #[case::web(&["wasi:http/outgoing-handler@0.2.9"], "which a rule has no use for")]
    #[case::next_wasi(&["wasi:cli/environment@0.3.0"], "which a rule has no use for")]
    #[case::look_up(&["acme:lookup/rates@1.0.0"], "take facts and settings as arguments")]
    fn imports_beyond_the_contract_are_refused(#[case] imports: &[&str], #[case] words: &str) {
        let sentence = check_imports(&info(imports)).map_or_else(|error| error.to_string(), |()| String::new());
        assert!(sentence.contains(words) && sentence.is_empty() == words.is_empty(), "{sentence}");
    }
}
