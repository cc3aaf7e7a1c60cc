//! A whole import in one transaction.

use guanjia_domain::{
    Result,
    access::Stamp,
    estate::{Delta, EstateChanges, Unit},
    ids::*,
    journal::LedgerAccountKind,
};
use serde_json::{Value as Json, json};

use crate::{
    db::Scope,
    estate::record::{Record, delete_all, replace_all, write_all},
    value::Value,
};

/// Deletes first, so that a number that is freed can be given again; what refers to what is checked at the end.
pub(crate) async fn apply(scope: &mut Scope, stamp: &Stamp, project: ProjectId, changes: &EstateChanges) -> Result<()> {
    delete_bindings(scope, project, &changes.bindings.delete).await?;
    delete(scope, project, &changes.fee_assignments).await?;
    delete(scope, project, &changes.vehicles).await?;
    delete(scope, project, &changes.tenures).await?;
    delete(scope, project, &changes.units).await?;
    delete(scope, project, &changes.parties).await?;
    let units = changes.units.delete.iter().map(|unit| (*unit).into());
    scope.forget_records(stamp, units.chain(changes.parties.delete.iter().map(|party| (*party).into()))).await?;
    delete_income_accounts(scope, &changes.fee_items.delete).await?;
    delete(scope, project, &changes.fee_items).await?;
    delete(scope, project, &changes.parking_areas).await?;
    delete(scope, project, &changes.entrances).await?;
    delete(scope, project, &changes.buildings).await?;

    write(scope, stamp, project, &changes.buildings, &()).await?;
    write(scope, stamp, project, &changes.entrances, &()).await?;
    write(scope, stamp, project, &changes.parking_areas, &()).await?;
    write_units(scope, stamp, project, changes).await?;
    write(scope, stamp, project, &changes.parties, &()).await?;
    write(scope, stamp, project, &changes.tenures, &()).await?;
    write(scope, stamp, project, &changes.vehicles, &()).await?;
    write(scope, stamp, project, &changes.fee_items, &()).await?;
    for item in &changes.fee_items.insert {
        scope.open_ledger_account(stamp, project, LedgerAccountKind::Income, Some(item.id)).await?;
    }
    write(scope, stamp, project, &changes.fee_assignments, &()).await?;
    for binding in &changes.bindings.update {
        scope.replace_binding(binding, stamp.at).await?;
    }
    for binding in &changes.bindings.insert {
        scope.write_binding(binding, stamp.at).await?;
    }
    Ok(())
}

async fn delete<T, I>(scope: &mut Scope, project: ProjectId, delta: &Delta<T, I>) -> Result<()>
where
    T: Record,
    I: Copy + Into<Value>,
{
    delete_all::<T>(scope, project, delta.delete.iter().map(|id| (*id).into())).await
}

/// Updates before inserts: a number that an update frees can be given to a new row.
async fn write<T: Record, I>(
    scope: &mut Scope,
    stamp: &Stamp,
    project: ProjectId,
    delta: &Delta<T, I>,
    context: &T::Context,
) -> Result<()> {
    replace_all(scope, stamp, project, &delta.update, context).await?;
    write_all(scope, stamp, project, &delta.insert, context).await
}

/// Units are sorted by where they lie: where a building or entrance was renamed, all of them are written again.
async fn write_units(scope: &mut Scope, stamp: &Stamp, project: ProjectId, changes: &EstateChanges) -> Result<()> {
    let moved = !changes.buildings.update.is_empty()
        || !changes.entrances.update.is_empty()
        || !changes.parking_areas.update.is_empty();
    if !moved && changes.units.update.is_empty() && changes.units.insert.is_empty() {
        return Ok(());
    }
    let keys = scope.place_keys(project).await?;
    write(scope, stamp, project, &changes.units, &keys).await?;
    if moved {
        let units: Vec<Unit> = scope.all(project).await?;
        replace_all(scope, stamp, project, &units, &keys).await?;
    }
    Ok(())
}

async fn delete_bindings(scope: &mut Scope, project: ProjectId, bindings: &[BindingId]) -> Result<()> {
    for binding in bindings {
        let statement = sql!("DELETE FROM binding WHERE company_id = $1 AND project_id = $2 AND id = $3");
        scope.execute(statement, values![project, *binding]).await?;
    }
    Ok(())
}

/// A fee item that earned something is named by decisions, which keep it from being deleted.
async fn delete_income_accounts(scope: &mut Scope, fee_items: &[FeeItemId]) -> Result<()> {
    for fee_item in fee_items {
        let statement = sql!("DELETE FROM ledger_account WHERE company_id = $1 AND fee_item_id = $2");
        scope.execute(statement, values![*fee_item]).await?;
    }
    Ok(())
}

/// How many rows of each table a change touches.
pub(crate) fn counts(changes: &EstateChanges) -> Json {
    fn of<T, I>(delta: &Delta<T, I>) -> Json {
        json!({ "inserted": delta.insert.len(), "updated": delta.update.len(), "deleted": delta.delete.len() })
    }
    json!({
        "buildings": of(&changes.buildings),
        "entrances": of(&changes.entrances),
        "parking_areas": of(&changes.parking_areas),
        "units": of(&changes.units),
        "parties": of(&changes.parties),
        "tenures": of(&changes.tenures),
        "vehicles": of(&changes.vehicles),
        "fee_items": of(&changes.fee_items),
        "fee_assignments": of(&changes.fee_assignments),
        "bindings": of(&changes.bindings),
    })
}
