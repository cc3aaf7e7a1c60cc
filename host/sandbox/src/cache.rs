//! Compiled code on disk.
//!
//! Loading compiled code means running it, so only bytes that this host wrote itself may be loaded. Every file is sealed
//! with HMAC-SHA256 under a random key that lies beside it and that nobody else can read. The seal also covers the
//! component's digest and the engine, so that no file can stand in for another. A file without its seal is treated as if
//! it were not there, and is written anew.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wasmtime::{Engine, component::Component};

use crate::{compile::Compiled, limits::CODE_BYTES};

/// First bytes of a file: what it is, and the layout of what follows.
const MAGIC: &[u8; 8] = b"GJCODE02";
const KEY_BYTES: usize = 32;
const SEAL_BYTES: usize = 32;
/// Magic, seal, kind and label beside the code; a larger file is not one of ours.
const FILE_BYTES_MAX: u64 = CODE_BYTES as u64 + (1 << 20);

/// The cache of one engine in one directory. Hosts on one machine may share it.
pub(crate) struct CodeCache {
    directory: PathBuf,
    key: [u8; KEY_BYTES],
    /// Names the engine that compiled the code.
    compatibility: u64,
}

/// What a file holds.
pub(crate) struct CachedCode {
    pub compiled: Compiled,
    pub label: String,
}

/// What a seal was made over.
#[derive(Debug, PartialEq, Eq)]
struct Opened<'a> {
    float_free: bool,
    label: &'a str,
    code: &'a [u8],
}

impl CodeCache {
    /// Opens the directory, and makes it and its key where they are missing.
    pub(crate) fn open(directory: &Path, compatibility: u64) -> io::Result<Self> {
        create_private_dir(directory)?;
        let key = read_or_make_key(&directory.join("key"))?;
        Ok(Self { directory: directory.to_owned(), key, compatibility })
    }

    /// The code of a component, if it lies there and its seal is whole.
    pub(crate) fn load(&self, engine: &Engine, digest: &str) -> Option<CachedCode> {
        let path = self.path(digest);
        let bytes = read_bounded(&path)?;
        let Some(Opened { float_free, label, code }) = self.open_sealed(digest, &bytes) else {
            tracing::warn!(path = %path.display(), "compiled code without a valid seal is ignored");
            return None;
        };
        // SAFETY: `deserialize` must only see bytes that `Component::serialize` made. The seal says that these were
        // written by a host that holds the key, which seals nothing else, for this digest and this engine; they are in
        // our own memory, so that nobody changes them after the check. Code of another wasmtime version or with other
        // switches is refused by wasmtime itself.
        #[allow(
            unsafe_code,
            reason = "there is no safe way to load compiled code; the seal above is what makes it sound"
        )]
        let component = unsafe { Component::deserialize(engine, code) };
        match component {
            Ok(component) => Some(CachedCode { compiled: Compiled { component, float_free }, label: label.to_owned() }),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "compiled code of another engine is ignored");
                None
            }
        }
    }

    /// Writes the code of a component. A cache that cannot be written costs time, not correctness, so this only warns.
    pub(crate) fn store(&self, digest: &str, label: &str, compiled: &Compiled) {
        let path = self.path(digest);
        let written = compiled
            .component
            .serialize()
            .map_err(|error| error.to_string())
            .and_then(|code| self.seal(digest, &Opened { float_free: compiled.float_free, label, code: &code }))
            .and_then(|bytes| write_and_rename(&path, &bytes).map_err(|error| error.to_string()));
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "compiled code was not kept");
        }
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.directory.join(format!("{digest}-{:016x}.code", self.compatibility))
    }

    /// Layout: magic, seal, whether the component is free of floating point (one byte), length of the label (`u16`,
    /// little-endian), label, code.
    fn seal(&self, digest: &str, sealed: &Opened<'_>) -> Result<Vec<u8>, String> {
        let Opened { float_free, label, code } = *sealed;
        let label_bytes = u16::try_from(label.len()).map_err(|_| "its name is too long".to_owned())?.to_le_bytes();
        let mut body = Vec::with_capacity(3 + label.len() + code.len());
        body.push(u8::from(float_free));
        body.extend_from_slice(&label_bytes);
        body.extend_from_slice(label.as_bytes());
        body.extend_from_slice(code);
        let seal = self.mac(digest, &body).finalize().into_bytes();
        Ok([MAGIC.as_slice(), seal.as_slice(), &body].concat())
    }

    /// What a file holds whose seal is whole.
    fn open_sealed<'a>(&self, digest: &str, bytes: &'a [u8]) -> Option<Opened<'a>> {
        let sealed = bytes.strip_prefix(MAGIC.as_slice())?;
        let (seal, body) = sealed.split_at_checked(SEAL_BYTES)?;
        self.mac(digest, body).verify_slice(seal).ok()?;
        let (float_free, body) = body.split_first()?;
        let (length, rest) = body.split_first_chunk::<2>()?;
        let (label, code) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        Some(Opened { float_free: *float_free == 1, label: std::str::from_utf8(label).ok()?, code })
    }

    fn mac(&self, digest: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        // A digest has 64 characters, so that no two of these sequences are the same bytes.
        mac.update(MAGIC);
        mac.update(digest.as_bytes());
        mac.update(&self.compatibility.to_le_bytes());
        mac.update(body);
        mac
    }
}

