//! Names of plug-ins in registries: `registry.example.com/rules/area-fee:1.0.0`, or with a digest instead of the tag.

use std::{fmt, net::IpAddr, str::FromStr};

use crate::RegistryError;

/// A registry, a repository in it, and a tag or a digest. All three are named: there is no registry and no tag that is
/// meant when nothing is said, because what is installed should not depend on habits of other tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(pub(crate) oci_client::Reference);

impl Reference {
    /// Whether a text is meant as a reference, rather than as a file or as `ID@VERSION`: it begins with the address of a
    /// registry and a slash.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        let text = text.strip_prefix(SCHEME).unwrap_or(text);
        text.split_once('/').is_some_and(|(host, rest)| {
            !rest.is_empty()
                && !host.is_empty()
                && !host.starts_with('.')
                && (host.contains(['.', ':']) || host == "localhost")
        })
    }

    /// Address of the registry, with its port.
    #[must_use]
    pub fn registry(&self) -> &str {
        self.0.registry()
    }

    #[must_use]
    pub fn repository(&self) -> &str {
        self.0.repository()
    }

    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.0.tag()
    }

    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.0.digest()
    }

    /// The same thing by its digest alone: what nobody can move to something else.
    #[must_use]
    pub fn pinned(&self, digest: &str) -> String {
        format!("{}/{}@{digest}", self.registry(), self.repository())
    }

    /// Whether the registry is on this machine: only there plain HTTP is spoken.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.registry().rsplit_once(':').map_or(self.registry(), |(host, _)| host);
        is_loopback(host)
    }
}

pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// May stand before a reference, to say what it is.
const SCHEME: &str = "oci://";

impl FromStr for Reference {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        let refused = |reason: &str| RegistryError::Reference { text: text.to_owned(), reason: reason.to_owned() };
        if !Self::is_meant(text) {
            return Err(refused("it has to begin with the address of the registry, such as registry.example.com/"));
        }
        let bare = text.strip_prefix(SCHEME).unwrap_or(text);
        let last = bare.rsplit('/').next().unwrap_or(bare);
        if !last.contains([':', '@']) {
            return Err(refused("name a tag (:1.0.0) or a digest (@sha256:…)"));
        }
        let parsed: oci_client::Reference =
            bare.parse().map_err(|error: oci_client::ParseError| refused(&error.to_string()))?;
        if parsed.digest().is_some_and(|digest| !digest.starts_with("sha256:")) {
            return Err(refused("digests are sha256"));
        }
        Ok(Self(parsed))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rstest::rstest;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[rstest]
    #[case::tag("registry.example.com/rules/area-fee:1.0.0", true, false)]
    #[case::with_scheme("oci://registry.example.com/rules/area-fee:1.0.0", true, false)]
    #[case::port("127.0.0.1:5000/area-fee:1.0.0", true, true)]
    #[case::localhost("localhost:5000/area-fee:1.0.0", true, true)]
    #[case::file("build/area-fee.wasm", false, false)]
    #[case::file_here("./area-fee.wasm", false, false)]
    #[case::file_above("../area-fee.wasm", false, false)]
    #[case::absolute_file("/srv/area-fee.wasm", false, false)]
    #[case::installed("area-fee@1.0.0", false, false)]
    fn references_are_told_from_files(#[case] text: &str, #[case] meant: bool, #[case] loopback: bool) {
        assert_eq!(Reference::is_meant(text), meant);
        assert_eq!(text.parse::<Reference>().is_ok_and(|reference| reference.is_loopback()), loopback);
    }

    #[rstest]
    #[case::no_registry("area-fee:1.0.0", "address of the registry")]
    #[case::no_tag("registry.example.com/area-fee", "name a tag")]
    #[case::port_is_no_tag("registry.example.com:5000/area-fee", "name a tag")]
    #[case::capitals("registry.example.com/Area:1", "format")]
    #[case::short_digest("registry.example.com/area-fee@sha256:abcd", "format")]
    #[case::other_digest(
        "registry.example.com/area-fee@sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
        "sha256"
    )]
    fn what_is_no_reference_says_why(#[case] text: &str, #[case] words: &str) {
        let sentence = text.parse::<Reference>().unwrap_err().to_string();
        assert!(sentence.contains(words) && sentence.contains(text), "{sentence}");
    }

    #[rstest]
    #[case("127.0.0.1", true)]
    #[case("127.9.9.9", true)]
    #[case("[::1]", true)]
    #[case("localhost", true)]
    #[case("localhost.example.com", false)]
    #[case("127.0.0.1.example.com", false)]
    #[case("10.0.0.1", false)]
    fn only_this_machine_is_this_machine(#[case] host: &str, #[case] expected: bool) {
        assert_eq!(is_loopback(host), expected);
    }

    #[test]
    fn a_pinned_reference_has_no_tag() {
        let reference: Reference = "localhost:5000/rules/area-fee:1.0.0".parse().unwrap();
        let pinned: Reference = reference.pinned(DIGEST).parse().unwrap();
        assert_eq!((pinned.tag(), pinned.digest()), (None, Some(DIGEST)));
        assert_eq!((pinned.registry(), pinned.repository()), ("localhost:5000", "rules/area-fee"));
    }
}
