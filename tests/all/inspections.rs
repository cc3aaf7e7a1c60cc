//! A file is looked at before it is installed: over HTTP, in the console, alone and in a bundle.

use crate::{
    api::{Caller, Said, said},
    host::{HOME_FEE, Host, PROJECT},
    trust::{Desk, changed, standard},
};
use guanjia_harness::Kind;
use reqwest::{Method, header, multipart};
use rstest::rstest;
use serde_json::{Value, json};

async fn look(caller: &Caller, file: impl Into<Vec<u8>>) -> Said {
    let request = caller.request(Method::POST, "/api/v1/plugins/inspect");
    said(request.header(header::CONTENT_TYPE, "application/octet-stream").body(file.into())).await
}

async fn bundle(caller: &Caller, file: Vec<u8>) -> Said {
    let request = caller.request(Method::POST, "/api/v1/plugins/bundle");
    said(request.header(header::CONTENT_TYPE, "application/x-tar").body(file)).await
}

/// Puts a file on the table, as the console's form does, and answers where its page is.
async fn put(caller: &Caller, file: Vec<u8>) -> String {
    let file = multipart::Part::bytes(file).file_name("rule.wasm");
    let form = multipart::Form::new().part("component", file);
    let answer = said(caller.request(Method::POST, "/plugin-uploads").multipart(form)).await;
    location(&answer)
}

fn location(answer: &Said) -> String {
    assert_eq!(answer.status, 303, "{answer:?}");
    answer.headers[header::LOCATION].to_str().unwrap().to_owned()
}

async fn confirm(caller: &Caller, page: &str, then: &str) -> Said {
    said(caller.request(Method::POST, &format!("{page}/install")).form(&[("then", then)])).await
}

async fn page(caller: &Caller, path: &str) -> Said {
    said(caller.request(Method::GET, path).header(header::ACCEPT_LANGUAGE, "en")).await
}

fn outcomes(plugin: &Value) -> Vec<&str> {
    let cases = plugin["golden_cases"].as_array().unwrap();
    cases.iter().map(|case| case["outcome"].as_str().unwrap()).collect()
}

async fn installed(caller: &Caller) -> usize {
    caller.get("/api/v1/plugins").await.json(200)["items"].as_array().unwrap().len()
}

/// The next version of the area fee, with one new setting.
fn next() -> Vec<u8> {
    changed("area-fee", |manifest| {
        manifest.version = "1.1.0".parse().unwrap();
        manifest.settings_schema["properties"]["cap"] = json!({"type": "string", "title": "封顶"});
    })
}

/// The same, whose third example expects a fen too much.
fn wrong_in_its_third_case() -> Vec<u8> {
    changed("area-fee", |manifest| {
        manifest.version = "1.2.0".parse().unwrap();
        let amount = manifest.cases[2].pointer_mut("/expect/0/lines/0/amount_fen").unwrap();
        *amount = json!(amount.as_i64().unwrap() + 1);
    })
}

