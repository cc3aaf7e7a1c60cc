//! Who asks.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use std::{collections::BTreeMap, fmt};

use crate::RegistryError;

/// What is shown to a registry that asks for it. It is never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    #[default]
    Anonymous,
    Password {
        username: String,
        password: String,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credentials::Anonymous => f.write_str("Anonymous"),
            Credentials::Password { username, .. } => write!(f, "Password({username}, …)"),
        }
    }
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    /// `name:password` in base64. Absent where a helper program keeps it, which is not asked.
    #[serde(default)]
    auth: Option<String>,
}

impl Credentials {
    /// What a `config.json`, as container tools write it, holds for this registry.
    ///
    /// # Errors
    /// When it is something else.
    pub fn from_docker_config(json: &[u8], registry: &str) -> Result<Self, RegistryError> {
        let broken = |reason: &str| RegistryError::Config { reason: reason.to_owned() };
        // The error of the parser would repeat what stands there.
        let config: Config =
            serde_json::from_slice(json).map_err(|_| broken("it is not the JSON that it should be"))?;
        let Some(auth) =
            config.auths.get(registry).and_then(|entry| entry.auth.as_deref()).filter(|auth| !auth.is_empty())
        else {
            return Ok(Self::Anonymous);
        };
        let decoded = STANDARD.decode(auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let (username, password) = decoded
            .as_deref()
            .and_then(|text| text.split_once(':'))
            .ok_or_else(|| broken(&format!("its entry for {registry} is not a name and a password")))?;
        Ok(Self::Password { username: username.to_owned(), password: password.to_owned() })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::known(r#"{"auths": {"r.example.com": {"auth": "bGk6Z2VoZWltOng="}}}"#, Some(("li", "geheim:x")))]
    #[case::other_registry(r#"{"auths": {"x.example.com": {"auth": "bGk6Z2VoZWltOng="}}}"#, None)]
    #[case::kept_by_a_helper(r#"{"auths": {"r.example.com": {}}, "credsStore": "desktop"}"#, None)]
    #[case::nobody("{}", None)]
    fn docker_config_is_read(#[case] json: &str, #[case] expected: Option<(&str, &str)>) {
        let expected = expected.map_or(Credentials::Anonymous, |(username, password)| Credentials::Password {
            username: username.to_owned(),
            password: password.to_owned(),
        });
        let read = Credentials::from_docker_config(json.as_bytes(), "r.example.com").unwrap();
        assert_eq!(read, expected);
        assert!(!format!("{read:?}").contains("geheim"));
    }

    #[rstest]
    #[case::no_json("geheim")]
    #[case::no_base64(r#"{"auths": {"r.example.com": {"auth": "geheim!"}}}"#)]
    #[case::no_colon(r#"{"auths": {"r.example.com": {"auth": "Z2VoZWlt"}}}"#)]
    fn what_cannot_be_read_is_not_repeated(#[case] json: &str) {
        let sentence = Credentials::from_docker_config(json.as_bytes(), "r.example.com").unwrap_err().to_string();
        assert!(!sentence.contains("geheim"), "{sentence}");
    }
}
