//! Fields of a company's own: declared, entered, charged by, explained and replayed; and nothing to another company.

use crate::{
    api::{Caller, Said, said, text},
    host::{HOME_FEE, Host, PROJECT, workbook},
};
use guanjia_harness::Kind;
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

const PLUGIN: &str = "own-field-fee@1.0.0";
/// Homes of the example that are charged the fee.
const HOMES: i64 = 420;

fn own_field_fee() -> &'static Path {
    static COMPONENT: OnceLock<PathBuf> = OnceLock::new();
    COMPONENT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
        let built = guanjia_packaging::build_plugins(root, &["own-field-fee"], &target, "guest").unwrap();
        built.into_iter().next().unwrap().path
    })
}

fn declare(host: &Host, entity: &str, key: &str, more: &[&str]) -> crate::host::Ran {
    let titles = ["--title-zh", "某某", "--title-en", "Something", "--json"];
    host.run(&[&["field", "declare", "--entity", entity, "--key", key][..], more, &titles].concat())
}

fn set(host: &Host, place: &str, values: &[&str]) -> crate::host::Ran {
    host.run(&[&["field", "set", "--project", PROJECT, "--unit", place, "--json"][..], values].concat())
}

const HEATED: &[&str] = &["--type", "number", "--scale", "2"];
const MEMBER: &[&str] = &["--type", "flag"];

