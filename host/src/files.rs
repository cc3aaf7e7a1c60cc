//! Files of this machine, read with a limit and written whole.

use guanjia_domain::{Error, Result};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};

/// What is said about a file that is not read any further.
pub(crate) fn too_large(name: &str, max: usize) -> Error {
    Error::invalid(format!("{name} has more than {max} bytes: it is not read any further"))
}

/// Reads a file up to a size.
pub(crate) fn read(path: &Path, max: usize) -> Result<Vec<u8>> {
    let broken = |error: io::Error| Error::invalid(format!("{} cannot be read: {error}", path.display()));
    let mut content = Vec::new();
    // One byte more than is allowed tells the difference.
    File::open(path).map_err(broken)?.take(max as u64 + 1).read_to_end(&mut content).map_err(broken)?;
    if content.len() > max { Err(too_large(&path.display().to_string(), max)) } else { Ok(content) }
}

/// Writes a file whole or not at all: beside its place, and then into it.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<()> {
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
