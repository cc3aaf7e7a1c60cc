//! Goal: the standard plug-ins become components that need nothing but the contract.
//! Method: run the nested build once for all of them and read what came out.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use guanjia_packaging::{BuiltPlugin, build, build_plugins, inspect, read_manifest};

const PLUGINS: [&str; 6] = ["area-fee", "daily-late-fee", "fixed-fee", "metered-fee", "parking-fee", "shared-cost-fee"];
/// A rule is small: what is larger without its manifest has pulled in something that it does not need.
const SIZE_MAX: usize = 100_000;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn build() -> Vec<BuiltPlugin> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
    build_plugins(&root(), &PLUGINS, &target, build::PROFILE).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn standard_plugins_are_small_float_free_and_import_only_the_contract() {
    let built = build();
    assert_eq!(built.iter().map(|plugin| plugin.crate_name.as_str()).collect::<Vec<_>>(), PLUGINS);
    for plugin in built {
        let bytes = std::fs::read(&plugin.path).unwrap();
        let info = inspect(&bytes).unwrap_or_else(|error| panic!("{}: {error}", plugin.id));
        println!("{}: {info:?}", plugin.id);
        assert!(info.imports.iter().all(|name| name.starts_with("guanjia:types/")), "{}: {info:?}", plugin.id);
        let point = if plugin.id == "daily-late-fee" { "late-fee-policy" } else { "fee-policy" };
        assert_eq!(info.exports, [format!("guanjia:{point}/{point}@1.0.0")], "{}", plugin.id);
        assert!(info.float_free, "{} has floating point", plugin.id);
        let manifest = read_manifest(&bytes).unwrap();
        let size = info.size - manifest.to_json().unwrap().len();
        assert!(size < SIZE_MAX, "{} has {size} bytes", plugin.id);
        assert_eq!((manifest.id, manifest.version), (plugin.id, plugin.version));
        assert!(!manifest.cases.is_empty());
    }
}