fn read_bounded(path: &Path) -> Option<Vec<u8>> {
    let length = fs::metadata(path).ok()?.len();
    if length > FILE_BYTES_MAX {
        tracing::warn!(path = %path.display(), length, "a file far larger than compiled code is ignored");
        return None;
    }
    fs::read(path).ok()
}

/// The key of the directory. One that others could read is worth nothing and is replaced, which voids all files.
fn read_or_make_key(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    if let Some(key) = read_key(path)? {
        return Ok(key);
    }
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    let beside = beside(path);
    write_private(&beside, &key)?;
    // A link fails where a file is, so that of two hosts that start together one makes the key and both use it.
    let linked = fs::hard_link(&beside, path);
    fs::remove_file(&beside)?;
    match linked {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read_key(path)?.ok_or_else(|| io::Error::other("the key of the cache changes while it is read"))
        }
        Err(error) => Err(error),
    }
}

/// `None` where there is no usable key; an unusable one is removed.
fn read_key(path: &Path) -> io::Result<Option<[u8; KEY_BYTES]>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match <[u8; KEY_BYTES]>::try_from(bytes) {
        Ok(key) if is_private(path)? => Ok(Some(key)),
        _ => {
            tracing::warn!(path = %path.display(), "the key of the cache is damaged or readable by others; a new one is made");
            fs::remove_file(path)?;
            Ok(None)
        }
    }
}

/// Writes beside the file and renames, so that nobody reads half of it.
fn write_and_rename(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = beside(path);
    write_private(&beside, bytes)?;
    fs::rename(&beside, path)
}

fn beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    path.with_extension(format!("{}-{count}.tmp", std::process::id()))
}

#[cfg(unix)]
fn create_private_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(unix)]
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    // What a host that was killed left under this name is replaced.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(bytes)
}

#[cfg(unix)]
fn is_private(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 == 0)
}

// Other systems keep a profile's files from other users by default.
#[cfg(not(unix))]
fn create_private_dir(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(not(unix))]
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::File::create(path)?.write_all(bytes)
}

#[cfg(not(unix))]
fn is_private(_path: &Path) -> io::Result<bool> {
    Ok(true)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rstest::rstest;

    const DIGEST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    const AREA_FEE: Opened<'_> = Opened { float_free: true, label: "area-fee@1.0.0", code: b"code" };

    fn cache(directory: &Path) -> CodeCache {
        CodeCache::open(directory, 7).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_again_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let sealed = cache(directory.path()).seal(DIGEST, &AREA_FEE).unwrap();
        let opened = cache(directory.path());
        assert_eq!(opened.open_sealed(DIGEST, &sealed), Some(AREA_FEE));
    }

    #[test]
    fn every_changed_byte_breaks_the_seal() {
        let directory = tempfile::tempdir().unwrap();
        let cache = cache(directory.path());
        let sealed = cache.seal(DIGEST, &AREA_FEE).unwrap();
        for position in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[position] ^= 1;
            assert_eq!(cache.open_sealed(DIGEST, &damaged), None, "byte {position}");
        }
        for length in 0..sealed.len() {
            assert_eq!(cache.open_sealed(DIGEST, &sealed[..length]), None, "cut to {length}");
        }
    }

    #[rstest]
    #[case::other_digest(|_: &Path| (), DIGEST.replace('0', "f"), 7)]
    #[case::other_engine(|_: &Path| (), DIGEST.to_owned(), 8)]
    #[case::other_host(|directory: &Path| fs::remove_file(directory.join("key")).unwrap(), DIGEST.to_owned(), 7)]
    #[case::key_damaged(|directory: &Path| fs::write(directory.join("key"), b"short").unwrap(), DIGEST.to_owned(), 7)]
    fn a_foreign_file_does_not_open(#[case] meddle: fn(&Path), #[case] digest: String, #[case] compatibility: u64) {
        let directory = tempfile::tempdir().unwrap();
        let sealed = cache(directory.path()).seal(DIGEST, &AREA_FEE).unwrap();
        meddle(directory.path());
        let other = CodeCache::open(directory.path(), compatibility).unwrap();
        assert_eq!(other.open_sealed(&digest, &sealed), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_replaced() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let first = cache(directory.path());
        let key = directory.path().join("key");
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        let second = cache(directory.path());
        assert_ne!(first.key, second.key);
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside the key");
    }
}
