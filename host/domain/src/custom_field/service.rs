//! Declaring fields and entering values.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    CustomField, FIELDS_MAX, FieldKind, RecordValues, check_asked, checked_values, declaration_problems, fact_name,
};
use crate::{
    Error, Result,
    access::{Permission, Stamp},
    entity::{Entity, RecordRef},
    estate::FieldProblem,
    ids::CustomFieldId,
    plugin::{Binding, BindingMode, Text},
    ports::CompanyStore,
};

/// What can be said of a field again. Entity and key stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldEdit {
    pub title: Text,
    pub kind: FieldKind,
    pub required: bool,
    pub retired: bool,
}

/// Proposals that are looked through for rules that wait for a second person: more are never open.
const PROPOSALS_LOOKED_AT: u32 = 500;

/// Custom fields of one company.
#[derive(Clone)]
pub struct CustomFields {
    store: Arc<dyn CompanyStore>,
}

impl std::fmt::Debug for CustomFields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CustomFields").field("company_id", &self.store.company_id()).finish_non_exhaustive()
    }
}

impl CustomFields {
    #[must_use]
    pub fn new(store: Arc<dyn CompanyStore>) -> Self {
        Self { store }
    }

    /// The fields of an entity, or all, in the order of their declaration, with those that are retired.
    ///
    /// # Errors
    /// `Refused` without the permission.
    pub async fn list(&self, stamp: &Stamp, entity: Option<Entity>) -> Result<Vec<CustomField>> {
        stamp.actor.require(Permission::ReadEstate)?;
        let mut fields = self.store.custom_fields().await?;
        fields.retain(|field| entity.is_none_or(|of| of == field.entity));
        Ok(fields)
    }

    /// Declares a field.
    ///
    /// # Errors
    /// `Fields` for what cannot stand in a declaration; `Conflict` for a key that was given before; `Refused` without the
    /// permission or with `custom-fields-many`.
    pub async fn declare(&self, stamp: &Stamp, entity: Entity, key: &str, edit: FieldEdit) -> Result<CustomField> {
        stamp.actor.require(Permission::ManageOffice)?;
        let field = CustomField {
            id: CustomFieldId::generate(),
            entity,
            key: key.trim().to_owned(),
            title: trimmed(edit.title),
            kind: edit.kind,
            required: edit.required,
            retired: false,
            version: 1,
        };
        fit(declaration_problems(&field))?;
        let known = self.store.custom_fields().await?;
        if known.iter().filter(|known| known.entity == entity).count() >= FIELDS_MAX {
            return Err(Error::refused("custom-fields-many", format!("an entity has at most {FIELDS_MAX} fields")));
        }
        self.store.add_custom_field(stamp, &field).await?;
        Ok(field)
    }

    /// Changes a field over the version that was seen.
    ///
    /// # Errors
    /// `Refused` with [`super::RETYPED`], [`super::CODE_USED`], [`super::ASKED`] or [`crate::estate::STALE`]; `Fields` as
    /// when it is declared.
    pub async fn change(&self, stamp: &Stamp, id: CustomFieldId, version: i64, edit: FieldEdit) -> Result<CustomField> {
        stamp.actor.require(Permission::ManageOffice)?;
        let before = self.store.custom_field(id).await?;
        let after = CustomField {
            title: trimmed(edit.title),
            kind: edit.kind,
            required: edit.required,
            retired: edit.retired,
            ..before.clone()
        };
        fit(declaration_problems(&after))?;
        // Somebody who binds a rule in this very moment gets a fact that is not entered any more, and never another kind
        // of value than there is: the store refuses that under its lock.
        check_asked(&before, &after, self.asked_by(stamp, &before).await?.as_deref())?;
        self.store.change_custom_field(stamp, &after, version).await
    }

    /// A plug-in that asks for the field and is bound, or waits for it.
    async fn asked_by(&self, stamp: &Stamp, field: &CustomField) -> Result<Option<String>> {
        let Some(name) = fact_name(field.entity, &field.key) else { return Ok(None) };
        let mut bindings: Vec<Binding> = Vec::new();
        for project in self.store.projects().await? {
            let today = project.today(stamp.at)?;
            let all = self.store.bindings(project.id).await?;
            bindings.extend(all.into_iter().filter(|binding| {
                binding.mode != BindingMode::Trial && binding.effective_to.is_none_or(|end| end > today)
            }));
        }
        let proposals = self.store.proposals(PROPOSALS_LOOKED_AT).await?;
        let open = proposals.into_iter().filter(|proposal| proposal.state == crate::plugin::ProposalState::Open);
        bindings.extend(open.map(|proposal| proposal.binding));
        for binding in bindings {
            let Some(plugin) = self.store.plugin_by_digest(&binding.digest).await? else { continue };
            if plugin.exports.iter().any(|export| export.description.facts.contains(&name)) {
                return Ok(Some(format!("{} {}", plugin.id, plugin.version)));
            }
        }
        Ok(None)
    }

    /// What a record has of the company's own fields.
    ///
    /// # Errors
    /// `NotFound` for a record that is not there; `Refused` without the record's permission.
    pub async fn values(&self, stamp: &Stamp, record: RecordRef) -> Result<RecordValues> {
        stamp.actor.require(record.entity.read_permission())?;
        self.store.record_values(record).await
    }

    /// Enters the values of a record over the version that was seen: all fields in use, where a missing one is emptied.
    ///
    /// # Errors
    /// `Fields` with every key that cannot be used; `Refused` with [`crate::estate::STALE`] when somebody entered values
    /// meanwhile, or a field was declared otherwise.
    pub async fn set(
        &self,
        stamp: &Stamp,
        record: RecordRef,
        version: i64,
        entered: &BTreeMap<String, String>,
    ) -> Result<RecordValues> {
        stamp.actor.require(record.entity.write_permission())?;
        let known = self.store.record_values(record).await?;
        let values = checked_values(&known.fields, entered).map_err(Error::Fields)?;
        self.store.set_record_values(stamp, record, version, &known.fields, &values).await?;
        self.store.record_values(record).await
    }
}

fn trimmed(title: Text) -> Text {
    Text { zh: title.zh.trim().to_owned(), en: title.en.trim().to_owned() }
}

fn fit(problems: Vec<FieldProblem>) -> Result<()> {
    if problems.is_empty() { Ok(()) } else { Err(Error::Fields(problems)) }
}
