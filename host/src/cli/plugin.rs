//! `guanjia plugin install|list|inspect|bind|rollback|…`.

use clap::Subcommand;
use guanjia_domain::{
    Date, Error, Result,
    access::Stamp,
    ids::{FeeItemId, ProjectId, ProposalId},
    plugin::{
        Activation, ActivationRule, BindRequest, Binding, BindingMode, ExtensionPoint, InstalledPlugin, Proposal,
        TemplateRequest, migrate_settings,
    },
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
    /// Switch a plug-in on from a date, for a project or for all; where the company asks for it, a second person approves.
    Bind(Bind),
    /// Take the rule that holds on a day back: what held before it holds again from that day on.
    Rollback(Rollback),
    /// What waits for a second person, and what was decided last.
    Proposals,
    /// Say yes to a proposal: somebody else than whoever made it (`--as USER`).
    Approve { proposal: ProposalId },
    /// Say no to a proposal, or take one's own back.
    Refuse {
        proposal: ProposalId,
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Whether a second person has to approve before a rule counts.
    Rule {
        #[arg(long, value_name = "true|false", action = clap::ArgAction::Set)]
        second_person: Option<bool>,
    },
    /// Carry settings over to another version, to be looked at. Nothing is written.
    MigrateSettings {
        /// `ID@VERSION` of an installed plug-in.
        #[arg(long, value_name = "ID@VERSION")]
        plugin: String,
        #[arg(long, value_name = "FILE")]
        settings: PathBuf,
    },
    /// The bindings of a project.
    Bindings {
        #[arg(long, value_name = "NAME")]
        project: String,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Bind {
    #[arg(long, value_name = "NAME", required_unless_present = "everywhere")]
    project: Option<String>,
    /// In every project that has the fee item, in all of them or in none.
    #[arg(long, conflicts_with = "project", requires = "fee_item")]
    everywhere: bool,
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
    /// Why, for the second person and the audit trail.
    #[arg(long, default_value = "")]
    note: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Rollback {
    #[arg(long, value_name = "NAME")]
    project: String,
    #[arg(long, default_value = "fee-policy")]
    point: ExtensionPoint,
    #[arg(long, value_name = "NAME")]
    fee_item: Option<String>,
    #[arg(long, value_name = "DATE", value_parser = output::date)]
    from: Date,
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
            Plugin::Bind(bind) => print_activation(&bind.activate(&office, &stamp).await?, global.json),
            Plugin::Rollback(back) => {
                let project = output::project(&office, &back.project).await?;
                let fee_item = fee_item_named(&office, project.id, back.fee_item.as_deref()).await?;
                let activation = office.plugins.roll_back(&stamp, project.id, back.point, fee_item, back.from).await?;
                print_activation(&activation, global.json);
            }
            Plugin::Proposals => {
                for proposal in office.store.proposals(PROPOSALS_SHOWN).await? {
                    print_proposal(&proposal, global.json);
                }
            }
            Plugin::Approve { proposal } => {
                print_activation(&office.plugins.approve_proposal(&stamp, *proposal).await?, global.json);
            }
            Plugin::Refuse { proposal, reason } => {
                print_proposal(&office.plugins.refuse_proposal(&stamp, *proposal, reason).await?, global.json);
            }
            Plugin::Rule { second_person } => {
                if let Some(second_person) = *second_person {
                    office.plugins.set_activation_rule(&stamp, ActivationRule { second_person }).await?;
                }
                output::line(&json!(office.store.activation_rule().await?));
            }
            Plugin::MigrateSettings { plugin, settings } => {
                let (id, version) = id_and_version(plugin)?;
                let installed =
                    office.store.plugin(id, version).await?.ok_or_else(|| Error::not_found("plug-in", plugin))?;
                let migrated =
                    migrate_settings(&read_text(settings)?, &installed.settings_schema, &installed.settings_renames)?;
                output::line(&json!(migrated));
            }
            Plugin::Bindings { project } => {
                let project = output::project(&office, project).await?;
                for binding in office.store.bindings(project.id).await? {
                    print_binding(&binding, global.json);
                }
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

/// Proposals that a list shows; what is older stands in the audit trail.
const PROPOSALS_SHOWN: u32 = 200;

impl Bind {
    async fn activate(&self, office: &Office, stamp: &Stamp) -> Result<Activation> {
        let (id, version) = id_and_version(&self.plugin)?;
        let settings = read_text(&self.settings)?;
        let Some(project) = &self.project else {
            let template = TemplateRequest {
                point: self.point,
                fee_item: self.fee_item.clone().unwrap_or_default(),
                plugin_id: id.to_owned(),
                plugin_version: version.to_owned(),
                settings,
                effective_from: self.from,
            };
            return office.plugins.switch_on_everywhere(stamp, &template, &self.note).await;
        };
        let project = output::project(office, project).await?;
        let request = BindRequest {
            project_id: project.id,
            point: self.point,
            fee_item_id: fee_item_named(office, project.id, self.fee_item.as_deref()).await?,
            plugin_id: id.to_owned(),
            plugin_version: version.to_owned(),
            settings,
            effective_from: self.from,
            effective_to: self.to,
            mode: self.mode,
        };
        office.plugins.switch_on(stamp, request, &self.note, None).await
    }
}

fn id_and_version(plugin: &str) -> Result<(&str, &str)> {
    plugin.split_once('@').ok_or_else(|| Error::invalid(format!("{plugin:?} is not ID@VERSION")))
}

fn read_text(file: &Path) -> Result<String> {
    String::from_utf8(read(file)?).map_err(|_| Error::invalid("the settings are not UTF-8"))
}

async fn fee_item_named(office: &Office, project: ProjectId, name: Option<&str>) -> Result<Option<FeeItemId>> {
    let Some(name) = name else { return Ok(None) };
    let items = office.store.fee_items(project).await?;
    let item = items.into_iter().find(|item| item.name == name);
    Ok(Some(item.ok_or_else(|| Error::not_found("fee item", name))?.id))
}

/// One object a binding or proposal; months that can be re-rated are told on stderr.
fn print_activation(activation: &Activation, json: bool) {
    for binding in &activation.bindings {
        print_binding(binding, json);
    }
    for proposal in &activation.proposals {
        print_proposal(proposal, json);
    }
    for posted in &activation.posted {
        let months: Vec<String> = posted.months.iter().map(|month| output::month_text(*month)).collect();
        output::say(&format!("posted already by another rule: {}", months.join(", ")));
    }
}

fn print_proposal(proposal: &Proposal, json: bool) {
    let binding = &proposal.binding;
    if json {
        output::line(&json!({
            "proposal": proposal.id, "state": proposal.state, "binding": binding, "note": proposal.note,
            "proposed_by": proposal.proposed_by, "decided_by": proposal.decided_by, "reason": proposal.reason,
        }));
    } else {
        output::text(&format!(
            "{}  {}  {}@{}  from {}  by {}  {}",
            proposal.id,
            proposal.state,
            binding.plugin_id,
            binding.plugin_version,
            binding.effective_from,
            proposal.proposed_by,
            proposal.note
        ));
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
