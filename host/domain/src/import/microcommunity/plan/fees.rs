//! Fee items, the bindings that compute them, and which unit is charged which.

use std::collections::{HashMap, HashSet};

use super::{Fields, Planner};
use crate::{
    Date,
    fee_item::{FeeAssignment, FeeItem, PayerRule},
    ids::{BindingId, FeeAssignmentId, FeeItemId, UnitId},
    import::{
        Change, Field, Thing, Things, Value,
        microcommunity::{Desired, DesiredFeeItem, formula},
    },
    plugin::{Binding, BindingMode, ExtensionPoint},
};

impl<'a> Planner<'a> {
    pub(super) fn fee_items(&mut self) {
        let desired: &'a Desired = self.desired;
        let items: &'a [FeeItem] = &self.records.estate.fee_items;
        let by_number: HashMap<&str, &'a FeeItem> =
            items.iter().filter_map(|item| Some((item.source_no.as_deref()?, item))).collect();
        let numbered: HashSet<FeeItemId> =
            desired.fee_items.iter().filter_map(|row| by_number.get(row.fee_no.as_str()).map(|item| item.id)).collect();
        let mut seen = HashSet::new();
        for row in &desired.fee_items {
            // Names are unique: an item of this name that goes by no number of the workbook is this one, renumbered.
            let same_name = || items.iter().find(|item| item.name == row.name && !numbered.contains(&item.id));
            let before = by_number.get(row.fee_no.as_str()).copied().or_else(same_name);
            let id = self.fee_item(row, before);
            seen.insert(id);
            self.fee_items.insert(&row.fee_no, id);
        }
        self.log.flush(Things::FeeItems);
        for item in items.iter().filter(|item| !seen.contains(&item.id) && self.records.fee_item(item).is_some()) {
            self.log.missing(Thing::FeeItem { name: item.name.clone() });
        }
    }

    fn fee_item(&mut self, row: &DesiredFeeItem, before: Option<&FeeItem>) -> FeeItemId {
        let item = FeeItem {
            id: before.map_or_else(FeeItemId::generate, |item| item.id),
            name: row.name.clone(),
            source_no: Some(row.fee_no.clone()),
            category: row.category.clone(),
            recurrence: row.recurrence.clone(),
            payment_mode: row.payment_mode.clone(),
            demand_months: row.demand_months,
            charge_day: row.charge_day.clone(),
            starts_on: row.starts_on,
            ends_on: row.ends_on,
            // The workbook does not say who pays; the owner does, unless the office chose otherwise.
            payer_rule: before.map_or(PayerRule::Owner, |item| item.payer_rule),
            formula_code: Some(row.formula.code().to_owned()),
            source_price: row.unit_price.map(|price| price.to_string()),
            source_fixed: row.fixed_amount.map(|amount| amount.to_string()),
        };
        let id = item.id;
        self.binding(row, &item, before);
        let what = Thing::FeeItem { name: item.name.clone() };
        match before {
            None => {
                self.log.added(what);
                self.changes.fee_items.insert.push(item);
            }
            Some(before) if *before != item => {
                self.log.changed(what, item_differences(before, &item));
                self.changes.fee_items.update.push(item);
            }
            Some(_) => {}
        }
        id
    }

