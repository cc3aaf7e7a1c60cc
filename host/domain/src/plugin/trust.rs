//! Whom a company trusts, and what it asks of a plug-in before it is installed.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::{
    InstalledPlugin,
    signature::{Judgement, PublicKey, SignatureState, judge},
};
use crate::{
    Error, Result,
    access::{Permission, Stamp},
    ids::PublisherId,
    ports::CompanyStore,
};

/// A name in a list, on a page and in the audit trail.
pub const PUBLISHER_NAME_CHARS_MAX: usize = 100;
/// More than the firms that write for one office; lists are shown whole.
pub const PUBLISHERS_MAX: usize = 1_000;
/// Code of what the company's rule refuses.
pub const UNTRUSTED: &str = "untrusted-plugin";

/// Somebody whose signature a company accepts. One publisher may have several keys, as when an old one is replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedPublisher {
    pub id: PublisherId,
    /// The company's own name for whoever holds the key.
    pub name: String,
    pub key: PublicKey,
}

/// What a company asks of a plug-in before it is installed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustRule {
    /// Whether only plug-ins with a trusted signature are installed.
    pub require_trusted: bool,
}

impl TrustRule {
    /// Lets a plug-in pass, or says what to do. `name` is how whoever brought it calls it.
    ///
    /// # Errors
    /// [`Error::Refused`] with the code [`UNTRUSTED`].
    pub fn admit(self, name: &str, judgement: &Judgement) -> Result<()> {
        let why = match judgement.state {
            _ if !self.require_trusted => return Ok(()),
            SignatureState::Trusted => return Ok(()),
            SignatureState::Unsigned => {
                "it is not signed. Ask its publisher for a signed file, or sign it yourself with `guanjia plugin sign` and a key \
                 that the company trusts"
                    .to_owned()
            }
            SignatureState::UnknownKey => {
                let signers: Vec<String> = judgement
                    .signers
                    .iter()
                    .map(|signer| format!("{} (key {})", signer.publisher, signer.key.id()))
                    .collect();
                format!(
                    "nobody whom the company trusts has signed it, only {}. When you have compared the key with its owner's, \
                     let the company trust it with `guanjia plugin trust add NAME KEY`",
                    signers.join(", ")
                )
            }
        };
        Err(Error::refused(
            UNTRUSTED,
            format!("{name} is not installed, because the company asks for a trusted signature: {why}"),
        ))
    }
}

/// Trusted publishers of one company.
#[derive(Clone)]
pub struct Trust {
    store: Arc<dyn CompanyStore>,
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trust").field("company_id", &self.store.company_id()).finish_non_exhaustive()
    }
}

impl Trust {
    #[must_use]
    pub fn new(store: Arc<dyn CompanyStore>) -> Self {
        Self { store }
    }

    /// Trusts a key from now on. What it signed and is installed already counts as trusted, too.
    ///
    /// # Errors
    /// `Refused` without the permission; `Invalid` for a name that cannot be used; `Conflict` when the key is trusted.
    pub async fn add(&self, stamp: &Stamp, name: &str, key: PublicKey) -> Result<TrustedPublisher> {
        stamp.actor.require(Permission::ManagePlugins)?;
        let name = name.trim();
        let length = name.chars().count();
        if !(1..=PUBLISHER_NAME_CHARS_MAX).contains(&length) || name.chars().any(char::is_control) {
            return Err(Error::invalid(format!(
                "a publisher's name has 1 to {PUBLISHER_NAME_CHARS_MAX} characters and no control characters"
            )));
        }
        if self.store.trusted_publishers().await?.len() >= PUBLISHERS_MAX {
            return Err(Error::invalid(format!("a company trusts at most {PUBLISHERS_MAX} keys: remove some first")));
        }
        let publisher = TrustedPublisher { id: PublisherId::generate(), name: name.to_owned(), key };
        self.store.add_trusted_publisher(stamp, &publisher).await?;
        Ok(publisher)
    }

    /// Trusts a key no longer. What is installed stays installed and bound; it is shown as signed by an unknown key.
    ///
    /// # Errors
    /// `Refused` without the permission; `NotFound`.
    pub async fn remove(&self, stamp: &Stamp, publisher: PublisherId) -> Result<TrustedPublisher> {
        stamp.actor.require(Permission::ManagePlugins)?;
        self.store.remove_trusted_publisher(stamp, publisher).await
    }

    /// The one publisher that a person means: by name, by key, or by a key's short name.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when the name has several keys.
    pub async fn find(&self, text: &str) -> Result<TrustedPublisher> {
        let key = text.parse::<PublicKey>().ok();
        let meant = |publisher: &TrustedPublisher| {
            publisher.name == text || Some(&publisher.key) == key.as_ref() || publisher.key.id() == text
        };
        let mut found: Vec<_> = self.store.trusted_publishers().await?.into_iter().filter(meant).collect();
        match (found.pop(), found.len()) {
            (None, _) => Err(Error::not_found("trusted publisher", text)),
            (Some(only), 0) => Ok(only),
            (Some(_), others) => {
                Err(Error::invalid(format!("{text} has {} keys: name the key that is meant", others + 1)))
            }
        }
    }

    /// Changes what the company asks of a plug-in before it is installed.
    ///
    /// # Errors
    /// `Refused` without the permission.
    pub async fn set_rule(&self, stamp: &Stamp, rule: TrustRule) -> Result<()> {
        stamp.actor.require(Permission::ManagePlugins)?;
        self.store.set_trust_rule(stamp, rule).await
    }

    /// What the signatures of a plug-in are worth today.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn judge(&self, plugin: &InstalledPlugin) -> Result<Judgement> {
        Ok(judge(&plugin.signatures, &self.store.trusted_publishers().await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::PluginSignature;
    use rstest::rstest;

    #[rstest]
    #[case::nothing_is_asked_for(false, SignatureState::Unsigned, "")]
    #[case::nothing_is_asked_of_strangers(false, SignatureState::UnknownKey, "")]
    #[case::trusted(true, SignatureState::Trusted, "")]
    #[case::unsigned(true, SignatureState::Unsigned, "sign it yourself with `guanjia plugin sign`")]
    #[case::unknown(true, SignatureState::UnknownKey, "only Somebody (key 21fe31dfa154a261). When you have compared")]
    fn the_rule_says_what_to_do(#[case] require_trusted: bool, #[case] state: SignatureState, #[case] words: &str) {
        let key: PublicKey =
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a".parse().expect("is a key");
        let known = TrustedPublisher { id: PublisherId::generate(), name: "Author".into(), key: key.clone() };
        let signature = PluginSignature { key, publisher: "Somebody".into() };
        let (signatures, trusted) = match state {
            SignatureState::Trusted => (vec![signature], vec![known]),
            SignatureState::UnknownKey => (vec![signature], vec![]),
            SignatureState::Unsigned => (vec![], vec![known]),
        };
        let judgement = judge(&signatures, &trusted);
        assert_eq!(judgement.state, state);
        let verdict = TrustRule { require_trusted }.admit("area-fee.wasm", &judgement);
        let sentence = verdict.map_or_else(|error| error.to_string(), |()| String::new());
        assert!(sentence.contains(words) && sentence.is_empty() == words.is_empty(), "{sentence}");
        assert!(sentence.is_empty() || sentence.starts_with("area-fee.wasm is not installed"), "{sentence}");
    }
}
