//! Compiled code on disk.
//!
//! Loading compiled code means running it, so only bytes that this host wrote itself may be loaded. Beside each file of code
//! lies its seal: an HMAC-SHA256, under a random key that lies there, too, and that nobody else can read, over the digest of
//! the component, the engine, and the hash of the code, so that no file can stand in for another. Code without its seal is
//! treated as if it were not there, and is written anew.
//!
//! Small files are hashed each time. What brings a language's runtime compiles to a hundred megabytes, whose hash would take
//! most of a second; so the seal also remembers which file it was that had the hash: device, number, size, and the instants
//! of its last changes, of which the kernel keeps one that nobody can set. While they are the same, nobody has written to the
//! file since, and it is mapped without being read. A file that was copied, restored or touched is hashed again.

use std::{
    fs::{self, File},
    io,
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use wasmtime::{Engine, component::Component};

use crate::{compile::Compiled, limits::CODE_BYTES};

/// First bytes of a seal: what it is, and the layout of what follows.
const MAGIC: &[u8; 8] = b"GJSEAL01";
const KEY_BYTES: usize = 32;
const MAC_BYTES: usize = 32;
const HASH_BYTES: usize = 32;
/// A seal with its label; a larger file is not one of ours.
const SEAL_FILE_BYTES_MAX: u64 = 128 << 10;
/// Code from this size on is recognised by its file; what is smaller is hashed in less than a millisecond.
const LARGE_BYTES: u64 = 1 << 20;
/// The clock of files is coarse: it ticks every ten milliseconds at the latest.
const FILE_CLOCK_TICK: Duration = Duration::from_millis(20);
/// How much is hashed at a time.
const PIECE_BYTES: usize = 1 << 20;

/// The cache of one engine in one directory. Hosts on one machine may share it.
pub(crate) struct CodeCache {
    directory: PathBuf,
    key: [u8; KEY_BYTES],
    /// Names the engine that compiled the code.
    compatibility: u64,
}

/// What the cache holds of a component.
pub(crate) struct CachedCode {
    pub compiled: Compiled,
    pub label: String,
}

/// What a seal says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seal {
    float_free: bool,
    label: String,
    code_sha256: [u8; HASH_BYTES],
    /// The file that had this hash.
    file: FileMark,
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
        let path = self.code_path(digest);
        let file = File::open(&path).ok()?;
        let Some((seal, code)) = self.sealed_code(digest, &file) else {
            tracing::warn!(path = %path.display(), "compiled code without a valid seal is ignored");
            return None;
        };
        // SAFETY: `deserialize` must only see bytes that `Component::serialize` made. The seal says that these were
        // written by a host that holds the key, which seals nothing else, for this digest and this engine. They are in our
        // own memory, or in a file that only this user can open and that is replaced and never written to. Code of another
        // wasmtime version or with other switches is refused by wasmtime itself.
        #[allow(
            unsafe_code,
            reason = "there is no safe way to load compiled code; the seal above is what makes it sound"
        )]
        let component = unsafe {
            match &code {
                Code::Read(bytes) => Component::deserialize(engine, bytes),
                Code::InFile(path) => Component::deserialize_file(engine, path),
            }
        };
        match component {
            Ok(_) if matches!(code, Code::InFile(_)) && !seal.file.is_of(&file) => {
                tracing::warn!(path = %path.display(), "compiled code that was changed while it was loaded is ignored");
                None
            }
            Ok(component) => {
                let compiled = Compiled { component, float_free: seal.float_free };
                Some(CachedCode { compiled, label: seal.label })
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "compiled code of another engine is ignored");
                None
            }
        }
    }

    /// The seal of an open file and its code, if they belong together.
    fn sealed_code(&self, digest: &str, file: &File) -> Option<(Seal, Code)> {
        let seal = read_bounded(&self.seal_path(digest), SEAL_FILE_BYTES_MAX)?;
        let mut seal = self.open_seal(digest, &seal)?;
        let size = file.metadata().ok()?.len();
        if size < LARGE_BYTES {
            let mut code = Vec::new();
            file.take(LARGE_BYTES).read_to_end(&mut code).ok()?;
            let whole = <[u8; HASH_BYTES]>::from(Sha256::digest(&code)) == seal.code_sha256;
            return whole.then_some((seal, Code::Read(code)));
        }
        if size > CODE_BYTES as u64 {
            return None;
        }
        if !seal.file.is_of(file) {
            seal.file = recognised(file, &seal.code_sha256)?;
            // The next host does not have to hash it again.
            if let Err(error) = self.write_seal(digest, &seal) {
                tracing::warn!(%error, "the seal of compiled code was not renewed");
            }
        }
        Some((seal, open_file_path(file).map_or_else(|| read_again(file), |path| Some(Code::InFile(path)))?))
    }

    /// Writes the code of a component. A cache that cannot be written costs time, not correctness, so this only warns.
    pub(crate) fn store(&self, digest: &str, label: &str, compiled: &Compiled) {
        let path = self.code_path(digest);
        let written = compiled.component.serialize().map_err(io::Error::other).and_then(|code| {
            let file = write_and_rename(&path, &code)?;
            let code_sha256 = Sha256::digest(&code).into();
            let large = code.len() as u64 >= LARGE_BYTES;
            let mark = if large { recognised(&file, &code_sha256) } else { None };
            let (float_free, label, file) = (compiled.float_free, label.to_owned(), mark.unwrap_or_default());
            self.write_seal(digest, &Seal { float_free, label, code_sha256, file })
        });
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "compiled code was not kept");
        }
    }

    fn code_path(&self, digest: &str) -> PathBuf {
        self.directory.join(format!("{digest}-{:016x}.code", self.compatibility))
    }

    fn seal_path(&self, digest: &str) -> PathBuf {
        self.code_path(digest).with_extension("seal")
    }

    fn write_seal(&self, digest: &str, seal: &Seal) -> io::Result<()> {
        write_and_rename(&self.seal_path(digest), &self.seal(digest, seal)?).map(drop)
    }

    /// Layout: magic, HMAC, whether the component is free of floating point (one byte), hash of the code, mark of its file,
    /// label.
    fn seal(&self, digest: &str, seal: &Seal) -> io::Result<Vec<u8>> {
        if seal.label.len() as u64 > SEAL_FILE_BYTES_MAX / 2 {
            return Err(io::Error::other("its name is too long"));
        }
        let body = [
            [u8::from(seal.float_free)].as_slice(),
            &seal.code_sha256,
            &seal.file.0.map(u64::to_le_bytes).concat(),
            seal.label.as_bytes(),
        ]
        .concat();
        let mac = self.mac(digest, &body).finalize().into_bytes();
        Ok([MAGIC.as_slice(), mac.as_slice(), &body].concat())
    }

    /// What a seal says that is whole.
    fn open_seal(&self, digest: &str, bytes: &[u8]) -> Option<Seal> {
        let sealed = bytes.strip_prefix(MAGIC.as_slice())?;
        let (mac, body) = sealed.split_at_checked(MAC_BYTES)?;
        self.mac(digest, body).verify_slice(mac).ok()?;
        let (float_free, body) = body.split_first()?;
        let (code_sha256, body) = body.split_first_chunk::<HASH_BYTES>()?;
        let (mark, label) = body.split_at_checked(MARK_NUMBERS * 8)?;
        let mut numbers = [0; MARK_NUMBERS];
        for (number, bytes) in numbers.iter_mut().zip(mark.as_chunks::<8>().0) {
            *number = u64::from_le_bytes(*bytes);
        }
        Some(Seal {
            float_free: *float_free == 1,
            label: std::str::from_utf8(label).ok()?.to_owned(),
            code_sha256: *code_sha256,
            file: FileMark(numbers),
        })
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

/// Code that belongs to its seal.
enum Code {
    Read(Vec<u8>),
    /// By a path that leads to the very file that was looked at, whatever has its name by now.
    InFile(PathBuf),
}

const MARK_NUMBERS: usize = 7;

/// What tells a file that nobody has written to since from any other. All zeros are no file's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct FileMark([u64; MARK_NUMBERS]);

impl FileMark {
    #[cfg(unix)]
    #[allow(clippy::cast_sign_loss, reason = "the numbers are compared, and nothing is computed of them")]
    fn of(file: &File) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let data = file.metadata().ok()?;
        Some(Self([
            data.dev(),
            data.ino(),
            data.size(),
            data.mtime() as u64,
            data.mtime_nsec() as u64,
            // Of the last change to the file or to what is kept about it. Only the kernel sets it.
            data.ctime() as u64,
            data.ctime_nsec() as u64,
        ]))
    }

    /// Other systems do not keep the instant that nobody can set, so that every file is hashed each time.
    #[cfg(not(unix))]
    fn of(_file: &File) -> Option<Self> {
        Some(Self::default())
    }

    fn is_of(&self, file: &File) -> bool {
        *self != Self::default() && Self::of(file) == Some(*self)
    }
}

