//! Plug-ins of this repository in other languages than Rust: from a folder to a component with its manifest.
//!
//! The tools come from npm and PyPI in the versions that the lock files of the SDKs pin, hash by hash, into the target
//! folder. They take seconds and bake a fresh random seed into each component, so what is built is kept until a source
//! changes: then the digest stays the same, too, and with it the compiled code.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use crate::build::{BuildError, BuiltPlugin};
use crate::component::embed_manifest;
use crate::manifest::{self, Manifest};

/// Folders of the workspace that hold plug-ins, one folder each.
const FOLDERS: [&str; 2] = ["plugins", "tests/guests"];
/// World that a fee policy is built for.
const WORLD: &str = "fee-policy-plugin";
/// Packages of the contract that this world is made of: its own first, then what it uses.
const WIT: [&str; 2] = ["fee-policy@1.0.0", "types@1.0.0"];

/// What a folder of `plugins/` is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    JavaScript,
    Python,
}

/// Builds plug-ins of the workspace that are written in JavaScript (`src/rules.js`) or Python (`src/app.py`).
///
/// Processes that build into the same folder wait for each other. An unchanged plug-in keeps its file.
///
/// # Errors
/// [`BuildError`] that names the tool and what it said, when a tool is missing or refuses.
pub fn build_language_plugins(
    workspace_root: &Path,
    names: &[&str],
    target_dir: &Path,
) -> Result<Vec<BuiltPlugin>, BuildError> {
    let folder = target_dir.join("languages");
    fs::create_dir_all(&folder).map_err(file(&folder))?;
    let lock = folder.join("lock");
    let lock = File::create(&lock).and_then(|open| open.lock().map(|()| open)).map_err(file(&lock))?;
    let workshop = Workshop { root: workspace_root, folder: &folder };
    let built = names.iter().map(|name| workshop.plugin(name)).collect();
    drop(lock);
    built
}

struct Workshop<'a> {
    root: &'a Path,
    folder: &'a Path,
}

