//! The nested build of guests: from crates of this workspace to components on disk.
//!
//! It is an ordinary function, so that a build script and a test harness can both call it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use semver::Version;
use serde_json::Value;

use crate::component::{ComponentError, componentise};
use crate::manifest::{Manifest, ManifestError};

/// Where guests are compiled for: no operating system, so that nothing but the contract can be imported.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// The profile of the workspace that guests are built with.
pub const PROFILE: &str = "guest";
/// Folders of the workspace that hold guests, one crate each.
const GUEST_FOLDERS: [&str; 2] = ["plugins", "tests/guests"];
/// What every guest is made of, besides its own folder.
const SHARED_INPUTS: [&str; 7] = [
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
    "wit/deps",
    "plugin-sdk/Cargo.toml",
    "plugin-sdk/src",
    "plugin-sdk/values",
];

/// A component with its manifest, on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltPlugin {
    /// Name of the crate that it was built from.
    pub crate_name: String,
    /// Id of the manifest.
    pub id: String,
    pub version: Version,
    /// Where the component lies.
    pub path: PathBuf,
}

/// Why guests could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("there is no plug-in {name} in {}", GUEST_FOLDERS.join(" or "))]
    UnknownCrate { name: String },
    #[error("cannot start cargo ({program})")]
    Start { program: String, source: std::io::Error },
    #[error("the plug-ins do not compile for {TARGET}:\n{output}")]
    Compile { output: String },
    #[error(
        "the Rust target {TARGET} is not installed: run `rustup toolchain install` in the checkout, which reads \
         rust-toolchain.toml"
    )]
    TargetMissing,
    #[error("cargo built no .wasm file for {name}; its Cargo.toml needs crate-type = [\"cdylib\", \"rlib\"]")]
    NoModule { name: String },
    /// A tool of another language is missing or refuses.
    #[error("{program}: {output}")]
    Tool { program: String, output: String },
    #[error("cannot read or write {}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{name}: {source}")]
    Manifest { name: String, source: ManifestError },
    #[error("{name}: {source}")]
    Component { name: String, source: ComponentError },
}

/// Compiles crates of the workspace to components with their manifests.
///
/// The build has its own target folder, because the outer cargo holds the lock of its own, and it forgets what the outer
/// cargo has set for itself (flags, wrappers, target folder), so that guests come out the same however the host is built.
/// An unchanged component keeps its file untouched, so that what depends on it is not rebuilt.
pub fn build_plugins(
    workspace_root: &Path,
    crates: &[&str],
    target_dir: &Path,
    profile: &str,
) -> Result<Vec<BuiltPlugin>, BuildError> {
    let mut plugins = Vec::with_capacity(crates.len());
    for name in crates {
        let directory = guest_directory(workspace_root, name)?;
        let manifest = Manifest::from_directory(&directory)
            .map_err(|source| BuildError::Manifest { name: (*name).to_owned(), source })?;
        plugins.push((*name, manifest));
    }
    let modules = compile(workspace_root, crates, target_dir, profile)?;
    let folder = target_dir.join("components");
    create_dir(&folder)?;
    plugins.into_iter().map(|(name, manifest)| package(name, &manifest, &modules, &folder)).collect()
}

/// Files and folders whose change makes the build of these crates worth repeating (for `cargo::rerun-if-changed`).
pub fn watched_paths(workspace_root: &Path, crates: &[&str]) -> Result<Vec<PathBuf>, BuildError> {
    let mut paths: Vec<PathBuf> = SHARED_INPUTS.iter().map(|input| workspace_root.join(input)).collect();
    for name in crates {
        paths.push(guest_directory(workspace_root, name)?);
    }
    Ok(paths)
}

fn guest_directory(workspace_root: &Path, name: &str) -> Result<PathBuf, BuildError> {
    GUEST_FOLDERS
        .iter()
        .map(|folder| workspace_root.join(folder).join(name))
        .find(|directory| directory.join("Cargo.toml").is_file())
        .ok_or_else(|| BuildError::UnknownCrate { name: name.to_owned() })
}

/// Runs cargo; core modules by the name of their crate.
fn compile(
    workspace_root: &Path,
    crates: &[&str],
    target_dir: &Path,
    profile: &str,
) -> Result<BTreeMap<String, PathBuf>, BuildError> {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(&program);
    command.current_dir(workspace_root).stdin(Stdio::null());
    command.args(["build", "--locked", "--lib", "--target", TARGET, "--profile", profile]);
    command.args(["--message-format", "json-render-diagnostics"]).arg("--target-dir").arg(target_dir);
    for name in crates {
        command.args(["-p", name]);
    }
    for (variable, _) in std::env::vars_os() {
        if is_set_by_outer_cargo(&variable) {
            command.env_remove(variable);
        }
    }
    command.env("CARGO_ENCODED_RUSTFLAGS", remapped_paths(workspace_root));
    let output = command.output().map_err(|source| BuildError::Start { program, source })?;
    if !output.status.success() {
        let output = String::from_utf8_lossy(&output.stderr).into_owned();
        // E0463 alone would also be a misspelt dependency of a plug-in.
        let missing = output.contains("can't find crate for `core`") || output.contains("can't find crate for `std`");
        return Err(if missing { BuildError::TargetMissing } else { BuildError::Compile { output } });
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(module_of).collect())
}