#[rstest]
#[tokio::test]
async fn a_rule_charges_by_what_the_company_has_declared(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    host.run(&["plugin", "install", own_field_fee().to_str().unwrap()]).expect(0);
    let bind = |from: &str| host.bind(PLUGIN, r#"{"price":"30.00"}"#, from);
    let lacking = bind("2025-02-01").expect(3);
    assert!(
        lacking.stderr.contains("unit.custom.heated-area") && lacking.stderr.contains("heated-area"),
        "{lacking:?}"
    );
    assert!(lacking.stderr.contains("采暖面积"), "the rule says what it wants: {lacking:?}");
    declare(&host, "unit", "heated-area", &["--type", "flag"]).expect(0);
    declare(&host, "party", "member", MEMBER).expect(0);
    let other_kind = bind("2025-02-01").expect(3);
    assert!(
        other_kind.stderr.contains("as a number") && other_kind.stderr.contains("declared as a flag"),
        "{other_kind:?}"
    );
    // Without values a field may still become another one: over the API, because it is a rare thing.
    let server = host.serve();
    let admin = Caller::nobody(&server).with(host.token("operator"));
    let field = admin.get("/api/v1/custom-fields?entity=unit").await.json(200)["items"][0].clone();
    let edit = json!({"title_zh": "采暖面积", "title_en": "Heated area", "kind": "number", "scale": 2});
    put(&admin, &format!("/api/v1/custom-fields/{}", text(&field["id"])), &edit, Some(1)).await.json(200);
    bind("2025-02-01").expect(0);

    // One home has the area, its owner is a member; one has the area only; the others have nothing.
    set(&host, "6-1-103", &["heated-area=80.5"]).expect(0);
    set(&host, "6-1-203", &["heated-area=100"]).expect(0);
    let unit = |place: &str| host.json(&["field", "show", "--project", PROJECT, "--unit", place])["id"].clone();
    let records = admin.get(&format!("/api/v1/units/{}/records", text(&unit("6-1-103")))).await.json(200);
    let owner = text(&owner_in(&records)["party"]).to_owned();
    host.run(&["field", "set", "--party", &owner, "member=true", "--json"]).expect(0);
    let facts = host.run(&["facts", "--json"]).expect(0).lines();
    let own: Vec<&Value> = facts.iter().filter(|fact| text(&fact["name"]).contains(".custom.")).collect();
    assert_eq!(own.len(), 2, "{own:?}");
    let told = admin.get("/api/v1/facts").await.json(200);
    let heated = told["items"].as_array().unwrap().iter().find(|fact| fact["name"] == "unit.custom.heated-area");
    assert_eq!(heated.map(|fact| (&fact["kind"], &fact["scale"])), Some((&json!("number"), &json!(2))));

    let preview = || host.run(&["bill", "preview", "--project", PROJECT, "--period", "2025-02", "--json"]);
    let run = preview().expect(5).json();
    let id = text(&run["run"]).to_owned();
    let held = host.run(&["bill", "held", &id, "--json", "--lang", "zh"]).expect(0).lines();
    assert_eq!(i64::try_from(held.len()).unwrap(), HOMES - 2);
    assert_eq!((&held[0]["kind"], &held[0]["reason"]), (&json!("policy-error"), &json!("缺少“采暖面积”的数据")));
    host.run(&["bill", "approve", &id, "--as", "wang"]).expect(0);
    host.run(&["bill", "post", &id, "--json"]).expect(5);
    let lines = host.run(&["bill", "lines", "--project", PROJECT, "--period", "2025-02", "--json"]).expect(0).lines();
    let of = |unit: &str| {
        let here = |line: &&Value| line["building"] == "6" && line["fee_item"] == HOME_FEE && line["unit"] == unit;
        lines.iter().find(here).unwrap_or_else(|| panic!("{unit} has no line")).clone()
    };
    let (member, other) = (of("103"), of("203"));
    assert_eq!((&member["amount_fen"], &member["quantity"]), (&json!(120_750), &json!("80.50")), "half of 2415.00");
    assert_eq!(other["amount_fen"], 300_000);

    // What was recorded stays, whatever is entered later.
    set(&host, "6-1-103", &["heated-area=1"]).expect(0);
    host.json(&["replay", &id]);
    let charge = format!("/api/v1/charges?project={}&limit=500", text(&project(&admin).await["id"]));
    let charges = admin.get(&charge).await.json(200);
    let charge = charges["items"].as_array().unwrap().iter().find(|charge| charge["amount_fen"] == 120_750).unwrap();
    let why = admin.get(&format!("/api/v1/charges/{}/explanation?lang=en", text(&charge["id"]))).await.json(200);
    let fact = |name: &str| why["facts"].as_array().unwrap().iter().find(|fact| fact["name"] == name).unwrap().clone();
    let heated = fact("unit.custom.heated-area");
    assert_eq!((&heated["title"], &heated["value"]), (&json!("Heated area"), &json!("80.50")));
    assert_eq!(fact("payer.custom.member")["value"], "true");
    let labels: Vec<&str> = why["line"]["steps"].as_array().unwrap().iter().map(|step| text(&step["label"])).collect();
    assert_eq!(labels, ["Heated area × price", "Half for members"]);

    // What rules ask for is neither retyped nor retired.
    let field = admin.get("/api/v1/custom-fields?entity=unit").await.json(200)["items"][0].clone();
    let version = field["version"].as_i64();
    let at = format!("/api/v1/custom-fields/{}", text(&field["id"]));
    let finer = json!({"title_zh": "采暖面积", "title_en": "Heated area", "kind": "number", "scale": 3});
    put(&admin, &at, &finer, version).await.problem(422, "custom-field-asked");
    host.run(&["field", "retire", "--key", "heated-area"]).expect(4);
    host.bind("area-fee@1.0.0", r#"{"price":"2.80"}"#, "2025-02-01").expect(0);
    put(&admin, &at, &finer, version).await.problem(422, "custom-field-retyped");
    host.run(&["field", "retire", "--key", "heated-area"]).expect(0);
    assert!(bind("2025-03-01").expect(3).stderr.contains("heated-area"), "a retired field is not offered to new rules");
    host.assert_consistent();
}

/// The tenure of today's owner.
pub fn owner_in(records: &Value) -> &Value {
    let mut tenures = records["tenures"].as_array().unwrap().iter();
    tenures.find(|tenure| tenure["kind"] == "owner" && tenure["ends_on"].is_null()).unwrap()
}

async fn project(caller: &Caller) -> Value {
    caller.get("/api/v1/projects").await.json(200)["items"][0].clone()
}

/// A change over the version that was seen.
async fn put(caller: &Caller, path: &str, body: &Value, version: Option<i64>) -> Said {
    let request = caller.request(Method::PUT, path).json(body);
    said(match version {
        Some(version) => request.header("if-match", format!("\"{version}\"")),
        None => request,
    })
    .await
}

#[rstest]
#[tokio::test]
async fn values_are_typed_checked_and_seen(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    let server = host.serve();
    let admin = Caller::nobody(&server).with(host.token("operator"));
    let (wang, li) = (admin.with(host.token("wang")), admin.with(host.token("li")));
    let new = |key: &str, kind: &str| json!({"entity": "unit", "key": key, "title_zh": "朝向", "title_en": "Aspect", "kind": kind});
    wang.send("/api/v1/custom-fields", &new("aspect", "date")).await.problem(403, "permission");
    let mut aspect = new("aspect", "code");
    aspect["codes"] = json!([{"code": "north", "title_zh": "朝北", "title_en": "North"}]);
    aspect["required"] = json!(true);
    let declared = admin.send("/api/v1/custom-fields", &aspect).await.json(201);
    assert_eq!((&declared["fact"], &declared["version"]), (&json!("unit.custom.aspect"), &json!(1)));
    admin.send("/api/v1/custom-fields", &aspect).await.problem(409, "conflict");
    admin.send("/api/v1/custom-fields", &new("note", "text")).await.json(201);
    admin.send("/api/v1/custom-fields", &new("area-share", "number")).await.json(201);
    let wrong = admin.send("/api/v1/custom-fields", &new("../etc", "number")).await.problem(422, "invalid");
    assert_eq!(wrong["errors"][0]["pointer"], "#/key", "{wrong}");
    admin.send("/api/v1/custom-fields", &new("x", "float")).await.problem(422, "invalid");
    let of_staff = json!({"entity": "staff", "key": "x", "title_zh": "x", "title_en": "x", "kind": "flag"});
    admin.send("/api/v1/custom-fields", &of_staff).await.problem(422, "invalid");

    let unit = wang.get(&format!("/api/v1/units?project={}", text(&project(&wang).await["id"]))).await.json(200);
    let at = format!("/api/v1/units/{}/custom-values", text(&unit["items"][0]["id"]));
    let empty = li.get(&at).await;
    assert_eq!(empty.headers["etag"], "\"0\"");
    assert_eq!(empty.json(200)["missing"], json!(["aspect"]));
    let values = |values: Value| json!({ "values": values });
    let markup = values(json!({"aspect": "north", "note": "<script>alert(1)</script>", "area-share": 3}));
    put(&li, &at, &markup, Some(0)).await.problem(403, "permission");
    put(&wang, &at, &markup, None).await.problem(428, "precondition-required");
    put(&wang, &at, &markup, Some(7)).await.problem(412, "stale");
    let refused =
        put(&wang, &at, &values(json!({"aspect": "up", "note": true, "colour": "red", "area-share": "1.5"})), Some(0))
            .await;
    let errors = refused.problem(422, "invalid")["errors"].clone();
    let pointers: Vec<&str> = errors.as_array().unwrap().iter().map(|error| text(&error["pointer"])).collect();
    assert_eq!(pointers, ["#/values/aspect", "#/values/area-share", "#/values/colour"]);
    let float = put(&wang, &at, &values(json!({"aspect": "north", "area-share": 1.5})), Some(0)).await;
    assert_eq!(float.problem(422, "invalid")["errors"][0]["pointer"], "#/values/area-share");
    put(&wang, &at, &values(json!({"note": "x"})), Some(0)).await.problem(422, "invalid");
    let written = put(&wang, &at, &markup, Some(0)).await;
    assert_eq!(written.headers["etag"], "\"1\"");
    assert_eq!(written.json(200)["values"]["area-share"], "3");
    put(&wang, &at, &markup, Some(0)).await.problem(412, "stale");
    let page = li.get(&at.replace("/api/v1", "").replace("/custom-values", "")).await;
    assert!(page.status == 200 && !page.text.contains("<script>alert"), "markup is shown and not run");
    let trail = wang.get("/api/v1/audit?limit=1").await.json(200)["items"][0].clone();
    assert_eq!((&trail["action"], &trail["actor"]), (&json!("custom-values.set"), &json!("wang")));

    // Another company declares its own, and sees nothing of these.
    let other = ["--company", "另一家物业"];
    host.run(&[&["user", "add", "boss", "--role", "admin"], &other[..]].concat()).expect(0);
    let token = host.json(&[&["token", "create", "--user", "boss"], &other[..]].concat());
    let boss = admin.with(text(&token["token"]));
    assert_eq!(boss.get("/api/v1/custom-fields").await.json(200)["items"], json!([]));
    boss.get(&at).await.problem(404, "not-found");
    put(&boss, &at, &markup, Some(1)).await.problem(404, "not-found");
    let facts = boss.get("/api/v1/facts").await;
    assert!(!facts.text.contains(".custom."), "{facts:?}");
    boss.send("/api/v1/custom-fields", &aspect).await.json(201);
    let facts = host.run(&[&["facts", "--json"], &other[..]].concat()).expect(0).lines();
    assert_eq!(facts.iter().filter(|fact| text(&fact["name"]).contains(".custom.")).count(), 1);
    host.assert_consistent();
}

/// A project of another company cannot switch on a rule by fields that only the first one has.
#[tokio::test]
async fn a_rule_is_bound_only_where_its_fields_are_declared() {
    let host = Host::office(Kind::Sqlite).await;
    host.run(&["plugin", "install", own_field_fee().to_str().unwrap()]).expect(0);
    declare(&host, "unit", "heated-area", HEATED).expect(0);
    declare(&host, "party", "member", MEMBER).expect(0);
    host.bind(PLUGIN, r#"{"price":"1"}"#, "2025-02-01").expect(0);
    let other = ["--company", "另一家物业"];
    host.run(&[&["plugin", "install", "standard"], &other[..]].concat()).expect(0);
    host.run(&[&["plugin", "install", own_field_fee().to_str().unwrap()], &other[..]].concat()).expect(0);
    let import = ["import", "microcommunity", workbook().to_str().unwrap(), "--project", PROJECT];
    host.run(&[&import[..], &other[..]].concat()).expect(0);
    let settings = host.file("price.json", r#"{"price":"1"}"#);
    let bind =
        ["plugin", "bind", "--project", PROJECT, "--fee-item", HOME_FEE, "--plugin", PLUGIN, "--settings", &settings];
    let refused = host.run(&[&bind[..], &["--from", "2025-02-01"], &other[..]].concat()).expect(3);
    assert!(refused.stderr.contains("unit.custom.heated-area"), "{refused:?}");
}
