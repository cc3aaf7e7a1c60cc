//! Who vouches for a plug-in, and what a company makes of it.
//!
//! That a signature *holds* is mathematics, and checked where files are read. Whether its key is *trusted* is a decision of
//! the company, which may change every day: so it is never stored with a plug-in, but judged anew whenever it is asked for.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

use super::trust::TrustedPublisher;
use crate::{Error, Result, access::codes};

/// What begins the written form of a key.
const PREFIX: &str = "ed25519:";
const KEY_BYTES: usize = 32;

/// A public key (Ed25519). Written `ed25519:` and 64 hexadecimal digits, in small letters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(String);

impl PublicKey {
    /// A short name for people to compare. Trust goes by the whole key.
    #[must_use]
    pub fn id(&self) -> String {
        let bytes = hex::decode(&self.0[PREFIX.len()..]).expect("a key is made of hexadecimal digits");
        hex::encode(&Sha256::digest(bytes)[..8])
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for PublicKey {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.0
    }
}

impl FromStr for PublicKey {
    type Err = Error;

    /// The digits may stand alone. Whether they are a point of the curve is not asked: a key that is none has signed nothing.
    fn from_str(text: &str) -> Result<Self> {
        let digits = text.trim();
        let digits = digits.strip_prefix(PREFIX).unwrap_or(digits).to_ascii_lowercase();
        if digits.len() != 2 * KEY_BYTES || hex::decode(&digits).is_err() {
            return Err(Error::invalid(format!(
                "{text:?} is not a public key: write {PREFIX} and 64 hexadecimal digits, as `guanjia plugin keygen` prints it"
            )));
        }
        Ok(Self(format!("{PREFIX}{digits}")))
    }
}

/// A signature that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginSignature {
    pub key: PublicKey,
    /// Who signed, in their own words. Only the key proves anything.
    pub publisher: String,
}

codes! {
    /// What the signatures of a plug-in are worth to a company. One that does not hold is in none of these states: such a
    /// file is not installed.
    SignatureState {
        /// At least one key is trusted.
        Trusted = "trusted",
        /// Signed, but by nobody whom the company knows.
        UnknownKey = "unknown-key",
        Unsigned = "unsigned",
    }
}

/// Signatures in the light of whom a company trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    pub state: SignatureState,
    pub signers: Vec<Signer>,
}

/// One key that signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signer {
    pub key: PublicKey,
    /// What the signature says.
    pub publisher: String,
    /// The name under which the company trusts the key, which may be another.
    pub trusted_as: Option<String>,
}

/// What signatures are worth today. Keys are counted once, however often they signed.
#[must_use]
pub fn judge(signatures: &[PluginSignature], trusted: &[TrustedPublisher]) -> Judgement {
    let mut signers: Vec<Signer> = Vec::with_capacity(signatures.len());
    for signature in signatures {
        if signers.iter().any(|signer| signer.key == signature.key) {
            continue;
        }
        let known = trusted.iter().find(|publisher| publisher.key == signature.key);
        signers.push(Signer {
            key: signature.key.clone(),
            publisher: signature.publisher.clone(),
            trusted_as: known.map(|publisher| publisher.name.clone()),
        });
    }
    let state = if signers.is_empty() {
        SignatureState::Unsigned
    } else if signers.iter().any(|signer| signer.trusted_as.is_some()) {
        SignatureState::Trusted
    } else {
        SignatureState::UnknownKey
    };
    Judgement { state, signers }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::PublisherId;
    use rstest::rstest;

    fn key(digit: char) -> PublicKey {
        digit.to_string().repeat(64).parse().expect("is a key")
    }

    fn signature(digit: char) -> PluginSignature {
        PluginSignature { key: key(digit), publisher: format!("says {digit}") }
    }

    fn trusted(digit: char) -> TrustedPublisher {
        TrustedPublisher { id: PublisherId::generate(), name: format!("known {digit}"), key: key(digit) }
    }

    #[rstest]
    #[case::unsigned("", "ab", SignatureState::Unsigned, 0, 0)]
    #[case::nobody_is_known("a", "", SignatureState::UnknownKey, 1, 0)]
    #[case::others_are_known("ab", "cd", SignatureState::UnknownKey, 2, 0)]
    #[case::author_is_known("ab", "a", SignatureState::Trusted, 2, 1)]
    #[case::reviewer_is_known("ab", "b", SignatureState::Trusted, 2, 1)]
    #[case::both_are_known("ab", "ba", SignatureState::Trusted, 2, 2)]
    #[case::a_key_counts_once("aab", "a", SignatureState::Trusted, 2, 1)]
    fn signatures_are_judged_by_whom_the_company_trusts(
        #[case] signed: &str,
        #[case] known: &str,
        #[case] state: SignatureState,
        #[case] keys: usize,
        #[case] trusted_keys: usize,
    ) {
        let signatures: Vec<_> = signed.chars().map(signature).collect();
        let known: Vec<_> = known.chars().map(trusted).collect();
        let judgement = judge(&signatures, &known);
        let named = judgement.signers.iter().filter(|signer| signer.trusted_as.is_some()).count();
        assert_eq!((judgement.state, judgement.signers.len(), named), (state, keys, trusted_keys));
    }

    #[rstest]
    #[case::empty("")]
    #[case::short("ed25519:abcd")]
    #[case::long("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    #[case::no_digits("ed25519:zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz")]
    #[case::not_ascii("ed25519:界界界界界界界界界界界界界界界界界界界界界a")]
    fn what_is_no_key_says_how_one_is_written(#[case] text: &str) {
        let sentence = text.parse::<PublicKey>().expect_err("is no key").to_string();
        assert!(sentence.contains("64 hexadecimal digits"), "{sentence}");
    }

    #[test]
    fn a_key_has_one_written_form() {
        let digits = "D75A980182B10AB7D54BFED3C964073A0EE172F3DAA62325AF021A68F707511A";
        let key: PublicKey = digits.parse().expect("is a key");
        assert_eq!(key.to_string(), format!("ed25519:{}", digits.to_lowercase()));
        assert_eq!(key.to_string().parse::<PublicKey>().expect("is a key"), key);
        assert_eq!(key.id(), "21fe31dfa154a261");
    }
}
