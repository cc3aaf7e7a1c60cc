//! Plug-ins that bring a language's runtime: the same rule in JavaScript and Python, which has to answer what the one in
//! Rust answers, and what its runtime finds where an operating system would be.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use guanjia_domain::{
    billing::{AnswerLimits, check_answer},
    decision::{Outcome, canonical},
    plugin::{ExtensionPoint, InstalledPlugin, Tier},
    point::{Answer, Question},
    ports::PolicyEngine,
    values::{
        Description, FeeBatch,
        cases::{self, Expected},
    },
};
use rstest::rstest;

use super::{
    digest, options,
    standard::{self, made_up},
};
use crate::{Sandbox, SandboxOptions};

/// The samples, and one that asks for what no rule needs.
const PLUGINS: [&str; 3] = ["offer-fee-js", "offer-fee-py", "nosy-fee-js"];

/// The target folder that this test was built into: …/debug/deps/test.
fn target() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned()
}

/// The component of a plug-in; all are built once, and again only when a source changes.
fn component(name: &str) -> Vec<u8> {
    static BUILT: OnceLock<Vec<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
        let built = guanjia_packaging::build_language_plugins(&root, &PLUGINS, &target().join("guests"))
            .unwrap_or_else(|error| panic!("{error}"));
        built.into_iter().map(|plugin| plugin.path).collect()
    });
    std::fs::read(&built[PLUGINS.iter().position(|known| *known == name).unwrap()]).unwrap()
}

/// A sandbox that keeps compiled code from one run of the tests to the next, in the cache that the integration tests use,
/// too: compiling CPython takes most of a minute without optimisation.
fn sandbox() -> Sandbox {
    let cache_dir = Some(target().join("tmp/plugin-cache"));
    Sandbox::new(SandboxOptions { cache_dir, ..options() }).unwrap()
}

