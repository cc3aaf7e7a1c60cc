//! The plug-in service: installing components and switching them on.

use std::sync::Arc;

use super::{
    Binding, BindingMode, ExtensionPoint, InstalledPlugin, PluginExport, Text, TrustRule, canonical_settings,
    check_settings, signature::judge,
};
use crate::{
    Date, Error, Result,
    access::{Permission, Stamp},
    custom_field::field_of_fact,
    facts::{Catalogue, ask_for_custom},
    ids::*,
    job::Watch,
    ports::{CompanyStore, ComponentSource, NewPlugin, PolicyEngine},
};

/// Plug-ins of one company.
#[derive(Clone)]
pub struct Plugins {
    pub(super) store: Arc<dyn CompanyStore>,
    pub(super) engine: Arc<dyn PolicyEngine>,
}

impl std::fmt::Debug for Plugins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugins").field("company_id", &self.store.company_id()).finish_non_exhaustive()
    }
}

/// Which version answers for what, from when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindRequest {
    pub project_id: ProjectId,
    pub point: ExtensionPoint,
    pub fee_item_id: Option<FeeItemId>,
    pub plugin_id: String,
    pub plugin_version: String,
    /// JSON.
    pub settings: String,
    pub effective_from: Date,
    pub effective_to: Option<Date>,
    pub mode: BindingMode,
    /// See [`Binding::tolerance_permille`].
    pub tolerance_permille: i64,
}

/// A component file that is to be installed.
#[derive(Debug, Clone, Copy)]
pub struct PluginFile<'a> {
    pub bytes: &'a [u8],
    /// How whoever brought it calls it, for a refusal.
    pub name: &'a str,
    /// Where it came from, such as a reference of a registry with its digest; empty for a file. For the audit trail.
    pub origin: &'a str,
}

/// Component files come out of the store by digest.
pub(crate) struct StoredComponents<'a>(pub &'a dyn CompanyStore);

#[async_trait::async_trait]
impl ComponentSource for StoredComponents<'_> {
    async fn component(&self, digest: &str) -> Result<Vec<u8>> {
        self.0.component(digest).await
    }
}

impl Plugins {
    #[must_use]
    pub fn new(store: Arc<dyn CompanyStore>, engine: Arc<dyn PolicyEngine>) -> Self {
        Self { store, engine }
    }

    /// Checks a component file and keeps it. The same file again changes nothing; the same component with more signatures
    /// adds those.
    ///
    /// # Errors
    /// `Refused` without the permission, or when the company asks for a trusted signature; `Invalid` with what to do when a
    /// check fails, as for a signature that does not hold; `Conflict` when another component carries the same id and version.
    pub async fn install(&self, stamp: &Stamp, file: &[u8]) -> Result<InstalledPlugin> {
        let installed = self.install_all(stamp, &[PluginFile { bytes: file, name: "the plug-in", origin: "" }]).await?;
        installed.into_iter().next().ok_or_else(|| Error::invalid("there is nothing to install"))
    }

