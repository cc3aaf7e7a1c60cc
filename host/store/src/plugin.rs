//! Installed plug-ins and their bindings.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use guanjia_domain::{
    Error, Result,
    access::Stamp,
    ids::{BindingId, ProjectId},
    plugin::{Binding, BindingMode, Cause, InstalledPlugin, Room, room},
    ports::{NewPlugin, PluginStore},
};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{
    CompanyScope,
    audit::Change,
    db::{Cells, Row, Scope},
    value,
};

/// What [`read_binding`] reads, of a binding `b` joined with its settings `s`.
macro_rules! binding_columns {
    () => {
        concat!(
            "b.id, b.project_id, b.point, b.fee_item_id, b.plugin_code, b.plugin_version, b.digest, s.settings, ",
            "b.effective_from, b.effective_to, b.mode, b.tolerance_permille, b.granted ",
            "FROM binding b JOIN settings_blob s ON s.company_id = b.company_id AND s.settings_sha256 = b.settings_sha256 "
        )
    };
}

pub(crate) fn read_binding(cells: &mut Cells<'_>) -> Result<Binding> {
    Ok(Binding {
        id: cells.take()?,
        project_id: cells.take()?,
        point: cells.take()?,
        fee_item_id: cells.take()?,
        plugin_id: cells.take()?,
        plugin_version: cells.take()?,
        digest: cells.take()?,
        settings: cells.take()?,
        effective_from: cells.take()?,
        effective_to: cells.take()?,
        mode: cells.take()?,
        tolerance_permille: cells.take()?,
        granted: value::json(&cells.take::<String>()?)?,
    })
}

pub(crate) fn read_plugin(row: &Row) -> Result<InstalledPlugin> {
    value::json(&row.only::<String>()?)
}

/// The key under which settings are kept.
pub(crate) fn settings_key(settings: &str) -> Vec<u8> {
    Sha256::digest(settings.as_bytes()).to_vec()
}

impl Scope {
    /// Keeps a settings text, once.
    pub(crate) async fn keep_settings(&mut self, settings: &str, now: DateTime<Utc>) -> Result<Vec<u8>> {
        let key = settings_key(settings);
        self.execute(
            sql!(
                "INSERT INTO settings_blob (company_id, settings_sha256, settings, created_at) VALUES ($1, $2, $3, $4) ",
                "ON CONFLICT (company_id, settings_sha256) DO NOTHING"
            ),
            values![key.clone(), settings, now],
        )
        .await?;
        Ok(key)
    }

    pub(crate) async fn write_binding(&mut self, binding: &Binding, now: DateTime<Utc>) -> Result<()> {
        let settings = self.keep_settings(&binding.settings, now).await?;
        self.execute(
            sql!(
                "INSERT INTO binding (company_id, id, project_id, point, fee_item_id, plugin_code, plugin_version, digest, ",
                "settings_sha256, effective_from, effective_to, mode, tolerance_permille, granted, created_at) ",
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
            ),
            values![
                binding.id,
                binding.project_id,
                binding.point,
                binding.fee_item_id,
                &binding.plugin_id,
                &binding.plugin_version,
                &binding.digest,
                settings,
                binding.effective_from,
                binding.effective_to,
                binding.mode,
                binding.tolerance_permille,
                json!(binding.granted).to_string(),
                now
            ],
        )
        .await?;
        Ok(())
    }

    /// Replaces a binding. Decisions that name it keep their own settings and component.
    pub(crate) async fn replace_binding(&mut self, binding: &Binding, now: DateTime<Utc>) -> Result<()> {
        let settings = self.keep_settings(&binding.settings, now).await?;
        let changed = self
            .execute(
                sql!(
                    "UPDATE binding SET point = $4, fee_item_id = $5, plugin_code = $6, plugin_version = $7, digest = $8, ",
                    "settings_sha256 = $9, effective_from = $10, effective_to = $11, mode = $12, tolerance_permille = $13, ",
                    "granted = $14 ",
                    "WHERE company_id = $1 AND id = $2 AND project_id = $3"
                ),
                values![
                    binding.id,
                    binding.project_id,
                    binding.point,
                    binding.fee_item_id,
                    &binding.plugin_id,
                    &binding.plugin_version,
                    &binding.digest,
                    settings,
                    binding.effective_from,
                    binding.effective_to,
                    binding.mode,
                    binding.tolerance_permille,
                    json!(binding.granted).to_string()
                ],
            )
            .await?;
        if changed == 1 { Ok(()) } else { Err(Error::not_found("binding", binding.id)) }
    }

    async fn bindings(&mut self, project: ProjectId) -> Result<Vec<Binding>> {
        let statement = sql!(
            "SELECT ",
            binding_columns!(),
            "WHERE b.company_id = $1 AND b.project_id = $2 ORDER BY b.effective_from, b.id"
        );
        let rows = self.rows(statement, values![project]).await?;
        rows.iter().map(|row| read_binding(&mut row.cells())).collect()
    }

