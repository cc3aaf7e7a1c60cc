//! `guanjia plugin keygen|sign|verify`: none of them needs a database.

use clap::Args;
use guanjia_domain::{
    Error, Result,
    ids::PublisherId,
    plugin::{Judgement, PluginSignature, PublicKey, SignatureState, Signer, TrustedPublisher, signature::judge},
};
use guanjia_packaging::{PrivateKey, Signature, sign};
use serde_json::{Value, json};
use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{
    super::{Done, Global, output},
    source,
};

/// Key files have a few hundred bytes.
const KEY_BYTES_MAX: usize = 16 << 10;

#[derive(Debug, Args)]
pub(in crate::cli) struct Keygen {
    /// Where the private key goes; the public one goes beside it, into FILE.pub.
    file: PathBuf,
}

impl Keygen {
    pub(super) fn run(&self, global: &Global) -> Result<Done> {
        let key = PrivateKey::generate().map_err(|error| Error::unavailable("no key can be made", error))?;
        let pem = key.to_pem().map_err(|error| Error::unavailable("the key cannot be written", error))?;
        let public_file = PathBuf::from(format!("{}.pub", self.file.display()));
        // The public half first: when it cannot be written, no private key lies about.
        create(&public_file, format!("{}\n", key.public()).as_bytes(), 0o644)?;
        if let Err(error) = create(&self.file, pem.as_ref().as_bytes(), 0o600) {
            // It was made a moment ago, by this command.
            let _ = std::fs::remove_file(&public_file);
            return Err(error);
        }
        if global.json {
            output::line(&json!({
                "key": key.public().to_string(), "key_id": key.public().id(),
                "private": self.file.display().to_string(), "public": public_file.display().to_string(),
            }));
        } else {
            output::text(&key.public().to_string());
            output::say(&format!(
                "private key in {}, public key in {} (short name {}); keep a copy of the private key where only you can read it",
                self.file.display(),
                public_file.display(),
                key.public().id()
            ));
        }
        Ok(Done::Well)
    }
}

/// Makes a file that must not be there yet: a key that is written over is lost.
fn create(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(mode);
    }
    #[cfg(not(unix))]
    let _ = mode;
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Error::Conflict(format!("{} exists: a key is never written over. Choose another name", path.display()))
        }
        _ => Error::unavailable(format!("{} cannot be written", path.display()), error),
    };
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(failed)
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Sign {
    /// The component; its signatures are kept, and `--as PUBLISHER` names who signs (the manifest's publisher otherwise).
    file: PathBuf,
    /// Private key as `keygen` writes it.
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
    /// Write the signed file here instead of over FILE.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Sign {
    pub(super) fn run(&self, global: &Global) -> Result<Done> {
        let file = source::component_file(&self.file)?;
        let key = private_key(&self.key)?;
        let signed = signed(&file, &key, global.acting.as_deref())?;
        let target = self.output.as_ref().unwrap_or(&self.file);
        source::write(target, &signed)?;
        let described = source::describe(&signed)?;
        if global.json {
            output::line(&json!({
                "file": target.display().to_string(), "digest": described.info.digest,
                "file_sha256": described.file_sha256, "signatures": told(&judgement(&described.info.signatures, &[])?),
            }));
        } else {
            let publisher = described.info.signatures.last().map(|signature| signature.publisher.as_str());
            output::text(&format!(
                "{}: signed by {} with the key {}; signatures: {}",
                target.display(),
                publisher.unwrap_or_default(),
                key.public().id(),
                described.info.signatures.len()
            ));
        }
        Ok(Done::Well)
    }
}

/// The file with one signature more.
pub(super) fn signed(file: &[u8], key: &PrivateKey, publisher: Option<&str>) -> Result<Vec<u8>> {
    let described = source::describe(file)?;
    let publisher = publisher.unwrap_or(&described.manifest.publisher);
    sign(file, key, publisher).map_err(|error| Error::invalid(error.to_string()))
}

