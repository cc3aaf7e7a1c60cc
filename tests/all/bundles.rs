//! Plug-ins in one file, for offices that no registry reaches: all of it is installed, or nothing.

use crate::{
    host::Host,
    trust::{Desk, changed, standard},
};
use guanjia_harness::Kind;
use rstest::rstest;
use serde_json::json;
use std::fs;

const IDS: [&str; 5] = ["area-fee", "fixed-fee", "metered-fee", "parking-fee", "shared-cost-fee"];

/// The standard plug-ins in one file, signed on the way.
fn packed(desk: &Desk) -> String {
    let files = IDS.map(|id| desk.standard(id));
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    desk.json(&[&["plugin", "pack", "office.tar", "--key", "author"], &files[..]].concat());
    desk.at("office.tar")
}

fn count(host: &Host) -> usize {
    host.run(&["plugin", "list", "--json"]).expect(0).lines().len()
}

#[rstest]
#[tokio::test]
async fn a_bundle_travels_whole(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let (host, desk) = (Host::fresh(kind).await, Desk::new());
    let key = desk.key("author");
    let bundle = packed(&desk);
    let listed = desk.json(&["plugin", "inspect", &bundle]);
    let plugins = listed["plugins"].as_array().unwrap();
    assert_eq!(plugins.iter().map(|plugin| plugin["id"].as_str().unwrap()).collect::<Vec<_>>(), IDS);
    for plugin in plugins {
        assert_eq!(plugin["digest"], standard(plugin["id"].as_str().unwrap()).digest);
        assert_eq!(plugin["signatures"], json!([{"key": key, "publisher": "Guanjia"}]));
    }
    host.json(&["plugin", "trust", "require", "on"]);
    host.run(&["plugin", "install", &bundle]).expect(4);
    assert_eq!(count(&host), 0);
    host.json(&["plugin", "trust", "add", "Author", &key]);
    let installed = host.run(&["plugin", "install", &bundle, "--json"]).expect(0).lines();
    assert!(installed.len() == 5 && installed.iter().all(|plugin| plugin["signature"] == "trusted"), "{installed:?}");
    host.run(&["plugin", "install", &bundle]).expect(0);
    assert_eq!(count(&host), 5, "the same bundle again changes nothing");
    host.assert_consistent();
}

#[rstest]
#[tokio::test]
async fn one_that_is_refused_keeps_all_out(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let (host, desk) = (Host::fresh(kind).await, Desk::new());
    let key = desk.key("author");
    let bundle = packed(&desk);
    // The last of them is installed with other content.
    let other = changed("shared-cost-fee", |manifest| manifest.publisher = "Somebody".into());
    host.run(&["plugin", "install", &desk.write("other.wasm", other)]).expect(0);
    let refused = host.run(&["plugin", "install", &bundle]).expect(1);
    assert!(refused.stderr.contains("shared-cost-fee 1.0.0 is installed with other content"), "{refused:?}");
    assert_eq!(count(&host), 1);
    // One is not signed by anybody whom the company trusts.
    host.json(&["plugin", "trust", "add", "Author", &key]);
    host.json(&["plugin", "trust", "require", "on"]);
    let (signed, unsigned) = (desk.standard("area-fee"), desk.standard("fixed-fee"));
    desk.json(&["plugin", "sign", &signed, "--key", "author"]);
    desk.json(&["plugin", "pack", "mixed.tar", &signed, &unsigned]);
    let refused = host.run(&["plugin", "install", &desk.at("mixed.tar")]).expect(4);
    assert!(refused.stderr.contains("fixed-fee@1.0.0 is not installed"), "{refused:?}");
    // One promises what its component does not keep: everything before it was fine.
    let liar = changed("metered-fee", |manifest| manifest.steps.clear());
    desk.write("liar.wasm", liar);
    host.json(&["plugin", "trust", "require", "off"]);
    desk.json(&["plugin", "pack", "liar.tar", &signed, "liar.wasm"]);
    host.run(&["plugin", "install", &desk.at("liar.tar")]).expect(3);
    assert_eq!(count(&host), 1);
    host.assert_consistent();
}

#[tokio::test]
async fn a_hostile_bundle_leaves_no_trace() {
    let (host, desk) = (Host::fresh(Kind::Sqlite).await, Desk::new());
    desk.key("author");
    let bundle = packed(&desk);
    let good = fs::read(&bundle).unwrap();
    let at = |needle: &str| good.windows(needle.len()).position(|window| window == needle.as_bytes()).unwrap();
    let header = at("plugins/");
    // Names in an archive have a checksum, which whoever changes them writes anew.
    let renamed = |name: &str| {
        let mut bytes = good.clone();
        // The first place is the index's own; the header of the second entry begins at a block.
        let block = (header..bytes.len()).find(|at| at % 512 == 0 && bytes[*at..].starts_with(b"plugins/")).unwrap();
        bytes[block..block + 100].fill(0);
        bytes[block..block + name.len()].copy_from_slice(name.as_bytes());
        bytes[block + 148..block + 156].fill(b' ');
        let sum: u32 = bytes[block..block + 512].iter().map(|byte| u32::from(*byte)).sum();
        bytes[block + 148..block + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        bytes
    };
    for (name, words) in [
        ("../escaped.wasm", "leads out"),
        ("/tmp/escaped-by-a-test.wasm", "leads out"),
        ("other.wasm", "not in its index"),
    ] {
        let hostile = desk.write("hostile.tar", renamed(name));
        let refused = host.run(&["plugin", "install", &hostile]).expect(3);
        assert!(refused.stderr.contains(words) && refused.stderr.contains("Nothing of the bundle"), "{refused:?}");
        desk.run(&["plugin", "inspect", &hostile]).expect(3);
    }
    let cut = desk.write("cut.tar", &good[..good.len() / 2]);
    host.run(&["plugin", "install", &cut]).expect(3);
    assert_eq!(count(&host), 0);
    assert!(!std::path::Path::new("/tmp/escaped-by-a-test.wasm").exists());
    let mut expected: Vec<String> = IDS.map(|id| format!("{id}.wasm")).to_vec();
    expected.extend(["author", "author.pub", "cut.tar", "hostile.tar", "office.tar"].map(str::to_owned));
    expected.sort();
    assert_eq!(desk.names(), expected);
}

#[test]
fn what_cannot_be_packed_is_named() {
    let desk = Desk::new();
    let file = desk.standard("area-fee");
    let twice = desk.run(&["plugin", "pack", "x.tar", &file, &file]).expect(3);
    assert!(twice.stderr.contains("area-fee@1.0.0"), "{twice:?}");
    let text = desk.write("text.wasm", "hello");
    let named = desk.run(&["plugin", "pack", "x.tar", &file, &text]).expect(3);
    assert!(named.stderr.contains("text.wasm"), "{named:?}");
    assert!(!desk.path("x.tar").exists());
}
