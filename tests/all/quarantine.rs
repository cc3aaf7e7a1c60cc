//! A plug-in that breaks on everything is quarantined, and nothing else suffers; a shadow says what it would change, and
//! changes nothing.

use crate::{
    bad_plugins::misbehaving,
    host::{HOME_FEE, Host, PROJECT},
};
use guanjia_harness::Kind;
use rstest::rstest;
use serde_json::Value;

/// A generated estate of a few pages, with the bad plug-in installed and January posted.
const UNITS: i64 = 2_200;
const GENERATED: &str = "万家城";
/// Subjects of the first page.
const PAGE: i64 = 1_024;

async fn estate(kind: Kind) -> Host {
    let host = Host::fresh(kind).await;
    host.json(&["demo", "--no-serve", "--units", &UNITS.to_string()]);
    host.run(&["plugin", "install", misbehaving().to_str().unwrap()]).expect(0);
    host
}

fn bind(host: &Host, settings: &str, more: &[&str]) -> String {
    let settings = host.file("settings.json", settings);
    let to = [
        "plugin",
        "bind",
        "--project",
        GENERATED,
        "--fee-item",
        HOME_FEE,
        "--settings",
        &settings,
        "--from",
        "2025-02-01",
    ];
    let bound = host.json(&[&to[..], more].concat());
    bound["id"].as_str().unwrap().to_owned()
}

fn preview(host: &Host, code: i32) -> Value {
    host.run(&["bill", "preview", "--project", GENERATED, "--period", "2025-02", "--json"]).expect(code).json()
}

fn watch(host: &Host, binding: &str) -> Value {
    let all = host.run(&["plugin", "watch", "--project", GENERATED, "--json"]).expect(0).lines();
    all.into_iter().find(|known| known["binding"] == binding).unwrap()
}

fn held_kinds(host: &Host, run: &Value) -> (i64, i64) {
    let held = host.run(&["bill", "held", run["run"].as_str().unwrap(), "--json"]).expect(0).lines();
    assert!(held.iter().all(|line| line["fee_item"] == HOME_FEE && !line["reason"].as_str().unwrap().is_empty()));
    let of = |kind: &str| i64::try_from(held.iter().filter(|line| line["kind"] == kind).count()).unwrap();
    assert_eq!(i64::try_from(held.len()).unwrap(), of("trap") + of("quarantined") + of("limit"), "{:?}", held.first());
    (of("trap") + of("limit"), of("quarantined"))
}

