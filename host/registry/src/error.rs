//! What can go wrong with a registry, in sentences that say what to do.

use oci_client::errors::{OciDistributionError, OciError, OciErrorCode};
use std::error::Error;

#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("{text:?} is not a reference of a registry: {reason}")]
    Reference { text: String, reason: String },
    #[error("{registry} cannot be reached")]
    Unreachable {
        registry: String,
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    #[error("{registry} did not answer in time")]
    Timeout { registry: String },
    #[error("{registry} sends elsewhere: {reason}")]
    Redirect { registry: String, reason: String },
    #[error("{reference} is not there: compare name and tag with what was pushed")]
    NotFound { reference: String },
    #[error(
        "{registry} does not let this in: give --username and --password-stdin, or log in with a tool that writes docker's config.json"
    )]
    Denied { registry: String },
    #[error("{registry} answered with {status}: {detail}")]
    Answer { registry: String, status: u16, detail: String },
    #[error("{reference} is no plug-in: it has the media type {found}, expected is {expected}")]
    MediaType { reference: String, found: String, expected: &'static str },
    #[error("{reference} is no plug-in: {reason}")]
    Manifest { reference: String, reason: String },
    #[error("{reference} has more than {max} bytes{of}: it is not read any further")]
    TooLarge { reference: String, of: &'static str, max: usize },
    #[error(
        "what came for {reference} is not what was asked for: the digest is {found}, expected is {expected}. The registry, or somebody \
         between it and this machine, changed it"
    )]
    Digest { reference: String, expected: String, found: String },
    #[error("a plug-in is pushed to a tag, and {reference} names a digest")]
    PushToDigest { reference: String },
    #[error("docker's config.json cannot be read: {reason}")]
    Config { reason: String },
}

impl RegistryError {
    /// What a request came to that got no answer.
    pub(crate) fn of_request(registry: &str, error: reqwest::Error) -> Self {
        let registry = registry.to_owned();
        // The query of a token's address names what is asked for; it does not belong into a sentence.
        let error = error.without_url();
        if error.is_timeout() {
            return Self::Timeout { registry };
        }
        if let Some(status) = error.status() {
            let detail = status.canonical_reason().unwrap_or_default().to_owned();
            return match status.as_u16() {
                401 | 403 => Self::Denied { registry },
                status => Self::Answer { registry, status, detail },
            };
        }
        if error.is_redirect() {
            let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            return Self::Redirect { registry, reason };
        }
        Self::Unreachable { registry, source: error.into() }
    }

    /// What the client for pushing says.
    pub(crate) fn of_push(reference: &crate::Reference, error: OciDistributionError) -> Self {
        let registry = reference.registry().to_owned();
        let answer =
            |status, detail: &str| Self::Answer { registry: registry.clone(), status, detail: detail.to_owned() };
        match error {
            OciDistributionError::RequestError(error) => Self::of_request(&registry, error),
            OciDistributionError::UnauthorizedError { .. } | OciDistributionError::AuthenticationFailure(_) => {
                Self::Denied { registry }
            }
            OciDistributionError::ServerError { code: 401 | 403, .. } => Self::Denied { registry },
            OciDistributionError::RegistryError { envelope, .. } => {
                let refused =
                    |error: &OciError| matches!(error.code, OciErrorCode::Denied | OciErrorCode::Unauthorized);
                if envelope.errors.iter().any(refused) {
                    return Self::Denied { registry };
                }
                let reasons: Vec<&str> =
                    envelope.errors.iter().map(|error| crate::fetch::readable(&error.message)).collect();
                Self::Unreachable { registry, source: reasons.join("; ").into() }
            }
            OciDistributionError::ServerError { code, message, .. } => answer(code, crate::fetch::readable(&message)),
            other => Self::Unreachable { registry, source: other.into() },
        }
    }

    /// Whether trying again may help, or another network.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Timeout { .. } | Self::Answer { .. })
    }
}
