//! The workspace's own plug-ins, built as they are shipped: they are installed, and they answer alike however they are
//! asked.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use guanjia_domain::{
    billing::{AnswerLimits, check_answer},
    decision::{HoldKind, Outcome, canonical},
    facts::{self, FeeFact},
    plugin::{ExtensionPoint, InstalledPlugin},
    point::{Answer, Question},
    ports::PolicyEngine,
    values::{
        Cells, Codes, Column, Date, Description, FeeAnswer, FeeBatch, Numbers,
        cases::{self, Expected},
    },
};
use guanjia_packaging::build;
use rstest::rstest;

use super::sandbox;
use crate::{Limits, Sandbox};

const PLUGINS: [&str; 8] = [
    "area-fee",
    "daily-late-fee",
    "fixed-fee",
    "metered-fee",
    "parking-fee",
    "shared-cost-fee",
    "ticket-routing",
    "misbehaving-fee",
];

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
    let Question::Fee(batch) = super::question(subjects) else { panic!("it is about fees") };
    let mut batch = Arc::unwrap_or_clone(batch);
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
    let evaluation = sandbox.evaluate(&plugin.digest, settings, &Question::Fee(Arc::new(batch.clone()))).await.unwrap();
    let Outcome::Answer(Answer::Fee(answer)) = evaluation.outcome else { panic!("{:?}", evaluation.outcome) };
    (answer, evaluation.fuel)
}

#[tokio::test]
async fn standard_plugins_are_installed_with_their_golden_cases() {
    let sandbox = sandbox(Limits::default());
    for name in PLUGINS {
        let plugin = installed(&sandbox, name).await;
        assert!(plugin.float_free, "{name}");
        assert_eq!(plugin.id, name);
        let point = match name {
            "daily-late-fee" => ExtensionPoint::LateFeePolicy,
            "ticket-routing" => ExtensionPoint::TicketPolicy,
            _ => ExtensionPoint::FeePolicy,
        };
        assert!(!plugin.export(point).unwrap().description.steps.is_empty(), "{name}");
    }
}

/// A thousand overdue charges, asked about together and in pieces.
#[tokio::test]
async fn however_charges_are_split_each_gets_the_same_late_fee() {
    let sandbox = sandbox(Limits::default());
    let plugin = installed(&sandbox, "daily-late-fee").await;
    let settings = r#"{"rate-percent-per-day":"0.05","exemption-days":3,"cap-percent-of-principal":"30"}"#;
    let ask = async |from: i32, to: i32| {
        let batch = late_charges(from..to);
        let question = Question::LateFee(Arc::new(batch));
        let outcome = sandbox.evaluate(&plugin.digest, settings, &question).await.unwrap().outcome;
        let Outcome::Answer(Answer::LateFee(answer)) = outcome else { panic!("{outcome:?}") };
        answer.totals
    };
    let whole = ask(0, 1_000).await;
    assert_eq!(whole.len(), 1_000);
    assert!(whole.iter().any(|total| *total > 0) && whole.contains(&0), "some are free, some are not");
    for size in [1, 7, 333] {
        let mut joined = Vec::new();
        for from in (0..1_000).step_by(size) {
            joined.extend(ask(from, (from + i32::try_from(size).unwrap()).min(1_000)).await);
        }
        assert_eq!(joined, whole);
        if size == 1 {
            assert_eq!(joined[500], 22_238, "1,500.00 × 0.05 % × 96 + 750.00 × 0.05 % × 401 = 222.375");
        }
    }
}