/// Reads a private key that nobody else can read.
pub(super) fn private_key(path: &Path) -> Result<PrivateKey> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map(|metadata| metadata.permissions().mode()).unwrap_or_default();
        if mode & 0o077 != 0 {
            return Err(Error::invalid(format!(
                "{} can be read by others: whoever has it can sign in your name. Make it yours with `chmod 600`, or make a new key",
                path.display()
            )));
        }
    }
    let text = String::from_utf8(source::read(path, KEY_BYTES_MAX)?).unwrap_or_default();
    PrivateKey::from_pem(&text).map_err(|error| Error::invalid(format!("{}: {error}", path.display())))
}

/// A public key that is written out, or the file that it stands in.
pub(super) fn public_key(text: &str) -> Result<PublicKey> {
    let path = Path::new(text);
    let content = if path.is_file() {
        String::from_utf8(source::read(path, KEY_BYTES_MAX)?).unwrap_or_default()
    } else {
        text.to_owned()
    };
    // Read with the eyes of mathematics: what is no key at all could never sign, and is a mistake of whoever typed it.
    let key: guanjia_packaging::PublicKey = content
        .parse()
        .map_err(|error: guanjia_packaging::SignatureError| Error::invalid(format!("{text}: {error}")))?;
    key.to_string().parse()
}

/// The keys that somebody named at the command line, as trusted publishers without a name of their own.
pub(super) fn trusted(keys: &[String]) -> Result<Vec<TrustedPublisher>> {
    let publisher = |text: &String| {
        let key = public_key(text)?;
        Ok(TrustedPublisher { id: PublisherId::generate(), name: key.id(), key })
    };
    keys.iter().map(publisher).collect()
}

pub(super) fn judgement(signatures: &[Signature], trusted: &[TrustedPublisher]) -> Result<Judgement> {
    let signature = |signature: &Signature| {
        Ok(PluginSignature { key: signature.key.to_string().parse()?, publisher: signature.publisher.clone() })
    };
    Ok(judge(&signatures.iter().map(signature).collect::<Result<Vec<_>>>()?, trusted))
}

/// The keys that signed, for scripts.
pub(super) fn told(judgement: &Judgement) -> Value {
    let signer = |signer: &Signer| {
        json!({
            "key": signer.key, "key_id": signer.key.id(), "publisher": signer.publisher, "trusted_as": signer.trusted_as,
        })
    };
    judgement.signers.iter().map(signer).collect()
}

/// The keys that signed, a line each.
pub(super) fn signer_lines(judgement: &Judgement) -> Vec<String> {
    let line = |signer: &Signer| {
        let trust = signer.trusted_as.as_ref().map_or("unknown key".to_owned(), |name| format!("trusted as {name}"));
        format!("{} (key {}, {trust})", signer.publisher, signer.key.id())
    };
    judgement.signers.iter().map(line).collect()
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    file: PathBuf,
    /// A public key that is trusted, or the file that it stands in; may be given more than once.
    #[arg(long, value_name = "KEY")]
    trusted: Vec<String>,
}

impl Verify {
    /// Exit code 0 for a file that is signed by a trusted key or, where no key is named, by any; 1 for other files; 3 for one
    /// whose signatures do not hold.
    pub(super) fn run(&self, global: &Global) -> Result<Done> {
        let trusted = trusted(&self.trusted)?;
        let described = source::describe(&source::component_file(&self.file)?)?;
        let judgement = judgement(&described.info.signatures, &trusted)?;
        let trusted_keys = judgement.signers.iter().filter(|signer| signer.trusted_as.is_some()).count();
        if global.json {
            output::line(&json!({
                "state": judgement.state, "digest": described.info.digest, "file_sha256": described.file_sha256,
                "keys": judgement.signers.len(), "trusted_keys": trusted_keys, "signatures": told(&judgement),
            }));
        } else {
            output::text(&format!("{}: {}", self.file.display(), judgement.state));
            for line in signer_lines(&judgement) {
                output::text(&format!("  {line}"));
            }
        }
        let good = match judgement.state {
            SignatureState::Trusted => true,
            SignatureState::UnknownKey => trusted.is_empty(),
            SignatureState::Unsigned => false,
        };
        Ok(if good { Done::Well } else { Done::Badly })
    }
}
