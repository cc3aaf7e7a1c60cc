//! `guanjia plugin build`: a component of any tool becomes a plug-in.

use clap::Args;
use guanjia_domain::{Error, Result};
use guanjia_packaging::bundle::FILE_BYTES_MAX;
use serde_json::json;
use std::path::PathBuf;

use super::{
    super::{Done, Global, output},
    source,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Build {
    /// Where `plugin.toml` lies.
    folder: PathBuf,
    /// The component without a manifest, as the tool of its language writes it.
    #[arg(long, value_name = "FILE")]
    component: PathBuf,
    /// What is written; `ID-VERSION.wasm` where it is not given.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Build {
    pub(super) fn run(&self, global: &Global) -> Result<Done> {
        let bare = source::read(&self.component, FILE_BYTES_MAX)?;
        let (manifest, packaged) = guanjia_packaging::package_component(&self.folder, &bare)
            .map_err(|error| Error::invalid(error.to_string()))?;
        let written =
            self.output.clone().unwrap_or_else(|| format!("{}-{}.wasm", manifest.id, manifest.version).into());
        source::write(&written, &packaged)?;
        if global.json {
            let (id, version) = (&manifest.id, manifest.version.to_string());
            output::line(&json!({ "id": id, "version": version, "file": written, "size": packaged.len() }));
        } else {
            output::text(&format!("{manifest}  {}", written.display()));
        }
        Ok(Done::Well)
    }
}
