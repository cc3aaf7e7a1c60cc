//! How each record of the estate is written and read: one description a table, used for single rows and for a hundred
//! thousand.

use guanjia_domain::{
    Error, Result,
    access::Stamp,
    estate::*,
    fee_item::{FeeAssignment, FeeItem},
    ids::*,
};

use crate::{
    bulk::Bulk,
    db::{Cells, Scope},
    estate::unit::PlaceKeys,
    sql::Scoped,
    value::{Value, Values},
};

/// Rows turned into arguments at a time: some megabytes.
const ROWS_AT_ONCE: usize = 8_192;

/// What can be written into a table by the thousand: `write` pushes the values of `COLUMNS`.
pub(crate) trait Written: Sized {
    const TABLE: &'static str;
    const COLUMNS: &'static [&'static str];
    /// What has to be known to write a row.
    type Context: Sync;

    fn write(&self, of: &RowOf<'_, Self::Context>, out: &mut Values) -> Result<()>;
}

/// A table of the estate, whose rows lie in a project: `read` takes the columns of `SELECT`.
pub(crate) trait Record: Written {
    /// Rows of a project in the order of their making: ids sort by time.
    const SELECT: Scoped;
    const COUNT: Scoped;
    const DELETE: Scoped;
    /// What a replaced row changes besides its columns.
    const AND_SET: &'static str;

    fn read(cells: &mut Cells<'_>) -> Result<Self>;
}

/// What all rows of one change have in common.
pub(crate) struct RowOf<'a, C> {
    pub(crate) project: ProjectId,
    pub(crate) stamp: &'a Stamp,
    pub(crate) context: &'a C,
}

/// Inserts new rows.
pub(crate) async fn write_all<T: Written>(
    scope: &mut Scope,
    stamp: &Stamp,
    project: ProjectId,
    records: &[T],
    context: &T::Context,
) -> Result<()> {
    let into = Bulk::insert(T::TABLE, T::COLUMNS);
    put(scope, &into, records, &RowOf { project, stamp, context }).await?;
    Ok(())
}

/// Replaces the rows of the same ids.
///
/// # Errors
/// `Conflict` when one of them is gone.
pub(crate) async fn replace_all<T: Record>(
    scope: &mut Scope,
    stamp: &Stamp,
    project: ProjectId,
    records: &[T],
    context: &T::Context,
) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let before = count::<T>(scope, project).await?;
    let into = Bulk::replace(T::TABLE, T::COLUMNS, T::AND_SET);
    let replaced = put(scope, &into, records, &RowOf { project, stamp, context }).await?;
    // The statement would insert what is gone, and passes over what is another company's.
    let all_replaced = usize::try_from(replaced) == Ok(records.len()) && count::<T>(scope, project).await? == before;
    if all_replaced {
        Ok(())
    } else {
        Err(Error::Conflict("a row was deleted meanwhile: read the estate again".into()))
    }
}

async fn count<T: Record>(scope: &mut Scope, project: ProjectId) -> Result<i64> {
    scope.row(T::COUNT, values![project]).await?.map_or(Ok(0), |row| row.only())
}

async fn put<T: Written>(scope: &mut Scope, into: &Bulk, records: &[T], of: &RowOf<'_, T::Context>) -> Result<u64> {
    let mut written = 0;
    for part in records.chunks(ROWS_AT_ONCE) {
        let mut values = Values::with_capacity(part.len() * T::COLUMNS.len());
        for record in part {
            record.write(of, &mut values)?;
        }
        written += scope.insert_many(into, values).await?;
    }
    Ok(written)
}

/// Deletes rows of the project by id.
pub(crate) async fn delete_all<T: Record>(
    scope: &mut Scope,
    project: ProjectId,
    ids: impl Iterator<Item = Value>,
) -> Result<()> {
    for id in ids {
        scope.execute(T::DELETE, vec![Value::from(project), id]).await?;
    }
    Ok(())
}

/// Pushes a row's values; the number of columns is checked where tests write every kind.
macro_rules! push {
    ($out:expr, $($value:expr),* $(,)?) => {{ $($out.push(Value::from($value));)* Ok(()) }};
}

macro_rules! record {
    (
        $type:ident in $table:literal as $columns:literal with $context:ty, $and_set:literal;
        columns: $list:expr;
        write($self:ident, $of:ident): $($value:expr),*;
        read: { $($field:ident),* }
    ) => {
        impl Written for $type {
            const TABLE: &'static str = $table;
            const COLUMNS: &'static [&'static str] = &$list;
            type Context = $context;

            fn write(&$self, $of: &RowOf<'_, $context>, out: &mut Values) -> Result<()> {
                push!(out, $($value),*)
            }
        }

        impl Record for $type {
            const COUNT: Scoped = sql!("SELECT COUNT(*) FROM ", $table, " WHERE company_id = $1 AND project_id = $2");
            const SELECT: Scoped =
                sql!("SELECT ", $columns, " FROM ", $table, " WHERE company_id = $1 AND project_id = $2 ORDER BY id");
            const DELETE: Scoped = sql!("DELETE FROM ", $table, " WHERE company_id = $1 AND project_id = $2 AND id = $3");
            const AND_SET: &'static str = $and_set;

            fn read(cells: &mut Cells<'_>) -> Result<Self> {
                Ok($type { $($field: cells.take()?),* })
            }
        }
    };
}

record! {
    Building in "building" as "id, building_no, kind" with (), "";
    columns: ["id", "project_id", "building_no", "kind", "created_at"];
    write(self, of): self.id, of.project, &self.building_no, &self.kind, of.stamp.at;
    read: { id, building_no, kind }
}

