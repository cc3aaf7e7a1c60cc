//! Bundles: several components in one file, for offices that no registry reaches.
//!
//! ```text
//! bundle = tar (ustar): index.json, then one regular file an entry of the index
//! index  = { "format": 1, "plugins": [ { id, version, digest, file, size, signatures: [ { key, publisher } ] } ] }
//! names  = plugins/<SHA-256 of the file>.wasm
//! ```
//!
//! A bundle is only a way to travel: what it says of a component has to be what the component says itself, and trust comes
//! from the signatures in the components. Names inside an archive are compared with the index and used for nothing else: no
//! byte of a bundle is ever written to a path that the bundle names.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Cursor,
};

use semver::Version;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tar::{Archive, Builder, EntryType, Header};

use crate::{
    component::{COMPONENT_SIZE_MAX, ComponentError, read_manifest},
    signature::{SIGNATURES_BYTES_MAX, read_signatures},
};

/// All of a bundle is held in memory. The standard plug-ins together stay below a megabyte; this is eight components of
/// the largest size.
pub const BUNDLE_BYTES_MAX: usize = 8 * COMPONENT_SIZE_MAX;
/// More plug-ins than a company has.
pub const BUNDLE_PLUGINS_MAX: usize = 64;
/// Largest file of one component with its signatures.
pub const FILE_BYTES_MAX: usize = COMPONENT_SIZE_MAX + SIGNATURES_BYTES_MAX;
/// An entry of the index has a few hundred bytes, and up to sixteen signatures.
const INDEX_BYTES_MAX: usize = 1 << 20;
const INDEX: &str = "index.json";
const FORMAT: u32 = 1;
const BLOCK: usize = 512;

/// What the index says about one component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleEntry {
    pub id: String,
    pub version: Version,
    /// SHA-256 of the component without its signatures, in hexadecimal: its identity.
    pub digest: String,
    /// SHA-256 of the file with its signatures, in hexadecimal.
    pub file: String,
    /// Bytes of the file.
    pub size: usize,
    pub signatures: Vec<BundleSignature>,
}

/// Who signed a component of the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleSignature {
    /// Public key in its written form.
    pub key: String,
    pub publisher: String,
}

/// A component in a bundle, whose index told the truth about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed<'a> {
    pub entry: BundleEntry,
    pub file: &'a [u8],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    format: u32,
    plugins: Vec<BundleEntry>,
}

/// Why a file is no usable bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("the bundle has more than {BUNDLE_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the bundle has more than {BUNDLE_PLUGINS_MAX} plug-ins")]
    TooMany,
    #[error("the bundle is empty")]
    Empty,
    #[error("this is not a bundle: {reason}")]
    NotTar { reason: String },
    #[error("the first entry of the bundle has to be {INDEX}; it is {found:?}")]
    NoIndex { found: String },
    #[error("the index of the bundle cannot be read: {reason}")]
    Index { reason: String },
    #[error("the entry {name:?} of the bundle leads out of it")]
    Path { name: String },
    #[error("the entry {name:?} of the bundle is no regular file")]
    NotAFile { name: String },
    #[error("the entry {name:?} stands in the bundle twice")]
    Twice { name: String },
    #[error("the entry {name:?} of the bundle has {size} bytes; {max} are allowed")]
    EntryTooLarge { name: String, size: u64, max: usize },
    #[error("the entry {name:?} of the bundle is cut")]
    Cut { name: String },
    #[error("the entry {name:?} of the bundle is not in its index")]
    NotInIndex { name: String },
    #[error("{plugin} stands in the index, but is not in the bundle")]
    Missing { plugin: String },
    #[error("bytes follow the end of the bundle")]
    Trailing,
    #[error("the index says of {plugin}: {what} {said}; the component says {found}")]
    IndexLies { plugin: String, what: &'static str, said: String, found: String },
    #[error("{plugin}: {source}")]
    Component { plugin: String, source: ComponentError },
}

