//! Runs over time: four eyes, posting once, skipped months, changes in mid-month, and records that change afterwards.

use crate::host::{HOME_FEE, Host, PROJECT};
use guanjia_harness::Kind;
use rstest::rstest;
use serde_json::Value;

fn preview(host: &Host, period: &str) -> Value {
    host.json(&["bill", "preview", "--project", PROJECT, "--period", period])
}

fn posted(host: &Host, period: &str) -> Value {
    let run = preview(host, period);
    let id = run["run"].as_str().unwrap();
    host.run(&["bill", "approve", id, "--as", "wang"]).expect(0);
    host.json(&["bill", "post", id])
}

fn lines(host: &Host, period: &str) -> Vec<Value> {
    host.run(&["bill", "lines", "--project", PROJECT, "--period", period, "--json"]).expect(0).lines()
}

fn of_unit<'a>(lines: &'a [Value], place: &str, fee_item: &str) -> Vec<&'a Value> {
    let at = |line: &&Value| {
        let text = |key: &str| line[key].as_str().unwrap();
        format!("{}-{}-{}", text("building"), text("entrance"), text("unit")) == place && line["fee_item"] == fee_item
    };
    lines.iter().filter(at).collect()
}

#[rstest]
#[tokio::test]
async fn whoever_made_a_run_does_not_approve_it(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    let run = preview(&host, "2025-01");
    let id = run["run"].as_str().unwrap();
    assert_eq!(run["total_fen"], 13_998_672);
    host.run(&["bill", "post", id]).expect(1);
    host.run(&["bill", "approve", id]).expect(4);
    host.run(&["bill", "approve", id, "--as", "li"]).expect(4);
    host.run(&["bill", "approve", id, "--as", "nobody"]).expect(4);
    host.run(&["bill", "approve", id, "--as", "wang"]).expect(0);
    assert_eq!(host.json(&["bill", "post", id])["posted_lines"], 852);
    assert_eq!(host.json(&["bill", "post", id])["posted_lines"], 852, "posting twice is the same as once");
    let again = preview(&host, "2025-01");
    assert_eq!((&again["lines"], &again["held"]), (&Value::from(0), &Value::from(0)), "nothing is left to charge");
    assert_eq!(lines(&host, "2025-01").len(), 852);
    host.assert_consistent();
}

#[rstest]
#[tokio::test]
async fn skipped_months_are_caught_up(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    posted(&host, "2025-01");
    let runs =
        host.run(&["bill", "catch-up", "--project", PROJECT, "--through", "2025-04", "--json"]).expect(0).lines();
    let periods: Vec<&str> = runs.iter().map(|run| run["period"].as_str().unwrap()).collect();
    assert_eq!(periods, ["2025-02", "2025-03", "2025-04"]);
    assert!(runs.iter().all(|run| run["total_fen"] == 13_998_672));
}

#[rstest]
#[tokio::test]
async fn a_month_before_the_fees_begin_charges_nothing(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    let run = preview(&host, "2024-12");
    assert_eq!((&run["lines"], &run["held"], &run["total_fen"]), (&Value::from(0), &Value::from(0), &Value::from(0)));
}

#[rstest]
#[tokio::test]
async fn an_owner_change_in_mid_month_is_prorated(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    let transfer =
        ["unit", "transfer", "--project", PROJECT, "--unit", "6-1-103", "--to", "新业主", "--from", "2025-03-11"];
    host.run(&transfer).expect(0);
    posted(&host, "2025-03");
    let lines = lines(&host, "2025-03");
    assert_eq!(lines.len(), 854, "two fee items of one home are split");
    let fee = of_unit(&lines, "6-1-103", HOME_FEE);
    // 118.27 × 2.80 = 331.156 a month: 10 of 31 days are 106.8245, 21 of 31 days are 224.3315.
    let parts: Vec<(&str, i64)> =
        fee.iter().map(|line| (line["from"].as_str().unwrap(), line["amount_fen"].as_i64().unwrap())).collect();
    assert_eq!(parts, [("2025-03-01", 10_682), ("2025-03-11", 22_433)]);
    assert_eq!(fee[1]["payer"], "新业主");
    assert_ne!(fee[0]["payer"], "新业主");
    host.assert_consistent();
}

#[rstest]
#[tokio::test]
async fn later_changes_touch_neither_lines_nor_replay(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    let run = posted(&host, "2025-01");
    let before = lines(&host, "2025-01");
    host.run(&["unit", "set", "--project", PROJECT, "--unit", "6-1-103", "--area", "200"]).expect(0);
    host.bind("area-fee@1.0.0", r#"{"price":"9.99"}"#, "2025-02-01").expect(0);
    assert_eq!(lines(&host, "2025-01"), before);
    let replay = host.json(&["replay", run["run"].as_str().unwrap()]);
    assert_eq!(replay["decisions"], replay["identical"]);
    posted(&host, "2025-02");
    let february = lines(&host, "2025-02");
    assert_eq!(of_unit(&february, "6-1-103", HOME_FEE)[0]["amount_fen"], 199_800, "200 m² × 9.99");
    host.assert_consistent();
}

#[rstest]
#[tokio::test]
async fn settings_that_do_not_fit_are_refused(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    for settings in
        ["{}", r#"{"price":2.8}"#, r#"{"price":"2.80","colour":"red"}"#, r#"{"price":"-1"}"#, "[1]", "nonsense"]
    {
        host.bind("area-fee@1.0.0", settings, "2025-02-01").expect(3);
    }
}
