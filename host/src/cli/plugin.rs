//! `guanjia plugin …`: the integrator's tools and the admin's side.

mod build;
mod inspect;
mod keys;
mod source;
mod transport;
mod trust;

use clap::Subcommand;
use guanjia_domain::{
    Date, Error, Result,
    access::{Permission, Stamp},
    ids::{BindingId, FeeItemId, ProjectId, ProposalId, TrialId},
    job::Progress,
    plugin::{
        Activation, ActivationRule, BindRequest, Binding, BindingMode, ExtensionPoint, InstalledPlugin, Language,
        PackedFile, PluginFile, Proposal, TemplateRequest, TrustedPublisher, bundle_origin, migrate_settings,
        signature::judge,
    },
};
use serde_json::json;
use std::path::{Path, PathBuf};

use self::source::{Login, Source};
use super::{
    Done, Global,
    output::{self, in_words, pick},
    trial, watch,
};
use crate::{boot::Office, standard_plugins};

/// Settings are a form that a person fills in; price tables with thousands of rows have a hundred kilobytes.
const SETTINGS_BYTES_MAX: usize = 4 << 20;

#[derive(Debug, Subcommand)]
pub(super) enum Plugin {
    /// Check a component file and keep it. Of a bundle, all components or none. `standard` stands for the plug-ins inside this
    /// binary.
    Install {
        /// A component file, a bundle, or a reference of a registry.
        #[arg(value_name = "FILE|REF")]
        plugin: String,
        #[command(flatten)]
        login: Login,
    },
    /// The installed plug-ins.
    List,
    /// What a plug-in is and who signed it; a file or a reference without a database.
    Inspect(inspect::Inspect),
    /// Put the manifest of a plug-in's folder into a component that some tool has built, without a database.
    Build(build::Build),
    /// Make a key to sign with.
    Keygen(keys::Keygen),
    /// Sign a component file.
    Sign(keys::Sign),
    /// Who signed a component file, and whether the signatures hold.
    Verify(keys::Verify),
    /// Pack component files into one file, for where no registry reaches.
    Pack(transport::Pack),
    /// Put a component file into a registry.
    Push(transport::Push),
    /// Get a component file out of a registry.
    Pull(transport::Pull),
    /// Whose signatures the company accepts.
    #[command(subcommand)]
    Trust(trust::Trust),
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
    /// What bindings did in their runs, and which of them are quarantined.
    Watch {
        /// Of one project only.
        #[arg(long, value_name = "NAME")]
        project: Option<String>,
    },
    /// Which bindings of all projects are quarantined.
    Quarantines,
    /// Stop asking a binding: what it would answer is held.
    Quarantine {
        binding: BindingId,
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Ask a quarantined binding again, after its decisions came out well once more.
    Release { binding: BindingId },
    #[command(flatten)]
    Trials(trial::Trials),
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
    /// The first day on which it no longer holds. A rule that held there before goes on from that day; with an end, a past
    /// stretch can be corrected that a next rule has followed.
    #[arg(long, value_name = "DATE", value_parser = output::date)]
    to: Option<Date>,
    #[arg(long, default_value = "active")]
    mode: BindingMode,
    /// Of a shadow: by how much, in permille of the total, it may differ before somebody is told.
    #[arg(long, default_value_t = 0, value_name = "PERMILLE")]
    tolerance: i64,
    /// An effect that the rule may have, such as `notify`, among those that it asks for. May be given more than once.
    #[arg(long, value_name = "EFFECT")]
    grant: Vec<String>,
    /// Why, for the second person and the audit trail.
    #[arg(long, default_value = "")]
    note: String,
    /// A finished trial of the same plug-in, settings and fee item, whose report speaks for it.
    #[arg(long, value_name = "TRIAL", conflicts_with = "everywhere")]
    trial: Option<TrialId>,
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
        match self {
            Plugin::Inspect(command) => return command.run(global).await,
            Plugin::Build(command) => return command.run(global),
            Plugin::Keygen(command) => return command.run(global),
            Plugin::Sign(command) => return command.run(global),
            Plugin::Verify(command) => return command.run(global),
            Plugin::Pack(command) => return command.run(global),
            Plugin::Push(command) => return command.run(global).await,
            Plugin::Pull(command) => return command.run(global).await,
            Plugin::Trust(command) => return command.run(global).await,
            _ => {}
        }
        let office = global.office().await?;
        let stamp = office.stamp(global.acting.as_deref(), "cli").await?;
        let language = global.language(Language::En);
        match self {
            Plugin::Install { plugin, login } => {
                let installed = install(&office, &stamp, plugin, login).await?;
                print_plugins(&office, &installed, language, global.json).await?;
            }
            Plugin::List => print_plugins(&office, &office.store.plugins().await?, language, global.json).await?,
            Plugin::Bind(bind) => print_activation(&bind.activate(&office, &stamp).await?, language, global.json),
            Plugin::Rollback(back) => {
                let project = output::project(&office, &back.project).await?;
                let fee_item = fee_item_named(&office, project.id, back.fee_item.as_deref()).await?;
                let activation = office.plugins.roll_back(&stamp, project.id, back.point, fee_item, back.from).await?;
                print_activation(&activation, language, global.json);
            }
            Plugin::Proposals => {
                for proposal in office.store.proposals(PROPOSALS_SHOWN).await? {
                    print_proposal(&proposal, language, global.json);
                }
            }
            Plugin::Approve { proposal } => {
                print_activation(&office.plugins.approve_proposal(&stamp, *proposal).await?, language, global.json);
            }
            Plugin::Refuse { proposal, reason } => {
                print_proposal(
                    &office.plugins.refuse_proposal(&stamp, *proposal, reason).await?,
                    language,
                    global.json,
                );
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
                let migrated = migrate_settings(
                    &self::settings(settings)?,
                    &installed.settings_schema,
                    &installed.settings_renames,
                )?;
                output::line(&json!(migrated));
            }
            Plugin::Bindings { project } => {
                let project = output::project(&office, project).await?;
                for binding in office.store.bindings(project.id).await? {
                    print_binding(&binding, language, global.json);
                }
            }
            Plugin::Watch { project } => {
                watch::list(&office, &stamp, project.as_deref(), language, global.json).await?
            }
            Plugin::Quarantines => watch::quarantines(&office, &stamp, language, global.json).await?,
            Plugin::Quarantine { binding, reason } => {
                let quarantine = office.plugins.quarantine(&stamp, *binding, reason).await?;
                watch::print_quarantine(&quarantine, language, global.json);
            }
            Plugin::Release { binding } => {
                let report = office.plugins.release(&stamp, *binding).await?;
                watch::print_release(&report, language, global.json);
            }
            Plugin::Trials(trials) => trials.run(&office, &stamp, global.json).await?,
            _ => {}
        }
        Ok(Done::Well)
    }
}

