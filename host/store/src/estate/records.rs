//! What hangs on one unit.

use guanjia_domain::{
    Result,
    estate::{Meter, Tenure, Vehicle},
    fee_item::FeeAssignment,
    ids::*,
    ports::{FeeAssignmentRow, MeterRow, TenureRow, UnitRecords, VehicleRow},
};

use crate::{db::Scope, estate::record::Record};

/// Records of one kind that a page can show. A unit has a handful; one that collected more was sold very often.
const RECORDS_MAX: i64 = 200;

impl Scope {
    /// # Errors
    /// `NotFound` for a unit that is unknown or another company's.
    pub(crate) async fn unit_records(&mut self, unit: UnitId) -> Result<UnitRecords> {
        self.project_of_unit(unit).await?;
        Ok(UnitRecords {
            tenures: self.tenures_of_unit(unit).await?,
            vehicles: self.vehicles_of_unit(unit).await?,
            meters: self.meters_of_unit(unit).await?,
            fee_assignments: self.fee_assignments_of_unit(unit).await?,
        })
    }

    async fn tenures_of_unit(&mut self, unit: UnitId) -> Result<Vec<TenureRow>> {
        let statement = sql!(
            "SELECT t.id, t.unit_id, t.party_id, t.kind, t.starts_on, t.ends_on, p.name, p.phone FROM tenure t ",
            "JOIN party p ON p.id = t.party_id WHERE t.company_id = $1 AND t.unit_id = $2 ",
            "ORDER BY CASE WHEN t.ends_on IS NULL THEN 0 ELSE 1 END, t.ends_on DESC, t.id LIMIT $3"
        );
        let rows = self.rows(statement, values![unit, RECORDS_MAX]).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok(TenureRow { tenure: Tenure::read(&mut cells)?, party: cells.take()?, phone: cells.take()? })
            })
            .collect()
    }

    async fn vehicles_of_unit(&mut self, unit: UnitId) -> Result<Vec<VehicleRow>> {
        let statement = sql!(
            "SELECT v.id, v.party_id, v.unit_id, v.plate_no, v.brand, v.kind_code, v.colour, p.name FROM vehicle v ",
            "JOIN party p ON p.id = v.party_id WHERE v.company_id = $1 AND (v.unit_id = $2 OR v.party_id IN ",
            "(SELECT t.party_id FROM tenure t WHERE t.unit_id = $2 AND (t.ends_on IS NULL OR t.ends_on > CURRENT_DATE))) ",
            "ORDER BY v.plate_no, v.id LIMIT $3"
        );
        let rows = self.rows(statement, values![unit, RECORDS_MAX]).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok(VehicleRow { vehicle: Vehicle::read(&mut cells)?, party: cells.take()? })
            })
            .collect()
    }

    async fn meters_of_unit(&mut self, unit: UnitId) -> Result<Vec<MeterRow>> {
        let statement = sql!(
            "SELECT m.id, m.unit_id, m.fee_item_id, m.multiplier_milli, f.name, r.read_on, r.reading_milli FROM meter m ",
            "JOIN fee_item f ON f.id = m.fee_item_id LEFT JOIN meter_reading r ON r.meter_id = m.id ",
            "AND r.read_on = (SELECT MAX(l.read_on) FROM meter_reading l WHERE l.meter_id = m.id) ",
            "WHERE m.company_id = $1 AND m.unit_id = $2 ORDER BY f.name, m.id LIMIT $3"
        );
        let rows = self.rows(statement, values![unit, RECORDS_MAX]).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                let meter = Meter {
                    id: cells.take()?,
                    unit_id: cells.take()?,
                    fee_item_id: cells.take()?,
                    multiplier_milli: cells.take()?,
                };
                let fee_item = cells.take()?;
                let (read_on, reading): (Option<_>, Option<_>) = (cells.take()?, cells.take()?);
                Ok(MeterRow { meter, fee_item, last: read_on.zip(reading) })
            })
            .collect()
    }

    async fn fee_assignments_of_unit(&mut self, unit: UnitId) -> Result<Vec<FeeAssignmentRow>> {
        let statement = sql!(
            "SELECT a.id, a.unit_id, a.fee_item_id, a.starts_on, a.ends_on, f.name FROM fee_assignment a ",
            "JOIN fee_item f ON f.id = a.fee_item_id WHERE a.company_id = $1 AND a.unit_id = $2 ",
            "ORDER BY f.name, a.id LIMIT $3"
        );
        let rows = self.rows(statement, values![unit, RECORDS_MAX]).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok(FeeAssignmentRow { assignment: FeeAssignment::read(&mut cells)?, fee_item: cells.take()? })
            })
            .collect()
    }
}
