//! The workspace's own plug-ins, built as they are shipped: they are installed, and they answer alike however they are
//! asked.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use guanjia_domain::{
    billing::{AnswerLimits, PreparedBatch, check_answer, split},
    decision::{HoldKind, Outcome, Subjects, canonical},
    facts::{self, FeeFact},
    ids::{PartyId, UnitId},
    plugin::{ExtensionPoint, InstalledPlugin},
    ports::PolicyEngine,
    values::{
        Cells, Codes, Column, Date, Description, FeeAnswer, FeeBatch, Numbers,
        cases::{self, Expected},
    },
};
use guanjia_packaging::build;
use rstest::rstest;
use uuid::Uuid;

use super::sandbox;
use crate::{Limits, Sandbox};

const PLUGINS: [&str; 6] =
    ["area-fee", "fixed-fee", "metered-fee", "parking-fee", "shared-cost-fee", "misbehaving-fee"];

/// The component of a crate of this workspace; all are built once.
pub(super) fn component(name: &str) -> Vec<u8> {
    static BUILT: OnceLock<Vec<(String, PathBuf)>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
        // Beside the profiles of the target folder that this test was built into: …/debug/deps/test.
        let test = std::env::current_exe().unwrap();
        let target = test.ancestors().nth(3).unwrap().join("guests");
        let built = guanjia_packaging::build_plugins(&root, &PLUGINS, &target, build::PROFILE)
            .unwrap_or_else(|error| panic!("{error}"));
        built.into_iter().map(|plugin| (plugin.crate_name, plugin.path)).collect()
    });
    let (_, path) = built.iter().find(|(crate_name, _)| crate_name == name).unwrap();
    std::fs::read(path).unwrap()
}