    /// Checks component files and keeps all of them or, when one is refused, none.
    ///
    /// # Errors
    /// As [`Plugins::install`]; the first refusal counts.
    pub async fn install_all(&self, stamp: &Stamp, files: &[PluginFile<'_>]) -> Result<Vec<InstalledPlugin>> {
        self.install_watched(stamp, files, &mut ()).await
    }

    /// The same, with somebody who is told how far the check of each file is.
    ///
    /// # Errors
    /// As [`Plugins::install_all`], and whatever `watch` ends it with.
    pub async fn install_watched(
        &self,
        stamp: &Stamp,
        files: &[PluginFile<'_>],
        watch: &mut dyn Watch,
    ) -> Result<Vec<InstalledPlugin>> {
        stamp.actor.require(Permission::ManagePlugins)?;
        self.admit(files).await?;
        let mut plugins = Vec::with_capacity(files.len());
        for file in files {
            plugins.push(self.engine.verify_watched(file.bytes.to_vec(), watch).await?);
        }
        self.keep(stamp, &plugins, files).await?;
        Ok(plugins)
    }

    /// Asks the company's rule about signatures first of all: what it refuses is neither compiled nor run.
    pub(super) async fn admit(&self, files: &[PluginFile<'_>]) -> Result<()> {
        let rule = self.store.trust_rule().await?;
        if rule == TrustRule::default() {
            return Ok(());
        }
        let trusted = self.store.trusted_publishers().await?;
        for file in files {
            let signatures = self.engine.signatures(file.bytes.to_vec()).await?;
            rule.admit(file.name, &judge(&signatures, &trusted))?;
        }
        Ok(())
    }

    /// Keeps a plug-in that came inside this host: whoever runs the host trusts what is in it, signed or not.
    ///
    /// # Errors
    /// As [`Plugins::install`], but for the company's rule about signatures.
    pub async fn install_own(&self, stamp: &Stamp, file: &[u8]) -> Result<InstalledPlugin> {
        stamp.actor.require(Permission::ManagePlugins)?;
        let plugin = self.engine.verify(file.to_vec()).await?;
        self.keep(stamp, std::slice::from_ref(&plugin), &[PluginFile { bytes: file, name: "", origin: "host" }])
            .await?;
        Ok(plugin)
    }

    async fn keep(&self, stamp: &Stamp, plugins: &[InstalledPlugin], files: &[PluginFile<'_>]) -> Result<()> {
        let mut new = Vec::with_capacity(plugins.len());
        for (plugin, file) in plugins.iter().zip(files) {
            new.push(NewPlugin { plugin, component: plugin.component_in(file.bytes)?, origin: file.origin });
        }
        self.store.install_plugins(stamp, &new).await
    }

    /// The binding that a request asks for, after both checks of its settings: the schema's and the plug-in's own.
    pub(super) async fn checked_binding(&self, stamp: &Stamp, request: BindRequest) -> Result<Binding> {
        stamp.actor.require(Permission::ManagePlugins)?;
        let name = format!("{}@{}", request.plugin_id, request.plugin_version);
        let plugin = self
            .store
            .plugin(&request.plugin_id, &request.plugin_version)
            .await?
            .ok_or_else(|| Error::not_found("plug-in", &name))?;
        self.check_place(&request).await?;
        let settings = self.checked_settings(&plugin, request.point, &request.settings).await?;
        if request.effective_to.is_some_and(|to| to <= request.effective_from) {
            return Err(Error::invalid("the binding ends before it starts"));
        }
        if !(0..=1_000).contains(&request.tolerance_permille) {
            return Err(Error::invalid("a tolerance lies between 0 and 1000 permille of the total"));
        }
        Ok(Binding {
            id: BindingId::generate(),
            project_id: request.project_id,
            point: request.point,
            fee_item_id: request.fee_item_id,
            plugin_id: plugin.id,
            plugin_version: plugin.version,
            digest: plugin.digest,
            settings,
            effective_from: request.effective_from,
            effective_to: request.effective_to,
            mode: request.mode,
            tolerance_permille: request.tolerance_permille,
        })
    }

    /// Fee and late-fee policies are bound to a fee item of the project.
    async fn check_place(&self, request: &BindRequest) -> Result<()> {
        match (request.point, request.fee_item_id) {
            (ExtensionPoint::FeePolicy | ExtensionPoint::LateFeePolicy, None) => {
                Err(Error::invalid(format!("a {} answers for a fee item: name it", request.point)))
            }
            (ExtensionPoint::FeePolicy | ExtensionPoint::LateFeePolicy, Some(id)) => {
                let items = self.store.fee_items(request.project_id).await?;
                if items.iter().any(|item| item.id == id) { Ok(()) } else { Err(Error::not_found("fee item", id)) }
            }
        }
    }

    /// Every fact that the plug-in asks for is one that the host computes, or a custom field that the company has declared
    /// of the kind that the plug-in reads.
    async fn check_facts(&self, plugin: &InstalledPlugin, export: &PluginExport) -> Result<()> {
        let names = &export.description.facts;
        let fields = if ask_for_custom(names) { self.store.custom_fields().await? } else { Vec::new() };
        let catalogue = Catalogue::new(fields);
        for name in names {
            let known = catalogue.fact(export.point, name);
            let (Some((entity, key)), Some(need)) = (field_of_fact(name), plugin.custom_facts.get(name)) else {
                match known {
                    Some(_) => continue,
                    None => {
                        return Err(Error::invalid(format!(
                            "the plug-in asks for the fact {name:?}, which this host cannot compute"
                        )));
                    }
                }
            };
            let (kind, Text { zh, en }) = (need.kind, &need.title);
            match known {
                None => {
                    return Err(Error::invalid(format!(
                        "the plug-in asks for {name} ({zh} / {en}), which this company does not have: declare the custom \
                         field {key} of the kind {kind} for each {entity} first"
                    )));
                }
                Some(known) if !known.kind.reads_as(kind) => {
                    return Err(Error::invalid(format!(
                        "the plug-in reads {name} ({zh} / {en}) as a {kind}, and the custom field {key} is declared as a {}",
                        known.kind
                    )));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Settings in their canonical form, if schema and plug-in accept them.
    ///
    /// # Errors
    /// `Invalid` that names what does not fit.
    pub async fn checked_settings(
        &self,
        plugin: &InstalledPlugin,
        point: ExtensionPoint,
        settings: &str,
    ) -> Result<String> {
        let export = plugin.export(point)?;
        self.check_facts(plugin, export).await?;
        let settings = canonical_settings(settings)?;
        check_settings(&plugin.settings_schema, &settings)?;
        self.engine.prepare(&plugin.digest, &StoredComponents(self.store.as_ref())).await?;
        let problems = self.engine.check_settings(&plugin.digest, point, &settings).await?;
        if problems.is_empty() {
            return Ok(settings);
        }
        let named: Vec<_> = problems.iter().map(|problem| format!("{} {}", problem.code, problem.about)).collect();
        Err(Error::invalid(format!("the plug-in does not accept the settings: {}", named.join("; "))))
    }
}