    /// A new item is bound to the plug-in of its formula. A changed price changes the settings of the last active binding
    /// from its own first day on; the price list before a day is kept by binding anew from that day, in the console.
    /// Decisions keep the settings that they ran with, so that nothing posted changes.
    fn binding(&mut self, row: &DesiredFeeItem, item: &FeeItem, before: Option<&FeeItem>) {
        let plugin = self.plugins.of(row.formula);
        let last = self
            .bindings
            .iter()
            .filter(|binding| binding.point == ExtensionPoint::FeePolicy && binding.fee_item_id == Some(item.id))
            .filter(|binding| binding.mode == BindingMode::Active)
            .max_by_key(|binding| binding.effective_from);
        let binding = Binding {
            id: last.map_or_else(BindingId::generate, |binding| binding.id),
            project_id: self.project_id,
            point: ExtensionPoint::FeePolicy,
            fee_item_id: Some(item.id),
            plugin_id: plugin.id.clone(),
            plugin_version: plugin.version.clone(),
            digest: plugin.digest.clone(),
            settings: formula::settings(row),
            effective_from: item.starts_on,
            effective_to: None,
            mode: BindingMode::Active,
            tolerance_permille: 0,
            granted: Vec::new(),
        };
        let (Some(last), Some(before)) = (last, before) else {
            self.changes.bindings.insert.push(binding);
            return;
        };
        let since_start = last.effective_from == before.starts_on;
        let effective_from = if since_start { item.starts_on } else { last.effective_from };
        let binding = if rule_of(before) == rule_of(item) {
            // The rule may have been replaced by hand; the workbook says nothing new about it.
            Binding { effective_from, ..last.clone() }
        } else {
            Binding { effective_from, effective_to: last.effective_to, ..binding }
        };
        if *last != binding {
            self.changes.bindings.update.push(binding);
        }
    }

    /// Which fee items a unit is charged. An entry that is gone from the list takes its assignment with it.
    pub(super) fn fee_assignments(&mut self, unit_id: UnitId, stated: &[(String, Date)], fields: &mut Fields) {
        let before = self.records.assignments(unit_id);
        let changes = &mut self.changes.fee_assignments;
        let mut kept = HashSet::new();
        let mut differs = false;
        for (fee_no, starts_on) in stated {
            let Some(&fee_item_id) = self.fee_items.get(fee_no.as_str()) else { continue };
            kept.insert(fee_item_id);
            // A unit is assigned a fee item once: an assignment that ended goes on where the workbook names it again.
            let Some(known) = self.records.assignment(unit_id, fee_item_id) else {
                let id = FeeAssignmentId::generate();
                changes.insert.push(FeeAssignment { id, unit_id, fee_item_id, starts_on: *starts_on, ends_on: None });
                differs = true;
                continue;
            };
            let assignment = FeeAssignment { starts_on: *starts_on, ends_on: None, ..known.clone() };
            if assignment != *known {
                changes.update.push(assignment);
                differs = true;
            }
        }
        for (assignment, _) in before.iter().filter(|(assignment, _)| !kept.contains(&assignment.fee_item_id)) {
            changes.delete.push(assignment.id);
            differs = true;
        }
        if differs {
            let known = before.iter().map(|(assignment, fee_no)| (fee_no.clone(), assignment.starts_on));
            fields.note(Change::Field {
                field: Field::Fees,
                before: Value::Fees(known.collect()),
                after: Value::Fees(stated.to_vec()),
            });
        }
    }
}

/// What a binding's settings are made of.
fn rule_of(item: &FeeItem) -> (Option<&str>, Option<&str>, Option<&str>) {
    (item.formula_code.as_deref(), item.source_price.as_deref(), item.source_fixed.as_deref())
}

fn item_differences(before: &FeeItem, after: &FeeItem) -> Vec<Change> {
    let mut fields = Fields::default();
    fields.compare(Field::Number, before.source_no.as_ref(), after.source_no.as_ref());
    fields.compare(Field::Category, &before.category, &after.category);
    fields.compare(Field::Name, &before.name, &after.name);
    fields.compare(Field::Recurrence, &before.recurrence, &after.recurrence);
    fields.compare(Field::PaymentMode, &before.payment_mode, &after.payment_mode);
    fields.compare(Field::DemandMonths, before.demand_months, after.demand_months);
    fields.compare(Field::ChargeDay, &before.charge_day, &after.charge_day);
    fields.compare(Field::Start, before.starts_on, after.starts_on);
    fields.compare(Field::End, before.ends_on, after.ends_on);
    fields.compare(Field::Formula, before.formula_code.as_ref(), after.formula_code.as_ref());
    fields.compare(Field::UnitPrice, before.source_price.as_ref(), after.source_price.as_ref());
    fields.compare(Field::FixedAmount, before.source_fixed.as_ref(), after.source_fixed.as_ref());
    fields.0
}
