//! What an import would do, for the person who decides about it.

use serde::Serialize;
use std::collections::{HashMap, HashSet};

use super::Difference;
use crate::{
    estate::{Estate, EstateChanges},
    plugin::Binding,
};

/// Everything that a workbook would change, to be shown first and applied in one transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportPlan {
    /// Empty when the records say already what the workbook says.
    pub changes: EstateChanges,
    /// What the workbook holds.
    pub counts: ImportCounts,
    /// What would become different, table by table, and what the records have beyond the workbook.
    pub differences: Vec<Difference>,
}

impl ImportPlan {
    /// How many rows are written, over all tables.
    #[must_use]
    pub fn change_count(&self) -> ChangeCount {
        let changes = &self.changes;
        let mut count = ChangeCount::default();
        macro_rules! add {
            ($($table:ident)*) => {$(
                count.inserted += changes.$table.insert.len();
                count.updated += changes.$table.update.len();
                count.deleted += changes.$table.delete.len();
            )*};
        }
        add!(buildings entrances parking_areas units parties tenures vehicles fee_items fee_assignments bindings);
        count
    }
}

/// Rows that an import writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ChangeCount {
    pub inserted: usize,
    pub updated: usize,
    pub deleted: usize,
}

/// What a workbook holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ImportCounts {
    pub buildings: usize,
    pub entrances: usize,
    /// Homes, offices and the like, without parking spaces.
    pub units: usize,
    /// Units among them that nobody owns yet.
    pub unsold: usize,
    pub parking_spaces: usize,
    pub owners: usize,
    /// Family members, lessees and temporary persons.
    pub members: usize,
    pub vehicles: usize,
    pub fee_items: usize,
    pub fee_assignments: usize,
}

/// Applies changes to an estate in memory: what a store does in one transaction. Replaced rows stay at their places, new
/// ones come last.
pub fn apply(changes: &EstateChanges, estate: &mut Estate, bindings: &mut Vec<Binding>) {
    macro_rules! apply {
        ($($rows:expr => $table:ident,)*) => {$({
            let delta = &changes.$table;
            let deleted: HashSet<_> = delta.delete.iter().collect();
            let updated: HashMap<_, _> = delta.update.iter().map(|row| (row.id, row)).collect();
            $rows.retain(|row| !deleted.contains(&row.id));
            for row in &mut *$rows {
                if let Some(updated) = updated.get(&row.id) {
                    *row = (*updated).clone();
                }
            }
            $rows.extend(delta.insert.iter().cloned());
        })*};
    }
    apply! {
        &mut estate.buildings => buildings,
        &mut estate.entrances => entrances,
        &mut estate.parking_areas => parking_areas,
        &mut estate.units => units,
        &mut estate.parties => parties,
        &mut estate.tenures => tenures,
        &mut estate.vehicles => vehicles,
        &mut estate.fee_items => fee_items,
        &mut estate.fee_assignments => fee_assignments,
        bindings => bindings,
    }
}
