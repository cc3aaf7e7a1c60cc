//! Switching rules on: with a second person, for all projects, and back again.

use crate::host::{HOME_FEE, Host, PROJECT, workbook};
use guanjia_harness::Kind;
use rstest::rstest;
use serde_json::{Value, json};

/// Prices of the bindings that hold on or after a day, oldest first.
fn prices(host: &Host, project: &str) -> Vec<(String, String)> {
    let bindings = host.run(&["plugin", "bindings", "--project", project, "--json"]).expect(0).lines();
    let mut known: Vec<(String, String)> = bindings
        .iter()
        .filter(|binding| binding["plugin_id"] == "area-fee" && binding["effective_from"] != binding["effective_to"])
        .map(|binding| {
            let settings: Value = serde_json::from_str(binding["settings"].as_str().unwrap()).unwrap();
            (binding["effective_from"].as_str().unwrap().to_owned(), settings["price"].as_str().unwrap().to_owned())
        })
        .filter(|(from, _)| from.as_str() >= "2025-02-01")
        .collect();
    known.sort();
    known
}

fn bind(host: &Host, target: &[&str], price: &str, from: &str, acting: &str) -> crate::host::Ran {
    let settings = host.file("price.json", json!({ "price": price }).to_string());
    let plugin = ["--fee-item", HOME_FEE, "--plugin", "area-fee@1.0.0", "--settings", &settings, "--from", from];
    host.run(&[&["plugin", "bind"], target, &plugin[..], &["--as", acting, "--json"]].concat())
}

const HERE: &[&str] = &["--project", PROJECT];

#[rstest]
#[tokio::test]
async fn a_second_person_decides_where_the_company_says_so(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    host.run(&["user", "add", "zhao", "--role", "admin"]).expect(0);
    assert_eq!(host.json(&["plugin", "rule"]), json!({ "second_person": false }));
    host.json(&["plugin", "rule", "--second-person", "true"]);
    let proposed = bind(&host, HERE, "3.10", "2025-04-01", "zhao").expect(0).json();
    assert_eq!((proposed["state"].as_str(), proposed["proposed_by"].as_str()), (Some("open"), Some("zhao")));
    assert!(prices(&host, PROJECT).is_empty(), "it counts only when it is approved");
    let id = proposed["proposal"].as_str().unwrap();
    host.run(&["plugin", "approve", id, "--as", "zhao"]).expect(4);
    host.run(&["plugin", "approve", id, "--as", "li"]).expect(4);
    host.run(&["plugin", "approve", id, "--as", "wang"]).expect(0);
    assert_eq!(prices(&host, PROJECT), [("2025-04-01".to_owned(), "3.10".to_owned())]);
    host.run(&["plugin", "approve", id, "--as", "wang"]).expect(1);
    let refused = bind(&host, HERE, "9.99", "2025-05-01", "zhao").expect(0).json();
    let refused = refused["proposal"].as_str().unwrap();
    let said = host.json(&["plugin", "refuse", refused, "--reason", "太贵", "--as", "wang"]);
    assert_eq!((said["state"].as_str(), said["reason"].as_str()), (Some("refused"), Some("太贵")));
    host.run(&["plugin", "approve", refused, "--as", "wang"]).expect(1);
    let own = bind(&host, HERE, "9.99", "2025-05-01", "zhao").expect(0).json();
    let withdrawn = host.json(&["plugin", "refuse", own["proposal"].as_str().unwrap(), "--as", "zhao"]);
    assert_eq!(withdrawn["state"], "withdrawn");
    assert_eq!(prices(&host, PROJECT).len(), 1);
    host.assert_consistent();
}

#[rstest]
#[tokio::test]
async fn what_held_before_holds_again_in_one_step(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    let back = |from: &str| {
        host.run(&["plugin", "rollback", "--project", PROJECT, "--fee-item", HOME_FEE, "--from", from, "--json"])
    };
    back("2025-04-01").expect(3);
    bind(&host, HERE, "3.10", "2025-04-01", "operator").expect(0);
    let total = |month: &str| {
        host.json(&["bill", "preview", "--project", PROJECT, "--period", month])["total_fen"].as_i64().unwrap()
    };
    let (march, dear) = (total("2025-03"), total("2025-04"));
    assert!(dear > march, "{dear} is not more than {march}");
    back("2025-04-01").expect(0);
    assert_eq!(total("2025-04"), march, "as if the dearer rule had never held");
    bind(&host, HERE, "9.99", "2025-04-01", "operator").expect(0);
    back("2025-04-01").expect(0);
    assert_eq!(total("2025-04"), march, "a correction of the same day is taken back, too");
    bind(&host, HERE, "3.50", "2025-05-01", "operator").expect(0);
    back("2025-06-01").expect(0);
    assert!(total("2025-05") > march);
    assert_eq!(total("2025-06"), march);
    host.assert_consistent();
}

#[rstest]
#[tokio::test]
async fn one_rule_for_all_projects_or_for_none(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    let other = "塞纳名邸";
    host.run(&["import", "microcommunity", workbook().to_str().unwrap(), "--project", other, "--json"]).expect(0);
    bind(&host, &["--everywhere"], "3.10", "2025-04-01", "operator").expect(0);
    for project in [PROJECT, other] {
        assert_eq!(prices(&host, project), [("2025-04-01".to_owned(), "3.10".to_owned())]);
    }
    bind(&host, &["--project", other], "3.30", "2025-08-01", "operator").expect(0);
    let in_the_way = bind(&host, &["--everywhere"], "3.20", "2025-06-01", "operator").expect(1);
    assert!(in_the_way.stderr.contains("bound there already") || in_the_way.stdout.contains("bound there already"));
    assert_eq!(prices(&host, PROJECT).len(), 1, "all projects or none");
    let settings = host.file("price.json", "{\"price\":\"1\"}");
    let nowhere = ["--plugin", "area-fee@1.0.0", "--settings", &settings, "--from", "2025-06-01"];
    host.run(&[&["plugin", "bind", "--everywhere", "--fee-item", "没有"], &nowhere[..]].concat()).expect(1);
}

#[rstest]
#[tokio::test]
async fn months_that_another_rule_posted_are_named() {
    let host = Host::fresh(Kind::Sqlite).await;
    host.json(&["demo", "--no-serve"]);
    let bound = bind(&host, HERE, "3.10", "2025-01-01", "operator").expect(0);
    assert!(bound.stderr.contains("2025-01"), "{bound:?}");
    let later = bind(&host, HERE, "3.20", "2025-02-01", "operator").expect(0);
    assert!(!later.stderr.contains("posted already"), "{later:?}");
}

#[rstest]
#[tokio::test]
async fn settings_are_carried_over_before_anything_is_written() {
    let host = Host::office(Kind::Sqlite).await;
    let settings = host.file("old.json", r#"{"price":"2.80","colour":"red"}"#);
    let carried = host.json(&["plugin", "migrate-settings", "--plugin", "area-fee@1.0.0", "--settings", &settings]);
    assert_eq!(carried["settings"], json!({ "price": "2.80" }));
    assert_eq!(carried["dropped"], json!([["colour", "red"]]));
    assert_eq!(carried["problems"], json!([]));
}
