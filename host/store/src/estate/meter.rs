//! Meters, their readings, and shared costs.

use guanjia_domain::{
    Date, Error, Result,
    access::Stamp,
    estate::{Meter, MeterReading, STALE, UnitPlace},
    fee_item::CostPool,
    ids::*,
    meter::{PlacedMeter, ReadingRow, check_reading},
};
use serde_json::json;

use crate::{
    audit::Change,
    db::{Cells, Row, Scope},
    estate::record::write_all,
};

/// Readings of one page: ten years by the month.
const READINGS_MAX: u32 = 121;

macro_rules! reading_columns {
    () => {
        "SELECT r.id, r.meter_id, r.read_on, r.reading_milli, r.restart_milli "
    };
}

/// A reading with its version, and whether a posted charge covers its day. The periods are those of the project's runs: the
/// index of charges begins with the period.
macro_rules! reading_rows {
    () => {
        concat!(
            reading_columns!(),
            ", r.version, EXISTS (SELECT 1 FROM unit u JOIN billing_run b ON b.project_id = u.project_id ",
            "JOIN charge c ON c.period_start = b.period_start AND c.unit_id = m.unit_id AND c.fee_item_id = m.fee_item_id ",
            "WHERE u.id = m.unit_id AND b.period_start <= r.read_on AND b.period_end > r.read_on) ",
            "FROM meter_reading r JOIN meter m ON m.id = r.meter_id "
        )
    };
}

fn read_reading(cells: &mut Cells<'_>) -> Result<MeterReading> {
    Ok(MeterReading {
        id: cells.take()?,
        meter_id: cells.take()?,
        read_on: cells.take()?,
        reading_milli: cells.take()?,
        restart_milli: cells.take()?,
    })
}

fn read_row(row: &Row) -> Result<ReadingRow> {
    let mut cells = row.cells();
    Ok(ReadingRow { reading: read_reading(&mut cells)?, version: cells.take()?, charged: cells.take()? })
}

impl Scope {
    pub(crate) async fn meter(&mut self, meter: MeterId) -> Result<PlacedMeter> {
        let statement = sql!(
            "SELECT m.id, m.unit_id, m.fee_item_id, m.multiplier_milli, u.project_id, COALESCE(b.building_no, a.area_no), ",
            "COALESCE(e.entrance_no, ''), u.unit_no, f.name FROM meter m JOIN unit u ON u.id = m.unit_id ",
            "JOIN fee_item f ON f.id = m.fee_item_id LEFT JOIN entrance e ON e.id = u.entrance_id ",
            "LEFT JOIN building b ON b.id = e.building_id LEFT JOIN parking_area a ON a.id = u.parking_area_id ",
            "WHERE m.company_id = $1 AND m.id = $2"
        );
        let row = self.row(statement, values![meter]).await?.ok_or_else(|| Error::not_found("meter", meter))?;
        let mut cells = row.cells();
        Ok(PlacedMeter {
            meter: Meter {
                id: cells.take()?,
                unit_id: cells.take()?,
                fee_item_id: cells.take()?,
                multiplier_milli: cells.take()?,
            },
            project_id: cells.take()?,
            place: UnitPlace { building: cells.take()?, entrance: cells.take()?, unit: cells.take()? },
            fee_item: cells.take()?,
        })
    }

    /// Keeps the readings of a meter as they are until the transaction ends.
    async fn lock_meter(&mut self, meter: MeterId) -> Result<()> {
        let statement = sql!("SELECT id FROM meter WHERE company_id = $1 AND id = $2 {for update}");
        self.row(statement, values![meter]).await?.map(|_| ()).ok_or_else(|| Error::not_found("meter", meter))
    }

    pub(crate) async fn readings(
        &mut self,
        meter: MeterId,
        before: Option<Date>,
        limit: u32,
    ) -> Result<Vec<ReadingRow>> {
        self.meter(meter).await?;
        let limit = limit.min(READINGS_MAX);
        let rows = match before {
            None => {
                let statement = sql!(
                    reading_rows!(),
                    "WHERE r.company_id = $1 AND r.meter_id = $2 ORDER BY r.read_on DESC LIMIT $3"
                );
                self.rows(statement, values![meter, limit]).await?
            }
            Some(before) => {
                let statement = sql!(
                    reading_rows!(),
                    "WHERE r.company_id = $1 AND r.meter_id = $2 AND r.read_on < $3 ORDER BY r.read_on DESC LIMIT $4"
                );
                self.rows(statement, values![meter, before, limit]).await?
            }
        };
        rows.iter().map(read_row).collect()
    }

    pub(crate) async fn reading(&mut self, reading: MeterReadingId) -> Result<ReadingRow> {
        let statement = sql!(reading_rows!(), "WHERE r.company_id = $1 AND r.id = $2");
        let row = self.row(statement, values![reading]).await?;
        read_row(&row.ok_or_else(|| Error::not_found("meter reading", reading))?)
    }

    /// The readings before and after a day, without one of them.
    async fn neighbours(&mut self, reading: &MeterReading) -> Result<(Option<MeterReading>, Option<MeterReading>)> {
        let before = sql!(
            reading_columns!(),
            "FROM meter_reading r WHERE r.company_id = $1 AND r.meter_id = $2 AND r.read_on < $3 AND r.id <> $4 ",
            "ORDER BY r.read_on DESC LIMIT 1"
        );
        let after = sql!(
            reading_columns!(),
            "FROM meter_reading r WHERE r.company_id = $1 AND r.meter_id = $2 AND r.read_on > $3 AND r.id <> $4 ",
            "ORDER BY r.read_on LIMIT 1"
        );
        let values = || values![reading.meter_id, reading.read_on, reading.id];
        let before = self.row(before, values()).await?;
        let after = self.row(after, values()).await?;
        let read = |row: Option<Row>| row.map(|row| read_reading(&mut row.cells())).transpose();
        Ok((read(before)?, read(after)?))
    }

