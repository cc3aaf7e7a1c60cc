//! Projects, buildings, units, parties and what units are charged.

mod changes;
mod meter;
mod record;
mod records;
mod unit;

pub(crate) use unit::{gathered, search_pattern};

use async_trait::async_trait;
use guanjia_domain::{
    Date, Error, Result,
    access::Stamp,
    estate::*,
    fee_item::{CostPool, FeeAssignment, FeeItem},
    ids::*,
    journal::LedgerAccountKind,
    meter::{PlacedMeter, ReadingRow},
    ports::{EstateStore, Page, UnitRecords, UnitRow, UnitSearch},
};
use serde_json::json;

use crate::{
    CompanyScope,
    audit::Change,
    db::Scope,
    estate::record::{Record, write_all},
};

/// From so many new units on, an import tells the planner.
const NEW_UNITS_WORTH_NOTING: usize = 200;

macro_rules! project_columns {
    () => {
        "SELECT id, name, currency, time_zone, developer_id FROM project "
    };
}

fn read_project(row: &crate::db::Row) -> Result<Project> {
    let mut cells = row.cells();
    Ok(Project {
        id: cells.take()?,
        name: cells.take()?,
        currency: cells.take()?,
        time_zone: cells.take()?,
        developer_id: cells.take()?,
    })
}

impl Scope {
    /// # Errors
    /// `NotFound` for a project that is unknown or another company's.
    pub(crate) async fn require_project(&mut self, project: ProjectId) -> Result<Project> {
        let row = self.row(sql!(project_columns!(), "WHERE company_id = $1 AND id = $2"), values![project]).await?;
        read_project(&row.ok_or_else(|| Error::not_found("project", project))?)
    }

    /// Keeps everybody else from changing the project until the transaction ends.
    pub(crate) async fn lock_project(&mut self, project: ProjectId) -> Result<()> {
        let row = self
            .row(sql!("SELECT id FROM project WHERE company_id = $1 AND id = $2 {for update}"), values![project])
            .await?;
        row.map(|_| ()).ok_or_else(|| Error::not_found("project", project))
    }

    /// Keeps the estate as it is until the transaction ends, together with others who want the same.
    pub(crate) async fn hold_project(&mut self, project: ProjectId) -> Result<()> {
        let row = self
            .row(sql!("SELECT id FROM project WHERE company_id = $1 AND id = $2 {for share}"), values![project])
            .await?;
        row.map(|_| ()).ok_or_else(|| Error::not_found("project", project))
    }

    pub(crate) async fn open_ledger_account(
        &mut self,
        stamp: &Stamp,
        project: ProjectId,
        kind: LedgerAccountKind,
        fee_item: Option<FeeItemId>,
    ) -> Result<()> {
        self.execute(
            sql!("INSERT INTO ledger_account (company_id, id, project_id, kind, fee_item_id, created_at) VALUES ($1, $2, $3, $4, $5, $6)"),
            values![LedgerAccountId::generate(), project, kind, fee_item, stamp.at],
        )
        .await?;
        Ok(())
    }

    /// All rows of a table that lie in a project, in the order of their making.
    async fn all<T: Record>(&mut self, project: ProjectId) -> Result<Vec<T>> {
        let rows = self.rows(T::SELECT, values![project]).await?;
        rows.iter().map(|row| T::read(&mut row.cells())).collect()
    }
}

#[async_trait]
impl EstateStore for CompanyScope {
    async fn projects(&self) -> Result<Vec<Project>> {
        let rows =
            self.read().await?.rows(sql!(project_columns!(), "WHERE company_id = $1 ORDER BY name"), values![]).await?;
        rows.iter().map(read_project).collect()
    }

    async fn project(&self, project: ProjectId) -> Result<Project> {
        self.read().await?.require_project(project).await
    }

    async fn project_by_name(&self, name: &str) -> Result<Option<Project>> {
        let row = self
            .read()
            .await?
            .row(sql!(project_columns!(), "WHERE company_id = $1 AND name = $2"), values![name])
            .await?;
        row.as_ref().map(read_project).transpose()
    }

