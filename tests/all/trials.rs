//! Trials of candidates on recorded inputs: exact figures, what is refused, what a trial never does, and how it goes on.

use crate::{
    bad_plugins::misbehaving,
    host::{HOME_FEE, Host, PROJECT, Ran},
};
use guanjia::boot::{Compiler, Config, Host as Wired, Office};
use guanjia_domain::{
    Period,
    ids::TrialId,
    plugin::Language,
    trial::{Trial, TrialReport, TrialState},
};
use guanjia_harness::Kind;
use rstest::rstest;
use serde_json::{Value, json};

const HOMES: i64 = 420;
/// Homes of 94.56 m² among them.
const HOMES_OF_94_56: i64 = 102;

/// Previews, approves and posts a month; `code` is 5 where something is held.
fn post(host: &Host, period: &str, code: i32) {
    let run = host.run(&["bill", "preview", "--project", PROJECT, "--period", period, "--json"]).expect(code).json();
    let id = run["run"].as_str().unwrap();
    host.run(&["bill", "approve", id, "--as", "wang"]).expect(0);
    host.run(&["bill", "post", id]).expect(code);
}

fn try_out(host: &Host, plugin: &str, settings: &str, months: [&str; 2]) -> Ran {
    let settings = host.file("candidate.json", settings);
    let of = ["plugin", "trial", "--project", PROJECT, "--fee-item", HOME_FEE, "--plugin", plugin];
    host.run(&[&of[..], &["--settings", &settings, "--from", months[0], "--to", months[1], "--json"]].concat())
}

/// The lines of the homes' fee in a month.
fn home_lines(host: &Host, period: &str) -> Vec<Value> {
    let lines = host.run(&["bill", "lines", "--project", PROJECT, "--period", period, "--json"]).expect(0).lines();
    lines.into_iter().filter(|line| line["fee_item"] == HOME_FEE).collect()
}

fn sum(lines: &[Value]) -> i64 {
    lines.iter().map(|line| line["amount_fen"].as_i64().unwrap()).sum()
}

