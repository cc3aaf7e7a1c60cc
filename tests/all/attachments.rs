//! Files on records over HTTP: what is taken, what is refused, and how a file leaves the host.

use crate::{
    api::{Caller, Said, said, text},
    custom_fields::owner_in,
    host::Host,
};
use guanjia_domain::attachment::FILE_BYTES_MAX;
use guanjia_harness::Kind;
use reqwest::{Method, multipart};
use rstest::rstest;
use serde_json::json;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01";

async fn upload(caller: &Caller, entity: &str, record: &str, name: &str, bytes: Vec<u8>) -> Said {
    let file = multipart::Part::bytes(bytes).file_name(name.to_owned());
    let path = format!("/api/v1/attachments?entity={entity}&record={record}");
    // As browsers send it: the name stands there as it is.
    let form = multipart::Form::new().part("file", file).percent_encode_noop();
    said(caller.request(Method::POST, &path).multipart(form)).await
}

/// A home with its owner: ids of unit and party.
async fn home(caller: &Caller) -> (String, String) {
    let project = text(&caller.get("/api/v1/projects").await.json(200)["items"][0]["id"]).to_owned();
    let found = caller.get(&format!("/api/v1/units?project={project}&search=6-1-103")).await.json(200);
    let unit = text(&found["items"][0]["id"]).to_owned();
    let records = caller.get(&format!("/api/v1/units/{unit}/records")).await.json(200);
    (unit, text(&owner_in(&records)["party"]).to_owned())
}

#[rstest]
#[tokio::test]
async fn files_come_and_go_over_http(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let host = Host::office(kind).await;
    host.run(&["user", "add", "zhou", "--role", "engineer"]).expect(0);
    let server = host.serve();
    let nobody = Caller::nobody(&server);
    let (wang, zhou) = (nobody.with(host.token("wang")), nobody.with(host.token("zhou")));
    let (unit, party) = home(&wang).await;

    let climbing = "../../<script>alert(1)</script>\u{202e}gnp.exe";
    let added = upload(&wang, "unit", &unit, climbing, PNG.to_vec()).await.json(201);
    assert_eq!((&added["media_type"], &added["size_bytes"]), (&json!("image/png"), &json!(PNG.len())));
    assert_eq!(added["name"], "../../<script>alert(1)</script>gnp.exe");
    let at = format!("/api/v1/attachments/{}", text(&added["id"]));
    let download = zhou.get(&format!("{at}/content")).await;
    assert_eq!(download.status, 200);
    assert_eq!(download.headers["content-type"], "image/png");
    assert_eq!(download.headers["x-content-type-options"], "nosniff");
    let disposition = download.headers["content-disposition"].to_str().unwrap();
    assert!(disposition.starts_with("attachment; filename=\"_.._"), "{disposition}");
    assert!(disposition.ends_with(".exe.png") && !disposition.contains(['/', '<', '\\']), "{disposition}");
    let page = zhou.get(&format!("/units/{unit}")).await;
    assert!(page.text.contains("gnp.exe") && !page.text.contains("<script>alert"), "the name is shown and not run");

    // What is not taken leaves nothing.
    let refused: &[(&str, &[u8], &str)] = &[
        ("a.png", b"MZ\x90\0\x03\0\0\0", "attachment-type"),
        ("a.txt", b"<html><script>alert(1)</script>", "attachment-type"),
        ("a.svg", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "attachment-type"),
        ("a.png", b"", "invalid"),
    ];
    for (name, bytes, code) in refused {
        upload(&wang, "unit", &unit, name, bytes.to_vec()).await.problem(422, code);
    }
    let mut large = PNG.to_vec();
    large.resize(FILE_BYTES_MAX + 1, 0);
    upload(&wang, "unit", &unit, "large.png", large).await.problem(422, "attachment-too-large");
    upload(&wang, "house", &unit, "a.png", PNG.to_vec()).await.problem(400, "malformed");
    upload(&wang, "ticket", &unit, "a.png", PNG.to_vec()).await.problem(404, "not-found");
    let no_file = multipart::Form::new().text("other", "x");
    let path = format!("/api/v1/attachments?entity=unit&record={unit}");
    said(wang.request(Method::POST, &path).multipart(no_file)).await.problem(400, "malformed");
    assert_eq!(wang.get(&path).await.json(200)["items"].as_array().unwrap().len(), 1);

    // A record's own permission counts beside the door's.
    upload(&zhou, "unit", &unit, "b.png", PNG.to_vec()).await.problem(403, "permission");
    let of_party = upload(&wang, "party", &party, "身份证.png", PNG.to_vec()).await.json(201);
    let of_party = format!("/api/v1/attachments/{}", text(&of_party["id"]));
    zhou.get(&of_party).await.problem(403, "permission");
    zhou.get(&format!("{of_party}/content")).await.problem(403, "permission");
    zhou.get(&format!("/api/v1/attachments?entity=party&record={party}")).await.problem(403, "permission");
    let shown = wang.get(&format!("{of_party}/content")).await;
    assert!(shown.headers["content-disposition"].to_str().unwrap().contains("%E8%BA%AB%E4%BB%BD%E8%AF%81.png"));
    let views = wang.get("/api/v1/personal-data-views?limit=1").await.json(200);
    assert_eq!((&views["items"][0]["part"], &views["items"][0]["by"]), (&json!("attachment"), &json!("wang")));

    let delete =
        async |caller: &Caller, at: &str| said(caller.request(Method::DELETE, &format!("{at}?reason=wrong"))).await;
    delete(&zhou, &at).await.problem(403, "permission");
    assert_eq!(delete(&wang, &at).await.json(200)["removed"]["reason"], "wrong");
    delete(&wang, &at).await.problem(409, "conflict");
    wang.get(&format!("{at}/content")).await.problem(404, "not-found");
    assert_eq!(wang.get(&at).await.json(200)["removed"]["by"], "wang", "who removed it stays known");
    assert_eq!(wang.get(&path).await.json(200)["items"], json!([]));

    // Another company finds nothing of it.
    let other = ["--company", "另一家物业"];
    host.run(&[&["user", "add", "boss", "--role", "admin"], &other[..]].concat()).expect(0);
    let token = host.json(&[&["token", "create", "--user", "boss"], &other[..]].concat());
    let boss = nobody.with(text(&token["token"]));
    for path in [&of_party, &format!("{of_party}/content"), &path] {
        boss.get(path).await.problem(404, "not-found");
    }
    delete(&boss, &of_party).await.problem(404, "not-found");
    upload(&boss, "unit", &unit, "b.png", PNG.to_vec()).await.problem(404, "not-found");
    host.assert_consistent();
}
