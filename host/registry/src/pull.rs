//! Getting a plug-in out of a registry.

use oci_client::manifest::{OciDescriptor, OciImageManifest};
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;

use crate::{
    Credentials, LAYER_MEDIA_TYPE, Limits, MANIFEST_MEDIA_TYPE, Reference, RegistryError, digest_of, fetch::Session,
};

/// A manifest of ours has a kilobyte; others add annotations.
const MANIFEST_BYTES_MAX: usize = 256 << 10;
const DIGEST_HEADER: &str = "docker-content-digest";

/// What came out of a registry, and by which name it comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The component file with its signatures.
    pub file: Vec<u8>,
    /// Digest of the manifest.
    pub digest: String,
    /// The reference by digest.
    pub pinned: String,
}

/// Fetches a plug-in. All digests are computed here and compared.
///
/// # Errors
/// What the registry did, in a sentence that says what to do.
pub async fn pull(reference: &Reference, credentials: &Credentials, limits: Limits) -> Result<Pulled, RegistryError> {
    let whole = tokio::time::timeout(limits.whole, pull_within(reference, credentials, limits));
    whole.await.unwrap_or_else(|_| Err(RegistryError::Timeout { registry: reference.registry().to_owned() }))
}

async fn pull_within(
    reference: &Reference,
    credentials: &Credentials,
    limits: Limits,
) -> Result<Pulled, RegistryError> {
    let mut session = Session::new(reference, credentials, limits)?;
    let named = reference.digest().or(reference.tag()).unwrap_or_default();
    let path = format!("manifests/{named}");
    let manifest = session.get(&path, MANIFEST_MEDIA_TYPE, " of a manifest", MANIFEST_BYTES_MAX).await?;
    let digest = digest_of(&manifest.body);
    let header = |name: &str| manifest.headers.get(name).and_then(|value| value.to_str().ok());
    // What was asked for counts; what the registry says of itself has to agree.
    let expected = reference.digest().or_else(|| header(DIGEST_HEADER).filter(|text| text.starts_with("sha256:")));
    same_digest(reference, expected.unwrap_or(&digest), &digest)?;
    let layer = layer(reference, &manifest.body, header(CONTENT_TYPE.as_str()))?;
    let max = limits.file_bytes_max;
    let of = " of a component";
    let size = usize::try_from(layer.size).ok().filter(|size| *size <= max);
    let Some(size) = size else {
        return Err(RegistryError::TooLarge { reference: reference.to_string(), of, max });
    };
    let blob = session.get(&format!("blobs/{}", layer.digest), "*/*", of, size).await?;
    same_digest(reference, &layer.digest, &digest_of(&blob.body))?;
    Ok(Pulled { file: blob.body, pinned: reference.pinned(&digest), digest })
}

fn same_digest(reference: &Reference, expected: &str, found: &str) -> Result<(), RegistryError> {
    if expected == found {
        return Ok(());
    }
    let (expected, found) = (expected.to_owned(), found.to_owned());
    Err(RegistryError::Digest { reference: reference.to_string(), expected, found })
}

/// What every manifest, list and index says of itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    media_type: Option<String>,
}

/// The one layer that is the component.
fn layer(reference: &Reference, manifest: &[u8], content_type: Option<&str>) -> Result<OciDescriptor, RegistryError> {
    let refused =
        |reason: &str| RegistryError::Manifest { reference: reference.to_string(), reason: reason.to_owned() };
    let wrong_type = |found: &str, expected| RegistryError::MediaType {
        reference: reference.to_string(),
        found: found.chars().filter(|c| !c.is_control()).take(100).collect(),
        expected,
    };
    let kind: Kind = serde_json::from_slice(manifest).map_err(|_| refused("its manifest cannot be read"))?;
    let kind = kind.media_type.as_deref().or(content_type).unwrap_or_default();
    if kind != MANIFEST_MEDIA_TYPE {
        return Err(wrong_type(kind, MANIFEST_MEDIA_TYPE));
    }
    let manifest: OciImageManifest =
        serde_json::from_slice(manifest).map_err(|_| refused("its manifest cannot be read"))?;
    let [layer] = <[OciDescriptor; 1]>::try_from(manifest.layers)
        .map_err(|layers| refused(&format!("it has {} layers, where a plug-in has one", layers.len())))?;
    if layer.media_type != LAYER_MEDIA_TYPE {
        return Err(wrong_type(&layer.media_type, LAYER_MEDIA_TYPE));
    }
    let is_digest = layer
        .digest
        .strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    if !is_digest {
        return Err(refused("its layer has no sha256 digest"));
    }
    Ok(layer)
}
