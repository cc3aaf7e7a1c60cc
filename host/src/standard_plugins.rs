//! The plug-ins that come with the host: built from `plugins/` by the build script and kept inside the binary.

use guanjia_domain::{Result, access::Stamp, plugin::InstalledPlugin};

use crate::boot::Office;

include!(concat!(env!("OUT_DIR"), "/standard_plugins.rs"));

/// Installs every standard plug-in that the company does not have yet, and returns them all.
///
/// # Errors
/// `Conflict` when the company has another component under the same id and version; whatever the checks refuse.
pub async fn install(office: &Office, stamp: &Stamp) -> Result<Vec<InstalledPlugin>> {
    let mut installed = Vec::with_capacity(STANDARD_PLUGINS.len());
    for standard in STANDARD_PLUGINS {
        if let Some(plugin) = office.store.plugin_by_digest(standard.digest).await? {
            installed.push(plugin);
            continue;
        }
        installed.push(office.plugins.install_own(stamp, standard.component).await?);
    }
    Ok(installed)
}

/// A component file inside the binary.
#[derive(Debug, Clone, Copy)]
pub struct StandardPlugin {
    pub id: &'static str,
    /// SHA-256 of the component, in hex.
    pub digest: &'static str,
    pub component: &'static [u8],
}
