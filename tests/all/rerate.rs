//! A month is corrected: posted lines taken back and charged anew by the rule of today, over the command line and over HTTP.

use crate::{
    bad_plugins::misbehaving,
    host::{HOME_FEE, Host, PROJECT, Ran, Server},
};
use guanjia_harness::Kind;
use reqwest::{Client, Method};
use rstest::rstest;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    process::Stdio,
    time::{Duration, Instant},
};

const HOMES: i64 = 420;
/// Homes of 94.56 m² among them.
const HOMES_OF_94_56: i64 = 102;

/// Previews, approves and posts a month.
fn charge(host: &Host, period: &str) {
    let run = host.json(&["bill", "preview", "--project", PROJECT, "--period", period]);
    confirm(host, &run, 0);
}

/// Has a second person approve a run, and posts it; `code` is 5 where something is held.
fn confirm(host: &Host, run: &Value, code: i32) {
    let id = run["run"].as_str().unwrap();
    host.run(&["bill", "approve", id, "--as", "wang"]).expect(0);
    host.run(&["bill", "post", id]).expect(code);
}

fn rerate(host: &Host, from: &str, to: &str) -> Ran {
    host.run(&["bill", "rerate", "--project", PROJECT, "--fee-item", HOME_FEE, "--from", from, "--to", to, "--json"])
}

/// The lines of the homes' fee in a month.
fn home_lines(host: &Host, period: &str) -> Vec<Value> {
    let lines = host.run(&["bill", "lines", "--project", PROJECT, "--period", period, "--json"]).expect(0).lines();
    lines.into_iter().filter(|line| line["fee_item"] == HOME_FEE).collect()
}

fn amount(line: &Value) -> i64 {
    line["amount_fen"].as_i64().unwrap()
}

fn sum(lines: &[Value]) -> i64 {
    lines.iter().map(amount).sum()
}

/// What each home owes.
fn by_unit(lines: &[Value]) -> BTreeMap<String, i64> {
    let mut owed = BTreeMap::new();
    for line in lines {
        *owed.entry(format!("{}-{}-{}", line["building"], line["entrance"], line["unit"])).or_default() += amount(line);
    }
    owed
}

/// What 3.00 for a square metre comes to: 3 fen for a hundredth of it, so that no amount is rounded.
fn at_three(lines: &[Value]) -> i64 {
    let hundredths = |line: &Value| line["quantity"].as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
    lines.iter().map(|line| 3 * hundredths(line)).sum()
}

fn figures(run: &Value) -> [i64; 6] {
    ["up", "down", "unchanged", "held", "lines", "difference_fen"].map(|name| run[name].as_i64().unwrap())
}

fn replayed_identically(host: &Host, run: &str) {
    let report = host.json(&["replay", run]);
    assert!(report["decisions"].as_i64().unwrap() > 0 && report["decisions"] == report["identical"], "{report}");
}

