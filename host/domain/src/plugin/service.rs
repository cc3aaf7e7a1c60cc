//! The plug-in service: installing components and switching them on.

use std::sync::Arc;

use super::{Binding, BindingMode, ExtensionPoint, InstalledPlugin, canonical_settings, check_settings};
use crate::{
    Date, Error, Result,
    access::{Permission, Stamp},
    ids::*,
    ports::{CompanyStore, ComponentSource, PolicyEngine},
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

    /// Checks a component file and keeps it. The same bytes again change nothing.
    ///
    /// # Errors
    /// `Refused` without the permission; `Invalid` with what to do when a check fails; `Conflict` when other bytes carry
    /// the same id and version.
    pub async fn install(&self, stamp: &Stamp, component: &[u8]) -> Result<InstalledPlugin> {
        stamp.actor.require(Permission::ManagePlugins)?;
        let plugin = self.engine.verify(component.to_vec()).await?;
        self.store.install_plugin(stamp, &plugin, component).await?;
        Ok(plugin)
    }

    /// Switches a plug-in on after both checks of its settings: the schema's and the plug-in's own.
    ///
    /// # Errors
    /// `Refused` without the permission; `Invalid` for settings that do not fit or facts that the host lacks.
    pub async fn bind(&self, stamp: &Stamp, request: BindRequest) -> Result<Binding> {
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
        let binding = Binding {
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
        };
        self.store.add_binding(stamp, &binding, true).await?;
        Ok(binding)
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
        if let Some(unknown) = export.description.facts.iter().find(|fact| point.fact(fact).is_none()) {
            return Err(Error::invalid(format!(
                "the plug-in asks for the fact {unknown:?}, which this host cannot compute"
            )));
        }
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
