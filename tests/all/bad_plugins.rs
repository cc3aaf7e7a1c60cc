//! A bad plug-in holds exactly the subjects it fails on; the rest of the run is posted and the host stays up.

use crate::host::{HOME_FEE, Host, PROJECT};
use guanjia_harness::Kind;
use rstest::rstest;
use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// Homes of 94.56 m² that are charged 住宅物业费: 108 of that size, of which 6 are offices with another fee item.
const HOMES_OF_94_56: usize = 102;
const HOMES: i64 = 420;

pub fn misbehaving() -> &'static Path {
    static COMPONENT: OnceLock<PathBuf> = OnceLock::new();
    COMPONENT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
        let built = guanjia_packaging::build_plugins(root, &["misbehaving-fee"], &target, "guest").unwrap();
        built.into_iter().next().unwrap().path
    })
}

/// The example estate with the bad plug-in for 住宅物业费 from February on.
async fn office(kind: Kind, settings: &str) -> Host {
    let host = Host::office(kind).await;
    host.run(&["plugin", "install", misbehaving().to_str().unwrap()]).expect(0);
    host.bind("misbehaving-fee@1.0.0", settings, "2025-02-01").expect(0);
    host
}

#[rstest]
#[case::trap("trap", "trap")]
#[case::endless_loop("loop", "limit")]
#[case::memory("allocate", "limit")]
#[case::unknown_segment("unknown-segment", "invalid-output")]
#[case::wrong_count("wrong-verdict-count", "invalid-output")]
#[case::overflow("overflow-amount", "invalid-output")]
#[case::hundred_megabytes("hundred-mb", "limit")]
#[case::unexplained_zero("zero-without-step", "invalid-output")]
#[case::cannot_decide("undecided", "policy-error")]
#[case::refuses("refuse", "policy-error")]
#[tokio::test]
async fn exactly_the_failing_subjects_are_held(
    #[case] mode: &str,
    #[case] kind_of_hold: &str,
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let host = office(kind, &format!(r#"{{"mode":"{mode}","when_area":"94.56"}}"#)).await;
    let run = host.run(&["bill", "preview", "--project", PROJECT, "--period", "2025-02", "--json"]).expect(5).json();
    let id = run["run"].as_str().unwrap();
    let held = host.run(&["bill", "held", id, "--json"]).expect(0).lines();
    assert_eq!(held.len(), HOMES_OF_94_56, "{:?}", held.first());
    for line in &held {
        assert_eq!(line["kind"], kind_of_hold, "{line}");
        assert_eq!(line["fee_item"], HOME_FEE);
        assert!(line["unit"].as_str().unwrap().ends_with("02"), "the homes of 94.56 m² end with 02: {line}");
        assert!(!line["reason"].as_str().unwrap().is_empty());
    }
    let other_lines = 432;
    let held_count = i64::try_from(HOMES_OF_94_56).unwrap();
    assert_eq!(run["lines"], other_lines + HOMES - held_count);
    host.run(&["bill", "approve", id, "--as", "wang"]).expect(0);
    let posted = host.run(&["bill", "post", id, "--json"]).expect(5).json();
    assert_eq!(posted["posted_lines"], run["lines"]);
    let lines = host.run(&["bill", "lines", "--project", PROJECT, "--period", "2025-02", "--json"]).expect(0).lines();
    assert!(lines.iter().all(|line| line["amount_fen"] != 0), "nothing becomes 0 by accident");
    host.json(&["replay", id]);
    host.assert_consistent();
}

#[rstest]
#[tokio::test]
async fn held_subjects_are_charged_once_the_cause_is_mended(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = office(kind, r#"{"mode":"trap","when_area":"94.56"}"#).await;
    let bill = |expected: i32| {
        let run = host
            .run(&["bill", "preview", "--project", PROJECT, "--period", "2025-02", "--json"])
            .expect(expected)
            .json();
        host.run(&["bill", "approve", run["run"].as_str().unwrap(), "--as", "wang"]).expect(0);
        host.run(&["bill", "post", run["run"].as_str().unwrap(), "--json"]).expect(expected).json()
    };
    bill(5);
    host.bind("area-fee@1.0.0", r#"{"price":"2.80"}"#, "2025-02-01").expect(0);
    let mended = bill(0);
    assert_eq!(mended["posted_lines"], i64::try_from(HOMES_OF_94_56).unwrap(), "only what was held is charged now");
    assert_eq!(mended["total_fen"], i64::try_from(HOMES_OF_94_56).unwrap() * 26_477, "94.56 × 2.80 = 264.768");
    host.assert_consistent();
}
