//! What a plug-in says about itself, and what is different about another version of it.

use crate::{
    host::Host,
    trust::{Desk, changed, standard},
};
use guanjia_harness::Kind;
use rstest::rstest;
use serde_json::json;

/// The next version of a plug-in, with something new of each sort.
fn next_version() -> Vec<u8> {
    changed("area-fee", |manifest| {
        manifest.version = "1.1.0".parse().unwrap();
        let properties = &mut manifest.settings_schema["properties"];
        properties["surcharge"]["type"] = json!("integer");
        properties["cap"] = json!({"type": "string", "title": "封顶"});
        properties.as_object_mut().unwrap().remove("proration");
        manifest.exports.get_mut("fee-policy").unwrap().facts.push("unit.rent".to_owned());
        manifest.steps.get_mut("discount").unwrap().label.zh = "空置减免".to_owned();
        manifest.messages.clear();
    })
}

#[test]
fn a_file_is_told_without_a_database() {
    let desk = Desk::new();
    desk.key("author");
    let file = desk.standard("area-fee");
    desk.json(&["plugin", "sign", &file, "--key", "author"]);
    let told = desk.json(&["plugin", "inspect", &file, "--trusted", "author.pub"]);
    assert_eq!(
        (&told["id"], &told["version"], &told["publisher"]),
        (&json!("area-fee"), &json!("1.0.0"), &json!("Guanjia"))
    );
    assert_eq!(
        (&told["digest"], &told["size"]),
        (&json!(standard("area-fee").digest), &json!(standard("area-fee").component.len()))
    );
    assert_eq!((&told["signature"], &told["signatures"][0]["publisher"]), (&json!("trusted"), &json!("Guanjia")));
    assert_eq!((&told["float_free"], &told["origin"]), (&json!(true), &json!("")));
    let point = &told["points"][0];
    assert_eq!((&point["point"], &point["wit"]), (&json!("fee-policy"), &json!("1.0.0")));
    assert_eq!(
        point["facts"][0],
        json!({"name": "unit.area", "known": true, "measure": "m2", "title": {"zh": "建筑面积", "en": "gross floor area"}})
    );
    let price = told["settings"].as_array().unwrap().iter().find(|field| field["path"] == "price").unwrap();
    assert_eq!((&price["required"], &price["title"]["en"]), (&json!(true), &json!("Price per m² and period")));
    assert!(told["golden_cases"].as_u64().unwrap() > 3 && told["limits"]["memory_bytes"].as_u64().unwrap() > 0);
    let text = desk.run(&["plugin", "inspect", &file]).expect(0).stdout;
    for words in [
        "area-fee@1.0.0",
        "unknown-key",
        "reads unit.area  建筑面积 / gross floor area, m2",
        "free of floating point",
        "golden cases",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(desk.names(), ["area-fee.wasm", "author", "author.pub"]);
}

#[test]
fn what_is_no_plugin_is_said_so() {
    let desk = Desk::new();
    for (name, content) in
        [("text.wasm", b"hello, world".as_slice()), ("module.wasm", b"\0asm\x01\0\0\0"), ("empty.wasm", b"")]
    {
        desk.run(&["plugin", "inspect", &desk.write(name, content)]).expect(3);
    }
    let missing = desk.run(&["plugin", "inspect", "nothing.wasm"]).expect(3);
    assert!(missing.stderr.contains("nothing.wasm cannot be read"), "{missing:?}");
}

#[rstest]
#[tokio::test]
async fn a_new_version_is_compared_with_the_installed_one(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let (host, desk) = (Host::fresh(kind).await, Desk::new());
    host.run(&["plugin", "install", "standard"]).expect(0);
    let next = desk.write("next.wasm", next_version());
    let installed = host.json(&["plugin", "inspect", "area-fee@1.0.0"]);
    assert_eq!(
        (&installed["digest"], &installed["origin"]),
        (&json!(standard("area-fee").digest), &json!("installed"))
    );
    let told = host.json(&["plugin", "inspect", &next, "--against", "area-fee@1.0.0"]);
    let difference = &told["difference"];
    assert_eq!((&told["version"], &told["against"]), (&json!("1.1.0"), &json!("area-fee@1.0.0")));
    assert_eq!(difference["facts_added"], json!([{"point": "fee-policy", "fact": "unit.rent"}]));
    assert_eq!(
        difference["settings"],
        json!([
            {"change": "removed", "path": "proration", "kind": "one of \"actual-days\", \"thirty-days\", \"none\""},
            {"change": "added", "path": "cap", "kind": "string", "required": false},
            {"change": "kind", "path": "surcharge", "before": "string", "after": "integer"},
        ])
    );
    assert_eq!(difference["steps"]["reworded"], json!(["discount"]));
    assert_eq!(difference["messages"]["removed"], json!(["percent-out-of-range"]));
    assert_eq!(difference["exports_removed"], json!([]));
    let text = host.run(&["plugin", "inspect", &next, "--against", "area-fee@1.0.0"]).expect(0).stdout;
    for words in ["+ asks for unit.rent  租金 / rent", "- setting proration", "~ setting surcharge: string → integer"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    let same = host.json(&["plugin", "inspect", "area-fee@1.0.0", "--against", "area-fee@1.0.0"]);
    assert_eq!((&same["difference"]["settings"], &same["difference"]["size_bytes"]), (&json!([]), &json!(null)));
    host.run(&["plugin", "inspect", "area-fee@9.9.9"]).expect(1);
    host.run(&["plugin", "inspect", &next, "--against", "area-fee"]).expect(3);
    host.run(&["user", "add", "zhou", "--role", "engineer"]).expect(0);
    host.run(&["plugin", "inspect", "area-fee@1.0.0", "--as", "zhou"]).expect(4);
}