#[rstest]
#[tokio::test]
async fn a_file_is_told_and_nothing_of_it_is_kept(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let (host, desk) = (Host::fresh(kind).await, Desk::new());
    host.run(&["plugin", "install", "standard"]).expect(0);
    host.run(&["user", "add", "boss", "--role", "admin"]).expect(0);
    let server = host.serve();
    let boss = Caller::nobody(&server).with(host.token("boss"));
    let before = installed(&boss).await;

    let seen = look(&boss, next()).await.json(200);
    assert_eq!((&seen["bundle"], &seen["refusal"]), (&json!(false), &Value::Null));
    let plugin = &seen["plugins"][0];
    assert_eq!(
        (&plugin["verdict"], &plugin["reason"], &plugin["installed"]),
        (&json!("accepted"), &json!(""), &json!(false))
    );
    assert_eq!((&plugin["since"], &plugin["difference"]["settings"][0]["path"]), (&json!("1.0.0"), &json!("cap")));
    assert_eq!((&plugin["float_free"], &plugin["signature"]), (&json!(true), &json!("unsigned")));
    assert!(outcomes(plugin).len() > 3 && outcomes(plugin).iter().all(|outcome| *outcome == "passed"), "{plugin}");
    // The command line tells the same of the same file.
    let told = desk.json(&["plugin", "inspect", &desk.write("next.wasm", next())]);
    for same in ["id", "version", "digest", "publisher", "limits", "runtime"] {
        assert_eq!(told[same], plugin[same], "{same}");
    }
    let names = |cases: &Value| cases.as_array().unwrap().iter().map(|case| case["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(&told["cases"]), names(&plugin["golden_cases"]));

    let refused = look(&boss, wrong_in_its_third_case()).await.json(200);
    let plugin = &refused["plugins"][0];
    let name = plugin["golden_cases"][2]["name"].as_str().unwrap();
    let reason = plugin["reason"].as_str().unwrap();
    assert!(
        reason.contains(&format!("golden case {name:?}")) && reason.contains("Mend the rule or the case"),
        "{reason}"
    );
    assert_eq!((&plugin["verdict"], &refused["refusal"]), (&json!("refused"), &plugin["reason"]));
    assert_eq!(outcomes(plugin)[..4], ["passed", "passed", "failed", "not-run"]);

    let same = changed("area-fee", |manifest| manifest.publisher = "Somebody".into());
    let clash = look(&boss, same).await.json(200);
    assert!(clash["refusal"].as_str().unwrap().contains("Give the new one a version of its own"), "{clash}");
    let known = look(&boss, standard("area-fee").component.to_vec()).await.json(200);
    assert_eq!((&known["plugins"][0]["installed"], &known["plugins"][0]["since"]), (&json!(true), &Value::Null));
    let javascript = std::fs::read(crate::languages::component("offer-fee-js")).unwrap();
    let later = look(&boss, javascript).await.json(200);
    let plugin = &later["plugins"][0];
    assert_eq!((&plugin["verdict"], &plugin["float_free"]), (&json!("later"), &Value::Null), "{later}");
    assert!(outcomes(plugin).iter().all(|outcome| *outcome == "not-run"));
    look(&boss, "no component").await.problem(422, "invalid");
    assert_eq!(installed(&boss).await, before);

    // What the company does not admit is not run either.
    host.json(&["plugin", "trust", "require", "on"]);
    let unsigned = look(&boss, next()).await.json(200);
    assert_eq!(outcomes(&unsigned["plugins"][0])[0], "not-run");
    assert!(unsigned["refusal"].as_str().unwrap().contains("it is not signed"), "{unsigned}");
    host.assert_consistent();
}

#[rstest]
#[tokio::test]
async fn a_bundle_is_told_and_installed_whole(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let (host, desk) = (Host::fresh(kind).await, Desk::new());
    host.run(&["user", "add", "boss", "--role", "admin"]).expect(0);
    let server = host.serve();
    let boss = Caller::nobody(&server).with(host.token("boss"));
    let pack = |name: &str, files: &[&str]| {
        desk.json(&[&["plugin", "pack", name], files].concat());
        std::fs::read(desk.at(name)).unwrap()
    };
    let (area, fixed) = (desk.standard("area-fee"), desk.standard("fixed-fee"));
    let both = pack("both.tar", &[&area, &fixed]);
    let seen = look(&boss, both.clone()).await.json(200);
    let ids: Vec<&Value> = seen["plugins"].as_array().unwrap().iter().map(|plugin| &plugin["id"]).collect();
    assert_eq!(ids, ["area-fee", "fixed-fee"]);
    assert_eq!((&seen["bundle"], &seen["refusal"]), (&json!(true), &Value::Null));
    assert_eq!(installed(&boss).await, 0);

    let wrong = desk.write("wrong.wasm", wrong_in_its_third_case());
    let mixed = pack("mixed.tar", &[&fixed, &wrong]);
    let refused = look(&boss, mixed.clone()).await.json(200);
    assert!(refused["refusal"].as_str().unwrap().starts_with("area-fee@1.2.0: golden case"), "{refused}");
    bundle(&boss, mixed).await.problem(422, "invalid");
    assert_eq!(installed(&boss).await, 0, "all of it or nothing");
    let javascript = crate::languages::component("offer-fee-js");
    let long = pack("long.tar", &[&fixed, javascript.to_str().unwrap()]);
    let problem = bundle(&boss, long).await.problem(422, "bundle-takes-long");
    assert!(problem["detail"].as_str().unwrap().contains("offer-fee-js@1.0.0"), "{problem}");
    bundle(&boss, standard("area-fee").component.to_vec()).await.problem(422, "invalid");
    assert_eq!(installed(&boss).await, 0);

    let done = bundle(&boss, both.clone()).await.json(201);
    assert_eq!(done["items"].as_array().unwrap().len(), 2);
    assert_eq!(outcomes(&done["items"][0])[0], "passed");
    // The console does the same with a file that was looked at.
    let third = pack("third.tar", &[&area, &desk.standard("parking-fee")]);
    let shown = put(&boss, third).await;
    let told = page(&boss, &shown).await;
    for words in ["A bundle: all of its plug-ins", "parking-fee", "installed already", "All checks passed"] {
        assert!(told.text.contains(words), "{words}: {told:?}");
    }
    assert_eq!(location(&confirm(&boss, &shown, "").await), "/plugins");
    assert_eq!(installed(&boss).await, 3);
    host.assert_consistent();
}

#[rstest]
#[tokio::test]
async fn what_was_looked_at_is_what_is_installed(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    host.run(&["user", "add", "chief", "--role", "admin"]).expect(0);
    let server = host.serve();
    let nobody = Caller::nobody(&server);
    let chief = nobody.with(host.token("chief"));
    let other = ["--company", "另一家物业"];
    host.run(&[&["user", "add", "boss", "--role", "admin"], &other[..]].concat()).expect(0);
    let token = host.json(&[&["token", "create", "--user", "boss"], &other[..]].concat());
    let boss = nobody.with(token["token"].as_str().unwrap());
    let before = installed(&chief).await;

    let shown = put(&chief, next()).await;
    let told = page(&chief, &shown).await;
    for words in [
        "gross floor area",
        "Golden cases",
        "passed",
        "67.1 MB",
        "Fuel",
        "asks for no effects",
        "Different from version",
    ] {
        assert!(told.status == 200 && told.text.contains(words), "{words}: {told:?}");
    }
    assert_eq!(installed(&chief).await, before, "it is only looked at");
    assert_eq!(page(&boss, &shown).await.status, 404, "it is nobody else's to know");
    assert_eq!(confirm(&boss, &shown, "").await.status, 404);
    assert_eq!(confirm(&nobody, &shown, "").await.status, 303);
    // From the page to a trial in one step: the plug-in is installed, and bound nowhere.
    let trial = location(&confirm(&chief, &shown, "trial").await);
    assert_eq!(trial, "/trials?plugin=area-fee%401.1.0");
    let form = page(&chief, &trial).await;
    assert!(form.text.contains(r#"value="area-fee@1.1.0" selected"#), "{form:?}");
    let projects = chief.get("/api/v1/projects").await.json(200);
    let path = format!("/api/v1/bindings?project={}", projects["items"][0]["id"].as_str().unwrap());
    let bindings = chief.get(&path).await.json(200)["items"].as_array().unwrap().clone();
    assert!(bindings.iter().all(|binding| binding["version"] == "1.0.0") && !bindings.is_empty(), "{bindings:?}");
    assert_eq!(page(&chief, &shown).await.status, 404, "once installed, it is forgotten");

    // What would be refused has no button, and is refused all the same.
    let wrong = put(&chief, wrong_in_its_third_case()).await;
    let told = page(&chief, &wrong).await;
    assert!(told.text.contains("It would not be installed") && told.text.contains("golden case"), "{told:?}");
    assert!(!told.text.contains(&format!("{wrong}/install")), "{told:?}");
    assert_eq!(confirm(&chief, &wrong, "").await.status, 422);
    let plugin = page(&chief, "/plugins/area-fee/1.1.0").await;
    for words in ["Golden cases", "Limits of a call", "passed"] {
        assert!(plugin.text.contains(words), "{words}: {plugin:?}");
    }
}

/// Open quarantines of all projects stand in one list, on every door.
#[rstest]
#[tokio::test]
async fn quarantines_of_all_projects_are_listed(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    host.run(&["user", "add", "boss", "--role", "admin"]).expect(0);
    let server = host.serve();
    let boss = Caller::nobody(&server).with(host.token("boss"));
    assert_eq!(boss.get("/api/v1/quarantines").await.json(200)["items"], json!([]));
    let bindings = host.run(&["plugin", "bindings", "--project", PROJECT, "--json"]).expect(0).lines();
    let mut wanted = Vec::new();
    for binding in bindings.iter().take(2) {
        let id = binding["id"].as_str().unwrap();
        host.run(&["plugin", "quarantine", id, "--reason", "it is looked into"]).expect(0);
        wanted.push(id.to_owned());
    }
    let whole = boss.whole("/api/v1/quarantines", 1).await;
    assert_eq!(whole.iter().map(|row| row["binding"].as_str().unwrap()).collect::<Vec<_>>(), wanted);
    assert_eq!((&whole[0]["project_name"], &whole[0]["reason"]), (&json!(PROJECT), &json!("it is looked into")));
    let listed = host.run(&["plugin", "quarantines", "--json"]).expect(0).lines();
    assert_eq!(listed.iter().map(|row| row["binding_id"].as_str().unwrap()).collect::<Vec<_>>(), wanted);
    assert!(listed.iter().any(|row| row["fee_item"] == HOME_FEE), "{listed:?}");
    let chinese = host.run(&["plugin", "quarantines", "--lang", "zh"]).expect(0).stdout;
    assert!(chinese.contains("隔离：it is looked into"), "{chinese}");
    let shown = page(&boss, "/quarantines").await;
    assert!(shown.text.contains(PROJECT) && shown.text.contains(&format!("/bindings/{}", wanted[1])), "{shown:?}");
    for (args, words) in [
        (&["check"][..], "正常  借贷平衡"),
        (&["user", "list"], "管理员"),
        (&["plugin", "list"], "未签名"),
        (&["plugin", "bindings", "--project", PROJECT], "收费规则"),
        (&["plugin", "watch"], "已隔离"),
        (&["plugin", "inspect", "area-fee@1.0.0"], "内存 64 MiB"),
    ] {
        let said = host.run(&[args, &["--lang", "zh"]].concat()).expect(0).stdout;
        assert!(said.contains(words), "{words}: {said}");
        let english = host.run(&[args, &["--lang", "en"]].concat()).expect(0).stdout;
        assert!(!english.contains(words), "{words}: {english}");
    }
    host.assert_consistent();
}