/// Whether a variable would make the inner build another one. What says where cargo and rustup live, and how they reach
/// the network, is kept.
/// Panic messages name source files. Where the sources lie on this machine does not belong into a component, and without
/// it the same sources give the same component in every checkout.
fn remapped_paths(workspace_root: &Path) -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let mut flags = vec![format!("--remap-path-prefix={}=guanjia", workspace_root.display())];
    flags.extend(home.map(|home| format!("--remap-path-prefix={}=cargo", home.display())));
    // The unit separator is how cargo keeps flags with spaces apart.
    flags.join("\u{1f}")
}

fn is_set_by_outer_cargo(variable: &OsStr) -> bool {
    const KEPT: [&str; 6] =
        ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRIES_", "CARGO_REGISTRY_", "CARGO_SOURCE_"];
    const OTHERS: [&str; 14] = [
        "RUSTFLAGS",
        "RUSTDOCFLAGS",
        "RUSTC",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_LINKER",
        "RUSTDOC",
        "TARGET",
        "HOST",
        "OUT_DIR",
        "PROFILE",
        "OPT_LEVEL",
        "DEBUG",
        "MAKEFLAGS",
    ];
    let Some(variable) = variable.to_str() else {
        return false;
    };
    if KEPT.iter().any(|kept| variable.starts_with(kept)) {
        return false;
    }
    variable == "CARGO" || variable.starts_with("CARGO_") || OTHERS.contains(&variable)
}

/// Crate name and file of a core module, if the line of cargo's JSON announces one.
fn module_of(line: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message["reason"] != "compiler-artifact" {
        return None;
    }
    let files = message["filenames"].as_array()?;
    let file = files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".wasm"))?;
    let directory = Path::new(message["manifest_path"].as_str()?).parent()?;
    Some((directory.file_name()?.to_str()?.to_owned(), PathBuf::from(file)))
}

fn package(
    name: &str,
    manifest: &Manifest,
    modules: &BTreeMap<String, PathBuf>,
    folder: &Path,
) -> Result<BuiltPlugin, BuildError> {
    let module = modules.get(name).ok_or_else(|| BuildError::NoModule { name: name.to_owned() })?;
    let core = read(module)?;
    let component =
        componentise(&core, manifest).map_err(|source| BuildError::Component { name: name.to_owned(), source })?;
    let path = folder.join(format!("{}-{}.wasm", manifest.id, manifest.version));
    if std::fs::read(&path).ok().as_ref() != Some(&component) {
        replace(&path, &component)?;
    }
    Ok(BuiltPlugin { crate_name: name.to_owned(), id: manifest.id.clone(), version: manifest.version.clone(), path })
}

/// Writes beside the file and renames, so that nobody reads half a component.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    let fail = |source| BuildError::File { path: path.to_owned(), source };
    let beside = path.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&beside, bytes).map_err(fail)?;
    std::fs::rename(&beside, path).map_err(fail)
}

fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    std::fs::read(path).map_err(|source| BuildError::File { path: path.to_owned(), source })
}

fn create_dir(path: &Path) -> Result<(), BuildError> {
    std::fs::create_dir_all(path).map_err(|source| BuildError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("CARGO_ENCODED_RUSTFLAGS", true)]
    #[case("CARGO_TARGET_DIR", true)]
    #[case("CARGO_PROFILE_RELEASE_LTO", true)]
    #[case("CARGO_PKG_NAME", true)]
    #[case("RUSTC_WRAPPER", true)]
    #[case("RUSTFLAGS", true)]
    #[case("CARGO_HOME", false)]
    #[case("CARGO_NET_OFFLINE", false)]
    #[case("RUSTUP_TOOLCHAIN", false)]
    #[case("PATH", false)]
    fn the_inner_build_forgets_the_outer_one(#[case] variable: &str, #[case] forgotten: bool) {
        assert_eq!(is_set_by_outer_cargo(OsStr::new(variable)), forgotten);
    }

    #[test]
    fn modules_are_found_by_the_folder_of_their_crate() {
        let line = r#"{"reason":"compiler-artifact","manifest_path":"/w/plugins/area-fee/Cargo.toml",
            "filenames":["/t/area_fee.wasm","/t/libarea_fee.rlib"]}"#;
        let found = module_of(&line.replace('\n', " "));
        assert_eq!(found, Some(("area-fee".to_owned(), PathBuf::from("/t/area_fee.wasm"))));
        assert_eq!(module_of(r#"{"reason":"build-finished","success":true}"#), None);
    }

    #[test]
    fn an_unknown_crate_is_named() {
        let error = watched_paths(Path::new("/nowhere"), &["area-fee"]).expect_err("there is none");
        assert!(error.to_string().contains("area-fee"), "{error}");
    }
}