async fn install(office: &Office, stamp: &Stamp, plugin: &str, login: &Login) -> Result<Vec<InstalledPlugin>> {
    if plugin == "standard" && !Path::new(plugin).exists() {
        return standard_plugins::install(office, stamp).await;
    }
    // Asked before anything is fetched: who may not install has nothing to do with what a registry holds.
    stamp.actor.require(Permission::ManagePlugins)?;
    match source::get(plugin, login).await? {
        Source::Component(found) => {
            let file = PluginFile { bytes: &found.file, name: plugin, origin: &found.origin };
            install_with_bar(office, stamp, &[file]).await
        }
        Source::Bundle(bundle) => {
            let origin = bundle_origin(&bundle);
            let packed = office.plugins.unpack(bundle).await?;
            let files: Vec<PluginFile<'_>> =
                packed.iter().map(|PackedFile { name, bytes }| PluginFile { bytes, name, origin: &origin }).collect();
            install_with_bar(office, stamp, &files).await
        }
    }
}

/// What takes long to compile shows how far it is; Ctrl-C ends it, and nothing is installed.
async fn install_with_bar(office: &Office, stamp: &Stamp, files: &[PluginFile<'_>]) -> Result<Vec<InstalledPlugin>> {
    let bar = output::Bar::new("checking");
    let mut watch: &dyn Progress = &bar;
    let result = office.plugins.install_watched(stamp, files, &mut watch).await;
    bar.done();
    result
}

async fn print_plugins(office: &Office, plugins: &[InstalledPlugin], language: Language, json: bool) -> Result<()> {
    let trusted = office.store.trusted_publishers().await?;
    for plugin in plugins {
        print_plugin(plugin, &trusted, language, json);
    }
    Ok(())
}

/// Proposals that a list shows; what is older stands in the audit trail.
const PROPOSALS_SHOWN: u32 = 200;

impl Bind {
    async fn activate(&self, office: &Office, stamp: &Stamp) -> Result<Activation> {
        let (id, version) = id_and_version(&self.plugin)?;
        let settings = settings(&self.settings)?;
        let Some(project) = &self.project else {
            let template = TemplateRequest {
                point: self.point,
                fee_item: self.fee_item.clone().unwrap_or_default(),
                plugin_id: id.to_owned(),
                plugin_version: version.to_owned(),
                settings,
                effective_from: self.from,
                granted: self.grant.clone(),
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
            tolerance_permille: self.tolerance,
            granted: self.grant.clone(),
        };
        office.plugins.switch_on(stamp, request, &self.note, self.trial).await
    }
}

/// Both halves of `ID@VERSION`.
pub(super) fn id_and_version(plugin: &str) -> Result<(&str, &str)> {
    plugin.split_once('@').ok_or_else(|| Error::invalid(format!("{plugin:?} is not ID@VERSION")))
}

/// The text of a file of settings.
pub(super) fn settings(file: &Path) -> Result<String> {
    String::from_utf8(source::read(file, SETTINGS_BYTES_MAX)?).map_err(|_| Error::invalid("the settings are not UTF-8"))
}

async fn fee_item_named(office: &Office, project: ProjectId, name: Option<&str>) -> Result<Option<FeeItemId>> {
    let Some(name) = name else { return Ok(None) };
    Ok(Some(output::fee_item(office, project, name).await?.id))
}

/// One object a binding or proposal; months that can be re-rated are told on stderr.
fn print_activation(activation: &Activation, language: Language, json: bool) {
    for binding in &activation.bindings {
        print_binding(binding, language, json);
    }
    for proposal in &activation.proposals {
        print_proposal(proposal, language, json);
    }
    for posted in &activation.posted {
        let months: Vec<String> = posted.months.iter().map(|month| output::month_text(*month)).collect();
        let months = months.join(", ");
        output::say(&pick(
            language,
            format!("另一规则已过账：{months}；用 `guanjia bill rerate` 得出新规则带来的调整"),
            format!(
                "posted already by another rule: {months}; `guanjia bill rerate` proposes what the new one changes"
            ),
        ));
    }
}

fn print_proposal(proposal: &Proposal, language: Language, json: bool) {
    let binding = &proposal.binding;
    if json {
        output::line(&json!({
            "proposal": proposal.id, "state": proposal.state, "binding": binding, "note": proposal.note,
            "proposed_by": proposal.proposed_by, "decided_by": proposal.decided_by, "reason": proposal.reason,
        }));
    } else {
        let Proposal { id, proposed_by: by, note, .. } = proposal;
        let state = in_words(language, "proposal", proposal.state.code());
        let Binding { plugin_id, plugin_version, effective_from: from, .. } = binding;
        output::text(&pick(
            language,
            format!("{id}  {state}  {plugin_id}@{plugin_version}  自 {from} 起  {by} 提交  {note}"),
            format!("{id}  {state}  {plugin_id}@{plugin_version}  from {from}  by {by}  {note}"),
        ));
    }
}

fn print_plugin(plugin: &InstalledPlugin, trusted: &[TrustedPublisher], language: Language, json: bool) {
    let judgement = judge(&plugin.signatures, trusted);
    if json {
        let exports: Vec<_> = plugin.exports.iter().map(|export| export.point.code()).collect();
        output::line(&json!({
            "id": plugin.id, "version": plugin.version, "digest": plugin.digest, "title": plugin.title,
            "exports": exports, "float_free": plugin.float_free, "runtime": plugin.tier, "size": plugin.size_bytes,
            "signature": judgement.state, "signatures": keys::told(&judgement),
        }));
    } else {
        let (id, version, digest) = (&plugin.id, &plugin.version, &plugin.digest);
        let title = plugin.title.in_language(language);
        let state = in_words(language, "signature", judgement.state.code());
        output::text(&format!("{id}@{version}  {title}  {digest}  {state}"));
    }
}

fn print_binding(binding: &Binding, language: Language, json: bool) {
    if json {
        output::line(&json!(binding));
    } else {
        let Binding { id, plugin_id, plugin_version, effective_from: from, .. } = binding;
        let point = in_words(language, "point", binding.point.code());
        let mode = in_words(language, "mode", binding.mode.code());
        let until = |to: Date| pick(language, format!("，{to} 起不再生效"), format!(" to {to}"));
        let to = binding.effective_to.map(until).unwrap_or_default();
        output::text(&pick(
            language,
            format!("{id}  {point}  {plugin_id}@{plugin_version}  自 {from} 起{to}  {mode}"),
            format!("{id}  {point}  {plugin_id}@{plugin_version}  from {from}{to}  {mode}"),
        ));
    }
}
