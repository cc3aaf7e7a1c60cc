//! The page of a person over HTTP: contacts, consents, notes, hand-over, and who looked.

use crate::{
    api::{Caller, Said, said, text},
    custom_fields::owner_in,
    host::{HOME_FEE, Host, PROJECT},
};
use guanjia_harness::Kind;
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

async fn with_tag(caller: &Caller, method: Method, path: &str, body: &Value, tag: Option<&str>) -> Said {
    let request = caller.request(method, path).json(body);
    said(match tag {
        Some(tag) => request.header("if-match", tag),
        None => request,
    })
    .await
}

fn tag(said: &Said) -> String {
    said.headers["etag"].to_str().unwrap().to_owned()
}

#[rstest]
#[tokio::test]
async fn a_person_is_kept_whole_and_looks_leave_a_trace(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    let server = host.serve();
    let nobody = Caller::nobody(&server);
    let (wang, li) = (nobody.with(host.token("wang")), nobody.with(host.token("li")));
    let project = text(&wang.get("/api/v1/projects").await.json(200)["items"][0]["id"]).to_owned();
    let search = async |caller: &Caller, text: &str| {
        let found = caller.get(&format!("/api/v1/units?project={project}&search={text}")).await.json(200);
        found["items"].as_array().unwrap().clone()
    };
    let unit = text(&search(&wang, "6-1-103").await[0]["id"]).to_owned();
    let records = wang.get(&format!("/api/v1/units/{unit}/records")).await.json(200);
    let party = text(&owner_in(&records)["party"]).to_owned();
    let at = |part: &str| format!("/api/v1/parties/{party}{part}");

    let full = wang.get(&at("")).await.json(200);
    assert!(!text(&full["name"]).contains('*') && full["contacts"] == json!([]), "{full}");
    assert!(full["tenures"].as_array().unwrap().iter().any(|held| held["unit"] == unit.as_str()), "{full}");
    let masked = li.get(&at("")).await.json(200);
    assert!(text(&masked["name"]).contains('*'), "{masked}");
    for hidden in ["phone", "identity_no", "contacts", "consents", "notes"] {
        assert_eq!(masked[hidden], Value::Null, "{masked}");
    }
    let views = wang.get(&format!("/api/v1/personal-data-views?subject=party%20{party}")).await.json(200);
    let by: Vec<&str> = views["items"].as_array().unwrap().iter().map(|view| text(&view["by"])).collect();
    assert_eq!(by, ["wang"], "whoever sees it masked leaves no trace");
    li.get("/api/v1/personal-data-views").await.problem(403, "permission");

    let entry = |value: &str| json!({"channel": "phone", "value": value, "starts_on": "2025-01-01", "preferred": true});
    li.send(&at("/contacts"), &entry("13912345678")).await.problem(403, "permission");
    let wrong = wang.send(&at("/contacts"), &entry("<b>1</b>")).await.problem(422, "invalid");
    assert_eq!(wrong["errors"][0]["pointer"], "#/value");
    let added = wang.send(&at("/contacts"), &entry("13912345678")).await;
    let contact = format!("/api/v1/contacts/{}", text(&added.json(201)["id"]));
    let ended = json!({"channel": "wechat", "value": "wx_1", "starts_on": "2025-01-01", "ends_on": "2025-02-01"});
    with_tag(&wang, Method::PUT, &contact, &ended, None).await.problem(428, "precondition-required");
    let changed = with_tag(&wang, Method::PUT, &contact, &ended, Some(&tag(&added))).await;
    assert_eq!(changed.json(200)["ends_on"], "2025-02-01");
    with_tag(&wang, Method::PUT, &contact, &ended, Some(&tag(&added))).await.problem(412, "stale");
    let found = search(&wang, "wx_1").await;
    assert!(found.iter().any(|found| found["id"] == unit.as_str()), "the one search finds contacts: {found:?}");
    assert_eq!(search(&li, "wx_1").await.len(), 0, "not for those who may not see them");

    let consent =
        |given: bool, on: &str| json!({"purpose": "billing", "given": given, "on": on, "source": "入住同意书"});
    wang.send(&at("/consents"), &consent(true, "2025-01-01")).await.json(201);
    wang.send(&at("/consents"), &consent(false, "2999-01-01")).await.problem(422, "invalid");
    wang.send(&at("/consents"), &json!({"purpose": "billing", "given": true, "on": "2025-01-01", "source": " "}))
        .await
        .problem(422, "invalid");
    wang.send(&at("/notes"), &json!({"text": "<img src=x onerror=alert(1)>"})).await.json(201);
    let page = wang.get(&format!("/parties/{party}")).await;
    assert!(
        page.status == 200 && page.text.contains("入住同意书") && !page.text.contains("<img src=x"),
        "{}",
        page.text
    );
    let quiet = li.get(&format!("/parties/{party}")).await;
    assert!(quiet.status == 200 && !quiet.text.contains("入住同意书") && !quiet.text.contains("wx_1"));
    let trail = wang.get("/api/v1/audit?limit=20").await;
    assert!(!trail.text.contains("13912345678") && !trail.text.contains("wx_1") && !trail.text.contains("onerror"));

    let other = ["--company", "另一家物业"];
    host.run(&[&["user", "add", "boss", "--role", "admin"], &other[..]].concat()).expect(0);
    let token = host.json(&[&["token", "create", "--user", "boss"], &other[..]].concat());
    let boss = nobody.with(text(&token["token"]));
    boss.get(&at("")).await.problem(404, "not-found");
    boss.send(&at("/contacts"), &entry("13912345678")).await.problem(404, "not-found");
    boss.send(&at("/notes"), &json!({"text": "x"})).await.problem(404, "not-found");
    with_tag(&boss, Method::PUT, &contact, &ended, Some("\"2\"")).await.problem(404, "not-found");
    assert_eq!(boss.get("/api/v1/personal-data-views").await.json(200)["items"], json!([]));
    host.assert_consistent();
}

