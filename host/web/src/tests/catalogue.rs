//! The catalogue has every word in every language, and no other place has any.

use guanjia_domain::{
    access::Role,
    billing::RunState,
    decision::HoldKind,
    difference::{Change, Direction},
    estate::{OccupancyStatus, TenureKind, UnitKind},
    import::DifferenceKind,
    job::JobState,
    plugin::{BindingMode, BindingState, ExtensionPoint, Language, SignatureState, Tier},
    ticket::{
        Channel, FollowUpChannel, FollowUpResult, Level, Priority, TicketMove, TicketState, TimerKind,
        work_order::{Payment, WorkOrderState},
    },
    trial::TrialState,
};
use std::{collections::BTreeSet, fs, path::Path};

use crate::words::Words;

const ZH: &str = include_str!("../../locales/zh-CN/main.ftl");
const EN: &str = include_str!("../../locales/en/main.ftl");

fn keys(catalogue: &str) -> BTreeSet<&str> {
    let mut keys = BTreeSet::new();
    for line in catalogue.lines() {
        if let Some((key, _)) =
            line.split_once(" =").filter(|(key, _)| key.starts_with(|first: char| first.is_ascii_lowercase()))
        {
            assert!(keys.insert(key), "{key} stands twice");
        }
    }
    keys
}

/// Names of the placeholders of each key.
fn placeholders(catalogue: &str) -> Vec<(String, BTreeSet<String>)> {
    let mut found: Vec<(String, BTreeSet<String>)> = Vec::new();
    for line in catalogue.lines() {
        if let Some((key, _)) =
            line.split_once(" =").filter(|(key, _)| key.starts_with(|first: char| first.is_ascii_lowercase()))
        {
            found.push((key.to_owned(), BTreeSet::new()));
        }
        let Some((_, names)) = found.last_mut() else { continue };
        names.extend(
            line.split('$')
                .skip(1)
                .map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect()),
        );
    }
    found.sort();
    found
}

#[test]
fn both_languages_have_the_same_keys() {
    assert_eq!(keys(ZH), keys(EN));
}

/// A plural may count where the other language only shows, so `count` beside `shown` is not compared.
#[test]
fn both_languages_show_the_same_values() {
    for ((key, zh), (_, en)) in placeholders(ZH).into_iter().zip(placeholders(EN)) {
        let shown = |names: BTreeSet<String>| {
            names.into_iter().filter(|name| name != "count" && name != "shown").collect::<BTreeSet<_>>()
        };
        assert_eq!(shown(zh), shown(en), "{key}");
    }
}

fn files(folder: &str, extension: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_str().unwrap(), extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push((path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap()));
        }
    }
    assert!(!found.is_empty(), "{folder} has no {extension} files");
    found
}

/// Literal keys behind these calls.
fn asked_keys(text: &str) -> Vec<String> {
    let calls = ["t(\"", "say(\"", "fact(\"", "entry(\"", "change_sentence(&page.page, \""];
    let after = |call: &'static str| text.match_indices(call).map(move |(at, _)| at + call.len());
    calls.into_iter().flat_map(after).map(|at| text[at..].chars().take_while(|c| *c != '"').collect()).collect()
}

#[test]
fn every_key_that_is_asked_for_exists() {
    let known = keys(ZH);
    let mut asked = 0;
    for (name, text) in files("templates", "html").into_iter().chain(files("src/console", "rs")) {
        for key in
            asked_keys(&text).into_iter().filter(|key| !key.is_empty() && !key.contains(['{', '/', ' ', '%', '.']))
        {
            asked += 1;
            assert!(known.contains(key.as_str()), "{name} asks for {key:?}");
        }
    }
    assert!(asked > 200, "only {asked} keys were found: the search is broken");
}

