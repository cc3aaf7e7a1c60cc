//! `guanjia plugin pack|push|pull`: none of them needs a database.

use clap::Args;
use guanjia_domain::{Error, Result};
use guanjia_packaging::{bundle::BUNDLE_PLUGINS_MAX, pack};
use guanjia_registry::{Artifact, Limits, Reference};
use serde_json::json;
use std::{collections::BTreeMap, path::PathBuf};

use super::{
    super::{Done, Global, output},
    keys,
    source::{self, Login},
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Pack {
    /// The bundle that is made.
    out: PathBuf,
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Sign every component with this private key on the way, unless it has signed it already; `--as PUBLISHER` names who
    /// signs.
    #[arg(long, value_name = "KEY")]
    key: Option<PathBuf>,
}

impl Pack {
    pub(super) fn run(&self, global: &Global) -> Result<Done> {
        if self.files.len() > BUNDLE_PLUGINS_MAX {
            return Err(Error::invalid(format!("a bundle holds at most {BUNDLE_PLUGINS_MAX} plug-ins")));
        }
        let key = self.key.as_deref().map(keys::private_key).transpose()?;
        let mut files = Vec::with_capacity(self.files.len());
        for path in &self.files {
            let named = |error: Error| Error::invalid(format!("{}: {error}", path.display()));
            let file = source::component_file(path)?;
            let described = source::describe(&file).map_err(named)?;
            files.push(match &key {
                Some(key) if described.info.signatures.iter().all(|signature| signature.key != key.public()) => {
                    keys::signed(&file, key, global.acting.as_deref()).map_err(named)?
                }
                _ => file,
            });
        }
        let bundle = pack(&files).map_err(|error| Error::invalid(error.to_string()))?;
        source::write(&self.out, &bundle)?;
        if global.json {
            output::line(&json!({
                "file": self.out.display().to_string(), "size": bundle.len(), "plugins": files.len(),
            }));
        } else {
            output::text(&format!("{}: plug-ins: {}, bytes: {}", self.out.display(), files.len(), bundle.len()));
        }
        Ok(Done::Well)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Push {
    file: PathBuf,
    /// Registry, repository and tag, such as registry.example.com/rules/area-fee:1.0.0.
    reference: String,
    #[command(flatten)]
    login: Login,
}

impl Push {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        let reference: Reference = self.reference.parse().map_err(source::of_registry)?;
        let file = source::component_file(&self.file)?;
        let described = source::describe(&file)?;
        let manifest = &described.manifest;
        let annotations = [
            ("title", manifest.title.en.clone()),
            ("description", manifest.summary.en.clone()),
            ("version", manifest.version.to_string()),
            ("vendor", manifest.publisher.clone()),
            ("licenses", manifest.licence.clone()),
        ];
        let annotations: BTreeMap<String, String> =
            annotations.map(|(name, text)| (format!("org.opencontainers.image.{name}"), text)).into();
        let artifact =
            Artifact { file: &file, imports: &described.info.imports, exports: &described.info.exports, annotations };
        let credentials = self.login.credentials(&reference)?;
        let pushed = guanjia_registry::push(&reference, &credentials, &artifact, Limits::default())
            .await
            .map_err(source::of_registry)?;
        if global.json {
            output::line(&json!({
                "reference": reference.to_string(), "pinned": pushed.pinned, "manifest": pushed.digest,
                "digest": described.info.digest,
            }));
        } else {
            output::text(&pushed.pinned);
        }
        Ok(Done::Well)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Pull {
    /// Registry, repository, and a tag or a digest.
    reference: String,
    /// Where the component goes; ID-VERSION.wasm in this folder otherwise, which must not be there yet.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    login: Login,
}

impl Pull {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        let found = source::pull(&self.reference, &self.login).await?;
        let described = source::describe(&found.file)?;
        let target = match &self.output {
            Some(path) => path.clone(),
            None => {
                // Ids are kebab-case and versions are semantic: neither has anything in it that a path means something by.
                let path = PathBuf::from(format!("{}-{}.wasm", described.manifest.id, described.manifest.version));
                if path.exists() {
                    return Err(Error::Conflict(format!("{} exists: name another file with -o", path.display())));
                }
                path
            }
        };
        source::write(&target, &found.file)?;
        if global.json {
            output::line(&json!({
                "file": target.display().to_string(), "pinned": found.origin, "digest": described.info.digest,
                "file_sha256": described.file_sha256,
            }));
        } else {
            output::text(&target.display().to_string());
        }
        Ok(Done::Well)
    }
}
