//! Registries that plug-ins are fetched from, for the command line and for the doors.

use async_trait::async_trait;
use guanjia_domain::{
    Error, Result,
    ports::{PluginRegistries, PulledPlugin},
};
use guanjia_packaging::bundle::FILE_BYTES_MAX;
use guanjia_registry::{Credentials, Limits, Reference, RegistryError};
use std::env;

use crate::files;

/// What container tools write has an entry for each registry.
const DOCKER_CONFIG_BYTES_MAX: usize = 1 << 20;

/// The registries that people may fetch from through the doors. Whoever sits at the host's own command line may name any.
#[derive(Debug, Clone, Default)]
pub struct Registries {
    allowed: Vec<String>,
}

impl Registries {
    /// Host, and port where there is one, as references begin with them.
    #[must_use]
    pub fn new(allowed: Vec<String>) -> Self {
        Self { allowed }
    }
}

#[async_trait]
impl PluginRegistries for Registries {
    fn allowed(&self) -> &[String] {
        &self.allowed
    }

    async fn pull(&self, reference: &str) -> Result<PulledPlugin> {
        let reference: Reference = reference.parse().map_err(of_registry)?;
        if self.allowed.iter().all(|allowed| allowed != reference.registry()) {
            return Err(Error::refused(
                "registry-not-allowed",
                format!(
                    "{} is none of the registries that this host fetches from; its operator allows one with `serve --registry`",
                    reference.registry()
                ),
            ));
        }
        pull(&reference, &from_docker(reference.registry())?).await
    }
}

/// Fetches one component file.
///
/// # Errors
/// See [`of_registry`].
pub(crate) async fn pull(reference: &Reference, credentials: &Credentials) -> Result<PulledPlugin> {
    let limits = Limits { file_bytes_max: FILE_BYTES_MAX, ..Limits::default() };
    let pulled = guanjia_registry::pull(reference, credentials, limits).await.map_err(of_registry)?;
    Ok(PulledPlugin { file: pulled.file, pinned: pulled.pinned })
}

/// What the container tools of this machine know about a registry: name and password, or nothing.
///
/// # Errors
/// `Invalid` when their file cannot be read.
pub(crate) fn from_docker(registry: &str) -> Result<Credentials> {
    let folder =
        env::var_os("DOCKER_CONFIG").map(Into::into).or_else(|| env::home_dir().map(|home| home.join(".docker")));
    let Some(path) = folder.map(|folder: std::path::PathBuf| folder.join("config.json")).filter(|path| path.is_file())
    else {
        return Ok(Credentials::Anonymous);
    };
    let json = files::read(&path, DOCKER_CONFIG_BYTES_MAX)?;
    Credentials::from_docker_config(&json, registry).map_err(of_registry)
}

/// What a registry did, as the exit codes tell it.
pub(crate) fn of_registry(error: RegistryError) -> Error {
    let sentence = error.to_string();
    match error {
        RegistryError::Unreachable { source, .. } => Error::unavailable(sentence, source),
        RegistryError::Denied { .. } => Error::refused("registry-denied", sentence),
        RegistryError::NotFound { reference } => Error::not_found("plug-in in the registry", reference),
        outside if outside.is_outside() => Error::unavailable("the registry failed", outside),
        _ => Error::invalid(sentence),
    }
}