#[test]
fn every_code_of_the_domain_has_a_word() {
    let known = keys(ZH);
    let mut wanted: Vec<String> = Vec::new();
    wanted.extend(Role::ALL.iter().map(|code| format!("role-{code}")));
    wanted.extend(RunState::ALL.iter().flat_map(|code| [format!("run-state-{code}"), format!("run-headline-{code}")]));
    wanted.extend(RunState::ALL.iter().map(|code| format!("rerate-headline-{code}")));
    wanted.extend(HoldKind::ALL.iter().map(|code| format!("hold-{code}")));
    wanted.extend(UnitKind::ALL.iter().flat_map(|code| [format!("unit-kind-{code}"), format!("value-{code}")]));
    wanted.extend(OccupancyStatus::ALL.iter().flat_map(|code| [format!("occupancy-{code}"), format!("value-{code}")]));
    wanted.extend(TenureKind::ALL.iter().map(|code| format!("tenure-{code}")));
    wanted.extend(DifferenceKind::ALL.iter().map(|code| format!("difference-{code}")));
    wanted.extend(BindingState::ALL.iter().map(|code| format!("binding-state-{code}")));
    wanted.extend(Change::ALL.iter().map(|code| format!("shadow-change-{code}")));
    wanted.extend(BindingMode::ALL.iter().map(|code| format!("mode-{code}")));
    wanted.extend(SignatureState::ALL.iter().map(|code| format!("signature-{code}")));
    wanted.extend(JobState::ALL.iter().map(|code| format!("install-state-{code}")));
    wanted.extend(Tier::ALL.iter().map(|code| format!("runtime-{code}")));
    wanted.extend(TrialState::ALL.iter().map(|code| format!("trial-state-{code}")));
    wanted.extend(Change::ALL.iter().map(|code| format!("change-{code}")));
    wanted.extend(Direction::ALL.iter().map(|code| format!("movers-{code}")));
    wanted.extend(ExtensionPoint::ALL.iter().map(|code| format!("point-{code}")));
    wanted.extend(
        TicketState::ALL.iter().flat_map(|code| [format!("ticket-state-{code}"), format!("owner-state-{code}")]),
    );
    wanted.extend(TicketMove::ALL.iter().map(|code| format!("ticket-move-{code}")));
    wanted.extend(Priority::ALL.iter().map(|code| format!("ticket-priority-{code}")));
    wanted.extend(Channel::ALL.iter().map(|code| format!("ticket-channel-{code}")));
    wanted.extend(Level::ALL.iter().map(|code| format!("ticket-level-{code}")));
    wanted.extend(TimerKind::ALL.iter().map(|code| format!("ticket-timer-{code}")));
    wanted.extend(FollowUpResult::ALL.iter().map(|code| format!("follow-up-result-{code}")));
    wanted.extend(FollowUpChannel::ALL.iter().map(|code| format!("follow-up-channel-{code}")));
    wanted.extend(WorkOrderState::ALL.iter().map(|code| format!("work-order-state-{code}")));
    wanted.extend(Payment::ALL.iter().map(|code| format!("work-order-payment-{code}")));
    for key in wanted {
        assert!(known.contains(key.as_str()), "the catalogue has no {key}");
    }
}

#[test]
fn sentences_are_filled_in_both_languages() {
    use crate::words::{Arg, text};
    let args = |count| [("count", Arg::Count(count)), ("shown", text(count.to_string()))];
    assert_eq!(Words::new(Language::En).say("held-count", &args(1)), "One subject held");
    assert_eq!(Words::new(Language::En).say("held-count", &args(5)), "5 subjects held");
    assert_eq!(Words::new(Language::Zh).say("held-count", &args(5)), "5 户暂挂");
    assert_eq!(
        Words::new(Language::Zh).month("2025-03-01".parse().map(guanjia_domain::Period::month_of).unwrap()),
        "2025 年 3 月"
    );
}

/// What is left of a template without its expressions, tags and attributes that nobody reads.
fn readable(template: &str) -> String {
    let mut rest = template.to_owned();
    for (open, close) in [("{{", "}}"), ("{%", "%}")] {
        while let Some(at) = rest.find(open) {
            let end = rest[at..].find(close).map_or(rest.len(), |end| at + end + close.len());
            rest.replace_range(at..end, "");
        }
    }
    let mut shown = String::new();
    let mut inside = false;
    for character in rest.chars() {
        match character {
            '<' => inside = true,
            '>' => inside = false,
            _ if !inside => shown.push(character),
            _ => {}
        }
    }
    for attribute in ["placeholder=\"", "title=\"", "aria-label=\"", "alt=\"", " label=\""] {
        for (at, _) in rest.match_indices(attribute) {
            shown.extend(rest[at + attribute.len()..].chars().take_while(|c| *c != '"'));
        }
    }
    shown
}

#[test]
fn no_template_holds_a_label() {
    for (name, template) in files("templates", "html") {
        let shown = readable(&template).replace("m²", "");
        let label = shown.chars().find(|c| c.is_alphabetic());
        assert_eq!(label, None, "{name} says something by itself: {:?}", shown.split_whitespace().collect::<Vec<_>>());
    }
}

#[test]
fn no_template_holds_script_or_style() {
    for (name, template) in files("templates", "html") {
        for banned in ["<style", " style=", " onclick", " onload", " onchange", " onsubmit", "javascript:", "hx-on"] {
            assert!(!template.contains(banned), "{name} holds {banned:?}, which the content security policy forbids");
        }
        assert!(!template.contains("<script>"), "{name} holds an inline script");
    }
}
