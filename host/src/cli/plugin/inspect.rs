//! `guanjia plugin inspect`: what a plug-in is, and what is different about it.

use clap::Args;
use guanjia_domain::{
    Error, Result,
    custom_field::field_of_fact,
    facts::FeeFact,
    plugin::{
        Judgement, TrustedPublisher,
        difference::{Difference, PluginOutline, SettingChange, TextDifference, difference, setting_fields},
    },
};
use guanjia_packaging::read_bundle;
use guanjia_registry::Reference;
use guanjia_sandbox::{Limits, outline, tier};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::Path;

use super::{
    super::{Done, Global, output},
    keys,
    source::{self, Described, Login, Source},
};
use crate::boot::Office;

#[derive(Debug, Args)]
pub(in crate::cli) struct Inspect {
    /// A component file, a bundle, a reference of a registry, or ID@VERSION of an installed plug-in.
    #[arg(value_name = "FILE|REF|ID@VERSION")]
    plugin: String,
    /// Show what is different about it, compared with an installed version.
    #[arg(long, value_name = "ID@VERSION")]
    against: Option<String>,
    /// A public key that is trusted, or the file that it stands in; without one, whom the company trusts, where its database
    /// is asked at all.
    #[arg(long, value_name = "KEY")]
    trusted: Vec<String>,
    #[command(flatten)]
    login: Login,
}

impl Inspect {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        let installed = is_installed_name(&self.plugin);
        let office = if installed || self.against.is_some() { Some(global.office().await?) } else { None };
        let mut trusted = keys::trusted(&self.trusted)?;
        if let Some(office) = &office {
            // Whoever may not read plug-ins does not read them at the command line either.
            let stamp = office.stamp(global.acting.as_deref(), "cli").await?;
            stamp.actor.require(guanjia_domain::access::Permission::ReadPlugins)?;
            if trusted.is_empty() {
                trusted = office.store.trusted_publishers().await?;
            }
        }
        let inspected = match &office {
            Some(office) if installed => of_installed(office, &self.plugin, &trusted).await?,
            _ => match source::get(&self.plugin, &self.login).await? {
                Source::Bundle(bundle) if self.against.is_none() => return bundle_listed(&bundle, global.json),
                Source::Bundle(_) => return Err(Error::invalid("a bundle is not compared: unpack one plug-in of it")),
                Source::Component(found) => Inspected::new(&found.file, found.origin, &trusted)?,
            },
        };
        let difference = match (&self.against, &office) {
            (Some(name), Some(office)) => {
                let before = of_installed(office, name, &trusted).await?.outline()?;
                Some((name, difference(&before, &inspected.outline()?)))
            }
            _ => None,
        };
        if global.json {
            let mut told = inspected.json();
            if let Some((name, difference)) = &difference {
                told["against"] = json!(name);
                told["difference"] = json!(difference);
            }
            output::line(&told);
        } else {
            inspected.text().iter().for_each(|line| output::text(line));
            if let Some((name, difference)) = &difference {
                output::text(&format!("different from {name}:"));
                difference_lines(difference).iter().for_each(|line| output::text(&format!("  {line}")));
            }
        }
        Ok(Done::Well)
    }
}

/// `ID@VERSION`, and neither a file nor a reference.
fn is_installed_name(text: &str) -> bool {
    text.contains('@') && !Path::new(text).exists() && !Reference::is_meant(text)
}

async fn of_installed(office: &Office, name: &str, trusted: &[TrustedPublisher]) -> Result<Inspected> {
    let (id, version) = name.split_once('@').ok_or_else(|| Error::invalid(format!("{name:?} is not ID@VERSION")))?;
    let plugin = office.store.plugin(id, version).await?.ok_or_else(|| Error::not_found("installed plug-in", name))?;
    let component = office.store.component(&plugin.digest).await?;
    let judgement = guanjia_domain::plugin::signature::judge(&plugin.signatures, trusted);
    Ok(Inspected { described: source::describe(&component)?, origin: "installed".to_owned(), judgement })
}

struct Inspected {
    described: Described,
    /// Where it came from; empty for a file.
    origin: String,
    judgement: Judgement,
}

impl Inspected {
    fn new(file: &[u8], origin: String, trusted: &[TrustedPublisher]) -> Result<Self> {
        let described = source::describe(file)?;
        let judgement = keys::judgement(&described.info.signatures, trusted)?;
        Ok(Self { described, origin, judgement })
    }

    fn outline(&self) -> Result<PluginOutline> {
        outline(&self.described.info, &self.described.manifest)
    }

