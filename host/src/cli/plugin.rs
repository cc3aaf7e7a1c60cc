//! `guanjia plugin build|install|list|inspect|bind`.

use clap::Subcommand;
use guanjia_domain::{
    Date, Error, Result,
    plugin::{BindRequest, Binding, BindingMode, ExtensionPoint, InstalledPlugin},
};
use serde_json::json;
use std::path::{Path, PathBuf};

use super::{Done, Global, output};
use crate::{boot::Office, standard_plugins};

#[derive(Debug, Subcommand)]
pub(super) enum Plugin {
    /// Check a component file and keep it; `standard` stands for the plug-ins inside this binary.
    Install { file: PathBuf },
    /// The installed plug-ins.
    List,
    /// What a component file is, without a database.
    Inspect { file: PathBuf },
    /// Put the manifest of a plug-in's folder into a component that some tool has built, without a database.
    Build {
        /// Where `plugin.toml` lies.
        folder: PathBuf,
        /// The component without a manifest.
        #[arg(long, value_name = "FILE")]
        component: PathBuf,
        /// What is written; `ID-VERSION.wasm` where it is not given.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Switch a plug-in on for a project from a date.
    Bind(Bind),
    /// The bindings of a project.
    Bindings {
        #[arg(long, value_name = "NAME")]
        project: String,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Bind {
    #[arg(long, value_name = "NAME")]
    project: String,
    #[arg(long, default_value = "fee-policy")]
    point: ExtensionPoint,
    #[arg(long, value_name = "NAME")]
    fee_item: Option<String>,
    /// `ID@VERSION` of an installed plug-in.
    #[arg(long, value_name = "ID@VERSION")]
    plugin: String,
    /// JSON file with the settings.
    #[arg(long, value_name = "FILE")]
    settings: PathBuf,
    #[arg(long, value_name = "DATE", value_parser = output::date)]
    from: Date,
    /// The first day on which it no longer holds.
    #[arg(long, value_name = "DATE", value_parser = output::date)]
    to: Option<Date>,
    #[arg(long, default_value = "active")]
    mode: BindingMode,
}

impl Plugin {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        match self {
            Plugin::Inspect { file } => return inspect(file),
            Plugin::Build { folder, component, output } => {
                return build(folder, component, output.as_deref(), global.json);
            }
            _ => {}
        }
        let office = global.office().await?;
        let stamp = office.stamp(global.acting.as_deref(), "cli").await?;
        match self {
            Plugin::Install { file } if file == Path::new("standard") => {
                for plugin in standard_plugins::install(&office, &stamp).await? {
                    print_plugin(&plugin, global.json);
                }
            }
            Plugin::Install { file } => {
                let plugin = office.plugins.install(&stamp, &read(file)?).await?;
                print_plugin(&plugin, global.json);
            }
            Plugin::List => {
                for plugin in office.store.plugins().await? {
                    print_plugin(&plugin, global.json);
                }
            }
            Plugin::Bind(bind) => {
                let binding = office.plugins.bind(&stamp, bind.request(&office).await?).await?;
                print_binding(&binding, global.json);
            }
            Plugin::Bindings { project } => {
                let project = output::project(&office, project).await?;
                for binding in office.store.bindings(project.id).await? {
                    print_binding(&binding, global.json);
                }
            }
            Plugin::Inspect { .. } | Plugin::Build { .. } => {}
        }
        Ok(Done::Well)
    }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| Error::invalid(format!("{} cannot be read: {error}", file.display())))
}

fn inspect(file: &Path) -> Result<Done> {
    let component = read(file)?;
    let info = guanjia_packaging::inspect(&component).map_err(|error| Error::invalid(error.to_string()))?;
    let manifest = guanjia_packaging::read_manifest(&component).map_err(|error| Error::invalid(error.to_string()))?;
    output::line(&json!({
        "id": manifest.id, "version": manifest.version.to_string(), "digest": info.digest, "size": info.size,
        "imports": info.imports, "exports": info.exports, "float_free": info.float_free,
    }));
    Ok(Done::Well)
}

fn build(folder: &Path, component: &Path, to: Option<&Path>, json: bool) -> Result<Done> {
    let (manifest, packaged) = guanjia_packaging::package_component(folder, &read(component)?)
        .map_err(|error| Error::invalid(error.to_string()))?;
    let written = to.map_or_else(|| format!("{}-{}.wasm", manifest.id, manifest.version).into(), Path::to_owned);
    std::fs::write(&written, &packaged)
        .map_err(|error| Error::invalid(format!("{} cannot be written: {error}", written.display())))?;
    if json {
        let (id, version) = (&manifest.id, manifest.version.to_string());
        output::line(&json!({ "id": id, "version": version, "file": written, "size": packaged.len() }));
    } else {
        output::text(&format!("{manifest}  {}", written.display()));
    }
    Ok(Done::Well)
}

impl Bind {
    async fn request(&self, office: &Office) -> Result<BindRequest> {
        let project = output::project(office, &self.project).await?;
        let (id, version) = self
            .plugin
            .split_once('@')
            .ok_or_else(|| Error::invalid(format!("{:?} is not ID@VERSION", self.plugin)))?;
        let settings =
            String::from_utf8(read(&self.settings)?).map_err(|_| Error::invalid("the settings are not UTF-8"))?;
        let fee_item_id = match &self.fee_item {
            None => None,
            Some(name) => {
                let items = office.store.fee_items(project.id).await?;
                Some(
                    items
                        .into_iter()
                        .find(|item| item.name == *name)
                        .ok_or_else(|| Error::not_found("fee item", name))?
                        .id,
                )
            }
        };
        Ok(BindRequest {
            project_id: project.id,
            point: self.point,
            fee_item_id,
            plugin_id: id.to_owned(),
            plugin_version: version.to_owned(),
            settings,
            effective_from: self.from,
            effective_to: self.to,
            mode: self.mode,
        })
    }
}

fn print_plugin(plugin: &InstalledPlugin, json: bool) {
    if json {
        let exports: Vec<_> = plugin.exports.iter().map(|export| export.point.code()).collect();
        output::line(&json!({
            "id": plugin.id, "version": plugin.version, "digest": plugin.digest, "title": plugin.title,
            "exports": exports, "float_free": plugin.float_free, "size": plugin.size_bytes,
        }));
    } else {
        output::text(&format!("{}@{}  {}  {}", plugin.id, plugin.version, plugin.title.zh, plugin.digest));
    }
}

fn print_binding(binding: &Binding, json: bool) {
    if json {
        output::line(&json!(binding));
    } else {
        let to = binding.effective_to.map_or_else(String::new, |to| format!(" to {to}"));
        output::text(&format!(
            "{}  {}  {}@{}  from {}{to}  {}",
            binding.id, binding.point, binding.plugin_id, binding.plugin_version, binding.effective_from, binding.mode
        ));
    }
}
