//! Signatures: who vouches for a component. They travel in the component's own file, in custom sections at its end.
//!
//! ```text
//! file       = component signature*
//! signature  = custom section "guanjia:signature", written as briefly as the format allows:
//!              1 byte   version of this layout: 1
//!              32 bytes public key (Ed25519)
//!              1 byte   length of the publisher's name, then the name in UTF-8
//!              64 bytes signature
//! signed     = "guanjia plug-in signature v1\0"
//!              SHA-256 of all bytes of the file before the section
//!              public key, length of the name, name
//! ```
//!
//! A component's *identity* is the SHA-256 of the file without its signatures: what runs, what is kept, what decisions name.
//! So a reviewer's signature that comes later changes nothing that was computed. Each signature covers those before it:
//! what an author signed and a reviewer signed after that cannot be put into another order, and the author's cannot be
//! taken away alone. The last one can be: whoever asks for it has to say so, which is what the rule of a company does.
//!
//! What stands here says whether a signature *holds*. Whether its key is *trusted* is the company's to say.

use ed25519_dalek::{
    Signature as Ed25519, Signer, SigningKey, VerifyingKey,
    pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, KeypairBytes, spki::der::pem::LineEnding},
};
use sha2::{Digest, Sha256};
use std::{collections::BTreeSet, fmt, str::FromStr};

use crate::component::{ComponentError, check_header, custom_section};

/// Name of the custom section that carries one signature.
pub const SECTION: &str = "guanjia:signature";
/// Author, reviewers, the company's own office: beyond this nobody looks at each.
pub const SIGNATURES_MAX: usize = 16;
/// What still fits a line.
pub const PUBLISHER_BYTES_MAX: usize = 100;
/// All that the signatures of a file can add to it, with room for their headers.
pub const SIGNATURES_BYTES_MAX: usize = SIGNATURES_MAX * (FIXED_BYTES + PUBLISHER_BYTES_MAX + SECTION.len() + 16);

/// Keeps a signature of this layout from being read as one over anything else.
const DOMAIN: &[u8] = b"guanjia plug-in signature v1\0";
const LAYOUT: u8 = 1;
const KEY_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;
/// Layout, key, length of the name, signature.
const FIXED_BYTES: usize = 1 + KEY_BYTES + 1 + SIGNATURE_BYTES;
/// What begins the written form of a public key.
const KEY_PREFIX: &str = "ed25519:";

/// A public key, by which a company trusts somebody. Written `ed25519:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; KEY_BYTES]);

impl PublicKey {
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// A short name for people to compare. Trust goes by the whole key.
    #[must_use]
    pub fn id(&self) -> String {
        hex::encode(&Sha256::digest(self.0)[..8])
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{KEY_PREFIX}{}", hex::encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = SignatureError;

    /// Reads `ed25519:…`, the bare digits, or a PEM file as `openssl pkey -pubout` writes it.
    fn from_str(text: &str) -> Result<Self, SignatureError> {
        let text = text.trim();
        if text.starts_with("-----") {
            let key = VerifyingKey::from_public_key_pem(text).map_err(|_| SignatureError::PublicKey)?;
            return usable(key);
        }
        let mut bytes = [0; KEY_BYTES];
        hex::decode_to_slice(text.strip_prefix(KEY_PREFIX).unwrap_or(text), &mut bytes)
            .map_err(|_| SignatureError::PublicKey)?;
        usable(VerifyingKey::from_bytes(&bytes).map_err(|_| SignatureError::PublicKey)?)
    }
}

/// Refuses keys for which anybody can make signatures.
fn usable(key: VerifyingKey) -> Result<PublicKey, SignatureError> {
    if key.is_weak() { Err(SignatureError::PublicKey) } else { Ok(PublicKey(key.to_bytes())) }
}

/// A key that signs. It is wiped from memory when dropped, and never shown.
pub struct PrivateKey(SigningKey);

impl PrivateKey {
    /// A new key from the system's randomness.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn generate() -> Result<Self, SignatureError> {
        let mut seed = [0; KEY_BYTES];
        getrandom::fill(&mut seed).map_err(|error| SignatureError::Randomness { reason: error.to_string() })?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Reads PKCS #8 in PEM, as [`PrivateKey::to_pem`] and `openssl genpkey -algorithm ed25519` write it.
    ///
    /// # Errors
    /// When it is something else. What stood there is not repeated.
    pub fn from_pem(text: &str) -> Result<Self, SignatureError> {
        SigningKey::from_pkcs8_pem(text).map(Self).map_err(|_| SignatureError::PrivateKey)
    }