    fn json(&self) -> Value {
        let Described { info, manifest, file_sha256 } = &self.described;
        let tier = tier(info);
        let limits = Limits::of(tier);
        let points: Vec<Value> = manifest
            .exports
            .iter()
            .map(|(point, export)| {
                let facts: Vec<Value> = export.facts.iter().map(|fact| told_fact(fact)).collect();
                json!({ "point": point, "wit": export.wit.to_string(), "facts": facts })
            })
            .collect();
        let settings: Vec<Value> = setting_fields(&manifest.settings_schema)
            .into_iter()
            .map(|field| {
                json!({
                    "path": field.path, "kind": field.kind, "required": field.required, "default": field.default,
                    "title": { "zh": field.title, "en": field.title_en },
                })
            })
            .collect();
        json!({
            "id": manifest.id, "version": manifest.version.to_string(), "title": manifest.title, "summary": manifest.summary,
            "publisher": manifest.publisher, "licence": manifest.licence, "origin": self.origin,
            "digest": info.digest, "file_sha256": file_sha256, "size": info.size,
            "signature": self.judgement.state, "signatures": keys::told(&self.judgement),
            "imports": info.imports, "exports": info.exports, "float_free": info.float_free, "runtime": tier,
            "points": points, "settings": settings,
            "steps": manifest.steps.keys().collect::<Vec<_>>(), "messages": manifest.messages.keys().collect::<Vec<_>>(),
            "golden_cases": manifest.cases.len(),
            "limits": {
                "memory_bytes": limits.memory_bytes, "fuel_base": limits.fuel_base, "fuel_per_subject": limits.fuel_per_subject,
            },
        })
    }