/// Charge number n is n days late on day 1,000 and half paid on its hundredth late day.
fn late_charges(numbers: std::ops::Range<i32>) -> guanjia_domain::values::LateFeeBatch {
    use guanjia_domain::values::{Balances, Currency, LateFeeBatch, OverdueCharges};
    let as_of = Date(1_000);
    let mut batch = LateFeeBatch {
        as_of,
        currency: Currency::cny(),
        charges: OverdueCharges::default(),
        balances: Balances::default(),
        facts: Vec::new(),
    };
    for (row, number) in (0_u32..).zip(numbers) {
        let (due, principal) = (Date(as_of.0 - 1 - number), i64::from(1_000 + number) * 100);
        batch.charges.due_on.push(due);
        batch.charges.principal.push(principal);
        let paid = Date((due.0 + 100).min(as_of.0));
        for (start, end, open) in [(Date(due.0 + 1), paid, principal), (paid, as_of, principal / 2)] {
            if start < end {
                batch.balances.charge.push(row);
                batch.balances.start.push(start);
                batch.balances.end.push(end);
                batch.balances.open.push(open);
            }
        }
    }
    batch
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
    let mut pieces = vec![Question::Fee(Arc::new(batch))];
    for _ in 0..3 {
        let halves = |piece: &Question| {
            let middle = piece.subjects() / 2;
            [piece.slice(0..middle), piece.slice(middle..piece.subjects())]
        };
        pieces = pieces.iter().flat_map(halves).collect();
        let mut joined = Vec::new();
        for piece in &pieces {
            let Question::Fee(batch) = piece else { panic!("a piece of a fee question is one") };
            let (answer, _) = answer(&sandbox, &plugin, settings, batch).await;
            joined.extend(cases::outcome(batch, &answer, description).unwrap());
        }
        assert_eq!(joined, whole);
    }
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
    let outcome = sandbox.evaluate(&plugin.digest, &settings, &Question::Fee(Arc::new(batch))).await.unwrap().outcome;
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

/// A rule about records, all the way: installed with its cases, asked, its effects read, and the same when asked again.
#[tokio::test]
async fn the_ticket_plug_in_is_asked_about_a_ticket() {
    use guanjia_domain::{effect::judge, values::RecordBatch};

    let sandbox = sandbox(Limits::default());
    let plugin = installed(&sandbox, "ticket-routing").await;
    let export = plugin.export(ExtensionPoint::TicketPolicy).unwrap();
    assert_eq!((export.effects.as_slice(), export.words), (["notify".to_owned()].as_slice(), true));
    let settings = r#"{"kinds":[{"kind":"repair","priority":"normal","response-minutes":30,"solve-minutes":480}],
        "repeats-are-told-from":3,"urgent-words":["漏水"]}"#;
    let ticket = guanjia_domain::values::Ticket {
        kind: "repair".into(),
        words: Some("厨房漏水".into()),
        candidates: vec![
            Default::default(),
            guanjia_domain::values::Candidate { own_area: true, ..Default::default() },
        ],
        ..Default::default()
    };
    let repeats = Column { cells: Cells::Numbers(Numbers { scale: 0, mantissas: vec![2] }), missing: vec![] };
    let batch = RecordBatch { shared: (), subjects: vec![ticket], facts: vec![repeats] };
    let question = Question::Ticket(Arc::new(batch));
    let outcome = sandbox.evaluate(&plugin.digest, settings, &question).await.unwrap().outcome;
    let Outcome::Answer(answer) = &outcome else { panic!("{outcome:?}") };
    question.check(answer, &export.description, &AnswerLimits::default()).unwrap();
    let Answer::Ticket(routes) = answer else { panic!("{answer:?}") };
    let route = &routes.decided[0];
    assert_eq!((route.priority.as_str(), route.dispatch.as_str(), route.ranking[0].candidate), ("urgent", "assign", 1));
    let judged = judge(answer.effects(), ExtensionPoint::TicketPolicy, &["notify".to_owned()]);
    assert!(judged[0].effect.is_some(), "{judged:?}");
    let again = sandbox.evaluate(&plugin.digest, settings, &question).await.unwrap().outcome;
    assert!(outcome.is_same(&again));
    let recorded: Outcome =
        guanjia_domain::decision::decode(&guanjia_domain::decision::encode(&outcome).unwrap()).unwrap();
    assert_eq!(recorded, outcome, "a ruling is kept as it was answered");
    let asked: Question =
        guanjia_domain::decision::decode(&guanjia_domain::decision::encode(&question).unwrap()).unwrap();
    assert_eq!(asked, question);
}