    async fn create_project(&self, stamp: &Stamp, project: &Project, developer: &Party) -> Result<()> {
        if developer.id != project.developer_id {
            return Err(Error::invalid("the project names another developer"));
        }
        let mut scope = self.write().await?;
        scope
            .execute(
                sql!(
                    "INSERT INTO project (company_id, id, name, currency, time_zone, developer_id, created_at) ",
                    "VALUES ($1, $2, $3, $4, $5, $6, $7)"
                ),
                values![
                    project.id,
                    &project.name,
                    &project.currency,
                    &project.time_zone,
                    project.developer_id,
                    stamp.at
                ],
            )
            .await?;
        write_all(&mut scope, stamp, project.id, std::slice::from_ref(developer), &()).await?;
        scope.open_ledger_account(stamp, project.id, LedgerAccountKind::Receivable, None).await?;
        let after = json!({ "name": project.name, "currency": project.currency, "time_zone": project.time_zone });
        scope.audit(stamp, Change::of("project.create", format!("project {}", project.id), after)).await?;
        scope.commit().await
    }

    async fn estate(&self, project: ProjectId) -> Result<Estate> {
        let mut scope = self.read().await?;
        scope.require_project(project).await?;
        Ok(Estate {
            buildings: scope.all(project).await?,
            entrances: scope.all(project).await?,
            parking_areas: scope.all(project).await?,
            units: scope.all(project).await?,
            parties: scope.all(project).await?,
            tenures: scope.all(project).await?,
            vehicles: scope.all(project).await?,
            fee_items: scope.all(project).await?,
            fee_assignments: scope.all::<FeeAssignment>(project).await?,
        })
    }

    async fn apply_estate(
        &self,
        stamp: &Stamp,
        project: ProjectId,
        changes: &EstateChanges,
        reason: &str,
    ) -> Result<()> {
        let mut scope = self.write().await?;
        scope.lock_project(project).await?;
        changes::apply(&mut scope, stamp, project, changes).await?;
        let counts = changes::counts(changes);
        scope.event(stamp.at, "estate.imported", Some(project), project.to_string(), &counts).await?;
        let after = json!({ "reason": reason, "changes": counts });
        scope.audit(stamp, Change::of("estate.import", format!("project {project}"), after)).await?;
        scope.commit().await?;
        if changes.units.insert.len() >= NEW_UNITS_WORTH_NOTING {
            self.db.note_new_rows().await?;
        }
        Ok(())
    }

    async fn units(
        &self,
        project: ProjectId,
        search: &UnitSearch<'_>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<UnitRow>> {
        self.read().await?.unit_page(project, search, cursor, limit).await
    }

    async fn unit(&self, unit: UnitId) -> Result<UnitRow> {
        self.read().await?.unit_row(unit).await
    }

    async fn unit_records(&self, unit: UnitId) -> Result<UnitRecords> {
        self.read().await?.unit_records(unit).await
    }

    async fn count_units(&self, project: ProjectId) -> Result<i64> {
        self.read().await?.row(Unit::COUNT, values![project]).await?.map_or(Ok(0), |row| row.only())
    }

    async fn project_of_unit(&self, unit: UnitId) -> Result<ProjectId> {
        self.read().await?.project_of_unit(unit).await
    }

    async fn places(&self, units: &[UnitId]) -> Result<Vec<(UnitId, UnitPlace)>> {
        self.read().await?.places(units).await
    }

    async fn party_names(&self, parties: &[PartyId]) -> Result<Vec<(PartyId, String)>> {
        let ids: Vec<_> = parties.iter().map(|party| party.0).collect();
        let statement =
            sql!("SELECT {rows}({array}({hex}(id), name)) FROM party WHERE company_id = $1 AND id IN ({list})");
        let names = self.read().await?.listed::<(PartyId, String)>(statement, &ids).await?;
        Ok(names)
    }