#[cfg(target_os = "linux")]
fn open_file_path(file: &File) -> Option<PathBuf> {
    use std::os::fd::AsRawFd;
    Some(format!("/proc/self/fd/{}", file.as_raw_fd()).into()).filter(|path: &PathBuf| path.exists())
}

#[cfg(not(target_os = "linux"))]
fn open_file_path(_file: &File) -> Option<PathBuf> {
    None
}

/// Where no path leads to an open file, its code is read.
fn read_again(mut file: &File) -> Option<Code> {
    let mut code = Vec::new();
    file.rewind().ok()?;
    file.take(CODE_BYTES as u64).read_to_end(&mut code).ok()?;
    Some(Code::Read(code))
}

/// The mark of a file that has this hash.
fn recognised(file: &File, code_sha256: &[u8; HASH_BYTES]) -> Option<FileMark> {
    let mark = FileMark::of(file)?;
    // A change within the tick of the one before leaves the same mark. When the tick is over, all such changes are made, and
    // the hash shows them.
    std::thread::sleep(FILE_CLOCK_TICK);
    let is_ours = hash(file).ok()? == *code_sha256 && FileMark::of(file) == Some(mark);
    is_ours.then_some(mark)
}

fn hash(mut file: &File) -> io::Result<[u8; HASH_BYTES]> {
    file.rewind()?;
    let (mut hasher, mut piece) = (Sha256::new(), vec![0; PIECE_BYTES]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hasher.finalize().into()),
            read => hasher.update(&piece[..read]),
        }
    }
}