/// Whether a file is meant as a bundle: the mark of a tar archive, where a component has none.
#[must_use]
pub fn is_bundle(file: &[u8]) -> bool {
    file.get(257..262) == Some(b"ustar")
}

/// Packs component files, in the order of their ids and versions. The same files give the same bytes.
///
/// # Errors
/// When one is no component with a manifest and signatures that hold, two are the same version, or there are too many.
pub fn pack(files: &[Vec<u8>]) -> Result<Vec<u8>, BundleError> {
    if files.len() > BUNDLE_PLUGINS_MAX {
        return Err(BundleError::TooMany);
    }
    let mut plugins = Vec::with_capacity(files.len());
    for (number, file) in files.iter().enumerate() {
        let fail = |source| BundleError::Component { plugin: format!("file {}", number + 1), source };
        plugins.push((described(file).map_err(fail)?, file.as_slice()));
    }
    plugins.sort_by(|(left, _), (right, _)| (&left.id, &left.version).cmp(&(&right.id, &right.version)));
    let index = Index { format: FORMAT, plugins: plugins.iter().map(|(entry, _)| entry.clone()).collect() };
    check_index(&index)?;
    let json = serde_json::to_vec_pretty(&index).map_err(|error| BundleError::Index { reason: error.to_string() })?;
    let mut builder = Builder::new(Vec::new());
    append(&mut builder, INDEX, &json)?;
    for (entry, file) in &plugins {
        append(&mut builder, &name_of(entry), file)?;
    }
    let bytes = builder.into_inner().map_err(|error| not_tar(&error))?;
    if bytes.len() > BUNDLE_BYTES_MAX { Err(BundleError::TooLarge) } else { Ok(bytes) }
}

/// Reads a bundle and compares every component with what the index says of it. No component is validated or run.
///
/// It reads what anybody may have sent: nothing is copied before its length is known to be allowed, and no name is used as
/// a path.
///
/// # Errors
/// The first thing that is wrong; nothing of such a bundle is to be used.
pub fn read_bundle(bytes: &[u8]) -> Result<Vec<Packed<'_>>, BundleError> {
    if bytes.len() > BUNDLE_BYTES_MAX {
        return Err(BundleError::TooLarge);
    }
    let mut entries = entries(bytes)?.into_iter();
    let (first, index) = entries.next().ok_or(BundleError::Empty)?;
    if first != INDEX {
        return Err(BundleError::NoIndex { found: first });
    }
    let index: Index =
        serde_json::from_slice(index).map_err(|error| BundleError::Index { reason: error.to_string() })?;
    check_index(&index)?;
    let mut wanted: BTreeMap<String, BundleEntry> =
        index.plugins.into_iter().map(|entry| (name_of(&entry), entry)).collect();
    let mut packed = Vec::with_capacity(wanted.len());
    for (name, file) in entries {
        let entry = wanted.remove(&name).ok_or(BundleError::NotInIndex { name })?;
        check_entry(&entry, file)?;
        packed.push(Packed { entry, file });
    }
    match wanted.into_values().next() {
        Some(entry) => Err(BundleError::Missing { plugin: plugin_of(&entry) }),
        None => Ok(packed),
    }
}

