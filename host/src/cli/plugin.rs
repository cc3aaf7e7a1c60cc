//! `guanjia plugin install|list|inspect|bind|watch|quarantine|release`.

use clap::Subcommand;
use guanjia_domain::{
    Date, Error, Result,
    ids::BindingId,
    plugin::{BindRequest, Binding, BindingMode, ExtensionPoint, InstalledPlugin},
};
use serde_json::json;
use std::path::{Path, PathBuf};

use super::{Done, Global, output, watch};
use crate::{boot::Office, standard_plugins};

#[derive(Debug, Subcommand)]
pub(super) enum Plugin {
    /// Check a component file and keep it; `standard` stands for the plug-ins inside this binary.
    Install { file: PathBuf },
    /// The installed plug-ins.
    List,
    /// What a component file is, without a database.
    Inspect { file: PathBuf },
    /// Switch a plug-in on for a project from a date.
    Bind(Bind),
    /// The bindings of a project.
    Bindings {
        #[arg(long, value_name = "NAME")]
        project: String,
    },
    /// What bindings did in their runs, and which of them are quarantined.
    Watch {
        /// Of one project only.
        #[arg(long, value_name = "NAME")]
        project: Option<String>,
    },
    /// Stop asking a binding: what it would answer is held.
    Quarantine {
        binding: BindingId,
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Ask a quarantined binding again, after its decisions came out well once more.
    Release { binding: BindingId },
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
    /// Of a shadow: by how much, in permille of the total, it may differ before somebody is told.
    #[arg(long, default_value_t = 0, value_name = "PERMILLE")]
    tolerance: i64,
}

impl Plugin {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        if let Plugin::Inspect { file } = self {
            return inspect(file);
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
            Plugin::Watch { project } => watch::list(&office, &stamp, project.as_deref(), global.json).await?,
            Plugin::Quarantine { binding, reason } => {
                let quarantine = office.plugins.quarantine(&stamp, *binding, reason).await?;
                watch::print_quarantine(&quarantine, global.json);
            }
            Plugin::Release { binding } => {
                let report = office.plugins.release(&stamp, *binding).await?;
                watch::print_release(&report, global.json);
            }
            Plugin::Inspect { .. } => {}
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
            tolerance_permille: self.tolerance,
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