    /// PKCS #8 in PEM. The text wipes itself when it is dropped.
    ///
    /// # Errors
    /// When it cannot be written, which is a mistake of the library.
    pub fn to_pem(&self) -> Result<impl AsRef<str> + use<>, SignatureError> {
        // Without the public half, which older tools do not read and which follows from the private one.
        let bytes = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        bytes.to_pkcs8_pem(LineEnding::LF).map_err(|_| SignatureError::PrivateKey)
    }

    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.public().id())
    }
}

/// A signature that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub key: PublicKey,
    /// Who signs, in their own words. Only the key proves anything.
    pub publisher: String,
}

/// A file taken apart. Every signature in it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedFile<'a> {
    /// What runs.
    pub component: &'a [u8],
    /// In the order in which they were made; no key stands there twice.
    pub signatures: Vec<Signature>,
}

/// Why a file's signatures cannot be used, or none can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("bytes follow the signature of {publisher:?}: something was added to the file after it was signed")]
    NotAtTheEnd { publisher: String },
    #[error(
        "the signature of {publisher:?} (key {key_id}) does not fit the file: its bytes, or those of the signature, were changed"
    )]
    Forged { publisher: String, key_id: String },
    #[error("the key {key_id} signed the file twice")]
    Twice { key_id: String },
    #[error("the file has more than {SIGNATURES_MAX} signatures")]
    TooMany,
    #[error("a signature in the file cannot be read: {reason}")]
    Malformed { reason: &'static str },
    #[error("a publisher's name has 1 to {PUBLISHER_BYTES_MAX} bytes and no control characters")]
    Publisher,
    #[error("this is not a public key; write ed25519: and 64 hexadecimal digits, as `guanjia plugin keygen` prints it")]
    PublicKey,
    #[error("this is not a private key; `guanjia plugin keygen` makes one")]
    PrivateKey,
    #[error("the system gives no random bytes: {reason}")]
    Randomness { reason: String },
}

/// Takes a file apart and checks every signature in it. A file without any is one without signatures; anything that looks
/// like a signature and does not hold is an error.
///
/// It reads what anybody may have sent: nothing in it is believed, nothing is run, and the work is bounded by the length.
///
/// # Errors
/// What does not hold, and why.
pub fn read_signatures(file: &[u8]) -> Result<SignedFile<'_>, ComponentError> {
    let sections = signature_sections(file)?;
    let component = sections.first().map_or(file, |first| &file[..first.start]);
    let mut keys = BTreeSet::new();
    let mut signatures = Vec::with_capacity(sections.len());
    // One hash goes over the file once; each signature is of what was hashed so far.
    let mut hasher = Sha256::new_with_prefix(component);
    for section in &sections {
        let signature = section.parsed.verify(hasher.clone().finalize().as_slice())?;
        if !keys.insert(signature.key) {
            return Err(SignatureError::Twice { key_id: signature.key.id() }.into());
        }
        hasher.update(&file[section.start..section.end]);
        signatures.push(signature);
    }
    Ok(SignedFile { component, signatures })
}

/// Adds a signature to a file, after those that it has.
///
/// # Errors
/// When the signatures that are there do not hold, the key has signed already, or the name cannot be used.
pub fn sign(file: &[u8], key: &PrivateKey, publisher: &str) -> Result<Vec<u8>, ComponentError> {
    let signed = read_signatures(file)?;
    if !is_publisher(publisher) {
        return Err(SignatureError::Publisher.into());
    }
    let public = key.public();
    if signed.signatures.iter().any(|signature| signature.key == public) {
        return Err(SignatureError::Twice { key_id: public.id() }.into());
    }
    if signed.signatures.len() == SIGNATURES_MAX {
        return Err(SignatureError::TooMany.into());
    }
    let message = message(Sha256::digest(file).as_slice(), &public, publisher);
    let unverified = Unverified { key: public.0, publisher, signature: key.0.sign(&message).to_bytes() };
    let mut bytes = file.to_vec();
    bytes.extend_from_slice(&custom_section(SECTION, &unverified.payload()));
    Ok(bytes)
}

