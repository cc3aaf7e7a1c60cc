//! Plug-ins in OCI registries, in the layout that the WebAssembly tools share: a manifest with a config of the type
//! [`CONFIG_MEDIA_TYPE`] and one layer of the type [`LAYER_MEDIA_TYPE`], which is the component file with its signatures.
//!
//! A registry is only a way to travel. What comes out of it is believed as far as its digest goes, which is computed here;
//! who made it is told by the signatures in the file, which this crate does not look at. It is *not* a cache or a mirror.
//!
//! Pushing goes through `oci-client`, which knows what registries make of the specification. Pulling is done here, because
//! that client reads manifests, tokens and error pages whatever their length and follows redirects wherever they lead; here
//! every answer has a limit that is counted while it arrives, a time, and an address that may be asked.
//!
//! ```no_run
//! # async fn example() -> Result<(), guanjia_registry::RegistryError> {
//! use guanjia_registry::{Credentials, Limits, Reference, pull};
//! let reference: Reference = "registry.example.com/rules/area-fee:1.0.0".parse()?;
//! let pulled = pull(&reference, &Credentials::Anonymous, Limits::default()).await?;
//! println!("{} has {} bytes", pulled.pinned, pulled.file.len());
//! # Ok(())
//! # }
//! ```

mod credentials;
mod error;
mod fetch;
mod pull;
mod push;
mod reference;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use credentials::Credentials;
pub use error::RegistryError;
pub use pull::{Pulled, pull};
pub use push::{Artifact, Pushed, push};
pub use reference::Reference;

use sha2::{Digest, Sha256};
use std::time::Duration;

/// Media type of the config of a WebAssembly artifact.
pub const CONFIG_MEDIA_TYPE: &str = "application/vnd.wasm.config.v0+json";
/// Media type of the layer that is the component file.
pub const LAYER_MEDIA_TYPE: &str = "application/wasm";
/// Media type of the manifest of both.
pub const MANIFEST_MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// How much of an answer is read, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest component file with its signatures.
    pub file_bytes_max: usize,
    /// All of a pull or a push.
    pub whole: Duration,
    /// Between two pieces of an answer.
    pub idle: Duration,
    pub connect: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Components have up to 32 MiB, and their signatures a few kilobytes.
            file_bytes_max: (32 << 20) + (64 << 10),
            // 32 MiB over a line of one megabit a second take four and a half minutes.
            whole: Duration::from_secs(5 * 60),
            idle: Duration::from_secs(30),
            connect: Duration::from_secs(10),
        }
    }
}

/// A digest as registries write it.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}