    /// Writes a binding with its audit row, and makes room for it when it is to count.
    pub(crate) async fn switch_on(&mut self, stamp: &Stamp, binding: &Binding, cause: Cause) -> Result<()> {
        self.lock_project(binding.project_id).await?;
        let (superseded, continued) = match binding.mode {
            BindingMode::Active => self.clear_the_way(binding, stamp.at).await?,
            BindingMode::Trial | BindingMode::Shadow => (None, None),
        };
        self.write_binding(binding, stamp.at).await?;
        let (action, because) = match cause {
            Cause::Bound => ("binding.add", json!(null)),
            Cause::Approved(proposal) => ("binding.add", json!({ "proposal": proposal })),
            Cause::RolledBack(binding) => ("binding.roll-back", json!({ "taken_back": binding })),
        };
        let after = json!({
            "plugin": binding.plugin_id,
            "version": binding.plugin_version,
            "fee_item": binding.fee_item_id,
            "effective_from": binding.effective_from,
            "effective_to": binding.effective_to,
            "mode": binding.mode,
            "tolerance_permille": binding.tolerance_permille,
            "granted": binding.granted,
            "settings": binding.settings,
            "superseded": superseded,
            "continued_by": continued,
            "because": because,
        });
        let payload = json!({ "plugin": binding.plugin_id, "fee_item": binding.fee_item_id, "superseded": superseded });
        self.event(stamp.at, "binding.added", Some(binding.project_id), binding.id.to_string(), &payload).await?;
        self.audit(stamp, Change::of(action, format!("binding {}", binding.id), after)).await
    }

    /// Keeps a checked component, or the signatures that an installed one did not have yet.
    pub(crate) async fn install_plugin(&mut self, stamp: &Stamp, new: &NewPlugin<'_>) -> Result<()> {
        if self.write_plugin(stamp, new).await? {
            self.note_plugin(stamp, new).await
        } else {
            self.add_signatures(stamp, new.plugin).await
        }
    }

    /// Makes room for an active binding, and says which rule it ended and which piece of that goes on after it.
    async fn clear_the_way(
        &mut self,
        binding: &Binding,
        now: DateTime<Utc>,
    ) -> Result<(Option<BindingId>, Option<BindingId>)> {
        let mut others = self.bindings(binding.project_id).await?;
        others.retain(|other| {
            other.mode == BindingMode::Active
                && other.point == binding.point
                && other.fee_item_id == binding.fee_item_id
        });
        let Room { ended, continued } = room(&others, binding)?;
        let Some(ended) = ended else { return Ok((None, None)) };
        if continued.is_some() && self.is_quarantined(ended.id).await? {
            // Its other piece would be asked as if nothing had been found about it.
            return Err(Error::Conflict(format!(
                "{} {} is quarantined and would go on after the new rule. Release it first, or let the new rule have no end",
                ended.plugin_id, ended.plugin_version
            )));
        }
        self.execute(
            sql!("UPDATE binding SET effective_to = $3 WHERE company_id = $1 AND id = $2"),
            values![ended.id, binding.effective_from],
        )
        .await?;
        if let Some(continued) = &continued {
            self.write_binding(continued, now).await?;
        }
        Ok((Some(ended.id), continued.map(|continued| continued.id)))
    }
}

#[async_trait]
impl PluginStore for CompanyScope {
    async fn install_plugins(&self, stamp: &Stamp, plugins: &[NewPlugin<'_>]) -> Result<()> {
        let mut scope = self.write().await?;
        for new in plugins {
            scope.install_plugin(stamp, new).await?;
        }
        scope.commit().await
    }

    async fn plugins(&self) -> Result<Vec<InstalledPlugin>> {
        let statement = sql!("SELECT manifest FROM plugin WHERE company_id = $1 ORDER BY code, created_at, version");
        let mut scope = self.read().await?;
        let rows = scope.rows(statement, values![]).await?;
        let mut plugins: Vec<InstalledPlugin> = rows.iter().map(read_plugin).collect::<Result<_>>()?;
        let mut digest_to_signatures = scope.signatures().await?;
        for plugin in &mut plugins {
            plugin.signatures = digest_to_signatures.remove(&plugin.digest).unwrap_or_default();
        }
        Ok(plugins)
    }

    async fn plugin(&self, id: &str, version: &str) -> Result<Option<InstalledPlugin>> {
        let statement = sql!("SELECT manifest FROM plugin WHERE company_id = $1 AND code = $2 AND version = $3");
        self.read().await?.signed_plugin(statement, values![id, version]).await
    }

    async fn plugin_by_digest(&self, digest: &str) -> Result<Option<InstalledPlugin>> {
        let statement = sql!("SELECT manifest FROM plugin WHERE company_id = $1 AND digest = $2");
        self.read().await?.signed_plugin(statement, values![digest]).await
    }

    async fn component(&self, digest: &str) -> Result<Vec<u8>> {
        let statement = sql!("SELECT component FROM plugin_component WHERE company_id = $1 AND digest = $2");
        let row = self.read().await?.row(statement, values![digest]).await?;
        row.ok_or_else(|| Error::not_found("component", digest))?.only()
    }

    async fn bindings(&self, project: ProjectId) -> Result<Vec<Binding>> {
        self.read().await?.bindings(project).await
    }

    async fn binding(&self, binding: BindingId) -> Result<Binding> {
        let statement = sql!("SELECT ", binding_columns!(), "WHERE b.company_id = $1 AND b.id = $2");
        let row = self.read().await?.row(statement, values![binding]).await?;
        read_binding(&mut row.ok_or_else(|| Error::not_found("binding", binding))?.cells())
    }

    async fn add_bindings(&self, stamp: &Stamp, bindings: &[Binding], cause: Cause) -> Result<()> {
        let mut scope = self.write().await?;
        for binding in bindings {
            scope.switch_on(stamp, binding, cause).await?;
        }
        scope.commit().await
    }
}