    async fn update_unit(&self, stamp: &Stamp, unit: &Unit, version: i64) -> Result<i64> {
        let mut scope = self.write().await?;
        let project = scope.project_of_unit(unit.id).await?;
        scope.lock_project(project).await?;
        let before = scope.unit_row(unit.id).await?.unit;
        let sort_key = scope.place_keys(project).await?.sort_key(unit)?;
        let version = scope.replace_unit(unit, &sort_key, version).await?;
        let change = Change {
            action: "unit.update",
            subject: format!("unit {}", unit.id),
            before: json!(before),
            after: json!(unit),
        };
        scope.audit(stamp, change).await?;
        scope.commit().await?;
        Ok(version)
    }

    async fn transfer_ownership(&self, stamp: &Stamp, unit: UnitId, new_owner: &Party, from: Date) -> Result<()> {
        let mut scope = self.write().await?;
        let project = scope.project_of_unit(unit).await?;
        scope.lock_project(project).await?;
        let ended = scope.end_ownership(unit, from).await?;
        scope.keep_party(stamp, project, new_owner).await?;
        let tenure = Tenure {
            id: TenureId::generate(),
            unit_id: unit,
            party_id: new_owner.id,
            kind: TenureKind::Owner,
            starts_on: Some(from),
            ends_on: None,
        };
        write_all(&mut scope, stamp, project, std::slice::from_ref(&tenure), &()).await?;
        scope.mark_handed_over(unit).await?;
        let payload = json!({ "unit": unit, "owner": new_owner.id, "from": from });
        scope.event(stamp.at, "ownership.transferred", Some(project), unit.to_string(), &payload).await?;
        let change = Change {
            action: "ownership.transfer",
            subject: format!("unit {unit}"),
            before: json!({ "owners": ended }),
            after: json!({ "owners": [new_owner.id], "from": from }),
        };
        scope.audit(stamp, change).await?;
        scope.commit().await
    }

    async fn fee_items(&self, project: ProjectId) -> Result<Vec<FeeItem>> {
        self.read().await?.all(project).await
    }

    async fn set_cost_pool(&self, stamp: &Stamp, pool: &CostPool) -> Result<()> {
        let mut scope = self.write().await?;
        scope.lock_fee_item(pool.fee_item_id).await?;
        scope.write_cost_pool(stamp, pool.fee_item_id, pool.period_start, Some(pool.total_fen)).await?;
        scope.commit().await
    }

    async fn change_cost_pool(
        &self,
        stamp: &Stamp,
        fee_item: FeeItemId,
        period_start: Date,
        seen: Option<i64>,
        total_fen: Option<i64>,
    ) -> Result<()> {
        let mut scope = self.write().await?;
        scope.lock_fee_item(fee_item).await?;
        let stored = scope.cost_pool(fee_item, period_start).await?.map(|pool| pool.total_fen);
        if stored != seen {
            return Err(Error::refused(STALE, "the shared cost was changed meanwhile: read it again"));
        }
        scope.write_cost_pool(stamp, fee_item, period_start, total_fen).await?;
        scope.commit().await
    }

    async fn cost_pools(&self, project: ProjectId, from: Date, to: Date) -> Result<Vec<CostPool>> {
        self.read().await?.cost_pools(project, from, to).await
    }

    async fn cost_pool(&self, fee_item: FeeItemId, period_start: Date) -> Result<Option<CostPool>> {
        self.read().await?.cost_pool(fee_item, period_start).await
    }

    async fn add_meters(&self, stamp: &Stamp, meters: &[Meter], readings: &[MeterReading]) -> Result<()> {
        let mut scope = self.write().await?;
        let none = ProjectId(uuid::Uuid::nil());
        scope.require_own_meters(meters, readings).await?;
        write_all(&mut scope, stamp, none, meters, &()).await?;
        write_all(&mut scope, stamp, none, readings, &()).await?;
        let after = json!({ "meters": meters.len(), "readings": readings.len() });
        scope.audit(stamp, Change::of("meter.add", "meters", after)).await?;
        scope.commit().await
    }

    async fn meter(&self, meter: MeterId) -> Result<PlacedMeter> {
        self.read().await?.meter(meter).await
    }