record! {
    Entrance in "entrance" as "id, building_id, entrance_no, storeys, has_lift" with (), "";
    columns: ["id", "project_id", "building_id", "entrance_no", "storeys", "has_lift", "created_at"];
    write(self, of): self.id, of.project, self.building_id, &self.entrance_no, self.storeys, self.has_lift, of.stamp.at;
    read: { id, building_id, entrance_no, storeys, has_lift }
}

record! {
    ParkingArea in "parking_area" as "id, area_no, kind" with (), "";
    columns: ["id", "project_id", "area_no", "kind", "created_at"];
    write(self, of): self.id, of.project, &self.area_no, &self.kind, of.stamp.at;
    read: { id, area_no, kind }
}

record! {
    Unit in "unit" as "id, entrance_id, parking_area_id, kind, unit_no, storey, layout_code, gross_floor_area_cm2, internal_area_cm2, rent_fen, occupancy"
        with PlaceKeys, "version = unit.version + 1";
    columns: [
        "id", "project_id", "entrance_id", "parking_area_id", "kind", "unit_no", "storey", "layout_code", "gross_floor_area_cm2",
        "internal_area_cm2", "rent_fen", "occupancy", "sort_key", "version", "created_at"
    ];
    write(self, of): self.id, of.project, self.entrance_id, self.parking_area_id, self.kind, &self.unit_no, self.storey,
        &self.layout_code, self.gross_floor_area_cm2, self.internal_area_cm2, self.rent_fen, self.occupancy,
        of.context.sort_key(self)?, 1_i64, of.stamp.at;
    read: {
        id, entrance_id, parking_area_id, kind, unit_no, storey, layout_code, gross_floor_area_cm2, internal_area_cm2, rent_fen,
        occupancy
    }
}

record! {
    Party in "party" as "id, name, source_no, kind, gender, age, phone, identity_no, household_of" with (), "";
    columns: [
        "id", "project_id", "name", "source_no", "kind", "gender", "age", "phone", "identity_no", "household_of", "created_at"
    ];
    write(self, of): self.id, of.project, &self.name, &self.source_no, self.kind, self.gender, self.age, &self.phone,
        &self.identity_no, self.household_of, of.stamp.at;
    read: { id, name, source_no, kind, gender, age, phone, identity_no, household_of }
}

record! {
    Tenure in "tenure" as "id, unit_id, party_id, kind, starts_on, ends_on" with (), "";
    columns: ["id", "project_id", "unit_id", "party_id", "kind", "starts_on", "ends_on", "created_at"];
    write(self, of): self.id, of.project, self.unit_id, self.party_id, self.kind, self.starts_on, self.ends_on, of.stamp.at;
    read: { id, unit_id, party_id, kind, starts_on, ends_on }
}

record! {
    Vehicle in "vehicle" as "id, party_id, unit_id, plate_no, brand, kind_code, colour" with (), "";
    columns: ["id", "project_id", "party_id", "unit_id", "plate_no", "brand", "kind_code", "colour", "created_at"];
    write(self, of): self.id, of.project, self.party_id, self.unit_id, &self.plate_no, &self.brand, &self.kind_code,
        &self.colour, of.stamp.at;
    read: { id, party_id, unit_id, plate_no, brand, kind_code, colour }
}

record! {
    FeeItem in "fee_item" as "id, name, source_no, category, recurrence, payment_mode, demand_months, charge_day, starts_on, ends_on, payer_rule, formula_code, source_price, source_fixed"
        with (), "";
    columns: [
        "id", "project_id", "name", "source_no", "category", "recurrence", "payment_mode", "demand_months", "charge_day",
        "starts_on", "ends_on", "payer_rule", "formula_code", "source_price", "source_fixed", "created_at"
    ];
    write(self, of): self.id, of.project, &self.name, &self.source_no, &self.category, &self.recurrence, &self.payment_mode,
        self.demand_months, &self.charge_day, self.starts_on, self.ends_on, self.payer_rule, &self.formula_code,
        &self.source_price, &self.source_fixed, of.stamp.at;
    read: {
        id, name, source_no, category, recurrence, payment_mode, demand_months, charge_day, starts_on, ends_on, payer_rule,
        formula_code, source_price, source_fixed
    }
}

record! {
    FeeAssignment in "fee_assignment" as "id, unit_id, fee_item_id, starts_on, ends_on" with (), "";
    columns: ["id", "project_id", "unit_id", "fee_item_id", "starts_on", "ends_on", "created_at"];
    write(self, of): self.id, of.project, self.unit_id, self.fee_item_id, self.starts_on, self.ends_on, of.stamp.at;
    read: { id, unit_id, fee_item_id, starts_on, ends_on }
}

// Meters hang on units and fee items, not on the project.

impl Written for Meter {
    const TABLE: &'static str = "meter";
    const COLUMNS: &'static [&'static str] = &["id", "unit_id", "fee_item_id", "multiplier_milli", "created_at"];
    type Context = ();

    fn write(&self, of: &RowOf<'_, ()>, out: &mut Values) -> Result<()> {
        push!(out, self.id, self.unit_id, self.fee_item_id, self.multiplier_milli, of.stamp.at)
    }
}

impl Written for MeterReading {
    const TABLE: &'static str = "meter_reading";
    const COLUMNS: &'static [&'static str] =
        &["id", "meter_id", "read_on", "reading_milli", "restart_milli", "created_at"];
    type Context = ();

    fn write(&self, of: &RowOf<'_, ()>, out: &mut Values) -> Result<()> {
        push!(out, self.id, self.meter_id, self.read_on, self.reading_milli, self.restart_milli, of.stamp.at)
    }
}
