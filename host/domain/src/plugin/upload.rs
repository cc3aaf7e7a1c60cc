//! Files that somebody looks at before they are installed: kept for a day, run for nothing but their own examples.

use crate::{
    Error, Result,
    access::{Permission, Stamp},
};

use super::{Install, InstalledPlugin, PluginFile, Plugins, inspection::InspectedFile};

/// Files of a company that are looked at, at some 20 MB each. When one more comes, the oldest is forgotten.
pub const UPLOADS_MAX: usize = 8;
/// How long a file waits to be installed, in hours: whoever comes back later brings it again.
pub const UPLOAD_HOURS: i64 = 24;

/// A file that waits for somebody to install it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// See [`PluginFile::origin`].
    pub origin: String,
    pub file: Vec<u8>,
}

/// What came of installing a file that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstalledUpload {
    Component(Install),
    Bundle(Vec<InstalledPlugin>),
}

impl Plugins {
    /// Keeps a file so that somebody can look at it and install exactly that. What is no plug-in at all is not kept.
    ///
    /// # Errors
    /// As [`Plugins::inspect`].
    pub async fn upload(&self, stamp: &Stamp, file: PluginFile<'_>) -> Result<InspectedFile> {
        let inspected = self.inspect(stamp, file.bytes).await?;
        self.store.add_upload(stamp, &inspected.sha256, file.origin, file.bytes).await?;
        Ok(inspected)
    }

    /// A file that was brought, by the SHA-256 of its bytes.
    ///
    /// # Errors
    /// `Refused` without the permission; `NotFound` once it is installed or forgotten.
    pub async fn uploaded(&self, stamp: &Stamp, sha256: &str) -> Result<Upload> {
        stamp.actor.require(Permission::ManagePlugins)?;
        let upload = self.store.upload(stamp.at, sha256).await?;
        upload.ok_or_else(|| Error::not_found("uploaded file", sha256))
    }

    /// Installs the very file that was looked at, with all checks once more, and forgets it.
    ///
    /// # Errors
    /// As [`Plugins::uploaded`], [`Plugins::hand_in`] and [`Plugins::install_bundle`].
    pub async fn install_uploaded(&self, stamp: &Stamp, sha256: &str) -> Result<InstalledUpload> {
        let Upload { file, origin, .. } = self.uploaded(stamp, sha256).await?;
        let installed = if self.engine.unpack(file.clone()).await?.is_some() {
            InstalledUpload::Bundle(self.install_bundle(stamp, &file).await?)
        } else {
            let file = PluginFile { bytes: &file, name: "the plug-in", origin: &origin };
            InstalledUpload::Component(self.hand_in(stamp, file).await?)
        };
        self.store.forget_upload(sha256).await?;
        Ok(installed)
    }
}