fn read_bounded(path: &Path, bytes_max: u64) -> Option<Vec<u8>> {
    let length = fs::metadata(path).ok()?.len();
    if length > bytes_max {
        tracing::warn!(path = %path.display(), length, "a file far larger than it should be is ignored");
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
fn write_and_rename(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let beside = beside(path);
    let file = write_private(&beside, bytes)?;
    fs::rename(&beside, path)?;
    Ok(file)
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
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    // What a host that was killed left under this name is replaced.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    Ok(file)
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
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    Ok(file)
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

    fn cache(directory: &Path) -> CodeCache {
        CodeCache::open(directory, 7).unwrap()
    }

    fn area_fee(file: FileMark) -> Seal {
        Seal { float_free: true, label: "area-fee@1.0.0".to_owned(), code_sha256: Sha256::digest(b"code").into(), file }
    }

    #[test]
    fn what_is_sealed_opens_again_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let seal = area_fee(FileMark([1, 2, 3, 4, 5, 6, u64::MAX]));
        let sealed = cache(directory.path()).seal(DIGEST, &seal).unwrap();
        assert_eq!(cache(directory.path()).open_seal(DIGEST, &sealed), Some(seal));
    }

    #[test]
    fn every_changed_byte_breaks_the_seal() {
        let directory = tempfile::tempdir().unwrap();
        let cache = cache(directory.path());
        let sealed = cache.seal(DIGEST, &area_fee(FileMark::default())).unwrap();
        for position in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[position] ^= 1;
            assert_eq!(cache.open_seal(DIGEST, &damaged), None, "byte {position}");
        }
        for length in 0..sealed.len() {
            assert_eq!(cache.open_seal(DIGEST, &sealed[..length]), None, "cut to {length}");
        }
    }

    #[rstest]
    #[case::other_digest(|_: &Path| (), DIGEST.replace('0', "f"), 7)]
    #[case::other_engine(|_: &Path| (), DIGEST.to_owned(), 8)]
    #[case::other_host(|directory: &Path| fs::remove_file(directory.join("key")).unwrap(), DIGEST.to_owned(), 7)]
    #[case::key_damaged(|directory: &Path| fs::write(directory.join("key"), b"short").unwrap(), DIGEST.to_owned(), 7)]
    fn a_foreign_seal_does_not_open(#[case] meddle: fn(&Path), #[case] digest: String, #[case] compatibility: u64) {
        let directory = tempfile::tempdir().unwrap();
        let sealed = cache(directory.path()).seal(DIGEST, &area_fee(FileMark::default())).unwrap();
        meddle(directory.path());
        let other = CodeCache::open(directory.path(), compatibility).unwrap();
        assert_eq!(other.open_seal(&digest, &sealed), None);
    }

    /// Code of that length lies in the cache with its seal, and is opened after `meddle`.
    fn opened(length: usize, meddle: impl Fn(&Path)) -> (Option<Seal>, Option<FileMark>) {
        let directory = tempfile::tempdir().unwrap();
        let (cache, code) = (cache(directory.path()), vec![7; length]);
        let path = cache.code_path(DIGEST);
        let file = write_and_rename(&path, &code).unwrap();
        let code_sha256 = Sha256::digest(&code).into();
        let seal = Seal { code_sha256, ..area_fee(recognised(&file, &code_sha256).unwrap()) };
        cache.write_seal(DIGEST, &seal).unwrap();
        meddle(&path);
        let opened = cache.sealed_code(DIGEST, &File::open(&path).unwrap()).map(|(seal, _)| seal);
        let kept = fs::read(cache.seal_path(DIGEST)).ok().and_then(|seal| cache.open_seal(DIGEST, &seal));
        (opened, kept.map(|seal| seal.file))
    }

    const LARGE: usize = (1 << 20) + 4_096;

    /// The same instants and the same size as before, but for the instant that only the kernel sets.
    fn changed_in_place(path: &Path) {
        use std::os::unix::fs::FileExt;
        let before = fs::metadata(path).unwrap();
        let file = File::options().write(true).open(path).unwrap();
        file.write_all_at(b"!", before.len() / 2).unwrap();
        file.set_modified(before.modified().unwrap()).unwrap();
    }

    #[cfg(unix)]
    #[rstest]
    #[case::small(100)]
    #[case::large(LARGE)]
    fn code_that_was_changed_is_not_loaded(#[case] length: usize) {
        assert!(opened(length, |_| {}).0.is_some());
        assert_eq!(opened(length, changed_in_place).0, None);
        assert_eq!(opened(length, |path| fs::write(path, vec![8; length]).unwrap()).0, None);
        assert_eq!(opened(length, |path| fs::write(path, vec![7; length - 1]).unwrap()).0, None);
        assert_eq!(opened(length, |path| fs::remove_file(path.with_extension("seal")).unwrap()).0, None);
    }

    /// A copy is another file: it is hashed once, and recognised from then on.
    #[cfg(unix)]
    #[test]
    fn a_copy_is_hashed_once() {
        let (first, kept) = opened(LARGE, |_| {});
        assert_eq!(first.map(|seal| seal.file), kept);
        let copied = |path: &Path| {
            let copy = path.with_extension("copy");
            fs::copy(path, &copy).unwrap();
            fs::rename(copy, path).unwrap();
        };
        let (opened, renewed) = opened(LARGE, copied);
        assert_eq!(opened.map(|seal| seal.file), renewed);
        assert_ne!(renewed, kept, "the seal was renewed");
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