#[rstest]
#[tokio::test]
async fn a_month_is_split_where_a_unit_is_handed_over(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    let server = host.serve();
    let nobody = Caller::nobody(&server);
    let (wang, li) = (nobody.with(host.token("wang")), nobody.with(host.token("li")));
    let project = text(&wang.get("/api/v1/projects").await.json(200)["items"][0]["id"]).to_owned();
    let found = wang.get(&format!("/api/v1/units?project={project}&search=6-1-103")).await.json(200);
    let unit = text(&found["items"][0]["id"]).to_owned();
    let at = format!("/api/v1/units/{unit}/hand-over");
    let seen = tag(&wang.get(&format!("/api/v1/units/{unit}")).await);
    let seen = seen.as_str();
    let before = wang.get(&format!("/api/v1/units/{unit}/records")).await.json(200);
    let old = text(&owner_in(&before)["party"]).to_owned();
    let order = |owners: Value| json!({"from": "2025-03-11", "owners": owners});
    let hand =
        async |caller: &Caller, body: &Value, seen: Option<&str>| with_tag(caller, Method::POST, &at, body, seen).await;
    let halves =
        order(json!([{"name": "赵一", "phone": "13900000001", "share": "1/2"}, {"party": old, "share": "50%"}]));
    hand(&li, &halves, Some(seen)).await.problem(403, "permission");
    hand(&wang, &halves, None).await.problem(428, "precondition-required");
    hand(&wang, &halves, Some("\"99\"")).await.problem(412, "stale");
    for wrong in [
        json!([]),
        json!([{"name": ""}]),
        json!([{"name": "赵一", "share": "1/2"}]),
        json!([{"name": "赵一", "share": "half"}]),
        json!([{"party": old}, {"party": old}]),
    ] {
        hand(&wang, &order(wrong), Some(seen)).await.problem(422, "invalid");
    }
    let foreign = order(json!([{"party": "01933f2a-0000-7000-8000-0000000000ff"}]));
    hand(&wang, &foreign, Some(seen)).await.problem(404, "not-found");
    assert_eq!(
        wang.get(&format!("/api/v1/units/{unit}/records")).await.json(200),
        before,
        "what is refused changes nothing"
    );
    let done = hand(&wang, &halves, Some(seen)).await;
    assert_eq!(done.json(200)["owners"].as_array().unwrap().len(), 2);
    hand(&wang, &halves, Some(seen)).await.problem(412, "stale");
    let held = wang.get(&format!("/api/v1/parties/{old}")).await.json(200)["tenures"].as_array().unwrap().clone();
    let held: Vec<&Value> = held.iter().filter(|held| held["unit"] == unit.as_str()).collect();
    assert_eq!(held.len(), 2, "{held:?}");
    assert_eq!((&held[0]["share"], &held[0]["starts_on"]), (&json!("1/2"), &json!("2025-03-11")));
    assert_eq!(held[1]["ends_on"], "2025-03-11");
    let page = wang.get(&format!("/units/{unit}")).await;
    assert!(page.text.contains("赵一") && page.text.contains("1/2"));

    let run = host.run(&["bill", "preview", "--project", PROJECT, "--period", "2025-03", "--json"]).expect(0).json();
    assert!(run["run"].is_string());
    let lines = host.run(&["bill", "lines", "--project", PROJECT, "--period", "2025-03", "--json"]).expect(0).lines();
    let here = |line: &&Value| {
        line["building"] == "6" && line["unit"] == "103" && line["fee_item"] == HOME_FEE && line["entrance"] == "1"
    };
    let spans: Vec<(&str, &str)> =
        lines.iter().filter(here).map(|line| (text(&line["from"]), text(&line["to"]))).collect();
    assert_eq!(spans, [("2025-03-01", "2025-03-11"), ("2025-03-11", "2025-04-01")]);
    host.assert_consistent();
}