impl Workshop<'_> {
    fn plugin(&self, name: &str) -> Result<BuiltPlugin, BuildError> {
        let (source, language) = self.find(name)?;
        let manifest = Manifest::from_directory(&source)
            .map_err(|source| BuildError::Manifest { name: name.to_owned(), source })?;
        let path = self.folder.join(format!("{}-{}.wasm", manifest.id, manifest.version));
        let stamp = self.folder.join(format!("{name}.stamp"));
        let sources = self.digest(&source, language)?;
        if !path.is_file() || fs::read_to_string(&stamp).ok().as_ref() != Some(&sources) {
            let bare = self.bare_component(name, &source, language)?;
            let (_, component) = package_component(&source, &bare)?;
            let beside = path.with_extension("tmp");
            fs::write(&beside, component).and_then(|()| fs::rename(&beside, &path)).map_err(file(&path))?;
            fs::write(&stamp, sources).map_err(file(&stamp))?;
        }
        Ok(BuiltPlugin { crate_name: name.to_owned(), id: manifest.id, version: manifest.version, path })
    }

    fn find(&self, name: &str) -> Result<(PathBuf, Language), BuildError> {
        let entries = [("src/rules.js", Language::JavaScript), ("src/app.py", Language::Python)];
        let folders = FOLDERS.iter().map(|folder| self.root.join(folder).join(name));
        let mut found =
            folders.flat_map(|folder| entries.map(|(entry, language)| (folder.join(entry), folder.clone(), language)));
        found
            .find(|(entry, ..)| entry.is_file())
            .map(|(_, folder, language)| (folder, language))
            .ok_or_else(|| BuildError::UnknownCrate { name: name.to_owned() })
    }

    fn sdk(&self, language: Language) -> PathBuf {
        self.root.join("plugin-sdk").join(match language {
            Language::JavaScript => "js",
            Language::Python => "python",
        })
    }

    /// A digest of everything that a component is made of.
    fn digest(&self, source: &Path, language: Language) -> Result<String, BuildError> {
        let sdk = self.sdk(language);
        let inputs = match language {
            Language::JavaScript => vec![sdk.join("src"), sdk.join("package-lock.json")],
            Language::Python => vec![sdk.join("guanjia_plugin_sdk"), sdk.join("requirements.txt")],
        };
        let contract = WIT.iter().map(|package| self.root.join("wit/deps").join(package));
        let mut files = Vec::new();
        for input in inputs.into_iter().chain([source.to_owned()]).chain(contract) {
            files_of(&input, &mut files)?;
        }
        let mut hasher = Sha256::new();
        for path in files {
            let content = fs::read(&path).map_err(file(&path))?;
            let name = path.strip_prefix(self.root).unwrap_or(&path).display().to_string();
            hasher.update(format!("{name}\0{}\0", content.len()));
            hasher.update(content);
        }
        Ok(hex::encode(hasher.finalize()))
    }

    /// Copies the sources to where the tool may write beside them, and runs it.
    fn bare_component(&self, name: &str, source: &Path, language: Language) -> Result<Vec<u8>, BuildError> {
        let stage = self.folder.join("stage").join(name);
        if stage.exists() {
            fs::remove_dir_all(&stage).map_err(file(&stage))?;
        }
        copy(&source.join("src"), &stage.join("src"))?;
        let output = stage.join("component.wasm");
        let mut command = match language {
            Language::JavaScript => self.componentize_qjs(&stage)?,
            Language::Python => self.componentize_py(&stage)?,
        };
        run(command.current_dir(&stage).arg("--output").arg(&output))?;
        fs::read(&output).map_err(file(&output))
    }

    fn componentize_qjs(&self, stage: &Path) -> Result<Command, BuildError> {
        let sdk = self.sdk(Language::JavaScript);
        let tools = self.tools(&sdk, "js", &["package.json", "package-lock.json"], |folder| {
            // Not `npm ci`: it wants the lock file to name the packages of platforms for which this version has none. The
            // hashes of the lock file are checked all the same. Scripts of packages have nothing to do here.
            let quietly = ["--no-audit", "--no-fund", "--loglevel", "error"];
            let install = [["install", "--no-save", "--ignore-scripts"].as_slice(), &quietly].concat();
            run(Command::new("npm").current_dir(folder).args(install))
        })?;
        let package = stage.join("node_modules/guanjia-plugin-sdk");
        copy(&sdk.join("src"), &package.join("src"))?;
        copy(&sdk.join("package.json"), &package.join("package.json"))?;
        // The tool takes one folder: the package of the world, and beside it those that it uses.
        let [own, used] = WIT.map(|name| self.root.join("wit/deps").join(name));
        copy(&own, &stage.join("wit"))?;
        copy(&used, &stage.join("wit/deps").join(WIT[1]))?;
        let mut command = Command::new("node");
        command.arg(tools.join("node_modules/componentize-qjs/bin/componentize-qjs"));
        command.args(["--wit", "wit", "--world", WORLD, "--js", "src/rules.js", "--module-root", ".", "--sync"]);
        Ok(command)
    }

    fn componentize_py(&self, stage: &Path) -> Result<Command, BuildError> {
        let sdk = self.sdk(Language::Python);
        let tools = self.tools(&sdk, "python", &["requirements.txt"], |folder| {
            run(Command::new("python3").current_dir(folder).args(["-m", "venv", "venv"]))?;
            let install =
                ["install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", "requirements.txt"];
            run(Command::new(folder.join("venv/bin/pip")).current_dir(folder).args(install))
        })?;
        copy(&sdk.join("guanjia_plugin_sdk"), &stage.join("sdk/guanjia_plugin_sdk"))?;
        let mut command = Command::new(tools.join("venv/bin/componentize-py"));
        command.arg("--quiet");
        for package in WIT.iter().rev() {
            command.arg("--wit-path").arg(self.root.join("wit/deps").join(package));
        }
        command.args(["--world", &format!("guanjia:fee-policy/{WORLD}"), "componentize", "app", "--stub-wasi"]);
        // Only what is staged here, whatever environment this is called from.
        command
            .args(["--python-path", "src", "--python-path", "sdk"])
            .env_remove("VIRTUAL_ENV")
            .env_remove("PYTHONPATH");
        Ok(command)
    }

    /// The folder of a language's tools, installed where the files that pin them have changed.
    fn tools(
        &self,
        sdk: &Path,
        name: &str,
        pins: &[&str],
        install: impl FnOnce(&Path) -> Result<(), BuildError>,
    ) -> Result<PathBuf, BuildError> {
        let folder = self.folder.join("tools").join(name);
        let installed = folder.join("installed");
        let mut pinned = Vec::new();
        for pin in pins {
            let pin = sdk.join(pin);
            pinned.extend(fs::read(&pin).map_err(file(&pin))?);
        }
        if fs::read(&installed).ok().as_ref() == Some(&pinned) {
            return Ok(folder);
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(file(&folder))?;
        }
        for pin in pins {
            copy(&sdk.join(pin), &folder.join(pin))?;
        }
        install(&folder)?;
        fs::write(&installed, pinned).map_err(file(&installed))?;
        Ok(folder)
    }
}

