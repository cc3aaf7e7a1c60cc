//! Bundles, in the words of the domain.

use guanjia_domain::{Error, Result, plugin::PackedFile};
use guanjia_packaging::{is_bundle, read_bundle};

/// The component files of a bundle, each of which is what the index says; `None` of a file that is no bundle.
pub(crate) fn unpack(file: &[u8]) -> Result<Option<Vec<PackedFile>>> {
    if !is_bundle(file) {
        return Ok(None);
    }
    let packed = read_bundle(file).map_err(|error| {
        Error::invalid(format!("{error}. Nothing of the bundle is installed: get it again, or pack it again"))
    })?;
    let files = packed.into_iter().map(|packed| PackedFile {
        name: format!("{}@{}", packed.entry.id, packed.entry.version),
        bytes: packed.file.to_vec(),
    });
    Ok(Some(files.collect()))
}
