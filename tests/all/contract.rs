//! The contract in `wit/`: what is released stays as it is, what comes next to it fits, and a component that was built for
//! a released version runs for as long as that version is served.

use guanjia_domain::{plugin::ExtensionPoint, ports::PolicyEngine};
use guanjia_sandbox::{Sandbox, SandboxOptions};
use rstest::rstest;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use wit_parser::{Resolve, WorldId};

fn wit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("wit")
}

/// Folders of `wit/deps` with the text of their files, such as `fee-policy@1.0.0`.
fn packages() -> BTreeMap<String, BTreeMap<String, String>> {
    let folders = fs::read_dir(wit().join("deps")).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let files = |folder: &Path| {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.map(|file| (name(&file), fs::read_to_string(&file).unwrap())).collect()
    };
    folders.map(|folder| (name(&folder), files(&folder))).collect()
}

/// `wit/released.txt`: one line for each released folder, its digest and its name.
fn released() -> BTreeMap<String, String> {
    let text = fs::read_to_string(wit().join("released.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.split_once("  ").unwrap())
        .map(|(digest, name)| (name.to_owned(), digest.to_owned()))
        .collect()
}

/// Names and bytes of all files.
fn digest_of(files: &BTreeMap<String, String>) -> String {
    let mut hasher = Sha256::new();
    for (name, text) in files {
        for part in [name, text] {
            hasher.update(u64::try_from(part.len()).unwrap().to_le_bytes());
            hasher.update(part);
        }
    }
    hex::encode(hasher.finalize())
}

#[test]
fn a_released_folder_is_frozen() {
    let (packages, released) = (packages(), released());
    for (name, digest) in &released {
        let files = packages.get(name).unwrap_or_else(|| panic!("wit/deps/{name} is released and may not go"));
        assert_eq!(
            digest_of(files),
            *digest,
            "wit/deps/{name} is released: not a word of it may change. Make a folder of the next version beside it"
        );
    }
    for (name, files) in &packages {
        assert!(
            released.contains_key(name),
            "wit/deps/{name} is new: once it is final, add this line to wit/released.txt\n{}  {name}",
            digest_of(files)
        );
    }
}

#[test]
fn successive_versions_of_a_package_are_compatible() {
    let packages = packages();
    let text = |files: &BTreeMap<String, String>| files.values().cloned().collect::<String>();
    let is_shared = |name: &str| name.starts_with("types@") || name.starts_with("effects@");
    let types: Vec<String> =
        packages.iter().rev().filter(|(name, _)| is_shared(name)).map(|(_, files)| text(files)).collect();
    let mut points: BTreeMap<&str, Vec<(semver_key::Version, String)>> = BTreeMap::new();
    for (name, files) in packages.iter().filter(|(name, _)| !is_shared(name)) {
        let (point, version) = name.split_once('@').unwrap();
        points.entry(point).or_default().push((semver_key::parse(version), text(files)));
    }
    assert!(points.len() >= 2, "the extension points were not found");
    for (point, versions) in &mut points {
        versions.sort();
        for pair in versions.windows(2) {
            let [(old, old_text), (new, new_text)] = pair else { unreachable!("windows of two") };
            if old.0 == new.0 {
                compatible(&types, old_text, new_text, &format!("{point}-plugin")).unwrap_or_else(|error| {
                    panic!("{point} {new:?} is no minor version after {old:?}: {error}. Make it a major version")
                });
            }
        }
    }
}

/// Versions as numbers that sort.
mod semver_key {
    pub type Version = (u64, u64, u64);

    pub fn parse(text: &str) -> Version {
        let numbers: Vec<u64> = text.split('.').map(|number| number.parse().unwrap()).collect();
        (numbers[0], numbers[1], numbers[2])
    }
}

/// Whether a host that serves the new world can serve a component of the old one.
fn compatible(types: &[String], old: &str, new: &str, world: &str) -> Result<(), String> {
    let mut resolve = Resolve::default();
    for text in types {
        resolve.push_source("types.wit", text).map_err(|error| format!("{error:#}"))?;
    }
    let select = |resolve: &mut Resolve, text: &str| -> Result<WorldId, String> {
        let package = resolve.push_source("point.wit", text).map_err(|error| format!("{error:#}"))?;
        resolve.select_world(&[package], Some(world)).map_err(|error| format!("{error:#}"))
    };
    let (old, new) = (select(&mut resolve, old)?, select(&mut resolve, new)?);
    wit_component::semver_check(resolve, old, new).map_err(|error| format!("{error:#}"))
}

/// Goal: the gate of the test above can fail, for everything that breaks a component that is out there.
/// Method: a made-up next version with one change.
#[rstest]
#[case::nothing("", "", true)]
#[case::comment("interface rule {", "/// Says more.\n    interface rule {", true)]
#[case::new_interface("world rule-plugin {", "interface more { count: func() -> u32; }\n    world rule-plugin {", true)]
#[case::new_function_to_call("write: func(line: string);", "write: func(line: string);\n        flush: func();", true)]
#[case::new_import("world rule-plugin {", "world rule-plugin {\n        import clock;", true)]
#[case::new_type_in_an_exported_interface("enum verdict", "record extra { a: u8 }\n        enum verdict", false)]
#[case::export_dropped("        export rule;\n", "", true)]
#[case::new_exported_function("decide: func", "explain: func() -> string;\n        decide: func", false)]
#[case::new_export("export rule;", "export rule;\n        export more;", false)]
#[case::new_member("area: u32,", "area: u32,\n            kind: u32,", false)]
#[case::member_dropped("area: u32,\n", "", false)]
#[case::member_renamed("area: u32,", "size: u32,", false)]
#[case::member_of_another_type("area: u32,", "area: u64,", false)]
#[case::new_case("no,", "no, later,", false)]
#[case::case_dropped("yes, no,", "yes,", false)]
#[case::cases_in_another_order("yes, no,", "no, yes,", false)]
#[case::new_parameter("func(item: item)", "func(item: item, day: s32)", false)]
#[case::another_result("-> verdict", "-> result<verdict>", false)]
#[case::import_gone("import log;", "", false)]
#[case::imported_function_gone("write: func(line: string);", "", false)]
#[case::imported_function_changed("write: func(line: string)", "write: func(line: string, level: u8)", false)]
fn a_breaking_change_is_caught(#[case] from: &str, #[case] to: &str, #[case] fits: bool) {
    const OLD: &str = "package made:up@1.0.0;
    interface log {
        write: func(line: string);
    }
    interface clock {
        today: func() -> s32;
    }
    interface more {
    }
    interface rule {
        record item {
            id: u32,
            area: u32,
        }
        enum verdict { yes, no, }
        decide: func(item: item) -> verdict;
    }
    world rule-plugin {
        import log;
        export rule;
    }";
    assert!(OLD.contains(from), "{from}");
    let old = OLD.replace("    interface more {\n    }\n", "");
    let base = if to.contains("export more") { OLD } else { &old };
    let new = base.replacen(from, to, 1).replace("@1.0.0", "@1.1.0");
    let verdict = compatible(&[], &old, &new, "rule-plugin");
    assert_eq!(verdict.is_ok(), fits, "{verdict:?}\n{new}");
}

/// A component that was built for a released version and is never built again: `tests/fixtures/components/README.md`.
fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/fixtures/components");
    fs::read(folder.join(name)).unwrap()
}

/// Installing runs every golden case that was packed into the component when it was built.
#[tokio::test]
async fn a_component_of_a_released_version_is_still_served() {
    let sandbox = Sandbox::new(SandboxOptions { concurrent_calls: 1, ..SandboxOptions::default() }).unwrap();
    let plugin = sandbox.verify(fixture("fee-policy@1.0.0.wasm")).await.unwrap();
    assert_eq!((plugin.id.as_str(), plugin.version.as_str()), ("area-fee", "1.0.0"));
    assert_eq!(plugin.export(ExtensionPoint::FeePolicy).unwrap().wit, "1.0.0");
}