#[rstest]
#[tokio::test]
async fn a_broken_plug_in_is_quarantined_and_the_rest_is_posted(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = estate(kind).await;
    let server = host.serve();
    let binding = bind(&host, r#"{"mode":"trap"}"#, &["--plugin", "misbehaving-fee@1.0.0"]);
    let run = preview(&host, 5);
    assert_eq!(held_kinds(&host, &run), (PAGE, UNITS - PAGE));
    let seen = watch(&host, &binding);
    assert_eq!((&seen["state"], &seen["quarantine"]["run_id"]), (&Value::from("quarantined"), &run["run"]));
    assert_eq!(
        (&seen["total"]["trapped"], &seen["total"]["passed_over"]),
        (&Value::from(PAGE), &Value::from(UNITS - PAGE))
    );
    assert_eq!(seen["total"]["last_error"]["kind"], "trap");

    let id = run["run"].as_str().unwrap();
    host.run(&["bill", "approve", id, "--as", "manager"]).expect(0);
    let posted = host.run(&["bill", "post", id, "--json"]).expect(5).json();
    assert_eq!(posted["posted_lines"], 2 * UNITS, "the two other fee items are charged");

    let figures = reqwest::get(format!("{}/metrics", server.url)).await.unwrap().text().await.unwrap();
    assert!(figures.lines().any(|line| line == "guanjia_bindings_quarantined 1"), "the host stays up, and says it");

    let refused = host.run(&["plugin", "release", &binding]).expect(4);
    assert!(refused.stderr.contains(&format!("0 of {PAGE} decisions came out well")), "{refused:?}");
    let later = preview(&host, 5);
    assert_eq!(held_kinds(&host, &later), (0, UNITS), "later runs hold without asking");

    // A rule that works takes its place; the broken one is history and alarms nobody.
    bind(&host, r#"{"price":"2.80"}"#, &["--plugin", "area-fee@1.0.0"]);
    assert_eq!(preview(&host, 0)["lines"], UNITS);
    assert_eq!(watch(&host, &binding)["state"], "ended");
    host.assert_consistent();
}

#[rstest]
#[tokio::test]
async fn a_binding_is_released_after_a_passing_replay(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    let first = host.run(&["bill", "preview", "--project", PROJECT, "--period", "2025-02", "--json"]).expect(0).json();
    let all = host.run(&["plugin", "watch", "--project", PROJECT, "--json"]).expect(0).lines();
    let own = all.iter().find(|known| known["fee_item"] == HOME_FEE).unwrap();
    let binding = own["binding"].as_str().unwrap();
    assert_eq!((&own["state"], &own["total"]["decided"]), (&Value::from("in-force"), &Value::from(420)));
    host.run(&["plugin", "quarantine", binding, "--reason", " "]).expect(3);
    host.run(&["plugin", "quarantine", binding, "--reason", "wrong price", "--as", "wang"]).expect(4);
    host.json(&["plugin", "quarantine", binding, "--reason", "wrong price"]);
    let held = host.run(&["bill", "preview", "--project", PROJECT, "--period", "2025-02", "--json"]).expect(5).json();
    assert_eq!(held["held"], 420);
    let released = host.json(&["plugin", "release", binding]);
    assert_eq!((&released["decisions"], &released["well"]), (&Value::from(1), &Value::from(1)));
    host.run(&["plugin", "release", binding]).expect(1);
    let again = host.run(&["bill", "preview", "--project", PROJECT, "--period", "2025-02", "--json"]).expect(0).json();
    assert_eq!((&again["lines"], &again["total_fen"]), (&first["lines"], &first["total_fen"]));
    host.assert_consistent();
}

/// Lines without the identifiers of their run.
fn lines(host: &Host) -> Vec<Value> {
    let mut lines =
        host.run(&["bill", "lines", "--project", GENERATED, "--period", "2025-02", "--json"]).expect(0).lines();
    for line in &mut lines {
        for own in ["run", "charge", "decision"] {
            line.as_object_mut().unwrap().remove(own);
        }
    }
    lines
}

#[rstest]
#[case::dearer("area-fee@1.0.0", r#"{"price":"3.36"}"#, false)]
#[case::the_same("area-fee@1.0.0", r#"{"price":"2.80"}"#, false)]
#[case::traps("misbehaving-fee@1.0.0", r#"{"mode":"trap"}"#, true)]
#[case::never_returns("misbehaving-fee@1.0.0", r#"{"mode":"loop"}"#, true)]
#[case::nonsense("misbehaving-fee@1.0.0", r#"{"mode":"unknown-segment"}"#, true)]
#[tokio::test]
async fn a_shadow_changes_nothing(
    #[case] plugin: &str,
    #[case] settings: &str,
    #[case] breaks: bool,
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let host = estate(kind).await;
    let alone = preview(&host, 0);
    let expected = lines(&host);
    let shadow = bind(&host, settings, &["--plugin", plugin, "--mode", "shadow"]);
    let run = preview(&host, 0);
    assert_eq!(
        (&run["lines"], &run["held"], &run["total_fen"]),
        (&alone["lines"], &Value::from(0), &alone["total_fen"])
    );
    assert!(lines(&host) == expected, "the run is bit for bit what it is without a shadow");
    let seen = watch(&host, &shadow);
    let of_run = &seen["runs"][0];
    assert_eq!(of_run["run"], run["run"]);
    if breaks {
        assert_eq!(seen["state"], "quarantined", "{seen:#}");
        assert_eq!(of_run["passed_over"], UNITS - PAGE);
        return;
    }
    assert_eq!((&of_run["decided"], &seen["state"]), (&Value::from(UNITS), &Value::from("in-force")));
    let fee = |lines: &[Value]| -> i64 {
        let own = lines.iter().filter(|line| line["fee_item"] == HOME_FEE);
        own.map(|line| line["amount_fen"].as_i64().unwrap()).sum()
    };
    let before = fee(&expected);
    assert_eq!(of_run["difference"]["before_fen"], before);
    // As the active one, it is what the difference said.
    bind(&host, settings, &["--plugin", plugin]);
    preview(&host, 0);
    let after = fee(&lines(&host));
    assert_eq!(of_run["difference"]["after_fen"], after);
    assert_eq!(of_run["differs"], before != after);
    host.assert_consistent();
}