    fn text(&self) -> Vec<String> {
        let Described { info, manifest, file_sha256 } = &self.described;
        let tier = tier(info);
        let limits = Limits::of(tier);
        let mut lines = vec![
            format!("{manifest}  {}  {}", manifest.title.zh, manifest.title.en),
            format!("  {}", manifest.summary.zh),
            format!("  {}", manifest.summary.en),
            format!("publisher     {} ({})", manifest.publisher, manifest.licence),
            format!("signature     {}", self.judgement.state),
        ];
        lines.extend(keys::signer_lines(&self.judgement).into_iter().map(|line| format!("  {line}")));
        lines.push(format!("digest        {}", info.digest));
        if !info.signatures.is_empty() {
            lines.push(format!("file          {file_sha256} (with its signatures)"));
        }
        if !self.origin.is_empty() {
            lines.push(format!("from          {}", self.origin));
        }
        lines.push(format!("size          {} bytes", info.size));
        lines.push(format!(
            "arithmetic    {}",
            if info.float_free { "free of floating point" } else { "has floating point" }
        ));
        lines.push(format!("runtime       {}", tier.title()));
        lines.push(format!("imports       {}", listed(&info.imports)));
        lines.push(format!(
            "limits        {} MiB memory, {} + {} a subject fuel (this host's; a plug-in cannot raise them)",
            limits.memory_bytes >> 20,
            limits.fuel_base,
            limits.fuel_per_subject
        ));
        lines.push(format!("golden cases  {}", manifest.cases.len()));
        lines.push(format!("explains      {}", listed(&manifest.steps.keys().cloned().collect::<Vec<_>>())));
        for (point, export) in &manifest.exports {
            lines.push(format!("answers       {point} {}", export.wit));
            lines.extend(export.facts.iter().map(|fact| format!("  reads {}", spoken_fact(fact))));
        }
        lines.push("settings".to_owned());
        for field in setting_fields(&manifest.settings_schema) {
            let need = if field.required { ", required" } else { "" };
            let default = field.default.as_ref().map(|value| format!(", default {value}")).unwrap_or_default();
            let titles: Vec<String> = [field.title, field.title_en].into_iter().flatten().collect();
            lines.push(format!("  {}  {}  ({}{need}{default})", field.path, titles.join(" / "), field.kind));
        }
        lines
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn told_fact(name: &str) -> Value {
    let definition = FeeFact::by_name(name).map(FeeFact::definition);
    let definition = definition.as_ref();
    json!({
        "name": name, "known": definition.is_some(), "measure": definition.map(|known| &known.measure),
        "title": { "zh": definition.map(|known| &known.title_zh), "en": definition.map(|known| &known.title_en) },
        "custom": field_of_fact(name).is_some(),
    })
}

/// A fact in the words of the catalogue.
fn spoken_fact(name: &str) -> String {
    match FeeFact::by_name(name).map(FeeFact::definition) {
        None if field_of_fact(name).is_some() => format!("{name} (a custom field, which each company declares)"),
        None => format!("{name} (this host does not know it)"),
        Some(known) => {
            let measure = if known.measure.is_empty() { String::new() } else { format!(", {}", known.measure) };
            format!("{name}  {} / {}{measure}", known.title_zh, known.title_en)
        }
    }
}

fn bundle_listed(bundle: &[u8], json: bool) -> Result<Done> {
    let packed = read_bundle(bundle).map_err(|error| Error::invalid(error.to_string()))?;
    if json {
        let plugins: Vec<_> = packed.iter().map(|packed| &packed.entry).collect();
        output::line(
            &json!({ "bundle": hex::encode(Sha256::digest(bundle)), "size": bundle.len(), "plugins": plugins }),
        );
        return Ok(Done::Well);
    }
    for packed in &packed {
        let entry = &packed.entry;
        let signed: Vec<&str> = entry.signatures.iter().map(|signature| signature.publisher.as_str()).collect();
        let signed = if signed.is_empty() { "unsigned".to_owned() } else { format!("signed by {}", signed.join(", ")) };
        output::text(&format!("{}@{}  {}  {} bytes  {signed}", entry.id, entry.version, entry.digest, entry.size));
    }
    Ok(Done::Well)
}

/// A difference for the terminal, a line for each thing.
fn difference_lines(difference: &Difference) -> Vec<String> {
    let mut lines = Vec::new();
    let mut all = |mark: &str, names: &[String], what: &str| {
        lines.extend(names.iter().map(|name| format!("{mark} {what} {name}")));
    };
    all("+", &difference.exports_added, "answers");
    all("-", &difference.exports_removed, "answers no more");
    for (point, wit) in &difference.wit {
        lines.push(format!("~ contract of {point}: {} → {}", wit.before, wit.after));
    }
    for fact in &difference.facts_added {
        lines.push(format!("+ asks for {} ({})", spoken_fact(&fact.fact), fact.point));
    }
    for fact in &difference.facts_removed {
        lines.push(format!("- asks no more for {} ({})", spoken_fact(&fact.fact), fact.point));
    }
    lines.extend(difference.settings.iter().map(setting_line));
    lines.extend(text_lines(&difference.steps, "step"));
    lines.extend(text_lines(&difference.messages, "message"));
    if let Some(publisher) = &difference.publisher {
        lines.push(format!("~ publisher: {} → {}", publisher.before, publisher.after));
    }
    if let Some(float_free) = &difference.float_free {
        lines.push(format!(
            "~ floating point: {}",
            if float_free.after { "none any more" } else { "now there is some" }
        ));
    }
    if let Some(tier) = &difference.tier {
        lines.push(format!("~ runtime: {} → {}", tier.before.title(), tier.after.title()));
    }
    if let Some(size) = &difference.size_bytes {
        lines.push(format!("~ size: {} → {} bytes", size.before, size.after));
    }
    if lines.is_empty() {
        lines.push("nothing that could be told without running it".to_owned());
    }
    lines
}

fn setting_line(change: &SettingChange) -> String {
    let or_none = |value: &Option<Value>| value.as_ref().map_or("none".to_owned(), Value::to_string);
    match change {
        SettingChange::Added { path, kind, required } => {
            format!("+ setting {path} ({kind}{})", if *required { ", required" } else { "" })
        }
        SettingChange::Removed { path, kind } => format!("- setting {path} ({kind})"),
        SettingChange::Kind { path, before, after } => format!("~ setting {path}: {before} → {after}"),
        SettingChange::Required { path, required: true } => format!("~ setting {path} is required now"),
        SettingChange::Required { path, required: false } => format!("~ setting {path} is no longer required"),
        SettingChange::Default { path, before, after } => {
            format!("~ default of {path}: {} → {}", or_none(before), or_none(after))
        }
        SettingChange::Bounds { path } => format!("~ setting {path} has other bounds"),
    }
}

fn text_lines(difference: &TextDifference, what: &str) -> Vec<String> {
    let lines = |mark: &str, keys: &[String], how: &str| -> Vec<String> {
        keys.iter().map(|key| format!("{mark} {what} {key}{how}")).collect()
    };
    [
        lines("+", &difference.added, ""),
        lines("-", &difference.removed, ""),
        lines("~", &difference.arguments, " takes other numbers"),
        lines("~", &difference.reworded, " in other words"),
    ]
    .concat()
}
