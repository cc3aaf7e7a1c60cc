//! Where a plug-in comes from: a file, a bundle, a registry, or what is installed.

use clap::Args;
use guanjia_domain::{Error, Result};
use guanjia_packaging::{
    ComponentInfo, Manifest,
    bundle::{BUNDLE_BYTES_MAX, FILE_BYTES_MAX},
    is_bundle,
};
use guanjia_registry::{Credentials, Limits, Reference, RegistryError};
use sha2::{Digest, Sha256};
use std::{
    env,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use super::super::output;

/// Passwords are short; more is a file that somebody sent by mistake.
const PASSWORD_BYTES_MAX: u64 = 4 << 10;
/// What container tools write has an entry for each registry.
const DOCKER_CONFIG_BYTES_MAX: usize = 1 << 20;

/// Who asks a registry.
#[derive(Debug, Args)]
pub(in crate::cli) struct Login {
    /// Name for the registry; without it, what docker's config.json holds.
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    username: Option<String>,
    /// Read the password from the standard input.
    #[arg(long, requires = "username")]
    password_stdin: bool,
}

impl Login {
    pub(super) fn credentials(&self, reference: &Reference) -> Result<Credentials> {
        let Some(username) = &self.username else { return from_docker(reference.registry()) };
        let mut password = String::new();
        io::stdin()
            .take(PASSWORD_BYTES_MAX)
            .read_to_string(&mut password)
            .map_err(|error| Error::invalid(format!("the password cannot be read: {error}")))?;
        let password = password.trim_end_matches(['\r', '\n']).to_owned();
        if password.is_empty() {
            return Err(Error::invalid("the standard input holds no password"));
        }
        Ok(Credentials::Password { username: username.clone(), password })
    }
}

fn from_docker(registry: &str) -> Result<Credentials> {
    let folder =
        env::var_os("DOCKER_CONFIG").map(PathBuf::from).or_else(|| env::home_dir().map(|home| home.join(".docker")));
    let Some(path) = folder.map(|folder| folder.join("config.json")).filter(|path| path.is_file()) else {
        return Ok(Credentials::Anonymous);
    };
    let json = read(&path, DOCKER_CONFIG_BYTES_MAX)?;
    Credentials::from_docker_config(&json, registry).map_err(of_registry)
}

/// A component file, or a bundle of them.
pub(super) enum Source {
    Component(Found),
    Bundle(Vec<u8>),
}

/// A component file and where it came from.
pub(super) struct Found {
    pub(super) file: Vec<u8>,
    /// A reference by digest; empty for a file.
    pub(super) origin: String,
}

/// Gets what a person named: a reference of a registry, or a file.
pub(super) async fn get(text: &str, login: &Login) -> Result<Source> {
    if !Path::new(text).is_file() && Reference::is_meant(text) {
        return Ok(Source::Component(pull(text, login).await?));
    }
    let file = read(Path::new(text), BUNDLE_BYTES_MAX)?;
    if is_bundle(&file) {
        return Ok(Source::Bundle(file));
    }
    Ok(Source::Component(Found { file: within(file, text)?, origin: String::new() }))
}

/// Fetches from a registry, and says by which digest the same comes again.
pub(super) async fn pull(text: &str, login: &Login) -> Result<Found> {
    let reference: Reference = text.parse().map_err(of_registry)?;
    let limits = Limits { file_bytes_max: FILE_BYTES_MAX, ..Limits::default() };
    let pulled =
        guanjia_registry::pull(&reference, &login.credentials(&reference)?, limits).await.map_err(of_registry)?;
    if reference.digest().is_none() {
        output::say(&format!("{reference} is {}", pulled.pinned));
    }
    Ok(Found { file: pulled.file, origin: pulled.pinned })
}

/// A component file of this machine.
pub(super) fn component_file(path: &Path) -> Result<Vec<u8>> {
    let file = read(path, FILE_BYTES_MAX)?;
    if is_bundle(&file) {
        return Err(Error::invalid(format!("{} is a bundle; a single component is expected", path.display())));
    }
    Ok(file)
}

fn within(file: Vec<u8>, name: &str) -> Result<Vec<u8>> {
    if file.len() > FILE_BYTES_MAX { Err(too_large(name, FILE_BYTES_MAX)) } else { Ok(file) }
}

fn too_large(name: &str, max: usize) -> Error {
    Error::invalid(format!("{name} has more than {max} bytes: it is not read any further"))
}

/// Reads a file up to a size.
pub(super) fn read(path: &Path, max: usize) -> Result<Vec<u8>> {
    let broken = |error: io::Error| Error::invalid(format!("{} cannot be read: {error}", path.display()));
    let mut content = Vec::new();
    // One byte more than is allowed tells the difference.
    File::open(path).map_err(broken)?.take(max as u64 + 1).read_to_end(&mut content).map_err(broken)?;
    if content.len() > max { Err(too_large(&path.display().to_string(), max)) } else { Ok(content) }
}

/// Writes a file whole or not at all: beside its place, and then into it.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<()> {
    let failed = |error: io::Error| Error::unavailable(format!("{} cannot be written", path.display()), error);
    // What a link leads to is replaced, and not the link.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut beside = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    beside.write_all(content).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Temporary files are their owner's alone; a component is no secret.
        let mode = fs::metadata(path).map_or(0o644, |metadata| metadata.permissions().mode() & 0o777);
        beside.as_file().set_permissions(fs::Permissions::from_mode(mode)).map_err(failed)?;
    }
    beside.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// A component file and what it says of itself. Every signature in it holds.
pub(super) struct Described {
    pub(super) info: ComponentInfo,
    pub(super) manifest: Manifest,
    /// SHA-256 of the file with its signatures.
    pub(super) file_sha256: String,
}

pub(super) fn describe(file: &[u8]) -> Result<Described> {
    let refused = |error: guanjia_packaging::ComponentError| Error::invalid(error.to_string());
    Ok(Described {
        info: guanjia_packaging::inspect(file).map_err(refused)?,
        manifest: guanjia_packaging::read_manifest(file).map_err(refused)?,
        file_sha256: hex::encode(Sha256::digest(file)),
    })
}

/// What a registry did, as the exit codes tell it.
pub(super) fn of_registry(error: RegistryError) -> Error {
    let sentence = error.to_string();
    match error {
        RegistryError::Unreachable { source, .. } => Error::unavailable(sentence, source),
        RegistryError::Denied { .. } => Error::refused("registry-denied", sentence),
        RegistryError::NotFound { reference } => Error::not_found("plug-in in the registry", reference),
        outside if outside.is_outside() => Error::unavailable("the registry failed", outside),
        _ => Error::invalid(sentence),
    }
}
