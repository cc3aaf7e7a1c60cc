//! Bundles: reading ends, what was read packs to a bundle that says the same, and no name leads out.
//!
//! Bytes by chance pass neither the sums of an archive nor the digests of an index. So each input is read as it is, with its
//! sums mended, and with the digests of its index mended, too.
#![no_main]

use guanjia_packaging::{is_bundle, pack, read_bundle};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

const BLOCK: usize = 512;
const NAME: std::ops::Range<usize> = 0..100;
const SIZE: std::ops::Range<usize> = 124..135;
const SUM: std::ops::Range<usize> = 148..156;

fuzz_target!(|bytes: &[u8]| {
    let _ = is_bundle(bytes);
    judge(bytes);
    let mut mended = bytes.to_vec();
    mend_sums(&mut mended);
    judge(&mended);
    if mend_index(&mut mended) {
        mend_sums(&mut mended);
        judge(&mended);
    }
});

fn judge(bytes: &[u8]) {
    let Ok(mut packed) = read_bundle(bytes) else { return };
    assert!(!packed.is_empty());
    let files: Vec<Vec<u8>> = packed.iter().map(|packed| packed.file.to_vec()).collect();
    let repacked = pack(&files).expect("what was read can be packed");
    assert!(is_bundle(&repacked));
    packed.sort_by(|left, right| (&left.entry.id, &left.entry.version).cmp(&(&right.entry.id, &right.entry.version)));
    assert_eq!(read_bundle(&repacked).expect("what was packed can be read"), packed);
}

/// Where headers and contents are, as far as the sizes make sense.
fn entries(bytes: &[u8]) -> Vec<(usize, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(header) = bytes.get(at..at + BLOCK) {
        if header.iter().all(|byte| *byte == 0) {
            break;
        }
        let digits = std::str::from_utf8(&header[SIZE]).unwrap_or_default();
        let size = usize::from_str_radix(digits.trim_matches([' ', '\0']), 8).unwrap_or(0);
        let content = at + BLOCK..(at + BLOCK).saturating_add(size).min(bytes.len());
        let next = (at + BLOCK).saturating_add(size).checked_next_multiple_of(BLOCK);
        found.push((at, content));
        let Some(next) = next else { break };
        at = next;
    }
    found
}

fn mend_sums(bytes: &mut [u8]) {
    for (at, _) in entries(bytes) {
        let header = &mut bytes[at..at + BLOCK];
        header[SUM].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[SUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}

/// Makes the index tell the truth about the digests of its files. `false` where it cannot be read, or has no room for it.
fn mend_index(bytes: &mut [u8]) -> bool {
    let entries = entries(bytes);
    let Some((_, place)) = entries.first() else { return false };
    let Ok(mut index) = serde_json::from_slice::<serde_json::Value>(&bytes[place.clone()]) else { return false };
    let Some(plugins) = index.get_mut("plugins").and_then(serde_json::Value::as_array_mut) else { return false };
    for (plugin, (at, content)) in plugins.iter_mut().zip(&entries[1..]) {
        let digest = hex::encode(Sha256::digest(&bytes[content.clone()]));
        let name = format!("plugins/{digest}.wasm");
        bytes[*at..*at + BLOCK][NAME].fill(0);
        bytes[*at..*at + name.len()].copy_from_slice(name.as_bytes());
        if let Some(plugin) = plugin.as_object_mut() {
            plugin.insert("file".to_owned(), digest.into());
        }
    }
    let json = index.to_string();
    if json.len() > place.len() {
        return false;
    }
    bytes[place.clone()].fill(b' ');
    bytes[place.start..place.start + json.len()].copy_from_slice(json.as_bytes());
    true
}
