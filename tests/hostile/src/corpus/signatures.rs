//! Signatures that are forged, moved or taken away.

use guanjia_packaging::{PrivateKey, Signature, read_signatures, sign, signature::SECTION};
use wasm_encoder::{ComponentSection, ComponentSectionId, CustomSection, RawSection};

use super::{Entry, harmless, refused};
use crate::{Guest, Verdict, package::*};

/// A file that holds no signature of [`author`], where a company asks for one.
const fn untrusted(name: &'static str, words: &'static str, make: fn() -> Vec<u8>) -> Entry {
    Entry { name, make, verdict: Verdict::Untrusted(words) }
}

pub(super) const ENTRIES: &[Entry] = &[
    harmless("a file that its author has signed", || signed(1)),
    refused("a signature of another component", "does not fit the file", || {
        let mut file = other();
        file.extend(section(&signed(1)));
        file
    }),
    refused("a signature under another key", "does not fit the file", || {
        changed_payload(|payload| payload[KEY].copy_from_slice(key(2).public().as_bytes()))
    }),
    refused("a signature under a key for which anybody can sign", "does not fit the file", || {
        // The neutral element of the curve as key and as nonce: valid for every message where it is not refused.
        changed_payload(|payload| {
            payload[KEY].fill(0);
            payload[KEY.start] = 1;
            let signature = payload.len() - SIGNATURE_BYTES;
            payload[signature..].fill(0);
            payload[signature] = 1;
        })
    }),
    refused("a signature in another name", "does not fit the file", || {
        changed_payload(|payload| payload[NAME..NAME + 6].copy_from_slice(b"Office"))
    }),
    refused("a publisher with a line break", "control characters", || changed_payload(|payload| payload[NAME] = b'\n')),
    refused("a bit of the signature flipped", "does not fit the file", || {
        changed_payload(|payload| {
            let last = payload.len() - 1;
            payload[last] ^= 1;
        })
    }),
    refused("a bit of the signed component flipped", "does not fit the file", || {
        let mut file = signed(1);
        // In the manifest, which is the component's last section: the version 1.0.0 becomes 1.0.1.
        let version = br#""version":"1.0.0""#;
        let at = file.windows(version.len()).rposition(|window| window == version).unwrap();
        file[at + version.len() - 2] ^= 1;
        file
    }),
    refused("a signature twice", "does not fit the file", || {
        let mut file = signed(1);
        let section = section(&file);
        file.extend(section);
        file
    }),
    refused("a signature in the middle", "bytes follow the signature", || {
        let file = signed(1);
        let section = section(&file);
        [&file[..HEADER_BYTES], &section, &file[HEADER_BYTES..file.len() - section.len()]].concat()
    }),
    refused("a manifest behind the signature", "bytes follow the signature", || {
        with_section(signed(1), &serde_json::to_vec(&good_manifest()).unwrap())
    }),
    refused("the author taken away from before the reviewer", "does not fit the file", || {
        let mut file = honest();
        file.extend(section(&reviewed()));
        file
    }),
    refused("author and reviewer in another order", "does not fit the file", || {
        let mut file = honest();
        file.extend(section(&reviewed()));
        file.extend(section(&signed(1)));
        file
    }),
    refused("seventeen signatures", "more than 16 signatures", || {
        let mut file = (1..=16).fold(honest(), |file, seed| sign(&file, &key(seed), "somebody").unwrap());
        let section = section(&file);
        file.extend(section);
        file
    }),
    refused("a signature of a later layout", "layout that this version does not know", || {
        changed_payload(|payload| payload[0] = 2)
    }),
    refused("a signature that is cut", "cannot be read", || with_payload(&payload(&signed(1))[..40])),
    refused("an empty signature", "it is empty", || with_payload(&[])),
    untrusted("a signature taken away", "it is not signed", honest),
    untrusted("a signature whose section has another name", "it is not signed", || {
        let mut file = signed(1);
        let at = file.windows(SECTION.len()).rposition(|window| window == SECTION.as_bytes()).unwrap();
        file[at] ^= 1;
        file
    }),
    untrusted("a signature within the component that is signed", "it is not signed", || {
        // A component that holds a signed one, which does not make it signed.
        let mut file = bare(Guest::honest());
        RawSection { id: ComponentSectionId::Component.into(), data: &signed(1) }.append_to_component(&mut file);
        with_section(file, &serde_json::to_vec(&good_manifest()).unwrap())
    }),
    untrusted("a signature of somebody else in the author's name", "nobody whom the company trusts", || {
        sign(&honest(), &key(2), AUTHOR).unwrap()
    }),
];

/// Who signs honestly.
const AUTHOR: &str = "Author";
/// Magic number and version of a component.
const HEADER_BYTES: usize = 8;
/// Where the parts of a signature are: layout, key, length of the name, name, signature (`wit/README.md`).
const KEY: std::ops::Range<usize> = 1..33;
const NAME: usize = 34;
const SIGNATURE_BYTES: usize = 64;

fn honest() -> Vec<u8> {
    honest_with(&good_manifest())
}

fn other() -> Vec<u8> {
    Guest::default().component()
}

/// A key for each number, always the same.
fn key(seed: u8) -> PrivateKey {
    // PKCS #8 around 32 bytes of the seed.
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend([seed; 32]);
    PrivateKey::from_pem(&format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", base64(&der)))
        .unwrap()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = |chunk: &[u8]| {
        let number = (0..3).fold(0, |number, at| number << 8 | usize::from(chunk.get(at).copied().unwrap_or(0)));
        (0..4)
            .map(|at| if at > chunk.len() { '=' } else { DIGITS[number >> (18 - 6 * at) & 63].into() })
            .collect::<Vec<char>>()
    };
    bytes.chunks(3).flat_map(digits).collect()
}

/// The author's signature, whose key a company trusts that asks for it.
#[must_use]
pub fn author() -> Signature {
    read_signatures(&signed(1)).unwrap().signatures.remove(0)
}

fn signed(seed: u8) -> Vec<u8> {
    sign(&honest(), &key(seed), AUTHOR).unwrap()
}

/// Signed by its author, and then by a reviewer.
fn reviewed() -> Vec<u8> {
    sign(&signed(1), &key(2), "Reviewer").unwrap()
}

/// What the last signature wrote.
fn payload(file: &[u8]) -> Vec<u8> {
    let at = file.windows(SECTION.len()).rposition(|window| window == SECTION.as_bytes()).unwrap();
    file[at + SECTION.len()..].to_vec()
}

/// The whole section of the last signature.
fn section(file: &[u8]) -> Vec<u8> {
    with_section_of(Vec::new(), &payload(file))
}

fn with_section_of(mut file: Vec<u8>, payload: &[u8]) -> Vec<u8> {
    CustomSection { name: SECTION.into(), data: payload.into() }.append_to_component(&mut file);
    file
}

/// The honest component with these bytes as its signature.
fn with_payload(payload: &[u8]) -> Vec<u8> {
    with_section_of(honest(), payload)
}

fn changed_payload(change: fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut payload = payload(&signed(1));
    change(&mut payload);
    with_payload(&payload)
}