    async fn checked_reading(&mut self, reading: &MeterReading) -> Result<()> {
        let (before, after) = self.neighbours(reading).await?;
        check_reading(reading, before.as_ref(), after.as_ref())
    }

    pub(crate) async fn add_reading(&mut self, stamp: &Stamp, reading: &MeterReading) -> Result<()> {
        self.lock_meter(reading.meter_id).await?;
        self.checked_reading(reading).await?;
        // Meters hang on units, not on a project.
        let none = ProjectId(uuid::Uuid::nil());
        write_all(self, stamp, none, std::slice::from_ref(reading), &()).await?;
        let subject = format!("meter {}", reading.meter_id);
        self.audit(stamp, Change::of("meter-reading.add", subject, json!(reading))).await
    }

    pub(crate) async fn correct_reading(&mut self, stamp: &Stamp, reading: &MeterReading, version: i64) -> Result<()> {
        self.lock_meter(reading.meter_id).await?;
        let stored = self.reading(reading.id).await?;
        if stored.reading.meter_id != reading.meter_id {
            return Err(Error::Conflict("a reading stays with its meter".into()));
        }
        self.checked_reading(reading).await?;
        let changed = self
            .execute(
                sql!(
                    "UPDATE meter_reading SET read_on = $4, reading_milli = $5, restart_milli = $6, version = version + 1 ",
                    "WHERE company_id = $1 AND id = $2 AND version = $3"
                ),
                values![reading.id, version, reading.read_on, reading.reading_milli, reading.restart_milli],
            )
            .await?;
        if changed == 0 {
            return Err(Error::refused(STALE, "the reading was corrected meanwhile: read it again"));
        }
        let change = Change {
            action: "meter-reading.correct",
            subject: format!("meter {}", reading.meter_id),
            before: json!(stored.reading),
            after: json!(reading),
        };
        self.audit(stamp, change).await
    }

    pub(crate) async fn cost_pool(&mut self, fee_item: FeeItemId, period_start: Date) -> Result<Option<CostPool>> {
        let statement = sql!(
            "SELECT fee_item_id, period_start, total_fen FROM cost_pool ",
            "WHERE company_id = $1 AND fee_item_id = $2 AND period_start = $3"
        );
        self.row(statement, values![fee_item, period_start]).await?.map(|row| read_pool(&row)).transpose()
    }

    pub(crate) async fn cost_pools(&mut self, project: ProjectId, from: Date, to: Date) -> Result<Vec<CostPool>> {
        let statement = sql!(
            "SELECT p.fee_item_id, p.period_start, p.total_fen FROM fee_item f JOIN cost_pool p ON p.fee_item_id = f.id ",
            "WHERE f.company_id = $1 AND f.project_id = $2 AND p.period_start >= $3 AND p.period_start < $4 ",
            "ORDER BY p.period_start, p.fee_item_id"
        );
        self.rows(statement, values![project, from, to]).await?.iter().map(read_pool).collect()
    }

    /// Writes a shared cost, whatever is stored; without a total it is removed.
    pub(crate) async fn write_cost_pool(
        &mut self,
        stamp: &Stamp,
        fee_item: FeeItemId,
        period_start: Date,
        total_fen: Option<i64>,
    ) -> Result<()> {
        let known =
            self.row(sql!("SELECT id FROM fee_item WHERE company_id = $1 AND id = $2"), values![fee_item]).await?;
        known.ok_or_else(|| Error::not_found("fee item", fee_item))?;
        let before = self.cost_pool(fee_item, period_start).await?;
        match total_fen {
            Some(total_fen) => {
                let statement = sql!(
                    "INSERT INTO cost_pool (company_id, fee_item_id, period_start, total_fen, created_at) VALUES ($1, $2, $3, $4, $5) ",
                    "ON CONFLICT (fee_item_id, period_start) DO UPDATE SET total_fen = excluded.total_fen ",
                    "WHERE cost_pool.company_id = excluded.company_id"
                );
                self.execute(statement, values![fee_item, period_start, total_fen, stamp.at]).await?;
            }
            None => {
                let statement =
                    sql!("DELETE FROM cost_pool WHERE company_id = $1 AND fee_item_id = $2 AND period_start = $3");
                self.execute(statement, values![fee_item, period_start]).await?;
            }
        }
        let after = total_fen.map(|total_fen| CostPool { fee_item_id: fee_item, period_start, total_fen });
        let change = Change {
            action: "cost-pool.set",
            subject: format!("fee-item {fee_item} {period_start}"),
            before: json!(before),
            after: json!(after),
        };
        self.audit(stamp, change).await
    }

    /// Keeps everybody else from changing the shared costs of a fee item until the transaction ends.
    pub(crate) async fn lock_fee_item(&mut self, fee_item: FeeItemId) -> Result<()> {
        let statement = sql!("SELECT id FROM fee_item WHERE company_id = $1 AND id = $2 {for update}");
        let row = self.row(statement, values![fee_item]).await?;
        row.map(|_| ()).ok_or_else(|| Error::not_found("fee item", fee_item))
    }
}

fn read_pool(row: &Row) -> Result<CostPool> {
    let mut cells = row.cells();
    Ok(CostPool { fee_item_id: cells.take()?, period_start: cells.take()?, total_fen: cells.take()? })
}