fn is_publisher(name: &str) -> bool {
    (1..=PUBLISHER_BYTES_MAX).contains(&name.len()) && name.trim() == name && !name.chars().any(char::is_control)
}

fn message(digest: &[u8], key: &PublicKey, publisher: &str) -> Vec<u8> {
    let length = u8::try_from(publisher.len()).expect("a publisher's name is shorter than 256 bytes");
    [DOMAIN, digest, &key.0, &[length], publisher.as_bytes()].concat()
}

/// What a section says, before anything of it is checked against the file.
struct Unverified<'a> {
    key: [u8; KEY_BYTES],
    publisher: &'a str,
    signature: [u8; SIGNATURE_BYTES],
}

impl<'a> Unverified<'a> {
    fn parse(payload: &'a [u8]) -> Result<Self, SignatureError> {
        let malformed = |reason| SignatureError::Malformed { reason };
        let (&layout, rest) = payload.split_first().ok_or(malformed("it is empty"))?;
        if layout != LAYOUT {
            return Err(malformed("it has a layout that this version does not know"));
        }
        let (key, rest) = rest.split_first_chunk::<KEY_BYTES>().ok_or(malformed("it ends in its key"))?;
        let (&length, rest) = rest.split_first().ok_or(malformed("it ends before its publisher"))?;
        let (publisher, rest) =
            rest.split_at_checked(usize::from(length)).ok_or(malformed("it ends in its publisher"))?;
        let publisher = str::from_utf8(publisher).map_err(|_| malformed("its publisher is not UTF-8"))?;
        if !is_publisher(publisher) {
            return Err(SignatureError::Publisher);
        }
        let signature = rest.try_into().map_err(|_| malformed("it is cut, or has something behind it"))?;
        Ok(Self { key: *key, publisher, signature })
    }

    fn payload(&self) -> Vec<u8> {
        let length = u8::try_from(self.publisher.len()).expect("a publisher's name is shorter than 256 bytes");
        [&[LAYOUT], &self.key[..], &[length], self.publisher.as_bytes(), &self.signature].concat()
    }

    /// The strict check refuses keys and signatures for which there is more than one way to be valid.
    fn verify(&self, digest: &[u8]) -> Result<Signature, SignatureError> {
        let key = PublicKey(self.key);
        let forged = || SignatureError::Forged { publisher: self.publisher.to_owned(), key_id: key.id() };
        let verifying = VerifyingKey::from_bytes(&self.key).map_err(|_| forged())?;
        let message = message(digest, &key, self.publisher);
        verifying.verify_strict(&message, &Ed25519::from_bytes(&self.signature)).map_err(|_| forged())?;
        Ok(Signature { key, publisher: self.publisher.to_owned() })
    }
}

/// Where a signature stands in the file.
struct Section<'a> {
    start: usize,
    end: usize,
    parsed: Unverified<'a>,
}

/// Walks the sections of the file itself (not of what is nested in it) and finds those of signatures, which have to be the
/// last. What the other sections hold is not looked at.
fn signature_sections(file: &[u8]) -> Result<Vec<Section<'_>>, ComponentError> {
    check_header(file)?;
    let mut found: Vec<Section<'_>> = Vec::new();
    let mut at = HEADER_BYTES;
    while at < file.len() {
        let cut = || ComponentError::Invalid { reason: format!("the section at byte {at} is cut") };
        let (id, body, end) = section_at(file, at).ok_or_else(cut)?;
        match signature_payload(id, body) {
            None => {
                if let Some(signature) = found.last() {
                    let publisher = signature.parsed.publisher.to_owned();
                    return Err(SignatureError::NotAtTheEnd { publisher }.into());
                }
            }
            Some(payload) => {
                // Only what `sign` would write is read, so that one signature has one form.
                if custom_section(SECTION, payload) != file[at..end] {
                    return Err(SignatureError::Malformed {
                        reason: "its section is not written as briefly as it can be",
                    }
                    .into());
                }
                if found.len() == SIGNATURES_MAX {
                    return Err(SignatureError::TooMany.into());
                }
                found.push(Section { start: at, end, parsed: Unverified::parse(payload)? });
            }
        }
        at = end;
    }
    Ok(found)
}