async fn installed(sandbox: &Sandbox, name: &str) -> InstalledPlugin {
    sandbox.verify(component(name)).await.unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A batch with something in every fact, from a fixed sequence: some subjects with two segments, some cells missing.
pub(super) fn made_up(description: &Description, subjects: u32) -> FeeBatch {
    let mut batch = FeeBatch::clone(&super::batch(subjects));
    let (start, end, middle) = (batch.period.start, batch.period.end, Date(batch.period.start.0 + 9));
    let segments = &mut batch.segments;
    *segments = guanjia_domain::values::Segments::default();
    for subject in 0..subjects {
        let stretches: &[(Date, Date)] =
            if subject % 7 == 3 { &[(start, middle), (middle, end)] } else { &[(start, end)] };
        for (start, end) in stretches {
            segments.subject.push(subject);
            segments.start.push(*start);
            segments.end.push(*end);
        }
    }
    let rows = segments.subject.len();
    batch.facts = description.facts.iter().enumerate().map(|(index, name)| made_up_column(index, name, rows)).collect();
    batch
}

fn made_up_column(index: usize, name: &str, rows: usize) -> Column {
    let number = |row: usize| (row * 7_919 + index * 104_729) % 10_007;
    let cells = match FeeFact::by_name(name).unwrap().definition().kind {
        facts::FactKind::Number { scale } => {
            let mantissas = (0..rows).map(|row| i64::try_from(number(row) * 100).unwrap()).collect();
            Cells::Numbers(Numbers { scale, mantissas })
        }
        facts::FactKind::Code => {
            let names = ["residential", "shop", "office"].map(str::to_owned).to_vec();
            Cells::Codes(Codes { names, cells: (0..rows).map(|row| (number(row) % 3) as u16).collect() })
        }
        facts::FactKind::Date => Cells::Dates((0..rows).map(|row| Date(i32::try_from(number(row)).unwrap())).collect()),
        facts::FactKind::Flag => Cells::Flags((0..rows).map(|row| number(row) % 2 == 0).collect()),
    };
    let missing = (0..rows as u32).filter(|row| row % 31 == 5 + index as u32).collect();
    Column { cells, missing }
}

async fn answer(sandbox: &Sandbox, plugin: &InstalledPlugin, settings: &str, batch: &FeeBatch) -> (FeeAnswer, i64) {
    let evaluation = sandbox.evaluate_fee(&plugin.digest, settings, Arc::new(batch.clone())).await.unwrap();
    let Outcome::Answer(answer) = evaluation.outcome else { panic!("{:?}", evaluation.outcome) };
    (answer, evaluation.fuel)
}

#[tokio::test]
async fn standard_plugins_are_installed_with_their_golden_cases() {
    let sandbox = sandbox(Limits::default());
    for name in PLUGINS {
        let plugin = installed(&sandbox, name).await;
        assert!(plugin.float_free, "{name}");
        assert_eq!(plugin.id, name);
        assert!(!plugin.export(ExtensionPoint::FeePolicy).unwrap().description.steps.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn the_plugins_own_words_about_settings_are_passed_on() {
    let sandbox = sandbox(Limits::default());
    let plugin = installed(&sandbox, "area-fee").await;
    let check = async |settings: &str| {
        sandbox.check_settings(&plugin.digest, ExtensionPoint::FeePolicy, settings).await.unwrap()
    };
    assert_eq!(check(r#"{"price":"2.80"}"#).await, []);
    let problems = check(r#"{"price":"2.80","discount-percent-by-occupancy":{"vacant":"250"}}"#).await;
    assert!(problems.len() == 1 && problems[0].code == "percent-out-of-range", "{problems:?}");
}

#[tokio::test]
async fn the_same_call_gives_the_same_bytes_and_fuel_on_another_engine() {
    let settings = r#"{"price":"2.80","surcharge":"3.5"}"#;
    let (one, other) = (sandbox(Limits::default()), sandbox(Limits::default()));
    let plugin = installed(&one, "area-fee").await;
    installed(&other, "area-fee").await;
    let batch = made_up(&plugin.export(ExtensionPoint::FeePolicy).unwrap().description, 1_000);
    let first = answer(&one, &plugin, settings, &batch).await;
    for sandbox in [&one, &other] {
        let again = answer(sandbox, &plugin, settings, &batch).await;
        assert_eq!(canonical(&first.0).unwrap(), canonical(&again.0).unwrap());
        assert_eq!(first.1, again.1, "fuel is counted alike");
    }
}

#[rstest]
#[case::area("area-fee", r#"{"price":"2.80","price-by-unit-kind":{"shop":"4.5"}}"#)]
#[case::fixed("fixed-fee", r#"{"amount":"30"}"#)]
#[case::shared("shared-cost-fee", r#"{"basis":"area"}"#)]
#[tokio::test]
async fn however_a_batch_is_split_each_subject_gets_the_same_answer(#[case] name: &str, #[case] settings: &str) {
    let sandbox = sandbox(Limits::default());
    let plugin = installed(&sandbox, name).await;
    let description = &plugin.export(ExtensionPoint::FeePolicy).unwrap().description;
    let batch = made_up(description, 300);
    let (whole, _) = answer(&sandbox, &plugin, settings, &batch).await;
    check_answer(&batch, &whole, description, &AnswerLimits::default()).unwrap();
    let whole = cases::outcome(&batch, &whole, description).unwrap();
    assert!(
        whole.iter().any(|subject| matches!(subject, Expected::Lines(_))),
        "{name} decides nothing, so this tests nothing"
    );
    // Halves, quarters, eighths: three different sets of borders.
    let mut pieces = vec![prepared(batch)];
    for _ in 0..3 {
        pieces = pieces.iter().flat_map(|piece| <[_; 2]>::from(split(piece))).collect();
        let mut joined = Vec::new();
        for piece in &pieces {
            let (answer, _) = answer(&sandbox, &plugin, settings, &piece.batch).await;
            joined.extend(cases::outcome(&piece.batch, &answer, description).unwrap());
        }
        assert_eq!(joined, whole);
    }
}

pub(super) fn prepared(batch: FeeBatch) -> PreparedBatch {
    let subjects = Subjects {
        units: vec![UnitId(Uuid::nil()); batch.subjects as usize],
        payers: vec![PartyId(Uuid::nil()); batch.segments.subject.len()],
    };
    PreparedBatch { buildings: vec!["".into(); batch.subjects as usize], batch: Arc::new(batch), subjects }
}

#[rstest]
#[case::trap("trap", Some((HoldKind::Trap, "unreachable")))]
#[case::endless_loop("loop", Some((HoldKind::Limit, "fuel")))]
// It fills what it takes, and that is paid for in fuel.
#[case::memory("allocate", Some((HoldKind::Limit, "fuel")))]
#[case::hundred_megabytes("hundred-mb", Some((HoldKind::Limit, "memory")))]
#[case::log("log-flood", None)]
#[case::well("ok", None)]
#[case::error("error", None)]
#[tokio::test]
async fn a_misbehaving_plugin_is_called_by_its_name(#[case] mode: &str, #[case] failure: Option<(HoldKind, &str)>) {
    let sandbox = sandbox(Limits::default());
    let plugin = installed(&sandbox, "misbehaving-fee").await;
    let batch = made_up(&plugin.export(ExtensionPoint::FeePolicy).unwrap().description, 1);
    let settings = format!(r#"{{"mode":"{mode}"}}"#);
    let outcome = sandbox.evaluate_fee(&plugin.digest, &settings, Arc::new(batch)).await.unwrap().outcome;
    match (outcome, failure) {
        (Outcome::Answer(_), None) => {}
        (Outcome::Failure(found), Some((kind, words))) => {
            assert_eq!(found.kind, kind, "{}", found.reason);
            assert!(found.reason.contains(words), "{}", found.reason);
        }
        (outcome, _) => panic!("{outcome:?}"),
    }
}

#[tokio::test]
async fn what_a_plugin_remembers_is_gone_with_its_call() {
    let sandbox = sandbox(Limits::default());
    let plugin = installed(&sandbox, "misbehaving-fee").await;
    let batch = made_up(&plugin.export(ExtensionPoint::FeePolicy).unwrap().description, 1);
    let settings = r#"{"mode":"hidden-state"}"#;
    let first = answer(&sandbox, &plugin, settings, &batch).await;
    assert_eq!(first, answer(&sandbox, &plugin, settings, &batch).await);
}