    async fn readings(&self, meter: MeterId, before: Option<Date>, limit: u32) -> Result<Vec<ReadingRow>> {
        self.read().await?.readings(meter, before, limit).await
    }

    async fn reading(&self, reading: MeterReadingId) -> Result<ReadingRow> {
        self.read().await?.reading(reading).await
    }

    async fn add_reading(&self, stamp: &Stamp, reading: &MeterReading) -> Result<()> {
        let mut scope = self.write().await?;
        scope.add_reading(stamp, reading).await?;
        scope.commit().await
    }

    async fn correct_reading(&self, stamp: &Stamp, reading: &MeterReading, version: i64) -> Result<()> {
        let mut scope = self.write().await?;
        scope.correct_reading(stamp, reading, version).await?;
        scope.commit().await
    }
}

impl Scope {
    /// A foreign key does not say whose unit or meter it is.
    async fn require_own_meters(&mut self, meters: &[Meter], readings: &[MeterReading]) -> Result<()> {
        let mut units: Vec<_> = meters.iter().map(|meter| meter.unit_id.0).collect();
        units.sort_unstable();
        units.dedup();
        let known =
            self.rows_of(sql!("SELECT id FROM unit WHERE company_id = $1 AND id IN ({list})"), &units).await?.len();
        if known != units.len() {
            return Err(Error::Conflict("a meter belongs to a unit that does not exist".into()));
        }
        let mut others: Vec<_> = readings.iter().map(|reading| reading.meter_id).collect();
        others.sort_unstable();
        others.dedup();
        others.retain(|meter| !meters.iter().any(|new| new.id == *meter));
        let others: Vec<_> = others.into_iter().map(|meter| meter.0).collect();
        let known =
            self.rows_of(sql!("SELECT id FROM meter WHERE company_id = $1 AND id IN ({list})"), &others).await?.len();
        if known != others.len() {
            return Err(Error::Conflict("a reading belongs to a meter that does not exist".into()));
        }
        Ok(())
    }

    /// Ends today's ownership. An owner who only comes later would own beside the new one: that is refused.
    async fn end_ownership(&mut self, unit: UnitId, from: Date) -> Result<Vec<PartyId>> {
        let later = self
            .row(
                sql!("SELECT starts_on FROM tenure WHERE company_id = $1 AND unit_id = $2 AND kind = 'owner' AND starts_on >= $3 LIMIT 1"),
                values![unit, from],
            )
            .await?;
        if let Some(row) = later {
            let starts_on: Date = row.only()?;
            return Err(Error::Conflict(format!("the unit has an owner from {starts_on} on already")));
        }
        let rows = self
            .rows(
                sql!(
                    "UPDATE tenure SET ends_on = $3 WHERE company_id = $1 AND unit_id = $2 AND kind = 'owner' ",
                    "AND (ends_on IS NULL OR ends_on > $3) RETURNING party_id"
                ),
                values![unit, from],
            )
            .await?;
        rows.iter().map(crate::db::Row::only).collect()
    }

    /// Writes a party that is new; one that is known is left as it is.
    async fn keep_party(&mut self, stamp: &Stamp, project: ProjectId, party: &Party) -> Result<()> {
        let known = self
            .row(
                sql!("SELECT id FROM party WHERE company_id = $1 AND id = $2 AND project_id = $3"),
                values![party.id, project],
            )
            .await?;
        if known.is_none() {
            write_all(self, stamp, project, std::slice::from_ref(party), &()).await?;
        }
        Ok(())
    }

    /// A sold unit is no longer the developer's; whether somebody lives there is said by whoever knows.
    async fn mark_handed_over(&mut self, unit: UnitId) -> Result<()> {
        self.execute(
            sql!(
                "UPDATE unit SET version = version + 1, occupancy = CASE WHEN occupancy = 'unsold' THEN 'vacant' ELSE occupancy END ",
                "WHERE company_id = $1 AND id = $2"
            ),
            values![unit],
        )
        .await?;
        Ok(())
    }
}
