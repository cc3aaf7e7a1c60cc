//! Decisions that travel: a line as a file, run again without a database, and what is made of a file that was tampered with.

use crate::host::{HOME_FEE, Host, PROJECT};
use guanjia_harness::Kind;
use rstest::rstest;
use serde_json::{Value, json};

/// A demo, and the proof of its first home's fee with the amount that the line has.
async fn proof(kind: Kind) -> (Host, Value, i64) {
    let host = Host::fresh(kind).await;
    host.json(&["demo", "--no-serve"]);
    let lines = host.run(&["bill", "lines", "--project", PROJECT, "--period", "2025-01", "--json"]).expect(0).lines();
    let line = lines.iter().filter(|line| line["fee_item"] == HOME_FEE).nth(7).unwrap();
    let (decision, number) = (line["decision"].as_str().unwrap(), line["line"].to_string());
    let path = host.folder().join("line.proof.json");
    host.run(&["prove", decision, "--line", &number, "-o", path.to_str().unwrap()]).expect(0);
    let proof = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    (host, proof, line["amount_fen"].as_i64().unwrap())
}

#[rstest]
#[tokio::test]
async fn a_line_is_proved_on_another_machine(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let (host, proof, amount) = proof(kind).await;
    assert_eq!(proof["about"]["amount_fen"], amount);
    assert_eq!(proof["question"]["Fee"]["subjects"], 1, "a proof is about its own subject only");
    assert!(!proof["steps"]["zh"].as_array().unwrap().is_empty());
    // Another machine has neither this database nor its plug-ins.
    let elsewhere = Host::fresh(Kind::Sqlite).await;
    let file = elsewhere.file("line.proof.json", proof.to_string());
    let report = elsewhere.json(&["replay", &file]);
    assert_eq!(report, json!({"decisions": 1, "identical": 1, "different": []}));
    assert!(!elsewhere.folder().join("cache").exists(), "a file needs no data directory");
    host.assert_consistent();
}

/// What each night does, by hand: on another process than the one that charged.
#[rstest]
#[tokio::test]
async fn posted_decisions_are_sampled(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::fresh(kind).await;
    host.json(&["demo", "--no-serve"]);
    let report = host.json(&["replay", "--sample"]);
    let decisions = report["decisions"].as_i64().unwrap();
    assert!(decisions > 0);
    assert_eq!(report, json!({"decisions": decisions, "identical": decisions, "different": []}));
    let checks = host.json(&["check"])["checks"].clone();
    let sampled = checks.as_array().unwrap().iter().find(|check| check["name"] == "replay-sample").unwrap().clone();
    assert!(sampled["detail"].as_str().unwrap().starts_with(&format!("{decisions} of {decisions}")), "{sampled}");
    let schedules = host.run(&["schedule", "list", "--json"]).expect(0).lines();
    assert!(schedules.iter().any(|schedule| schedule["kind"] == "replay-sample" && schedule["enabled"] == true));
}

#[rstest]
#[tokio::test]
async fn a_proof_that_was_tampered_with_is_found_out() {
    let (host, proof, amount) = proof(Kind::Sqlite).await;
    let replay = |spoil: &dyn Fn(&mut Value)| {
        let mut spoilt = proof.clone();
        spoil(&mut spoilt);
        assert_ne!(spoilt, proof, "nothing was spoilt");
        host.run(&["replay", &host.file("spoilt.json", spoilt.to_string()), "--json"])
    };
    let settings = proof["settings"].as_str().unwrap().replace("2.8", "2.7");
    for different in [
        replay(&|proof| proof["settings"] = json!(settings)),
        replay(&|proof| proof["about"]["amount_fen"] = json!(amount - 1)),
        replay(&|proof| proof["question"]["Fee"]["facts"][0]["cells"]["Numbers"]["mantissas"][0] = json!(1)),
        replay(&|proof| proof["steps"]["zh"][0]["value"] = json!("0.01")),
    ] {
        let report = different.expect(1).json();
        assert_eq!((report["identical"].as_i64(), report["different"].as_array().map(Vec::len)), (Some(0), Some(1)));
    }
    for refused in [
        replay(&|proof| proof["format"] = json!("guanjia-proof/9")),
        replay(&|proof| proof["plugin"]["digest"] = json!("00")),
        replay(&|proof| proof["plugin"]["version"] = json!("9.0.0")),
        replay(&|proof| proof["component"] = json!("AGFzbQ==")),
        replay(&|proof| proof["settings"] = json!("{\"price\":\"free\"}")),
        replay(&|proof| proof["question"]["Fee"]["facts"] = json!([])),
        replay(&|proof| proof["question"]["Fee"]["subjects"] = json!(4_000_000_000_u32)),
        replay(&|proof| proof["question"]["Fee"]["segments"]["subject"][0] = json!(7)),
        replay(&|proof| proof["question"]["Fee"]["segments"]["end"] = json!([])),
        replay(&|proof| proof["question"]["Fee"]["currency"]["digits"] = json!(200)),
        replay(&|proof| proof["question"]["Fee"]["facts"][0]["cells"]["Numbers"]["mantissas"] = json!([])),
    ] {
        refused.expect(3);
    }
    host.run(&["replay", "no-such-file.json"]).expect(3);
}