/// Names and bytes of all entries, which are regular files with plain names.
fn entries(bytes: &[u8]) -> Result<Vec<(String, &[u8])>, BundleError> {
    let mut archive = Archive::new(Cursor::new(bytes));
    let mut found: Vec<(String, &[u8])> = Vec::new();
    let mut names = BTreeSet::new();
    let mut end = 0;
    // Raw: extensions that rename or resize the entry behind them are entries of their own kind, and refused as such.
    for entry in archive.entries().map_err(|error| not_tar(&error))?.raw(true) {
        let entry = entry.map_err(|error| not_tar(&error))?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if found.len() > BUNDLE_PLUGINS_MAX {
            return Err(BundleError::TooMany);
        }
        if name.starts_with('/') || name.contains(['\\', '\0']) || name.split('/').any(|part| part == "..") {
            return Err(BundleError::Path { name });
        }
        if entry.header().entry_type() != EntryType::Regular {
            return Err(BundleError::NotAFile { name });
        }
        if !names.insert(name.clone()) {
            return Err(BundleError::Twice { name });
        }
        let max = if found.is_empty() { INDEX_BYTES_MAX } else { FILE_BYTES_MAX };
        let size = entry.size();
        let length = usize::try_from(size).ok().filter(|length| *length <= max);
        let Some(length) = length else { return Err(BundleError::EntryTooLarge { name, size, max }) };
        let start = usize::try_from(entry.raw_file_position()).unwrap_or(usize::MAX);
        let content = start.checked_add(length).and_then(|stop| bytes.get(start..stop));
        let Some(content) = content else { return Err(BundleError::Cut { name }) };
        end = start + length.next_multiple_of(BLOCK);
        found.push((name, content));
    }
    if bytes.get(end..).is_some_and(|rest| rest.iter().any(|byte| *byte != 0)) {
        return Err(BundleError::Trailing);
    }
    Ok(found)
}

fn check_index(index: &Index) -> Result<(), BundleError> {
    if index.format != FORMAT {
        let reason = format!("it has the format {}, which this version does not know", index.format);
        return Err(BundleError::Index { reason });
    }
    if index.plugins.is_empty() {
        return Err(BundleError::Empty);
    }
    if index.plugins.len() > BUNDLE_PLUGINS_MAX {
        return Err(BundleError::TooMany);
    }
    let (mut versions, mut files) = (BTreeSet::new(), BTreeSet::new());
    for entry in &index.plugins {
        if !versions.insert((&entry.id, &entry.version)) || !files.insert(&entry.file) {
            return Err(BundleError::Twice { name: plugin_of(entry) });
        }
    }
    Ok(())
}

/// What the component says is what the index said.
fn check_entry(entry: &BundleEntry, file: &[u8]) -> Result<(), BundleError> {
    let plugin = plugin_of(entry);
    // First of all, so that nothing else is read of a file that is another.
    let digest = hex::encode(Sha256::digest(file));
    if digest != entry.file {
        return Err(BundleError::IndexLies { plugin, what: "file", said: entry.file.clone(), found: digest });
    }
    let found = described(file).map_err(|source| BundleError::Component { plugin: plugin.clone(), source })?;
    let signatures = |entry: &BundleEntry| {
        entry.signatures.iter().map(|signature| signature.key.as_str()).collect::<Vec<_>>().join(", ")
    };
    let pairs = [
        ("id", entry.id.clone(), found.id.clone()),
        ("version", entry.version.to_string(), found.version.to_string()),
        ("digest", entry.digest.clone(), found.digest.clone()),
        ("size", entry.size.to_string(), found.size.to_string()),
        ("signatures", signatures(entry), signatures(&found)),
    ];
    for (what, said, found) in pairs {
        if said != found {
            return Err(BundleError::IndexLies { plugin, what, said, found });
        }
    }
    if entry.signatures != found.signatures {
        let names = |entry: &BundleEntry| format!("{:?}", entry.signatures);
        return Err(BundleError::IndexLies { plugin, what: "publishers", said: names(entry), found: names(&found) });
    }
    Ok(())
}

/// A component file as the index describes it.
fn described(file: &[u8]) -> Result<BundleEntry, ComponentError> {
    if file.len() > FILE_BYTES_MAX {
        return Err(ComponentError::TooLarge { size: file.len() });
    }
    let signed = read_signatures(file)?;
    let manifest = read_manifest(signed.component)?;
    let signature = |signature: &crate::Signature| BundleSignature {
        key: signature.key.to_string(),
        publisher: signature.publisher.clone(),
    };
    Ok(BundleEntry {
        id: manifest.id,
        version: manifest.version,
        digest: hex::encode(Sha256::digest(signed.component)),
        file: hex::encode(Sha256::digest(file)),
        size: file.len(),
        signatures: signed.signatures.iter().map(signature).collect(),
    })
}