#[rstest]
#[tokio::test]
async fn a_corrected_price_is_proposed_approved_and_posted(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    charge(&host, "2025-01");
    charge(&host, "2025-02");
    let before = home_lines(&host, "2025-01");
    // What was charged is corrected with the area that it was charged by, whatever the area is said to be today.
    host.run(&["unit", "set", "--project", PROJECT, "--unit", "6-1-103", "--area", "200"]).expect(0);
    let bound = host.bind("area-fee@1.0.0", r#"{"price":"3.00"}"#, "2025-01-01").expect(0);
    assert!(bound.stderr.contains("2025-01, 2025-02") && bound.stderr.contains("bill rerate"), "{bound:?}");

    let proposed = rerate(&host, "2025-01", "2025-03").expect(0).lines();
    let months: Vec<_> = proposed.iter().map(|run| run["period"].as_str().unwrap()).collect();
    assert_eq!(months, ["2025-01", "2025-02"], "March was never charged");
    let difference = at_three(&before) - sum(&before);
    for run in &proposed {
        assert_eq!(figures(run), [HOMES, 0, 0, 0, 2 * HOMES, difference], "{run}");
        assert_eq!((&run["state"], &run["revision"]), (&json!("previewed"), &json!(1)));
        assert_eq!(run["total_fen"], run["difference_fen"]);
    }
    let january = proposed[0]["run"].as_str().unwrap();
    host.run(&["bill", "approve", january]).expect(4);
    host.run(&["bill", "post", january]).expect(1);
    confirm(&host, &proposed[0], 0);
    let posted = host.json(&["bill", "post", january]);
    assert_eq!(posted["posted_lines"], 2 * HOMES, "posting twice is the same as once");
    confirm(&host, &proposed[1], 0);
    host.assert_consistent();

    let after = home_lines(&host, "2025-01");
    assert_eq!(sum(&after), at_three(&before));
    let (reversals, charged): (Vec<Value>, Vec<Value>) =
        after.into_iter().filter(|line| line["run"] == january).partition(|line| !line["reverses"].is_null());
    assert_eq!((reversals.len(), charged.len()), (before.len(), before.len()));
    let old: BTreeMap<&str, &Value> = before.iter().map(|line| (line["charge"].as_str().unwrap(), line)).collect();
    for reversal in &reversals {
        let old = old[reversal["reverses"].as_str().unwrap()];
        assert_eq!(amount(reversal), -amount(old));
        for same in ["building", "entrance", "unit", "payer", "from", "to", "steps", "policy", "version"] {
            assert_eq!(reversal[same], old[same], "{same} of {reversal}");
        }
    }
    let only = ["bill", "lines", "--project", PROJECT, "--period", "2025-01", "--run", january, "--json"];
    assert_eq!(host.run(&only).expect(0).lines().len(), 2 * before.len());

    replayed_identically(&host, january);
    for line in [&charged[3], &reversals[3]] {
        let path = host.folder().join("line.proof.json");
        let (decision, number) = (line["decision"].as_str().unwrap(), line["line"].to_string());
        host.run(&["prove", decision, "--line", &number, "-o", path.to_str().unwrap()]).expect(0);
        let proof: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(proof["about"]["amount_fen"], amount(line).abs(), "a reversal proves what it takes back");
        assert_eq!(host.json(&["replay", path.to_str().unwrap()])["identical"], 1);
    }

    // The same rule again proposes nothing; a third one stands on what was corrected.
    let again = rerate(&host, "2025-01", "2025-01").expect(0).json();
    assert_eq!(figures(&again), [0, 0, HOMES, 0, 0, 0], "{again}");
    host.bind("area-fee@1.0.0", r#"{"price":"2.80"}"#, "2025-01-01").expect(0);
    let back = rerate(&host, "2025-01", "2025-01").expect(0).json();
    assert_eq!(figures(&back), [0, HOMES, 0, 0, 2 * HOMES, -difference]);
    assert_eq!(back["revision"], 2);
    confirm(&host, &back, 0);
    assert_eq!(by_unit(&home_lines(&host, "2025-01")), by_unit(&before));
    replayed_identically(&host, back["run"].as_str().unwrap());
    let nothing_left = host.json(&["bill", "preview", "--project", PROJECT, "--period", "2025-01"]);
    assert_eq!((&nothing_left["lines"], &nothing_left["held"]), (&json!(0), &json!(0)));
    host.assert_consistent();

    // A trial compares with what stands now.
    let report = host.try_price("2.80", "2025-01");
    assert_eq!(report["changes"]["same"]["subjects"], HOMES, "{report:#}");
}

/// A past stretch gets its own rule although another one has followed since, which goes on untouched.
#[rstest]
#[tokio::test]
async fn a_past_stretch_is_corrected_while_a_next_rule_holds(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    for month in ["2025-01", "2025-02", "2025-03"] {
        charge(&host, month);
    }
    let before = home_lines(&host, "2025-02");
    host.bind("area-fee@1.0.0", r#"{"price":"3.30"}"#, "2025-04-01").expect(0);
    let settings = host.file("past.json", r#"{"price":"3.00"}"#);
    let bind = |from: &str, to: &[&str]| {
        let place = ["plugin", "bind", "--project", PROJECT, "--fee-item", HOME_FEE, "--plugin", "area-fee@1.0.0"];
        host.run(&[&place[..], &["--settings", &settings, "--from", from], to].concat())
    };
    let open = bind("2025-02-01", &[]).expect(1);
    assert!(open.stderr.contains("bound there already from 2025-04-01"), "{open:?}");
    bind("2025-02-01", &["--to", "2025-05-01"]).expect(1);
    let bound = bind("2025-02-01", &["--to", "2025-03-01"]).expect(0);
    assert!(bound.stderr.contains("2025-02") && !bound.stderr.contains("2025-03"), "{bound:?}");
    let proposed = rerate(&host, "2025-01", "2025-03").expect(0).lines();
    let changed: Vec<_> = proposed.iter().map(|run| (run["period"].as_str().unwrap(), figures(run)[0])).collect();
    assert_eq!(changed, [("2025-01", 0), ("2025-02", HOMES), ("2025-03", 0)], "March goes by the rule of before");
    confirm(&host, &proposed[1], 0);
    assert_eq!(sum(&home_lines(&host, "2025-02")), at_three(&before));
    // Taken back, the stretch goes by the rule of before, and April keeps its own.
    host.run(&["plugin", "rollback", "--project", PROJECT, "--fee-item", HOME_FEE, "--from", "2025-02-01"]).expect(0);
    let back = rerate(&host, "2025-02", "2025-02").expect(0).json();
    assert_eq!(figures(&back)[..2], [0, HOMES]);
    confirm(&host, &back, 0);
    assert_eq!(by_unit(&home_lines(&host, "2025-02")), by_unit(&before));
    charge(&host, "2025-04");
    let april = home_lines(&host, "2025-04");
    assert!(april.iter().all(|line| line["unit_price"] == "3.30"), "{:?}", april.first());
    host.assert_consistent();
}

/// Only those whose lines differ are touched, and the rule is recorded as it answered about them alone.
#[rstest]
#[tokio::test]
async fn whoever_owes_the_same_is_left_alone(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    charge(&host, "2025-01");
    let before = home_lines(&host, "2025-01");
    let settings = r#"{"price":"2.80","discount-percent-by-occupancy":{"vacant":"30","unsold":"30"}}"#;
    host.bind("area-fee@1.0.0", settings, "2025-01-01").expect(0);
    let run = rerate(&host, "2025-01", "2025-01").expect(0).json();
    let [up, down, unchanged, held, lines, difference] = figures(&run);
    assert_eq!((up, held, down + unchanged), (0, 0, HOMES));
    assert!(down > 0 && unchanged > 0 && difference < 0, "{run}");
    assert_eq!(lines, 2 * down);
    confirm(&host, &run, 0);
    let (old, new) = (by_unit(&before), by_unit(&home_lines(&host, "2025-01")));
    let changed = old.iter().filter(|(unit, owed)| new[*unit] != **owed).count();
    assert_eq!(i64::try_from(changed).unwrap(), down);
    assert_eq!(new.values().sum::<i64>() - old.values().sum::<i64>(), difference);
    replayed_identically(&host, run["run"].as_str().unwrap());
    assert_eq!(figures(&rerate(&host, "2025-01", "2025-01").expect(0).json()), [0, 0, HOMES, 0, 0, 0]);
    host.assert_consistent();
}

/// Who cannot be decided is held with the reason, and keeps what was charged.
#[rstest]
#[tokio::test]
async fn whoever_is_held_keeps_what_was_charged(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    host.run(&["plugin", "install", misbehaving().to_str().unwrap()]).expect(0);
    charge(&host, "2025-01");
    let before = home_lines(&host, "2025-01");
    host.bind("misbehaving-fee@1.0.0", r#"{"mode":"trap","when_area":"94.56"}"#, "2025-01-01").expect(0);
    let run = rerate(&host, "2025-01", "2025-01").expect(5).json();
    let others = HOMES - HOMES_OF_94_56;
    let [up, down, unchanged, held, lines, _] = figures(&run);
    assert_eq!([up, down, unchanged, held, lines], [0, others, 0, HOMES_OF_94_56, 2 * others]);
    let reasons = host.run(&["bill", "held", run["run"].as_str().unwrap(), "--json"]).expect(0).lines();
    assert_eq!(reasons.len(), 102);
    assert!(reasons.iter().all(|held| held["kind"] == "trap"));
    confirm(&host, &run, 5);
    let new = by_unit(&home_lines(&host, "2025-01"));
    for (unit, owed) in by_unit(&before) {
        let expected = if owed == 26_477 { owed } else { 100 };
        assert_eq!(new[&unit], expected, "{unit}: 94.56 × 2.80 = 264.768, everybody else pays 1.00");
    }
    host.assert_consistent();
    let report = host.json(&[
        "plugin",
        "trial",
        "--project",
        PROJECT,
        "--fee-item",
        HOME_FEE,
        "--plugin",
        "misbehaving-fee@1.0.0",
        "--settings",
        &host.file("ok.json", r#"{"mode":"ok"}"#),
        "--from",
        "2025-01",
        "--to",
        "2025-01",
    ]);
    assert_eq!(report["changes"]["same"]["subjects"], others, "{report:#}");
    assert_eq!(report["changes"]["down"]["subjects"], HOMES_OF_94_56, "they are still charged by the first run");
}

/// Both phases of a shared cost: what was charged is shared anew to the same fen.
#[rstest]
#[tokio::test]
async fn a_shared_cost_is_moved_and_never_changed(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    const TOTAL_FEN: i64 = 1_234_567;
    let host = Host::office(kind).await;
    host.bind("shared-cost-fee@1.0.0", r#"{"basis":"area"}"#, "2025-01-01").expect(0);
    let pool = ["bill", "pool", "--project", PROJECT, "--period", "2025-01", "--fee-item", HOME_FEE];
    host.run(&[&pool[..], &["--total-fen", &TOTAL_FEN.to_string()]].concat()).expect(0);
    charge(&host, "2025-01");
    let same = rerate(&host, "2025-01", "2025-01").expect(0).json();
    assert_eq!(figures(&same), [0, 0, HOMES, 0, 0, 0], "left-over fen are given out in the same order");

    host.bind("shared-cost-fee@1.0.0", r#"{"basis":"household"}"#, "2025-01-01").expect(0);
    let run = rerate(&host, "2025-01", "2025-01").expect(0).json();
    let [up, down, unchanged, _, lines, difference] = figures(&run);
    assert!(up > 0 && down > 0, "{run}");
    assert_eq!((up + down + unchanged, lines, difference), (HOMES, 2 * (up + down), 0));
    confirm(&host, &run, 0);
    let lines = home_lines(&host, "2025-01");
    assert_eq!(sum(&lines), TOTAL_FEN);
    let share = TOTAL_FEN / HOMES;
    assert!(by_unit(&lines).values().all(|owed| [share, share + 1].contains(owed)), "equal shares");
    let charged = lines.iter().find(|line| line["run"] == run["run"] && line["reverses"].is_null()).unwrap();
    let steps = charged["steps"].as_array().unwrap();
    assert_eq!(steps.last().unwrap()["key"], "allocated", "{charged}");
    replayed_identically(&host, run["run"].as_str().unwrap());
    assert_eq!(figures(&rerate(&host, "2025-01", "2025-01").expect(0).json()), [0, 0, HOMES, 0, 0, 0]);
    host.assert_consistent();
}

#[rstest]
#[tokio::test]
async fn what_cannot_be_re_rated_is_refused_before_it_begins(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    host.run(&["user", "add", "zhou", "--role", "engineer"]).expect(0);
    let nothing = rerate(&host, "2025-01", "2025-01").expect(4);
    assert!(nothing.stderr.contains("nothing of this fee item is posted"), "{nothing:?}");
    charge(&host, "2025-01");
    host.bind("shared-cost-fee@1.0.0", r#"{"basis":"area"}"#, "2025-01-01").expect(0);
    let missing = rerate(&host, "2025-01", "2025-01").expect(4);
    assert!(missing.stderr.contains("unit.storey (") && !missing.stderr.contains("unit.area ("), "{missing:?}");
    rerate(&host, "2025-02", "2025-01").expect(3);
    let as_zhou = ["bill", "rerate", "--project", PROJECT, "--fee-item", HOME_FEE, "--from", "2025-01", "--as", "zhou"];
    host.run(&as_zhou).expect(4);
    host.run(&["bill", "rerate", "--project", PROJECT, "--fee-item", "没有", "--from", "2025-01"]).expect(1);
    assert_eq!(host.run(&["bill", "runs", "--project", PROJECT, "--json"]).expect(0).lines().len(), 1, "none was kept");

    // One that is approved holds the month until it is posted or given up.
    host.bind("area-fee@1.0.0", r#"{"price":"3.00"}"#, "2025-01-01").expect(0);
    let run = rerate(&host, "2025-01", "2025-01").expect(0).json();
    let id = run["run"].as_str().unwrap();
    host.run(&["bill", "approve", id, "--as", "wang"]).expect(0);
    rerate(&host, "2025-01", "2025-01").expect(1);
    host.run(&["bill", "cancel", id]).expect(0);
    host.run(&["bill", "post", id]).expect(1);
    let again = rerate(&host, "2025-01", "2025-01").expect(0).json();
    assert_eq!(figures(&again), figures(&run));
    assert_eq!(again["revision"], 1, "what was given up has corrected nothing");
    host.assert_consistent();
}

/// Goal: kills over computing and posting a correction of several pages. Method: stop the process at points spread over the time
/// that an undisturbed one takes, go on, and compare with its figures.
#[rstest]
#[tokio::test]
async fn a_killed_correction_ends_as_an_undisturbed_one(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    const GENERATED: &str = "万家城";
    /// More than three pages of units, one of them cut.
    const UNITS: &str = "3500";
    const KILLS: u32 = 6;
    let host = Host::fresh(kind).await;
    let month = host.json(&["demo", "--no-serve", "--units", UNITS])["period"].as_str().unwrap().to_owned();
    let settings = host.file("corrected.json", r#"{"price":"3.00"}"#);
    let item = ["--project", GENERATED, "--fee-item", HOME_FEE];
    let rule = ["--plugin", "area-fee@1.0.0", "--settings", &settings, "--from", &format!("{month}-01")];
    host.run(&[&["plugin", "bind"], &item[..], &rule[..]].concat()).expect(0);
    let rerate = [&["bill", "rerate"], &item[..], &["--from", &month, "--json"]].concat();
    let began = Instant::now();
    let undisturbed = host.run(&rerate).expect(0).json();
    let takes = began.elapsed();
    assert!(undisturbed["up"].as_i64().unwrap() > 3_000, "{undisturbed}");
    let newest = || {
        let runs = host.run(&["bill", "runs", "--project", GENERATED, "--json"]).expect(0).lines();
        runs.into_iter().find(|run| run["state"] != "cancelled").unwrap()
    };
    let mut interrupted = 0;
    for kill in 1..=KILLS {
        stop_after(&host, &rerate, takes * kill / (KILLS + 1));
        let mut run = newest();
        if run["state"] == "computing" {
            interrupted += 1;
            run = host.json(&["bill", "resume", run["run"].as_str().unwrap()]);
            assert_eq!(figures(&run), figures(&undisturbed));
        }
        for same in ["lines", "held", "total_fen", "revision"] {
            assert_eq!(run[same], undisturbed[same], "{same} of {run}");
        }
    }
    assert!(interrupted > 0, "no kill hit the work");

    let run = newest()["run"].as_str().unwrap().to_owned();
    host.run(&["bill", "approve", &run, "--as", "manager"]).expect(0);
    for kill in 1..=KILLS {
        stop_after(&host, &["bill", "post", &run, "--json"], takes * kill / (4 * KILLS));
    }
    let posted = host.json(&["bill", "post", &run]);
    assert_eq!((&posted["state"], &posted["posted_lines"]), (&json!("posted"), &undisturbed["lines"]));
    replayed_identically(&host, &run);
    let again = host.run(&rerate).expect(0).json();
    assert_eq!((&again["lines"], &again["up"], &again["down"]), (&json!(0), &json!(0), &json!(0)));
    assert_eq!(again["unchanged"], undisturbed["up"]);
    host.assert_consistent();
}

/// Starts a command and kills it after a time, unless it has ended before.
fn stop_after(host: &Host, args: &[&str], wait: Duration) {
    let mut child = host.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(wait);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// One caller of the API.
struct Caller {
    client: Client,
    url: String,
    token: String,
}

impl Caller {
    fn new(host: &Host, server: &Server, name: &str) -> Self {
        let client = Client::builder().no_proxy().build().unwrap();
        Self { client, url: server.url.clone(), token: host.token(name) }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>, status: u16) -> Value {
        let mut request = self.client.request(method, format!("{}/api/v1{path}", self.url)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        let (found, text) = (response.status().as_u16(), response.text().await.unwrap());
        assert_eq!(found, status, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        self.ask(Method::GET, path, None, 200).await
    }

    /// Waits until a run is in a state.
    async fn until(&self, run: &str, state: &str) -> Value {
        let started = Instant::now();
        loop {
            let found = self.get(&format!("/billing-runs/{run}")).await;
            if found["state"] == state {
                return found;
            }
            assert!(started.elapsed() < Duration::from_secs(120), "{found} is not {state}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_month_is_corrected_over_http(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::fresh(kind).await;
    host.json(&["demo", "--no-serve"]);
    let server = host.serve();
    let (finance, manager) = (Caller::new(&host, &server, "finance"), Caller::new(&host, &server, "manager"));
    let admin = Caller::new(&host, &server, "admin");
    let project = finance.get("/projects").await["items"][0]["id"].clone();
    let items = finance.get(&format!("/fee-items?project={}", project.as_str().unwrap())).await;
    let items = items["items"].as_array().unwrap().clone();
    let item = items.iter().find(|item| item["name"] == HOME_FEE).unwrap()["id"].clone();
    let wanted = json!({
        "project": project, "point": "fee-policy", "fee_item": item, "plugin": "area-fee", "version": "1.0.0",
        "settings": {"price": "3.00"}, "from": "2025-01-01",
    });
    let bound = admin.ask(Method::POST, "/bindings", Some(&wanted), 201).await;
    assert_eq!(bound["posted"][0]["months"], json!(["2025-01-01"]));

    let asked = json!({"project": project, "fee_item": item, "from": "2025-01"});
    let runs = finance.ask(Method::POST, "/billing-runs/re-ratings", Some(&asked), 202).await;
    let run = runs["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!((&runs["items"][0]["revision"], &runs["items"][0]["fee_item"]), (&json!(1), &item));
    let previewed = finance.until(&run, "previewed").await;
    let adjustment = finance.get(&format!("/billing-runs/{run}/adjustment")).await;
    assert_eq!((&adjustment["up"], &adjustment["down"], &adjustment["held"]), (&json!(HOMES), &json!(0), &json!(0)));
    assert_eq!(adjustment["difference_fen"], previewed["total_fen"]);
    assert!(!adjustment["difference"]["movers"].as_array().unwrap().is_empty());
    let comparison = finance.get(&format!("/billing-runs/{run}/comparison")).await;
    let total = |key: &str| -> i64 {
        comparison["rows"].as_array().unwrap().iter().map(|row| row[key].as_i64().unwrap()).sum()
    };
    assert_eq!(total("amount_fen") - total("previous_amount_fen"), previewed["total_fen"].as_i64().unwrap());
    assert_eq!((total("lines"), total("previous_lines")), (HOMES, HOMES), "as many lines stand as before");

    let lines = finance.get(&format!("/billing-runs/{run}/lines?limit=4&lang=en")).await["items"].clone();
    assert_eq!((lines[0]["reverses"].is_null(), lines[1]["reverses"].is_null()), (false, true), "one after the other");
    assert_eq!(lines[0]["unit"], lines[1]["unit"]);
    let why = async |line: &Value| {
        let decision = line["decision"].as_str().unwrap();
        finance.get(&format!("/decisions/{decision}/lines/{}/explanation?lang=en", line["line"])).await
    };
    for line in [&lines[0], &lines[1]] {
        let explained = why(line).await;
        let change = &explained["adjustment"];
        assert_eq!(
            (&change["reversed"][0]["charge"], &change["charged"][0]["charge"]),
            (&lines[0]["charge"], &lines[1]["charge"])
        );
        assert_eq!(change["difference_fen"].as_i64().unwrap(), amount(&lines[0]) + amount(&lines[1]));
        assert!(explained["reversed_by"].is_null());
    }
    let settings =
        [why(&lines[0]).await["settings"]["price"].clone(), why(&lines[1]).await["settings"]["price"].clone()];
    assert_eq!(settings, [json!("2.8"), json!("3.00")], "each line is explained by the rule that made it");

    finance.ask(Method::POST, &format!("/billing-runs/{run}/approve"), None, 422).await;
    manager.ask(Method::POST, &format!("/billing-runs/{run}/approve"), None, 200).await;
    finance.ask(Method::POST, &format!("/billing-runs/{run}/post"), None, 202).await;
    let posted = finance.until(&run, "posted").await;
    assert_eq!(posted["posted_lines"], previewed["lines"]);
    let taken_back = lines[0]["reverses"].as_str().unwrap();
    let old = finance.get(&format!("/charges/{taken_back}/explanation?lang=en")).await;
    assert_eq!(old["reversed_by"], lines[0]["charge"]);
    let regular = finance.get(&format!("/billing-runs/{}/adjustment", regular_run(&finance, &project).await)).await;
    assert_eq!((&regular["revision"], &regular["difference"]), (&json!(0), &Value::Null));
    host.assert_consistent();
}

async fn regular_run(caller: &Caller, project: &Value) -> String {
    let runs = caller.get(&format!("/billing-runs?project={}", project.as_str().unwrap())).await;
    let regular = runs["items"].as_array().unwrap().iter().find(|run| run["revision"] == 0).unwrap();
    regular["id"].as_str().unwrap().to_owned()
}
