//! Trusted publishers, the company's rule about signatures, and the signatures of what is installed.

use async_trait::async_trait;
use guanjia_domain::{
    Error, Result,
    access::Stamp,
    ids::PublisherId,
    plugin::{InstalledPlugin, PluginSignature, TrustRule, TrustedPublisher, signature::judge},
    ports::{NewPlugin, TrustStore},
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

use crate::{
    CompanyScope,
    audit::Change,
    db::{Cells, Scope},
    plugin::read_plugin,
    sql::Scoped,
    value::{self, Values},
};

fn read_publisher(cells: &mut Cells<'_>) -> Result<TrustedPublisher> {
    Ok(TrustedPublisher { id: cells.take()?, name: cells.take()?, key: cells.take::<String>()?.parse()? })
}

fn read_signature(cells: &mut Cells<'_>) -> Result<PluginSignature> {
    Ok(PluginSignature { key: cells.take::<String>()?.parse()?, publisher: cells.take()? })
}

fn subject(plugin: &InstalledPlugin) -> String {
    format!("plugin {} {}", plugin.id, plugin.version)
}

impl Scope {
    async fn trusted_publishers(&mut self) -> Result<Vec<TrustedPublisher>> {
        let statement =
            sql!("SELECT id, name, public_key FROM trusted_publisher WHERE company_id = $1 ORDER BY name, public_key");
        let rows = self.rows(statement, values![]).await?;
        rows.iter().map(|row| read_publisher(&mut row.cells())).collect()
    }

    async fn trust_rule(&mut self) -> Result<TrustRule> {
        let statement = sql!("SELECT require_trusted FROM trust_rule WHERE company_id = $1");
        let row = self.row(statement, values![]).await?;
        let require_trusted = row.map(|row| row.only::<bool>()).transpose()?.unwrap_or_default();
        Ok(TrustRule { require_trusted })
    }

    /// Writes a plug-in that is not installed yet. `false` when this very component is.
    ///
    /// # Errors
    /// `Conflict` when the version is installed with another component.
    pub(crate) async fn write_plugin(&mut self, stamp: &Stamp, new: &NewPlugin<'_>) -> Result<bool> {
        let plugin = new.plugin;
        let known = self
            .row(
                sql!("SELECT digest FROM plugin WHERE company_id = $1 AND code = $2 AND version = $3"),
                values![&plugin.id, &plugin.version],
            )
            .await?;
        match known.map(|row| row.only::<String>()).transpose()? {
            Some(digest) if digest == plugin.digest => return Ok(false),
            Some(_) => {
                return Err(Error::Conflict(format!(
                    "plug-in {} {} is installed with other content: give the new one a new version",
                    plugin.id, plugin.version
                )));
            }
            None => {}
        }
        self.execute(
            sql!(
                "INSERT INTO plugin_component (company_id, digest, component, created_at) VALUES ($1, $2, $3, $4) ",
                "ON CONFLICT (company_id, digest) DO NOTHING"
            ),
            values![&plugin.digest, new.component.to_vec(), stamp.at],
        )
        .await?;
        self.execute(
            sql!("INSERT INTO plugin (company_id, digest, code, version, manifest, created_at) VALUES ($1, $2, $3, $4, $5, $6)"),
            values![&plugin.digest, &plugin.id, &plugin.version, value::to_json(plugin)?, stamp.at],
        )
        .await?;
        self.write_signatures(stamp, plugin, 0).await?;
        Ok(true)
    }

    /// Tells of a plug-in that was installed, with what its signatures were worth at that moment.
    pub(crate) async fn note_plugin(&mut self, stamp: &Stamp, new: &NewPlugin<'_>) -> Result<()> {
        let plugin = new.plugin;
        let judgement = judge(&plugin.signatures, &self.trusted_publishers().await?);
        let after = json!({
            "digest": plugin.digest,
            "publisher": plugin.publisher,
            "size_bytes": plugin.size_bytes,
            "origin": new.origin,
            "signature": judgement.state.code(),
            "signers": judgement.signers,
        });
        let payload = json!({
            "id": plugin.id, "version": plugin.version, "signature": judgement.state.code(), "origin": new.origin,
        });
        self.event(stamp.at, "plugin.installed", None, plugin.digest.clone(), &payload).await?;
        self.audit(stamp, Change::of("plugin.install", subject(plugin), after)).await
    }

    /// Adds the signatures that an installed component did not have yet.
    pub(crate) async fn add_signatures(&mut self, stamp: &Stamp, plugin: &InstalledPlugin) -> Result<()> {
        let before = self.signatures_of(&plugin.digest).await?;
        let new: Vec<_> = plugin
            .signatures
            .iter()
            .filter(|signature| before.iter().all(|known| known.key != signature.key))
            .cloned()
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        self.write_signatures(stamp, &InstalledPlugin { signatures: new, ..plugin.clone() }, before.len()).await?;
        let after = self.signatures_of(&plugin.digest).await?;
        let payload = json!({ "id": plugin.id, "version": plugin.version, "signatures": after.len() });
        self.event(stamp.at, "plugin.signed", None, plugin.digest.clone(), &payload).await?;
        let change =
            Change { action: "plugin.sign", subject: subject(plugin), before: json!(before), after: json!(after) };
        self.audit(stamp, change).await
    }

    async fn write_signatures(&mut self, stamp: &Stamp, plugin: &InstalledPlugin, first: usize) -> Result<()> {
        for (signature, seq) in plugin.signatures.iter().zip(first..) {
            let seq = i64::try_from(seq).map_err(|_| Error::Overflow("counting signatures"))?;
            self.execute(
                sql!(
                    "INSERT INTO plugin_signature (company_id, digest, public_key, seq, publisher, created_at) ",
                    "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (company_id, digest, public_key) DO NOTHING"
                ),
                values![&plugin.digest, signature.key.to_string(), seq, &signature.publisher, stamp.at],
            )
            .await?;
        }
        Ok(())
    }

    async fn signatures_of(&mut self, digest: &str) -> Result<Vec<PluginSignature>> {
        let statement = sql!(
            "SELECT public_key, publisher FROM plugin_signature WHERE company_id = $1 AND digest = $2 ",
            "ORDER BY seq"
        );
        let rows = self.rows(statement, values![digest]).await?;
        rows.iter().map(|row| read_signature(&mut row.cells())).collect()
    }

    /// Signatures of all installed plug-ins by digest.
    pub(crate) async fn signatures(&mut self) -> Result<BTreeMap<String, Vec<PluginSignature>>> {
        let statement = sql!(
            "SELECT digest, public_key, publisher FROM plugin_signature WHERE company_id = $1 ",
            "ORDER BY digest, seq"
        );
        let mut digest_to_signatures: BTreeMap<String, Vec<PluginSignature>> = BTreeMap::new();
        for row in self.rows(statement, values![]).await? {
            let mut cells = row.cells();
            let digest = cells.take()?;
            digest_to_signatures.entry(digest).or_default().push(read_signature(&mut cells)?);
        }
        Ok(digest_to_signatures)
    }

    /// The one plug-in whose manifest a statement selects, with its signatures.
    pub(crate) async fn signed_plugin(&mut self, statement: Scoped, values: Values) -> Result<Option<InstalledPlugin>> {
        let Some(row) = self.row(statement, values).await? else { return Ok(None) };
        let mut plugin = read_plugin(&row)?;
        plugin.signatures = self.signatures_of(&plugin.digest).await?;
        Ok(Some(plugin))
    }
}

#[async_trait]
impl TrustStore for CompanyScope {
    async fn trusted_publishers(&self) -> Result<Vec<TrustedPublisher>> {
        self.read().await?.trusted_publishers().await
    }

    async fn add_trusted_publisher(&self, stamp: &Stamp, publisher: &TrustedPublisher) -> Result<()> {
        let mut scope = self.write().await?;
        let added = scope
            .execute(
                sql!(
                    "INSERT INTO trusted_publisher (company_id, id, name, public_key, created_at) VALUES ($1, $2, $3, $4, $5) ",
                    "ON CONFLICT (company_id, public_key) DO NOTHING"
                ),
                values![publisher.id, &publisher.name, publisher.key.to_string(), stamp.at],
            )
            .await?;
        if added == 0 {
            return Err(Error::Conflict(format!("the key {} is trusted already", publisher.key.id())));
        }
        let after = json!({ "name": publisher.name, "key": publisher.key, "key_id": publisher.key.id() });
        scope.event(stamp.at, "publisher.trusted", None, publisher.id.to_string(), &after).await?;
        scope.audit(stamp, Change::of("publisher.trust", format!("publisher {}", publisher.id), after)).await?;
        scope.commit().await
    }

    async fn remove_trusted_publisher(&self, stamp: &Stamp, publisher: PublisherId) -> Result<TrustedPublisher> {
        let mut scope = self.write().await?;
        let removed = scope
            .row(
                sql!("DELETE FROM trusted_publisher WHERE company_id = $1 AND id = $2 RETURNING id, name, public_key"),
                values![publisher],
            )
            .await?
            .ok_or_else(|| Error::not_found("trusted publisher", publisher))?;
        let removed = read_publisher(&mut removed.cells())?;
        let before = json!({ "name": removed.name, "key": removed.key, "key_id": removed.key.id() });
        scope.event(stamp.at, "publisher.distrusted", None, publisher.to_string(), &before).await?;
        let subject = format!("publisher {publisher}");
        scope.audit(stamp, Change { action: "publisher.distrust", subject, before, after: Json::Null }).await?;
        scope.commit().await?;
        Ok(removed)
    }

    async fn trust_rule(&self) -> Result<TrustRule> {
        self.read().await?.trust_rule().await
    }

    async fn set_trust_rule(&self, stamp: &Stamp, rule: TrustRule) -> Result<()> {
        let mut scope = self.write().await?;
        let before = scope.trust_rule().await?;
        if before == rule {
            return Ok(());
        }
        scope
            .execute(
                sql!(
                    "INSERT INTO trust_rule (company_id, require_trusted, created_at) VALUES ($1, $2, $3) ",
                    "ON CONFLICT (company_id) DO UPDATE SET require_trusted = excluded.require_trusted"
                ),
                values![rule.require_trusted, stamp.at],
            )
            .await?;
        let (before, after) = (json!(before), json!(rule));
        scope.event(stamp.at, "trust-rule.changed", None, "trust-rule", &after).await?;
        scope.audit(stamp, Change { action: "trust-rule.change", subject: "trust-rule".into(), before, after }).await?;
        scope.commit().await
    }
}