fn name_of(entry: &BundleEntry) -> String {
    format!("plugins/{}.wasm", entry.file)
}

fn plugin_of(entry: &BundleEntry) -> String {
    format!("{}@{}", entry.id, entry.version)
}

fn not_tar(error: &std::io::Error) -> BundleError {
    BundleError::NotTar { reason: error.to_string() }
}

/// One regular file; nobody's, of no time, so that the same content is the same bytes.
fn append(builder: &mut Builder<Vec<u8>>, name: &str, content: &[u8]) -> Result<(), BundleError> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_size(content.len() as u64);
    builder.append_data(&mut header, name, content).map_err(|error| not_tar(&error))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{PrivateKey, componentise, signature::sign};
    use rstest::rstest;

    /// A component without code, of this id and version.
    fn component(id: &str, version: &str) -> Vec<u8> {
        let manifest = format!(
            r#"{{"id": "{id}", "version": "{version}", "publisher": "Guanjia", "licence": "Apache-2.0",
                "title": {{"zh": "空", "en": "Empty"}}, "summary": {{"zh": "空", "en": "Empty"}},
                "exports": {{"fee-policy": {{"wit": "1.0.0"}}}}}}"#
        );
        let manifest = crate::Manifest::from_json(manifest.as_bytes()).unwrap();
        componentise(b"\0asm\x01\0\0\0", &manifest).unwrap()
    }

    fn two() -> Vec<Vec<u8>> {
        let signed = sign(&component("area-fee", "1.0.0"), &PrivateKey::generate().unwrap(), "author").unwrap();
        vec![component("fixed-fee", "2.0.0"), signed]
    }

    fn index_of(bytes: &[u8]) -> serde_json::Value {
        serde_json::from_slice(entries(bytes).unwrap()[0].1).unwrap()
    }

    /// An archive of these entries: name, kind, content.
    fn archive(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (name, kind, content) in entries {
            let mut header = Header::new_ustar();
            // Written by hand: the library refuses to write such names.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(content.len() as u64);
            if *kind == EntryType::Symlink {
                header.set_link_name("/etc/passwd").unwrap();
            }
            header.set_cksum();
            builder.append(&header, *content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn what_is_packed_is_read_back_in_order() {
        let files = two();
        let bytes = pack(&files).unwrap();
        assert!(is_bundle(&bytes) && !is_bundle(&files[0]));
        let packed = read_bundle(&bytes).unwrap();
        let read: Vec<_> = packed.iter().map(|packed| (plugin_of(&packed.entry), packed.file)).collect();
        assert_eq!(
            read,
            [("area-fee@1.0.0".to_owned(), files[1].as_slice()), ("fixed-fee@2.0.0".to_owned(), &files[0])]
        );
        assert_eq!(packed[0].entry.signatures[0].publisher, "author");
        assert_ne!(packed[0].entry.digest, packed[0].entry.file, "the identity is without the signature");
        assert_eq!(packed[1].entry.digest, packed[1].entry.file);
        let reversed: Vec<_> = files.iter().rev().cloned().collect();
        assert_eq!(pack(&reversed).unwrap(), bytes, "the same files give the same bytes");
    }

    #[test]
    fn what_cannot_be_packed_is_named() {
        assert!(matches!(pack(&[]), Err(BundleError::Empty)));
        assert!(matches!(pack(&[two().remove(0), two().remove(0)]), Err(BundleError::Twice { .. })));
        assert!(pack(&[b"text".to_vec()]).unwrap_err().to_string().contains("file 1"));
        let many: Vec<_> = (0..=BUNDLE_PLUGINS_MAX).map(|_| Vec::new()).collect();
        assert!(matches!(pack(&many), Err(BundleError::TooMany)));
    }

    /// Entries behind the index: name, kind, content.
    type Parts = Vec<(String, EntryType, Vec<u8>)>;

    /// Rewrites the archive: index, and entries behind it.
    fn hostile(change: fn(&mut Parts, &mut serde_json::Value)) -> Vec<u8> {
        let bytes = pack(&two()).unwrap();
        let mut index = index_of(&bytes);
        let mut parts: Vec<_> = entries(&bytes)
            .unwrap()
            .into_iter()
            .skip(1)
            .map(|(name, content)| (name, EntryType::Regular, content.to_vec()))
            .collect();
        change(&mut parts, &mut index);
        let index = index.to_string();
        let mut all = vec![(INDEX, EntryType::Regular, index.as_bytes())];
        all.extend(parts.iter().map(|(name, kind, content)| (name.as_str(), *kind, content.as_slice())));
        archive(&all)
    }

    #[rstest]
    #[case::untouched(|_: &mut Parts, _: &mut serde_json::Value| (), "")]
    #[case::absolute(|parts: &mut Parts, _: &mut serde_json::Value| parts[0].0 = "/etc/cron.d/x".into(), "leads out")]
    #[case::parent(|parts: &mut Parts, _: &mut serde_json::Value| parts[0].0 = "plugins/../../x.wasm".into(), "leads out")]
    #[case::drive(|parts: &mut Parts, _: &mut serde_json::Value| parts[0].0 = "C:\\x.wasm".into(), "leads out")]
    #[case::symlink(|parts: &mut Parts, _: &mut serde_json::Value| { parts[0].1 = EntryType::Symlink; parts[0].2.clear(); }, "no regular file")]
    #[case::hard_link(|parts: &mut Parts, _: &mut serde_json::Value| { parts[0].1 = EntryType::Link; parts[0].2.clear(); }, "no regular file")]
    #[case::folder(|parts: &mut Parts, _: &mut serde_json::Value| parts.insert(0, ("plugins/".into(), EntryType::Directory, vec![])), "no regular file")]
    #[case::device(|parts: &mut Parts, _: &mut serde_json::Value| parts[0].1 = EntryType::Char, "no regular file")]
    #[case::long_name(|parts: &mut Parts, _: &mut serde_json::Value| parts.insert(0, ("././@LongLink".into(), EntryType::GNULongName, b"/etc/x\0".to_vec())), "no regular file")]
    #[case::pax(|parts: &mut Parts, _: &mut serde_json::Value| parts.insert(0, ("x".into(), EntryType::XHeader, b"12 path=/x\n".to_vec())), "no regular file")]
    #[case::sparse(|parts: &mut Parts, _: &mut serde_json::Value| parts[0].1 = EntryType::GNUSparse, "no regular file")]
    #[case::doubled(|parts: &mut Parts, _: &mut serde_json::Value| parts.push(parts[0].clone()), "twice")]
    #[case::doubled_index(|parts: &mut Parts, _: &mut serde_json::Value| parts.push((INDEX.into(), EntryType::Regular, b"{}".to_vec())), "twice")]
    #[case::not_in_the_index(|parts: &mut Parts, _: &mut serde_json::Value| parts.push(("readme.txt".into(), EntryType::Regular, vec![])), "not in its index")]
    #[case::missing(|parts: &mut Parts, _: &mut serde_json::Value| { parts.pop(); }, "fixed-fee@2.0.0 stands in the index, but")]
    #[case::too_many(|parts: &mut Parts, _: &mut serde_json::Value| parts.extend((0..70).map(|n| (format!("x{n}"), EntryType::Regular, vec![]))), "more than 64")]
    #[case::changed(|parts: &mut Parts, _: &mut serde_json::Value| parts[1].2[20] ^= 1, "of fixed-fee@2.0.0: file")]
    #[case::swapped(|parts: &mut Parts, _: &mut serde_json::Value| { let first = parts[0].2.clone(); parts[0].2 = std::mem::replace(&mut parts[1].2, first); }, "of area-fee@1.0.0: file")]
    #[case::other_id(|_: &mut Parts, index: &mut serde_json::Value| index["plugins"][0]["id"] = "better-fee".into(), "id better-fee; the component says area-fee")]
    #[case::other_version(|_: &mut Parts, index: &mut serde_json::Value| index["plugins"][0]["version"] = "1.0.1".into(), "version 1.0.1")]
    #[case::other_digest(|_: &mut Parts, index: &mut serde_json::Value| index["plugins"][0]["digest"] = "00".into(), "digest 00")]
    #[case::other_size(|_: &mut Parts, index: &mut serde_json::Value| index["plugins"][0]["size"] = 1.into(), "size 1")]
    #[case::signature_denied(|_: &mut Parts, index: &mut serde_json::Value| index["plugins"][0]["signatures"] = serde_json::json!([]), "signatures")]
    #[case::signature_renamed(|_: &mut Parts, index: &mut serde_json::Value| index["plugins"][0]["signatures"][0]["publisher"] = "x".into(), "publishers")]
    #[case::listed_twice(|_: &mut Parts, index: &mut serde_json::Value| { let first = index["plugins"][0].clone(); index["plugins"][1] = first; }, "twice")]
    #[case::later_format(|_: &mut Parts, index: &mut serde_json::Value| index["format"] = 2.into(), "format 2")]
    #[case::unknown_key(|_: &mut Parts, index: &mut serde_json::Value| index["run"] = "rm".into(), "unknown field")]
    #[case::no_plugins(|parts: &mut Parts, index: &mut serde_json::Value| { parts.clear(); index["plugins"] = serde_json::json!([]); }, "empty")]
    fn a_hostile_bundle_is_refused_with_the_reason(
        #[case] change: fn(&mut Parts, &mut serde_json::Value),
        #[case] words: &str,
    ) {
        let bytes = hostile(change);
        let sentence = read_bundle(&bytes).map_or_else(|error| error.to_string(), |_| String::new());
        assert!(sentence.contains(words) && sentence.is_empty() == words.is_empty(), "{sentence}");
    }

    #[rstest]
    #[case::empty(|bytes: &mut Vec<u8>| bytes.clear(), "empty")]
    #[case::text(|bytes: &mut Vec<u8>| *bytes = vec![b'x'; 2_000], "not a bundle")]
    #[case::checksum(|bytes: &mut Vec<u8>| bytes[0] ^= 1, "not a bundle")]
    #[case::cut(|bytes: &mut Vec<u8>| bytes.truncate(700), "is cut")]
    #[case::something_behind(|bytes: &mut Vec<u8>| bytes.extend_from_slice(b"#!/bin/sh"), "follow the end")]
    #[case::too_large(|bytes: &mut Vec<u8>| bytes.resize(BUNDLE_BYTES_MAX + 1, 0), "bytes")]
    fn a_damaged_bundle_is_refused(#[case] damage: fn(&mut Vec<u8>), #[case] words: &str) {
        let mut bytes = pack(&two()).unwrap();
        damage(&mut bytes);
        let sentence = read_bundle(&bytes).unwrap_err().to_string();
        assert!(sentence.contains(words), "{sentence}");
    }

    /// A size in the header that the archive does not have is not believed.
    #[rstest]
    #[case::large(1 << 40, "bytes; ")]
    #[case::of_the_whole_address_space(u64::MAX, "")]
    fn a_size_is_not_believed(#[case] size: u64, #[case] words: &str) {
        let mut bytes = pack(&two()).unwrap();
        let mut header = Header::from_byte_slice(&bytes[..BLOCK]).clone();
        header.set_size(size);
        header.set_cksum();
        bytes[..BLOCK].copy_from_slice(header.as_bytes());
        let sentence = read_bundle(&bytes).unwrap_err().to_string();
        assert!(sentence.contains(words), "{sentence}");
    }

    #[test]
    fn the_index_comes_first() {
        let bytes = archive(&[("plugins/x.wasm", EntryType::Regular, b"")]);
        assert!(matches!(read_bundle(&bytes), Err(BundleError::NoIndex { .. })));
    }
}