async fn installed(sandbox: &Sandbox, name: &str) -> InstalledPlugin {
    let component = match name {
        "area-fee" => standard::component(name),
        name => component(name),
    };
    sandbox.verify(component).await.unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn description(plugin: &InstalledPlugin) -> &Description {
    &plugin.export(ExtensionPoint::FeePolicy).unwrap().description
}

/// Outcome in words, canonical bytes, fuel.
async fn ask(
    sandbox: &Sandbox,
    plugin: &InstalledPlugin,
    settings: &str,
    batch: &FeeBatch,
) -> (Vec<Expected>, Vec<u8>, i64) {
    let question = Question::Fee(Arc::new(batch.clone()));
    let evaluation = sandbox.evaluate(&plugin.digest, settings, &question).await.unwrap();
    let Outcome::Answer(Answer::Fee(answer)) = evaluation.outcome else {
        panic!("{:?} {:?}", evaluation.outcome, evaluation.log)
    };
    check_answer(batch, &answer, description(plugin), &AnswerLimits::default()).unwrap();
    let words = cases::outcome(batch, &answer, description(plugin)).unwrap();
    (words, canonical(&answer).unwrap(), evaluation.fuel)
}

#[tokio::test]
async fn they_are_installed_with_their_golden_cases() {
    let sandbox = sandbox();
    for name in &PLUGINS[..2] {
        let plugin = installed(&sandbox, name).await;
        assert_eq!(plugin.id, *name);
        assert!(!plugin.float_free, "an interpreter has floats");
        assert_eq!(plugin.tier, Tier::WithRuntime);
        assert_eq!(description(&plugin).facts, ["unit.area", "unit.occupancy"]);
    }
}

/// Three languages, one rule: the same lines, steps and refusals, to the last place.
#[rstest]
#[case::javascript("offer-fee-js")]
#[case::python("offer-fee-py")]
#[tokio::test]
async fn without_an_offer_they_answer_what_rust_answers(#[case] name: &str) {
    let sandbox = sandbox();
    let (rust, other) = (installed(&sandbox, "area-fee").await, installed(&sandbox, name).await);
    let settings = r#"{"price":"2.837"}"#;
    let batch = made_up(description(&rust), 1_000);
    let (expected, _, _) = ask(&sandbox, &rust, settings, &batch).await;
    let columns = description(&other).facts.iter().map(|fact| {
        let index = description(&rust).facts.iter().position(|known| known == fact).unwrap();
        batch.facts[index].clone()
    });
    let batch = FeeBatch { facts: columns.collect(), ..batch.clone() };
    let (found, _, _) = ask(&sandbox, &other, settings, &batch).await;
    let undecided = expected.iter().filter(|subject| matches!(subject, Expected::Undecided(_))).count();
    assert!(undecided > 0 && undecided < expected.len(), "both are compared: {undecided} of {}", expected.len());
    assert_eq!(found, expected);
}

const OFFER: &str = r#"{"free":{"from":"2025-03-20","months":1,"occupancies":["vacant","unsold"]},"price":"2.80"}"#;

#[tokio::test]
async fn javascript_and_python_answer_the_same_bytes() {
    let sandbox = sandbox();
    let (javascript, python) = (installed(&sandbox, PLUGINS[0]).await, installed(&sandbox, PLUGINS[1]).await);
    let batch = made_up(description(&javascript), 500);
    let first = ask(&sandbox, &javascript, OFFER, &batch).await;
    let second = ask(&sandbox, &python, OFFER, &batch).await;
    assert_eq!((first.0, first.1), (second.0, second.1));
}

#[rstest]
#[case::javascript("offer-fee-js")]
#[case::python("offer-fee-py")]
#[tokio::test]
async fn a_call_costs_and_answers_the_same_in_every_instance_on_every_engine(#[case] name: &str) {
    let (one, other) = (sandbox(), sandbox());
    let plugin = installed(&one, name).await;
    installed(&other, name).await;
    let batch = made_up(description(&plugin), 300);
    let first = ask(&one, &plugin, OFFER, &batch).await;
    assert!(first.2 > 0);
    for sandbox in [&one, &other] {
        for _ in 0..2 {
            assert_eq!(ask(sandbox, &plugin, OFFER, &batch).await, first, "words, bytes and fuel");
        }
    }
    // Halves and quarters: other borders, the same answers.
    let mut pieces = vec![Question::Fee(Arc::new(batch))];
    for _ in 0..2 {
        let halves = |piece: &Question| {
            let middle = piece.subjects() / 2;
            [piece.slice(0..middle), piece.slice(middle..piece.subjects())]
        };
        pieces = pieces.iter().flat_map(halves).collect();
        let mut joined = Vec::new();
        for piece in &pieces {
            let Question::Fee(batch) = piece else { panic!("a piece of a fee question is one") };
            joined.extend(ask(&one, &plugin, OFFER, batch).await.0);
        }
        assert_eq!(joined, first.0);
    }
}

#[rstest]
#[case::javascript("offer-fee-js")]
#[case::python("offer-fee-py")]
#[tokio::test]
async fn their_own_words_about_settings_are_passed_on(#[case] name: &str) {
    let sandbox = sandbox();
    let plugin = installed(&sandbox, name).await;
    let check = async |settings: &str| {
        let problems = sandbox.check_settings(&plugin.digest, ExtensionPoint::FeePolicy, settings).await.unwrap();
        problems.into_iter().map(|problem| (problem.code, problem.about)).collect::<Vec<_>>()
    };
    assert_eq!(check(OFFER).await, []);
    let problems = check(r#"{"free":{"from":"2025-02-30","months":1},"price":"1"}"#).await;
    assert_eq!(problems, [("no-such-day".to_owned(), "/free/from".to_owned())]);
}

#[tokio::test]
async fn clock_and_randomness_are_the_same_in_every_call() {
    let (one, other) = (sandbox(), sandbox());
    let plugin = installed(&one, "nosy-fee-js").await;
    installed(&other, "nosy-fee-js").await;
    let found = async |sandbox: &Sandbox| {
        sandbox.check_settings(&plugin.digest, ExtensionPoint::FeePolicy, "{}").await.unwrap()
    };
    let first = found(&one).await;
    let of = |code: &str| &first.iter().find(|problem| problem.code == code).unwrap().about;
    assert_eq!(of("now"), "2025-01-01T00:00:00.000Z");
    assert_eq!(of("waited"), "0");
    assert!(of("random").starts_with("0."), "{first:?}");
    assert_ne!(of("random"), of("random-again"));
    for sandbox in [&one, &one, &other] {
        assert_eq!(found(sandbox).await, first);
    }
}

#[tokio::test]
async fn decisions_name_the_tier_that_made_them() {
    let sandbox = sandbox();
    let engine_of = async |name: &str| {
        let plugin = installed(&sandbox, name).await;
        let question = Question::Fee(Arc::new(made_up(description(&plugin), 1)));
        sandbox.evaluate(&plugin.digest, r#"{"price":"1"}"#, &question).await.unwrap().engine
    };
    assert!(engine_of("area-fee").await.contains("; pure; "));
    assert!(engine_of("offer-fee-js").await.contains("; virtual-wasi; "));
    assert!(engine_of("offer-fee-py").await.contains("; virtual-wasi; "));
}

#[tokio::test]
async fn a_restarted_host_loads_what_was_compiled() {
    let first = sandbox();
    let digests = [installed(&first, PLUGINS[0]).await.digest, installed(&first, PLUGINS[1]).await.digest];
    let restarted = sandbox();
    for digest in digests {
        // There is no component to compile again.
        restarted.prepare(&digest, &super::Components::default()).await.unwrap();
    }
}

#[tokio::test]
async fn size_is_limited_by_the_tier() {
    let component = component("offer-fee-js");
    let options = SandboxOptions {
        component_with_runtime_bytes_max: component.len() - 1,
        concurrent_calls: 1,
        ..SandboxOptions::default()
    };
    let error = Sandbox::new(options).unwrap().verify(component.clone()).await.unwrap_err().to_string();
    assert!(error.contains(&format!("at most {} are installed", component.len() - 1)), "{error}");
    assert_eq!(digest(&component).len(), 64);
}