/// Subjects of each kind of change that there are any of.
fn changes(report: &Value) -> Value {
    let of = report["changes"].as_object().unwrap().iter();
    of.filter(|(_, tally)| tally["subjects"] != 0)
        .map(|(change, tally)| (change.clone(), tally["subjects"].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn mover(host: &Host, report: &Value, number: usize, language: &str) -> Value {
    let (id, number) = (report["trial"].as_str().unwrap(), number.to_string());
    host.json(&["plugin", "trial-report", id, "--mover", &number, "--lang", language])
}

/// The number of the first mover in a direction.
fn first(report: &Value, direction: &str) -> usize {
    report["movers"].as_array().unwrap().iter().position(|mover| mover["direction"] == direction).unwrap()
}

/// 3.00 for a square metre is 3 fen for a hundredth of it: no amount is rounded, so the total can be had by hand.
#[rstest]
#[tokio::test]
async fn a_dearer_price_raises_every_bill_exactly(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    post(&host, "2025-01", 0);
    post(&host, "2025-02", 0);
    let (january, february) = (home_lines(&host, "2025-01"), home_lines(&host, "2025-02"));
    let hundredths = |line: &Value| line["quantity"].as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
    let dearer: i64 = january.iter().chain(&february).map(|line| 3 * hundredths(line)).sum();

    let report = try_out(&host, "area-fee@1.0.0", r#"{"price":"3.00"}"#, ["2025-01", "2025-02"]).expect(0).json();
    assert_eq!((&report["state"], &report["unasked"]), (&json!("done"), &json!(0)));
    let total = json!({"subjects": 2 * HOMES, "before_fen": sum(&january) + sum(&february), "after_fen": dearer});
    assert_eq!(report["total"], total, "{report:#}");
    assert_eq!(changes(&report), json!({"up": 2 * HOMES}));
    let full: Vec<&Value> =
        report["histogram"].as_array().unwrap().iter().filter(|bucket| bucket["subjects"] != 0).collect();
    let a_fourteenth = json!({"from_permille": 50, "to_permille": 100, "subjects": 2 * HOMES});
    assert_eq!(full, [&a_fourteenth], "2.80 to 3.00 is 7.1 %");
    let months: Vec<_> = report["periods"].as_array().unwrap().iter().map(|month| &month["period"]).collect();
    assert_eq!(months, ["2025-01", "2025-02"]);
    assert_eq!(report["periods"][0]["before_fen"], sum(&january));
    assert!(report["fuel_permille_max"].as_i64().unwrap() > 0 && report["memory_permille_max"].as_i64().unwrap() > 0);

    let movers = report["movers"].as_array().unwrap();
    let units: std::collections::BTreeSet<&str> = movers.iter().map(|mover| mover["unit"].as_str().unwrap()).collect();
    assert_eq!(units.len(), movers.len(), "a unit is named once, however many months there are");
    let rise = |mover: &Value| mover["after_fen"].as_i64().unwrap() - mover["before_fen"].as_i64().unwrap();
    assert!(movers.iter().map(rise).collect::<Vec<_>>().is_sorted_by(|left, right| left >= right));
    let largest = january.iter().map(hundredths).max().unwrap();
    assert_eq!(movers[0]["after_fen"], 3 * largest);
    let why = mover(&host, &report, 0, "en");
    assert_eq!(
        (&why["recorded"]["settings"]["price"], &why["candidate"]["settings"]["price"]),
        (&json!("2.8"), &json!("3.00"))
    );
    for side in ["recorded", "candidate"] {
        let steps = why[side]["lines"][0]["steps"].as_array().unwrap();
        assert_eq!(steps[0]["label"], "Area × price", "{why}");
    }
    assert!(
        mover(&host, &report, 0, "zh")["candidate"]["lines"][0]["steps"][0]["text"]
            .as_str()
            .unwrap()
            .contains("3.00 元")
    );
    assert_eq!(why["candidate"]["amount_fen"], 3 * largest);

    // Nothing else has changed.
    assert_eq!((home_lines(&host, "2025-01"), home_lines(&host, "2025-02")), (january, february));
    assert_eq!(host.run(&["bill", "runs", "--project", PROJECT, "--json"]).expect(0).lines().len(), 2);
    let listed = host.run(&["plugin", "trials", "--project", PROJECT, "--json"]).expect(0).lines();
    assert_eq!(listed.len(), 1);
    let id = report["trial"].as_str().unwrap();
    assert_eq!(host.json(&["plugin", "trial-report", id]), report);
    let text = host.run(&["plugin", "trial-report", id, "--lang", "en"]).expect(0).stdout;
    assert!(text.contains("840 subjects") && text.contains("5 … 10 %"), "{text}");
    assert!(host.run(&["plugin", "trial-report", id]).expect(0).stdout.contains("840 户次"));
    host.run(&["plugin", "trial-resume", id]).expect(1);
    host.run(&["plugin", "trial-report", id, "--mover", "999"]).expect(1);
    host.assert_consistent();
}

/// Its own settings change nothing, to the last step.
#[rstest]
#[tokio::test]
async fn what_is_in_force_differs_in_nothing(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    post(&host, "2025-01", 0);
    let report = try_out(&host, "area-fee@1.0.0", r#"{"price":"2.80"}"#, ["2025-01", "2025-01"]).expect(0).json();
    assert_eq!(changes(&report), json!({"same": HOMES}));
    assert_eq!(report["total"]["before_fen"], report["total"]["after_fen"]);
    assert_eq!(report["movers"], json!([]));
}

#[rstest]
#[case::trap("trap", "trap", "插件运行出错")]
#[case::limit("allocate", "limit", "插件计算量超过上限")]
#[case::nonsense("overflow-amount", "invalid-output", "自相矛盾或不合常理")]
#[case::undecided("undecided", "policy-error", "按设置无法决定")]
#[tokio::test]
async fn a_candidate_that_fails_on_some_units_holds_exactly_those(
    #[case] mode: &str,
    #[case] kind_of_hold: &str,
    #[case] sentence: &str,
) {
    let host = Host::office(Kind::Sqlite).await;
    host.run(&["plugin", "install", misbehaving().to_str().unwrap()]).expect(0);
    post(&host, "2025-01", 0);
    let settings = format!(r#"{{"mode":"{mode}","when_area":"94.56"}}"#);
    let report = try_out(&host, "misbehaving-fee@1.0.0", &settings, ["2025-01", "2025-01"]).expect(0).json();
    let others = HOMES - HOMES_OF_94_56;
    assert_eq!(changes(&report), json!({"newly-held": HOMES_OF_94_56, "down": others}));
    assert_eq!(report["held"], json!({kind_of_hold: HOMES_OF_94_56}));
    assert_eq!(report["total"]["after_fen"], others * 100, "everybody else pays 1.00");
    let held = report["changes"]["newly-held"]["before_fen"].as_i64().unwrap();
    assert_eq!(held, HOMES_OF_94_56 * 26_477, "94.56 × 2.80 = 264.768");
    let why = mover(&host, &report, first(&report, "newly-held"), "zh");
    assert!(why["candidate"]["held"].as_str().unwrap().contains(sentence), "{why}");
    assert_eq!((&why["candidate"]["lines"], &why["candidate"]["amount_fen"]), (&json!([]), &Value::Null));
    assert_eq!((&why["recorded"]["held"], &why["recorded"]["amount_fen"]), (&Value::Null, &json!(26_477)));
    assert_eq!(mover(&host, &report, 0, "zh")["direction"], "down");
    host.assert_consistent();
}

#[rstest]
#[tokio::test]
async fn what_cannot_be_tried_is_refused_before_it_begins(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    post(&host, "2025-01", 0);
    let january = ["2025-01", "2025-01"];
    let missing = try_out(&host, "shared-cost-fee@1.0.0", r#"{"basis":"area"}"#, january).expect(4);
    assert!(missing.stderr.contains("unit.storey (") && !missing.stderr.contains("unit.area"), "{missing:?}");
    let nothing = try_out(&host, "area-fee@1.0.0", r#"{"price":"3.00"}"#, ["2025-02", "2025-03"]).expect(4);
    assert!(nothing.stderr.contains("no posted run"), "{nothing:?}");
    for settings in ["{}", r#"{"price":3}"#, "nonsense"] {
        try_out(&host, "area-fee@1.0.0", settings, january).expect(3);
    }
    try_out(&host, "area-fee@1.0.0", r#"{"price":"3.00"}"#, ["2025-02", "2025-01"]).expect(3);
    try_out(&host, "area-fee@9.9.9", r#"{"price":"3.00"}"#, january).expect(1);
    // A cashier sees charges, but not what rules would make of them.
    let settings = host.file("candidate.json", r#"{"price":"3.00"}"#);
    let of = ["plugin", "trial", "--project", PROJECT, "--fee-item", HOME_FEE, "--plugin", "area-fee@1.0.0"];
    let as_li = ["--settings", &settings, "--from", "2025-01", "--to", "2025-01", "--as", "li"];
    host.run(&[&of[..], &as_li[..]].concat()).expect(4);
    assert!(host.run(&["plugin", "trials", "--project", PROJECT]).expect(0).stdout.is_empty(), "none of them was kept");
}

/// A preview that is not posted is no past; what a later run of the month charged replaces what the first one held.
#[rstest]
#[tokio::test]
async fn a_subject_counts_once_a_month(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    host.run(&["plugin", "install", misbehaving().to_str().unwrap()]).expect(0);
    host.bind("misbehaving-fee@1.0.0", r#"{"mode":"trap","when_area":"94.56"}"#, "2025-01-01").expect(0);
    post(&host, "2025-01", 5);
    let settings = r#"{"price":"2.80"}"#;
    let report = try_out(&host, "area-fee@1.0.0", settings, ["2025-01", "2025-01"]).expect(4);
    assert!(report.stderr.contains("unit.internal-area"), "misbehaving-fee asks for the area only: {report:?}");

    let itself = r#"{"mode":"ok"}"#;
    let report = try_out(&host, "misbehaving-fee@1.0.0", itself, ["2025-01", "2025-01"]).expect(0).json();
    assert_eq!(changes(&report), json!({"released": HOMES_OF_94_56, "same": HOMES - HOMES_OF_94_56}));
    assert_eq!(mover(&host, &report, 0, "zh")["recorded"]["amount_fen"], Value::Null);

    host.bind("area-fee@1.0.0", settings, "2025-01-01").expect(0);
    post(&host, "2025-01", 0);
    host.run(&["bill", "preview", "--project", PROJECT, "--period", "2025-02"]).expect(0);
    let report = try_out(&host, "misbehaving-fee@1.0.0", itself, ["2025-01", "2025-02"]).expect(0).json();
    assert_eq!(changes(&report), json!({"down": HOMES_OF_94_56, "same": HOMES - HOMES_OF_94_56}));
    assert_eq!(report["total"]["after_fen"], HOMES * 100);
    assert_eq!(report["recorded"].as_object().unwrap().len(), 2, "two plug-ins answered that month");
    assert_eq!(report["periods"].as_array().unwrap().len(), 1);
}

/// A shared cost is shared otherwise, to the same fen.
#[rstest]
#[tokio::test]
async fn a_shared_cost_stays_the_same_sum(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    const TOTAL_FEN: i64 = 1_234_567;
    let host = Host::office(kind).await;
    host.bind("shared-cost-fee@1.0.0", r#"{"basis":"area"}"#, "2025-01-01").expect(0);
    let pool = ["bill", "pool", "--project", PROJECT, "--period", "2025-01", "--fee-item", HOME_FEE];
    host.run(&[&pool[..], &["--total-fen", &TOTAL_FEN.to_string()]].concat()).expect(0);
    post(&host, "2025-01", 0);
    assert_eq!(sum(&home_lines(&host, "2025-01")), TOTAL_FEN);
    let months = ["2025-01", "2025-01"];
    let report = try_out(&host, "shared-cost-fee@1.0.0", r#"{"basis":"household"}"#, months).expect(0).json();
    let total = json!({"subjects": HOMES, "before_fen": TOTAL_FEN, "after_fen": TOTAL_FEN});
    assert_eq!(report["total"], total, "{report:#}");
    let share = TOTAL_FEN / HOMES;
    let after: Vec<i64> =
        report["movers"].as_array().unwrap().iter().map(|mover| mover["after_fen"].as_i64().unwrap()).collect();
    assert!(after.iter().all(|fen| [share, share + 1].contains(fen)), "{after:?} is not an equal share");
    let why = mover(&host, &report, 0, "en");
    let last = why["candidate"]["lines"][0]["steps"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["label"], "Allocated share", "{why}");
    let same = try_out(&host, "shared-cost-fee@1.0.0", r#"{"basis":"area"}"#, months).expect(0).json();
    assert_eq!(changes(&same), json!({"same": HOMES}), "left-over fen are given out in the same order");
}

#[rstest]
#[tokio::test]
async fn another_company_finds_no_trial(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    post(&host, "2025-01", 0);
    let report = try_out(&host, "area-fee@1.0.0", r#"{"price":"3.00"}"#, ["2025-01", "2025-01"]).expect(0).json();
    let id = report["trial"].as_str().unwrap();
    let other = ["--company", "另一家物业"];
    host.run(&[&["plugin", "install", "standard"], &other[..]].concat()).expect(0);
    for args in [
        &["plugin", "trial-report", id][..],
        &["plugin", "trial-resume", id],
        &["plugin", "trials", "--project", PROJECT],
    ] {
        let refused = host.run(&[args, &other[..]].concat()).expect(1);
        assert!(refused.stdout.is_empty() && refused.stderr.contains("not found"), "{refused:?}");
    }
    let home = ["--company", guanjia::boot::FIRST_COMPANY];
    host.run(&[&["plugin", "trial-report", id, "--mover", "0"], &home[..]].concat()).expect(0);
}

/// The host of a test inside this process.
async fn wired(host: &Host) -> Office {
    let config = Config {
        data_dir: host.folder().join("wired"),
        database_url: Some(host.database_url().to_owned()),
        cache_dir: Some(crate::host::shared_cache().to_owned()),
        compiler: Compiler::default(),
        company: None,
    };
    Wired::open(&config).await.unwrap().company().await.unwrap()
}

/// A trial that stopped after its first month asks about the second one only, and ends with the report of one that never
/// stopped.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_trial_goes_on_after_the_months_that_are_done(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    post(&host, "2025-01", 0);
    post(&host, "2025-02", 0);
    let try_months = |to: &str| {
        let report = try_out(&host, "area-fee@1.0.0", r#"{"price":"3.00"}"#, ["2025-01", to]).expect(0).json();
        report["trial"].as_str().unwrap().parse::<TrialId>().unwrap()
    };
    let (first_month, undisturbed) = (try_months("2025-01"), try_months("2025-02"));
    let office = wired(&host).await;
    let stamp = office.stamp(None, "test").await.unwrap();
    let report = async |id: TrialId| office.trials.view(&stamp, id).await.unwrap().trial;
    let whole: Trial = report(undisturbed).await;

    let request = guanjia_domain::trial::TrialRequest {
        project_id: whole.project_id,
        point: whole.point,
        fee_item_id: whole.fee_item_id,
        plugin_id: whole.candidate.plugin_id.clone(),
        plugin_version: whole.candidate.plugin_version.clone(),
        settings: whole.candidate.settings.clone(),
        period: Period { start: whole.period.start, end: whole.period.end },
    };
    let (stopped, job) = office.trials.start(&stamp, request).await.unwrap();
    assert_eq!(office.trials.view(&stamp, stopped.id).await.unwrap().state(), TrialState::Waiting);
    let half = Trial { report: report(first_month).await.report, ..stopped.clone() };
    office.store.record_trial(&half).await.unwrap();
    office.trials.cancel(&stamp, stopped.id).await.unwrap();
    assert_eq!(office.trials.view(&stamp, stopped.id).await.unwrap().state(), TrialState::Cancelled);
    assert!(office.trials.cancel(&stamp, stopped.id).await.is_err(), "nobody works on it any more");
    assert!(!office.store.claim(job.id, "a", stamp.at).await.unwrap());

    let job = office.trials.resume(&stamp, stopped.id).await.unwrap();
    assert_eq!(office.trials.resume(&stamp, stopped.id).await.unwrap().id, job.id, "one job is enough");
    guanjia::worker::do_here(&office, &stamp, &job, &()).await.unwrap();
    let resumed: TrialReport = report(stopped.id).await.report;
    assert_eq!(resumed, whole.report);
    let one = resumed.periods[0].decisions;
    assert_eq!(office.store.job(job.id).await.unwrap().total, 2 * one);
    let said = office.trials.explain(&stamp, stopped.id, 0, Language::En).await.unwrap();
    assert_eq!(said.candidate.value, said.mover.after);
    host.assert_consistent();
}
