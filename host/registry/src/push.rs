//! Putting a plug-in into a registry.

use oci_client::{
    Client,
    client::{ClientConfig, ClientProtocol},
    manifest::{OciDescriptor, OciImageManifest, OciManifest},
    secrets::RegistryAuth,
};
use reqwest::header::HeaderValue;
use serde_json::json;
use std::collections::BTreeMap;

use crate::{
    CONFIG_MEDIA_TYPE, Credentials, LAYER_MEDIA_TYPE, Limits, MANIFEST_MEDIA_TYPE, Reference, RegistryError, digest_of,
    fetch::choose_cryptography,
};

/// What is pushed, and what the registry may show of it.
#[derive(Debug, Clone)]
pub struct Artifact<'a> {
    /// The component file with its signatures.
    pub file: &'a [u8],
    pub imports: &'a [String],
    pub exports: &'a [String],
    /// Title, version and the like, under the names of the OCI specification.
    pub annotations: BTreeMap<String, String>,
}

/// By which name a plug-in comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Digest of the manifest.
    pub digest: String,
    /// The reference by digest.
    pub pinned: String,
}

/// Pushes a plug-in to a tag. The same file gives the same digest, wherever and whenever it is pushed.
///
/// # Errors
/// What the registry did, in a sentence that says what to do.
pub async fn push(
    reference: &Reference,
    credentials: &Credentials,
    artifact: &Artifact<'_>,
    limits: Limits,
) -> Result<Pushed, RegistryError> {
    if reference.digest().is_some() {
        return Err(RegistryError::PushToDigest { reference: reference.to_string() });
    }
    let whole = tokio::time::timeout(limits.whole, push_within(reference, credentials, artifact, limits));
    whole.await.unwrap_or_else(|_| Err(RegistryError::Timeout { registry: reference.registry().to_owned() }))
}

async fn push_within(
    reference: &Reference,
    credentials: &Credentials,
    artifact: &Artifact<'_>,
    limits: Limits,
) -> Result<Pushed, RegistryError> {
    let client = client(reference, limits)?;
    let auth = match credentials {
        Credentials::Anonymous => RegistryAuth::Anonymous,
        Credentials::Password { username, password } => RegistryAuth::Basic(username.clone(), password.clone()),
    };
    client.store_auth_if_needed(reference.0.resolve_registry(), &auth).await;
    let failed = |error| RegistryError::of_push(reference, error);
    let config = config(artifact);
    let (layer, config_blob) = (descriptor(LAYER_MEDIA_TYPE, artifact.file), descriptor(CONFIG_MEDIA_TYPE, &config));
    // Whether a registry has a blob already is not asked: many answer that only for repositories that exist.
    for (blob, bytes) in [(&layer, artifact.file), (&config_blob, &config)] {
        client.push_blob(&reference.0, bytes.to_vec(), &blob.digest).await.map_err(failed)?;
    }
    let manifest = OciManifest::Image(OciImageManifest {
        schema_version: 2,
        media_type: Some(MANIFEST_MEDIA_TYPE.to_owned()),
        config: config_blob,
        layers: vec![layer],
        annotations: Some(artifact.annotations.clone()),
        ..OciImageManifest::default()
    });
    let manifest = serde_json::to_vec(&manifest).expect("a manifest is made of texts and numbers");
    let digest = digest_of(&manifest);
    let kind = HeaderValue::from_static(MANIFEST_MEDIA_TYPE);
    client.push_manifest_raw(&reference.0, manifest, kind).await.map_err(failed)?;
    Ok(Pushed { pinned: reference.pinned(&digest), digest })
}

fn client(reference: &Reference, limits: Limits) -> Result<Client, RegistryError> {
    choose_cryptography();
    let config = ClientConfig {
        protocol: if reference.is_loopback() { ClientProtocol::Http } else { ClientProtocol::Https },
        connect_timeout: Some(limits.connect),
        read_timeout: Some(limits.idle),
        user_agent: concat!("guanjia/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    };
    Client::try_from(config).map_err(|error| RegistryError::of_push(reference, error))
}

fn descriptor(media_type: &str, bytes: &[u8]) -> OciDescriptor {
    OciDescriptor {
        media_type: media_type.to_owned(),
        digest: digest_of(bytes),
        size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        ..OciDescriptor::default()
    }
}

/// What the layout asks for. The time of making would only give the same component another digest at every push.
fn config(artifact: &Artifact<'_>) -> Vec<u8> {
    let config = json!({
        "created": "1970-01-01T00:00:00Z",
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [digest_of(artifact.file)],
        "component": { "exports": artifact.exports, "imports": artifact.imports, "target": null },
    });
    config.to_string().into_bytes()
}