fn run(command: &mut Command) -> Result<(), BuildError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| BuildError::Tool { program: program.clone(), output: source.to_string() })?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(BuildError::Tool { program, output: String::from_utf8_lossy(&said).into_owned() })
}

/// All files under a path, in the order of their names. What an interpreter leaves beside its sources is none of them.
fn files_of(path: &Path, found: &mut Vec<PathBuf>) -> Result<(), BuildError> {
    if !path.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    let list = || fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    let mut entries = list().map_err(file(path))?;
    entries.retain(|entry| entry.file_name().is_some_and(|name| name != "__pycache__" && name != "node_modules"));
    entries.sort();
    entries.iter().try_for_each(|entry| files_of(entry, found))
}

/// Copies a file, or a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> Result<(), BuildError> {
    let mut files = Vec::new();
    files_of(from, &mut files)?;
    for path in files {
        let copy = match path.strip_prefix(from) {
            Ok(inside) if !inside.as_os_str().is_empty() => to.join(inside),
            _ => to.to_owned(),
        };
        if let Some(folder) = copy.parent() {
            fs::create_dir_all(folder).map_err(file(folder))?;
        }
        fs::copy(&path, &copy).map_err(file(&path))?;
    }
    Ok(())
}

fn file(path: &Path) -> impl FnOnce(std::io::Error) -> BuildError {
    let path = path.to_owned();
    |source| BuildError::File { path, source }
}

/// A component from any tool with the manifest of a plug-in's folder: what `guanjia plugin build` writes.
///
/// # Errors
/// [`BuildError::Manifest`] when `plugin.toml` is not valid, [`BuildError::Component`] when the file is no component or
/// carries a manifest already.
pub fn package_component(folder: &Path, component: &[u8]) -> Result<(Manifest, Vec<u8>), BuildError> {
    let name = || folder.join(manifest::FILE).display().to_string();
    let manifest = Manifest::from_directory(folder).map_err(|source| BuildError::Manifest { name: name(), source })?;
    let bytes =
        embed_manifest(component, &manifest).map_err(|source| BuildError::Component { name: name(), source })?;
    Ok((manifest, bytes))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_any_source_changes_the_digest_and_what_tools_leave_does_not() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, content: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        };
        let sources = [
            "plugins/x/src/app.py",
            "plugins/x/plugin.toml",
            "plugin-sdk/python/guanjia_plugin_sdk/no.py",
            "plugin-sdk/python/requirements.txt",
            "wit/deps/fee-policy@1.0.0/fee-policy.wit",
            "wit/deps/types@1.0.0/types.wit",
        ];
        for path in sources {
            write(path, "1");
        }
        let workshop = Workshop { root: root.path(), folder: root.path() };
        let (folder, language) = workshop.find("x").unwrap();
        let digest = || workshop.digest(&folder, language).unwrap();
        let first = digest();
        write("plugins/x/src/__pycache__/app.pyc", "1");
        assert_eq!(digest(), first);
        for path in sources {
            write(path, "2");
            assert_ne!(digest(), first, "{path}");
            write(path, "1");
        }
        assert_eq!(digest(), first);
    }

    #[test]
    fn a_tool_that_is_missing_is_named() {
        let error = run(&mut Command::new("no-such-tool-of-guanjia")).unwrap_err().to_string();
        assert!(error.contains("no-such-tool-of-guanjia"), "{error}");
    }
}
