//! The house keeps its shape: who may depend on whom, and what no file may say.

use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Edges between crates of the workspace that are allowed. A new one is its own change, argued for in ARCHITECTURE.md.
const EDGES: &[(&str, &[&str])] = &[
    (
        "guanjia",
        &[
            "guanjia-domain",
            "guanjia-exchange",
            "guanjia-packaging",
            "guanjia-registry",
            "guanjia-sandbox",
            "guanjia-store",
            "guanjia-web",
        ],
    ),
    ("guanjia-domain", &["guanjia-values"]),
    ("guanjia-exchange", &["guanjia-domain"]),
    ("guanjia-packaging", &["guanjia-values"]),
    ("guanjia-registry", &[]),
    ("guanjia-sandbox", &["guanjia-domain", "guanjia-packaging", "guanjia-values"]),
    ("guanjia-store", &["guanjia-domain"]),
    ("guanjia-web", &["guanjia-domain", "guanjia-exchange"]),
    ("guanjia-plugin-sdk", &["guanjia-values"]),
    ("guanjia-values", &[]),
    ("guanjia-harness", &[]),
    ("guanjia-hostile", &["guanjia-packaging"]),
];

/// What every plug-in, good or bad, may depend on.
const GUEST_EDGES: &[&str] = &["guanjia-plugin-sdk"];

#[test]
fn dependencies_point_at_the_domain() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let members: BTreeSet<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let allowed = EDGES.iter().find(|(from, _)| *from == name).map_or(GUEST_EDGES, |(_, to)| *to);
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = dependency["name"].as_str().unwrap();
            let for_tests = dependency["kind"] == "dev";
            assert!(
                for_tests || !members.contains(to) || allowed.contains(&to),
                "{name} must not depend on {to}: arrows point at the domain (see ARCHITECTURE.md)"
            );
        }
    }
}

#[test]
fn the_top_level_is_the_houses() {
    let expected = [
        "ARCHITECTURE.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "host",
        "plugin-sdk",
        "plugins",
        "rust-toolchain.toml",
        "tests",
        "wit",
    ];
    let output = Command::new("git").args(["ls-tree", "--name-only", "HEAD"]).current_dir(root()).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let unexpected: Vec<&str> =
        listed.lines().filter(|name| !name.starts_with('.') && !expected.contains(name)).collect();
    assert!(unexpected.is_empty(), "{unexpected:?} do not belong at the top level");
}

/// A file that `main.rs` does not name is never compiled, and nobody misses its tests.
#[test]
fn every_file_of_tests_is_run() {
    let folder = root().join("tests/all");
    let main = fs::read_to_string(folder.join("main.rs")).unwrap();
    for entry in fs::read_dir(&folder).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap();
        let named = main.lines().any(|line| line == format!("mod {name};"));
        assert!(named || name == "main", "tests/all/{name}.rs is in no test: write `mod {name};` into main.rs");
    }
}

/// Identifiers with two meanings in this trade, and the word to use instead. Comments may use them.
const FALSE_FRIENDS: &[(&str, &str)] = &[
    ("property_fee", "management_fee"),
    ("tenant_", "lessee"),
    ("_tenant", "lessee"),
    ("room_no", "unit_no"),
    ("payment_bill", "demand_note"),
];

#[test]
fn names_come_from_the_naming_table() {
    let mut found = Vec::new();
    for file in sources(&root().join("host"))
        .into_iter()
        .chain(sources(&root().join("plugins")))
        .chain(sources(&root().join("plugin-sdk")))
    {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for (wrong, right) in FALSE_FRIENDS {
                if code.contains(wrong) {
                    found.push(format!("{}:{}: {wrong} (say {right})", file.display(), number + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// SQL stays in the store, wasmtime in the sandbox, whatever the manifest allows.
#[test]
fn sql_and_wasmtime_stay_in_their_rooms() {
    for (room, word) in [("store", "sqlx::"), ("sandbox", "wasmtime::")] {
        for file in sources(&root().join("host")) {
            if file.starts_with(root().join("host").join(room))
                || file.components().any(|part| part.as_os_str() == "benches")
            {
                continue;
            }
            let text = fs::read_to_string(&file).unwrap();
            assert!(!text.contains(word), "{} uses {word}, which belongs to {room}", file.display());
        }
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}
