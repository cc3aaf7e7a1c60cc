//! Signatures: whatever a file has at its end, reading it ends; what is signed holds, and holds no longer when one bit of it
//! is another one.
#![no_main]

use std::sync::LazyLock;

use guanjia_packaging::{PrivateKey, PublicKey, SignatureError, component::ComponentError, read_signatures, sign};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

/// Always the same key, so that a finding is the same tomorrow. Its seed is 32 times the number 7.
static KEY: LazyLock<PrivateKey> = LazyLock::new(|| {
    let body = "MC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
    let (begin, end) = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----");
    PrivateKey::from_pem(&format!("{begin}\n{body}\n{end}\n")).expect("a key")
});

fuzz_target!(|file: &[u8]| {
    if let Ok(text) = std::str::from_utf8(file) {
        if let Ok(key) = text.parse::<PublicKey>() {
            assert_eq!(key.to_string().parse::<PublicKey>(), Ok(key));
        }
        let _ = PrivateKey::from_pem(text);
    }
    let Ok(read) = read_signatures(file) else { return };
    assert!(file.starts_with(read.component));
    let bare = read_signatures(read.component).expect("a component without its signatures can be read");
    assert!(bare.signatures.is_empty() && bare.component == read.component);
    let signed = match sign(file, &KEY, "审核处 reviewers") {
        Ok(signed) => signed,
        Err(ComponentError::Signature(SignatureError::Twice { .. } | SignatureError::TooMany)) => return,
        // The largest file has room for signatures, but not for anything else.
        Err(error) => panic!("read, and cannot be signed: {error}"),
    };
    let again = read_signatures(&signed).expect("what was signed holds");
    assert_eq!(again.component, read.component);
    assert_eq!(again.signatures[..read.signatures.len()], read.signatures);
    assert_eq!(again.signatures.len(), read.signatures.len() + 1);
    // Which bit is chosen by the file, so that each file is one test.
    let hash = Sha256::digest(file);
    let number = u64::from_le_bytes(hash[..8].try_into().expect("eight bytes"));
    let at = usize::try_from(number).unwrap_or(usize::MAX) % signed.len();
    let mut changed = signed.clone();
    changed[at] ^= 1 << (hash[8] % 8);
    if let Ok(changed) = read_signatures(&changed) {
        // A changed name of its section makes the last signature a section like any other, in a file that nobody signed.
        assert!(changed.signatures.len() < again.signatures.len(), "a bit of byte {at} was changed");
    }
});