/// Magic number and version, which `check_header` has seen.
const HEADER_BYTES: usize = 8;

/// Id and content of the section that begins there, and where it ends.
fn section_at(file: &[u8], at: usize) -> Option<(u8, &[u8], usize)> {
    let id = *file.get(at)?;
    let (size, start) = leb128(file, at + 1)?;
    let end = start.checked_add(size)?;
    Some((id, file.get(start..end)?, end))
}

/// What a section of a signature carries; `None` for every other section.
fn signature_payload(id: u8, body: &[u8]) -> Option<&[u8]> {
    const CUSTOM: u8 = 0;
    let (length, start) = leb128(body, 0)?;
    let end = start.checked_add(length)?;
    (id == CUSTOM && body.get(start..end)? == SECTION.as_bytes()).then(|| &body[end..])
}

/// A number of at most 32 bits and where it ends.
fn leb128(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut value = 0_u64;
    for (index, byte) in bytes.get(at..)?.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(u32::try_from(value).ok()?).ok()?, at + index + 1));
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// A component of one empty nested module, with a custom section behind it.
    fn component() -> Vec<u8> {
        let mut bytes = b"\0asm\x0d\0\x01\0\x01\x08\0asm\x01\0\0\0".to_vec();
        bytes.extend_from_slice(&custom_section("note", b"made by hand"));
        bytes
    }

    /// Always the same key, so that a failure is the same tomorrow.
    fn key(seed: u8) -> PrivateKey {
        PrivateKey(SigningKey::from_bytes(&[seed; KEY_BYTES]))
    }

    fn signed(by: &[(u8, &str)]) -> Vec<u8> {
        by.iter().fold(component(), |file, (seed, publisher)| sign(&file, &key(*seed), publisher).unwrap())
    }

    fn twice() -> Vec<u8> {
        signed(&[(1, "author"), (2, "审核处")])
    }

    fn refused(file: &[u8]) -> String {
        read_signatures(file).unwrap_err().to_string()
    }

    /// Bytes of each signature's section.
    fn sections(file: &[u8]) -> Vec<Vec<u8>> {
        signature_sections(file).unwrap().iter().map(|section| file[section.start..section.end].to_vec()).collect()
    }

    #[test]
    fn signatures_follow_each_other_and_leave_the_component_as_it_was() {
        let file = twice();
        let read = read_signatures(&file).unwrap();
        assert_eq!(read.component, component());
        let names: Vec<_> =
            read.signatures.iter().map(|signature| (signature.key, signature.publisher.as_str())).collect();
        assert_eq!(names, [(key(1).public(), "author"), (key(2).public(), "审核处")]);
        let unsigned = component();
        assert_eq!(read_signatures(&unsigned).unwrap(), SignedFile { component: &unsigned, signatures: vec![] });
    }

    /// Made by another program from the description at the top of this file: what is signed today is read in ten years.
    #[test]
    fn the_layout_is_frozen() {
        let section = "007a116775616e6a69613a7369676e6174757265018a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c\
            06617574686f7243c6538cc2484ecceeaa7ed60f9e3710dda298d498be359ce96dc8d0d7513efe3f0307d1729f73f37d761c573162739a\
            5566d59faa7609d4ccb91a39027c3b07";
        assert_eq!(hex::encode(&sections(&signed(&[(1, "author")]))[0]), section);
    }

    #[test]
    fn every_changed_bit_breaks_it() {
        let file = twice();
        for position in 0..file.len() {
            for bit in 0..8 {
                let mut changed = file.clone();
                changed[position] ^= 1 << bit;
                let Ok(read) = read_signatures(&changed) else { continue };
                // A changed name of the section makes a section like any other, in a component that nobody signed.
                assert!(read.signatures.is_empty(), "bit {bit} of byte {position}");
            }
        }
    }

    #[test]
    fn a_cut_file_has_fewer_signatures_or_cannot_be_read() {
        let file = twice();
        let first_end = file.len() - sections(&file)[1].len();
        let unsigned_end = first_end - sections(&file)[0].len();
        for length in 0..file.len() {
            match read_signatures(&file[..length]) {
                // The last signature can be taken away whole: nothing in a file can prevent that.
                Ok(read) if length == first_end => assert_eq!(read.signatures.len(), 1),
                Ok(read) => assert!(read.signatures.is_empty() && length <= unsigned_end, "cut to {length}"),
                Err(_) => {}
            }
        }
    }

    #[rstest]
    #[case::author_taken_away(|file: &mut Vec<u8>, parts: &[Vec<u8>]| { file.extend_from_slice(&parts[1]); }, "does not fit")]
    #[case::reordered(|file: &mut Vec<u8>, parts: &[Vec<u8>]| { file.extend_from_slice(&parts[1]); file.extend_from_slice(&parts[0]); }, "does not fit")]
    #[case::doubled(|file: &mut Vec<u8>, parts: &[Vec<u8>]| { file.extend_from_slice(&parts[0]); file.extend_from_slice(&parts[0]); }, "does not fit")]
    #[case::bytes_behind(|file: &mut Vec<u8>, parts: &[Vec<u8>]| { file.extend_from_slice(&parts[0]); file.extend_from_slice(&custom_section("x", b"")); }, "bytes follow the signature of \"author\"")]
    #[case::section_in_the_middle(|file: &mut Vec<u8>, parts: &[Vec<u8>]| { let rest = file.split_off(HEADER_BYTES); file.extend_from_slice(&parts[0]); file.extend_from_slice(&rest); }, "bytes follow")]
    #[case::from_another_component(|file: &mut Vec<u8>, parts: &[Vec<u8>]| { file.extend_from_slice(&custom_section("x", b"")); file.extend_from_slice(&parts[0]); }, "does not fit")]
    #[case::empty_section(|file: &mut Vec<u8>, _: &[Vec<u8>]| { file.extend_from_slice(&custom_section(SECTION, b"")); }, "it is empty")]
    #[case::later_layout(|file: &mut Vec<u8>, _: &[Vec<u8>]| { file.extend_from_slice(&custom_section(SECTION, &[2; 120])); }, "layout")]
    #[case::cut_inside(|file: &mut Vec<u8>, _: &[Vec<u8>]| { file.extend_from_slice(&custom_section(SECTION, &[&[1; 33][..], b"\x01a", &[0; 63]].concat())); }, "cannot be read")]
    fn a_forged_file_is_refused_with_the_reason(#[case] forge: fn(&mut Vec<u8>, &[Vec<u8>]), #[case] words: &str) {
        let mut file = component();
        forge(&mut file, &sections(&twice()));
        let sentence = refused(&file);
        assert!(sentence.contains(words), "{sentence}");
    }

    /// A section as somebody may write it who has a key, but not the one that the section names.
    fn forged(seed: u8, change: fn(&mut Unverified<'_>)) -> Vec<u8> {
        let mut file = component();
        let public = key(seed).public();
        let message = message(Sha256::digest(&file).as_slice(), &public, "author");
        let mut section =
            Unverified { key: public.0, publisher: "author", signature: key(seed).0.sign(&message).to_bytes() };
        change(&mut section);
        file.extend_from_slice(&custom_section(SECTION, &section.payload()));
        file
    }

    #[rstest]
    #[case::untouched(|_: &mut Unverified<'_>| (), "")]
    #[case::key_of_somebody_else(|section: &mut Unverified<'_>| section.key = key(9).public().0, "does not fit")]
    #[case::name_of_somebody_else(|section: &mut Unverified<'_>| section.publisher = "reviewer", "does not fit")]
    #[case::name_with_a_line_break(|section: &mut Unverified<'_>| section.publisher = "a\nb", "control characters")]
    #[case::no_name(|section: &mut Unverified<'_>| section.publisher = "", "control characters")]
    // With the neutral element as key, R = s·B is a valid signature of every message unless weak keys are refused.
    #[case::weak_key(|section: &mut Unverified<'_>| { section.key = [0; 32]; section.key[0] = 1; section.signature = [0; 64]; section.signature[0] = 1; }, "does not fit")]
    #[case::not_a_point(|section: &mut Unverified<'_>| section.key = [2; 32], "does not fit")]
    fn a_signature_proves_its_key_and_name(#[case] change: fn(&mut Unverified<'_>), #[case] words: &str) {
        let sentence = read_signatures(&forged(1, change)).map_or_else(|error| error.to_string(), |_| String::new());
        assert!(sentence.contains(words) && sentence.is_empty() == words.is_empty(), "{sentence}");
    }

    #[test]
    fn a_signature_over_the_bare_digest_is_none() {
        let mut file = component();
        let bare = key(1).0.sign(Sha256::digest(&file).as_slice()).to_bytes();
        let section = Unverified { key: key(1).public().0, publisher: "author", signature: bare };
        file.extend_from_slice(&custom_section(SECTION, &section.payload()));
        assert!(refused(&file).contains("does not fit"));
    }

    #[test]
    fn one_key_counts_once() {
        assert!(sign(&twice(), &key(1), "somebody else").unwrap_err().to_string().contains("twice"));
        // What `sign` does not write, somebody else may: valid, but of the same key.
        let mut file = signed(&[(1, "author")]);
        let message = message(Sha256::digest(&file).as_slice(), &key(1).public(), "again");
        let again =
            Unverified { key: key(1).public().0, publisher: "again", signature: key(1).0.sign(&message).to_bytes() };
        file.extend_from_slice(&custom_section(SECTION, &again.payload()));
        assert!(refused(&file).contains("twice"));
    }

    #[test]
    fn a_longer_way_to_write_the_section_is_refused() {
        let file = signed(&[(1, "author")]);
        let section = sections(&file).remove(0);
        // id, one or two bytes of size, content: the size once more with a byte more than it needs.
        let (size, start) = leb128(&section, 1).unwrap();
        let mut longer = component();
        longer.push(0);
        let byte = |number: usize| u8::try_from(number & 0x7f).unwrap() | 0x80;
        longer.extend([byte(size), byte(size >> 7), 0]);
        longer.extend_from_slice(&section[start..]);
        assert!(refused(&longer).contains("briefly"), "{}", refused(&longer));
    }

    #[test]
    fn there_is_an_end_of_signatures() {
        let all: Vec<(u8, &str)> = (1..=16).map(|seed| (seed, "somebody")).collect();
        let file = signed(&all);
        assert_eq!(read_signatures(&file).unwrap().signatures.len(), SIGNATURES_MAX);
        assert!(file.len() - component().len() <= SIGNATURES_BYTES_MAX);
        assert!(sign(&file, &key(17), "one more").unwrap_err().to_string().contains("more than 16"));
        let more = custom_section(SECTION, &[1; 120]);
        assert!(refused(&[file, more].concat()).contains("more than 16"));
    }

    #[test]
    fn keys_are_read_back_as_they_were_written() {
        let made = PrivateKey::generate().unwrap();
        assert_ne!(made.public(), PrivateKey::generate().unwrap().public());
        let again = PrivateKey::from_pem(made.to_pem().unwrap().as_ref()).unwrap();
        assert_eq!(again.public(), made.public());
        assert_eq!(made.public().to_string().parse::<PublicKey>().unwrap(), made.public());
        assert!(!format!("{made:?}").contains(&hex::encode(made.0.to_bytes())));
    }

    /// Keys that OpenSSL made (`openssl genpkey -algorithm ed25519`), and what it says their public half is.
    #[test]
    fn keys_of_openssl_can_be_used() {
        const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
        const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";
        let private = PrivateKey::from_pem(PRIVATE).unwrap();
        // RFC 8032, test 1.
        let expected = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(private.public(), expected.parse().unwrap());
        assert_eq!(PUBLIC.parse::<PublicKey>().unwrap(), private.public());
        assert_eq!(private.to_pem().unwrap().as_ref(), PRIVATE, "and the other way round");
    }

    #[rstest]
    #[case::empty("")]
    #[case::short("ed25519:d75a98")]
    #[case::no_hex("ed25519:zz5a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")]
    #[case::weak("ed25519:0100000000000000000000000000000000000000000000000000000000000000")]
    #[case::other_kind("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")]
    fn what_is_no_key_is_refused(#[case] text: &str) {
        assert_eq!(text.parse::<PublicKey>(), Err(SignatureError::PublicKey));
        assert!(PrivateKey::from_pem(text).is_err());
    }
}
