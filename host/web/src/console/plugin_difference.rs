//! What is different about a version of a plug-in, told to whoever decides whether it is switched on.

use guanjia_domain::plugin::{
    ExtensionPoint, InstalledPlugin,
    difference::{Difference, PluginOutline, PointFact, SettingChange, TextDifference, difference},
};
use semver::Version;

use crate::{
    format,
    words::{Words, text},
};

/// The version before, and what is different since.
pub(super) struct DifferenceView {
    pub before: String,
    pub lines: Vec<String>,
}

/// Compares with the newest installed version that is older. A first version is compared with nothing.
pub(super) fn since_last(
    words: Words,
    plugin: &InstalledPlugin,
    installed: &[InstalledPlugin],
) -> Option<DifferenceView> {
    let number = |plugin: &InstalledPlugin| plugin.version.parse::<Version>().ok();
    let this = number(plugin)?;
    let older = |other: &&InstalledPlugin| other.id == plugin.id && number(other).is_some_and(|other| other < this);
    let before = installed.iter().filter(older).max_by_key(|other| number(other))?;
    let found = difference(&PluginOutline::from(before), &PluginOutline::from(plugin));
    Some(DifferenceView { before: before.version.clone(), lines: lines(words, &found) })
}

fn lines(words: Words, difference: &Difference) -> Vec<String> {
    let point = |code: &str| words.code("point", code);
    let mut lines = Vec::new();
    let mut say = |key: &str, args: &[(&'static str, String)]| {
        let args: Vec<_> = args.iter().map(|(name, value)| (*name, text(value.clone()))).collect();
        lines.push(words.say(key, &args));
    };
    for added in &difference.exports_added {
        say("differs-answers", &[("point", point(added))]);
    }
    for removed in &difference.exports_removed {
        say("differs-answers-no-more", &[("point", point(removed))]);
    }
    for (code, wit) in &difference.wit {
        say(
            "differs-contract",
            &[("point", point(code)), ("before", wit.before.clone()), ("after", wit.after.clone())],
        );
    }
    for fact in &difference.facts_added {
        say("differs-sees", &[("fact", fact_title(words, fact))]);
    }
    for fact in &difference.facts_removed {
        say("differs-sees-no-more", &[("fact", fact_title(words, fact))]);
    }
    for change in &difference.settings {
        match change {
            SettingChange::Added { path, required: true, .. } => {
                say("differs-setting-required", &[("path", path.clone())])
            }
            SettingChange::Added { path, required: false, .. } => {
                say("differs-setting-added", &[("path", path.clone())])
            }
            SettingChange::Removed { path, .. } => say("differs-setting-removed", &[("path", path.clone())]),
            SettingChange::Kind { path, before, after } => say(
                "differs-setting-kind",
                &[("path", path.clone()), ("before", before.clone()), ("after", after.clone())],
            ),
            SettingChange::Required { path, required: true } => {
                say("differs-setting-required", &[("path", path.clone())])
            }
            SettingChange::Required { path, required: false } => {
                say("differs-setting-optional", &[("path", path.clone())])
            }
            SettingChange::Default { path, before, after } => {
                let shown = |value: &Option<serde_json::Value>| match value {
                    None => words.t("settings-unset"),
                    Some(serde_json::Value::String(text)) => text.clone(),
                    Some(other) => other.to_string(),
                };
                say("differs-default", &[("path", path.clone()), ("before", shown(before)), ("after", shown(after))]);
            }
            SettingChange::Bounds { path } => say("differs-setting-bounds", &[("path", path.clone())]),
        }
    }
    let told = |texts: &TextDifference| {
        [&texts.added, &texts.removed, &texts.arguments, &texts.reworded]
            .into_iter()
            .flatten()
            .cloned()
            .collect::<Vec<_>>()
    };
    let sentences = [told(&difference.steps), told(&difference.messages)].concat();
    if !sentences.is_empty() {
        say("differs-sentences", &[("names", sentences.join(", "))]);
    }
    if let Some(publisher) = &difference.publisher {
        say("differs-publisher", &[("before", publisher.before.clone()), ("after", publisher.after.clone())]);
    }
    if let Some(float_free) = &difference.float_free {
        say(if float_free.after { "differs-float-free" } else { "differs-floats" }, &[]);
    }
    if let Some(tier) = &difference.tier {
        let runtime = |code: &str| words.code("runtime", code);
        say("differs-runtime", &[("before", runtime(tier.before.code())), ("after", runtime(tier.after.code()))]);
    }
    if let Some(size) = &difference.size_bytes {
        say("differs-size", &[("before", format::bytes(size.before)), ("after", format::bytes(size.after))]);
    }
    lines
}

fn fact_title(words: Words, fact: &PointFact) -> String {
    let known = fact.point.parse::<ExtensionPoint>().ok().and_then(|point| point.fact(&fact.fact));
    known.map_or_else(|| fact.fact.clone(), |known| known.title(words.language).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use guanjia_domain::plugin::{Language, difference::Changed};

    /// Every kind of difference has words of its own in both languages.
    #[test]
    fn everything_is_told() {
        let fact = |name: &str| PointFact { point: "fee-policy".into(), fact: name.into() };
        let path = "tiers[].price".to_owned();
        let texts = TextDifference { reworded: vec!["base".into()], ..TextDifference::default() };
        let all = Difference {
            exports_added: vec!["late-fee-policy".into()],
            exports_removed: vec!["fee-policy".into()],
            wit: [("fee-policy".to_owned(), Changed { before: "1.0.0".into(), after: "1.1.0".into() })].into(),
            facts_added: vec![fact("unit.area")],
            facts_removed: vec![fact("unit.storey")],
            settings: vec![
                SettingChange::Added { path: path.clone(), kind: "string".into(), required: true },
                SettingChange::Added { path: path.clone(), kind: "string".into(), required: false },
                SettingChange::Removed { path: path.clone(), kind: "string".into() },
                SettingChange::Kind { path: path.clone(), before: "string".into(), after: "object".into() },
                SettingChange::Required { path: path.clone(), required: true },
                SettingChange::Required { path: path.clone(), required: false },
                SettingChange::Default { path: path.clone(), before: None, after: Some("half-up".into()) },
                SettingChange::Bounds { path },
            ],
            steps: texts.clone(),
            messages: texts,
            publisher: Some(Changed { before: "甲".into(), after: "乙".into() }),
            float_free: Some(Changed { before: true, after: false }),
            tier: None,
            size_bytes: Some(Changed { before: 1, after: 2 }),
        };
        for language in [Language::Zh, Language::En] {
            let told = lines(Words::new(language), &all);
            assert_eq!(told.len(), 5 + 8 + 1 + 3, "{told:?}");
            assert!(told.iter().all(|line| !line.contains("differs-")), "{told:?}");
        }
        let told = lines(Words::new(Language::Zh), &all);
        assert!(told.iter().any(|line| line.contains("建筑面积")), "{told:?}");
    }
}
