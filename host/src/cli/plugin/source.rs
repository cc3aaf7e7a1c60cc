//! Where a plug-in comes from: a file, a bundle, a registry, or what is installed.

use clap::Args;
use guanjia_domain::{Error, Result, ports::PulledPlugin};
use guanjia_packaging::{
    ComponentInfo, Manifest,
    bundle::{BUNDLE_BYTES_MAX, FILE_BYTES_MAX},
    is_bundle,
};
use guanjia_registry::{Credentials, Reference};
use sha2::{Digest, Sha256};
use std::{
    io::{self, Read},
    path::Path,
};

use super::super::output;
use crate::{
    files::too_large,
    registries::{self, from_docker},
};
pub(super) use crate::{
    files::{read, write},
    registries::of_registry,
};

/// Passwords are short; more is a file that somebody sent by mistake.
const PASSWORD_BYTES_MAX: u64 = 4 << 10;

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
    let PulledPlugin { file, pinned } = registries::pull(&reference, &login.credentials(&reference)?).await?;
    if reference.digest().is_none() {
        output::say(&format!("{reference} is {pinned}"));
    }
    Ok(Found { file, origin: pinned })
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
