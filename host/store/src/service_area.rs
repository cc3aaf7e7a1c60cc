//! Service areas: which units belong to one on a day, who its steward is, and how much that is.
//!
//! Units and stewards are given by rows with days; what is over stays. Writers take turns, so that a unit is in one area on a day.

mod units;

use async_trait::async_trait;
use guanjia_domain::{
    Date, Error, Result,
    access::Stamp,
    ids::*,
    ports::{Page, ServiceAreaStore},
    service_area::*,
    staff::{Span, Staff},
};
use serde_json::{Value as Json, json};
use std::collections::HashMap;

use crate::{
    CompanyScope,
    db::{Cells, Row, Scope},
    staff::{Told, new_version},
};

macro_rules! area_columns {
    () => {
        "a.id, a.project_id, a.name, a.phone, a.closed_on"
    };
}

/// An area `a` with its steward on the day that is the second argument.
macro_rules! area_rows {
    () => {
        concat!(
            "SELECT ",
            area_columns!(),
            ", a.version, t.staff_id, s.name, t.starts_on, t.ends_on FROM service_area a ",
            "LEFT JOIN service_area_steward t ON t.service_area_id = a.id AND t.starts_on <= $2 ",
            "AND (t.ends_on IS NULL OR t.ends_on > $2) LEFT JOIN staff s ON s.id = t.staff_id "
        )
    };
}

/// Figures of units `u` in buildings `b`.
macro_rules! figures {
    () => {
        concat!(
            "b.kind, COUNT(*), COUNT(CASE WHEN u.kind = 'residential' THEN 1 END), ",
            "CAST(SUM(u.gross_floor_area_cm2) AS BIGINT), ",
            "CAST(SUM(CASE WHEN u.kind = 'residential' THEN u.gross_floor_area_cm2 ELSE 0 END) AS BIGINT) "
        )
    };
}

fn read_area(cells: &mut Cells<'_>) -> Result<ServiceArea> {
    Ok(ServiceArea {
        id: cells.take()?,
        project_id: cells.take()?,
        name: cells.take()?,
        phone: cells.take()?,
        closed_on: cells.take()?,
    })
}

fn read_steward(cells: &mut Cells<'_>) -> Result<Option<Stewardship>> {
    let (staff_id, staff): (Option<StaffId>, Option<String>) = (cells.take()?, cells.take()?);
    let (starts_on, ends_on): (Option<Date>, Option<Date>) = (cells.take()?, cells.take()?);
    let (Some(staff_id), Some(staff), Some(starts_on)) = (staff_id, staff, starts_on) else { return Ok(None) };
    Ok(Some(Stewardship { staff_id, staff, span: Span::new(starts_on, ends_on) }))
}

fn read_part(cells: &mut Cells<'_>) -> Result<KindFigures> {
    Ok(KindFigures {
        building_kind: cells.take()?,
        units: cells.take()?,
        homes: cells.take()?,
        gross_floor_area_cm2: cells.take()?,
        homes_area_cm2: cells.take()?,
    })
}

fn read_area_row(row: &Row) -> Result<AreaRow> {
    let mut cells = row.cells();
    let area = read_area(&mut cells)?;
    let version = cells.take()?;
    Ok(AreaRow { area, version, steward: read_steward(&mut cells)?, figures: AreaFigures::default() })
}

impl Scope {
    async fn areas_of(&mut self, project: ProjectId, day: Date) -> Result<Vec<AreaRow>> {
        self.require_project(project).await?;
        let statement = sql!(
            area_rows!(),
            "WHERE a.company_id = $1 AND a.project_id = $3 AND (a.closed_on IS NULL OR a.closed_on > $2) ORDER BY a.name, a.id"
        );
        let rows = self.rows(statement, values![day, project]).await?;
        let mut areas = rows.iter().map(read_area_row).collect::<Result<Vec<_>>>()?;
        let statement = sql!(
            "SELECT x.service_area_id, ",
            figures!(),
            "FROM service_area a JOIN service_area_unit x ON x.service_area_id = a.id JOIN unit u ON u.id = x.unit_id ",
            "LEFT JOIN entrance e ON e.id = u.entrance_id LEFT JOIN building b ON b.id = e.building_id ",
            "WHERE a.company_id = $1 AND a.project_id = $2 AND x.starts_on <= $3 AND (x.ends_on IS NULL OR x.ends_on > $3) ",
            "GROUP BY x.service_area_id, b.kind ORDER BY COALESCE(b.kind, '')"
        );
        let mut figures: HashMap<ServiceAreaId, AreaFigures> = HashMap::new();
        for row in self.rows(statement, values![project, day]).await? {
            let mut cells = row.cells();
            figures.entry(cells.take()?).or_default().add(read_part(&mut cells)?)?;
        }
        for row in &mut areas {
            row.figures = figures.remove(&row.area.id).unwrap_or_default();
        }
        Ok(areas)
    }

    async fn area_row(&mut self, area: ServiceAreaId, day: Date) -> Result<AreaRow> {
        let row = self.row(sql!(area_rows!(), "WHERE a.company_id = $1 AND a.id = $3"), values![day, area]).await?;
        let mut row = read_area_row(&row.ok_or_else(|| Error::not_found("service area", area))?)?;
        let statement = sql!(
            "SELECT ",
            figures!(),
            "FROM service_area_unit x JOIN unit u ON u.id = x.unit_id LEFT JOIN entrance e ON e.id = u.entrance_id ",
            "LEFT JOIN building b ON b.id = e.building_id WHERE x.company_id = $1 AND x.service_area_id = $2 ",
            "AND x.starts_on <= $3 AND (x.ends_on IS NULL OR x.ends_on > $3) GROUP BY b.kind ORDER BY COALESCE(b.kind, '')"
        );
        for part in self.rows(statement, values![area, day]).await? {
            row.figures.add(read_part(&mut part.cells())?)?;
        }
        Ok(row)
    }

    async fn unserved(&mut self, project: ProjectId, day: Date) -> Result<AreaFigures> {
        self.require_project(project).await?;
        let statement = sql!(
            "SELECT ",
            figures!(),
            "FROM unit u LEFT JOIN entrance e ON e.id = u.entrance_id LEFT JOIN building b ON b.id = e.building_id ",
            "WHERE u.company_id = $1 AND u.project_id = $2 AND NOT EXISTS (SELECT 1 FROM service_area_unit x ",
            "WHERE x.unit_id = u.id AND x.starts_on <= $3 AND (x.ends_on IS NULL OR x.ends_on > $3)) ",
            "GROUP BY b.kind ORDER BY COALESCE(b.kind, '')"
        );
        let mut figures = AreaFigures::default();
        for part in self.rows(statement, values![project, day]).await? {
            figures.add(read_part(&mut part.cells())?)?;
        }
        Ok(figures)
    }

    async fn area(&mut self, area: ServiceAreaId) -> Result<ServiceArea> {
        let statement = sql!("SELECT ", area_columns!(), " FROM service_area a WHERE a.company_id = $1 AND a.id = $2");
        let row = self.row(statement, values![area]).await?;
        read_area(&mut row.ok_or_else(|| Error::not_found("service area", area))?.cells())
    }

    async fn add_area(&mut self, stamp: &Stamp, area: &ServiceArea) -> Result<()> {
        self.hold_project(area.project_id).await?;
        self.take_turn().await?;
        let statement = sql!(
            "INSERT INTO service_area (company_id, id, project_id, name, phone, closed_on, version, created_at) ",
            "VALUES ($1, $2, $3, $4, $5, $6, 1, $7)"
        );
        let values = values![area.id, area.project_id, &area.name, &area.phone, area.closed_on, stamp.at];
        self.execute(statement, values).await?;
        let count = sql!("SELECT COUNT(*) FROM service_area WHERE company_id = $1 AND project_id = $2");
        let count: i64 = self.row(count, values![area.project_id]).await?.map_or(Ok(0), |row| row.only())?;
        if usize::try_from(count).is_ok_and(|count| count > SERVICE_AREAS_MAX) {
            return Err(Error::Conflict(format!("a project has {SERVICE_AREAS_MAX} service areas at most")));
        }
        self.tell_area(stamp, "service-area.add", "service-area.added", area, Json::Null, json!(area)).await
    }

    async fn change_area(&mut self, stamp: &Stamp, area: &ServiceArea, seen: i64) -> Result<i64> {
        self.take_turn().await?;
        let before = self.area(area.id).await?;
        if before.project_id != area.project_id {
            return Err(Error::Conflict("a service area stays in its project".into()));
        }
        let statement = sql!(
            "UPDATE service_area SET name = $4, phone = $5, closed_on = $6, version = version + 1 ",
            "WHERE company_id = $1 AND id = $2 AND version = $3 RETURNING version"
        );
        let values = values![area.id, seen, &area.name, &area.phone, area.closed_on];
        let version = new_version(self.row(statement, values).await?, "service area")?;
        if let Some(closed_on) = area.closed_on {
            self.end_units(area.id, closed_on).await?;
            self.end_steward(area.id, closed_on).await?;
        }
        self.tell_area(stamp, "service-area.change", "service-area.changed", area, json!(before), json!(area)).await?;
        Ok(version)
    }

    /// Ends the stewardships of an area with a day; those that would start later never begin.
    async fn end_steward(&mut self, area: ServiceAreaId, from: Date) -> Result<()> {
        let never =
            sql!("DELETE FROM service_area_steward WHERE company_id = $1 AND service_area_id = $2 AND starts_on >= $3");
        let ended = sql!(
            "UPDATE service_area_steward SET ends_on = $3 WHERE company_id = $1 AND service_area_id = $2 ",
            "AND (ends_on IS NULL OR ends_on > $3)"
        );
        self.execute(never, values![area, from]).await?;
        self.execute(ended, values![area, from]).await?;
        Ok(())
    }

    async fn set_steward(
        &mut self,
        stamp: &Stamp,
        area: ServiceAreaId,
        steward: Option<StaffId>,
        from: Date,
    ) -> Result<()> {
        self.take_turn().await?;
        let stored = self.open_area(area).await?;
        let before = self.area_row(area, from).await?.steward.map(|steward| steward.staff_id);
        self.end_steward(area, from).await?;
        if let Some(steward) = steward {
            let person = self.staff_member(steward).await?.record;
            require_employed(&person, from)?;
            let statement = sql!(
                "INSERT INTO service_area_steward (company_id, service_area_id, staff_id, starts_on, ends_on, created_at) ",
                "VALUES ($1, $2, $3, $4, $5, $6)"
            );
            self.execute(statement, values![area, steward, from, person.left_on, stamp.at]).await?;
        }
        let before = json!({ "steward": before });
        let after = json!({ "steward": steward, "from": from });
        self.tell_area(stamp, "service-area.steward", "service-area.steward-changed", &stored, before, after).await
    }

    /// # Errors
    /// `Refused` with `area-closed`.
    async fn open_area(&mut self, area: ServiceAreaId) -> Result<ServiceArea> {
        let stored = self.area(area).await?;
        match stored.closed_on {
            None => Ok(stored),
            Some(closed) => Err(Error::refused("area-closed", format!("{} is closed from {closed} on", stored.name))),
        }
    }

    async fn tell_area(
        &mut self,
        stamp: &Stamp,
        action: &'static str,
        event: &'static str,
        area: &ServiceArea,
        before: Json,
        after: Json,
    ) -> Result<()> {
        let told = Told {
            action,
            event,
            what: "service-area",
            id: area.id.to_string(),
            project: Some(area.project_id),
            before,
            after,
            payload: &json!({ "service_area": area.id }),
        };
        self.note_change(stamp, told).await
    }

    async fn area_history(&mut self, area: ServiceAreaId) -> Result<AreaHistory> {
        self.area(area).await?;
        let stewards = sql!(
            "SELECT t.staff_id, s.name, t.starts_on, t.ends_on FROM service_area_steward t JOIN staff s ON s.id = t.staff_id ",
            "WHERE t.company_id = $1 AND t.service_area_id = $2 ORDER BY t.starts_on DESC"
        );
        let units = sql!(
            "SELECT starts_on, ends_on, COUNT(*) FROM service_area_unit WHERE company_id = $1 AND service_area_id = $2 ",
            "GROUP BY starts_on, ends_on ORDER BY starts_on DESC, ends_on DESC"
        );
        let mut history = AreaHistory::default();
        for row in self.rows(stewards, values![area]).await? {
            history.stewards.extend(read_steward(&mut row.cells())?);
        }
        for row in self.rows(units, values![area]).await? {
            let mut cells = row.cells();
            let span = Span::new(cells.take()?, cells.take()?);
            history.units.push(UnitsMoved { span, units: cells.take()? });
        }
        Ok(history)
    }

    async fn unit_service(&mut self, unit: UnitId, day: Date) -> Result<Option<UnitService>> {
        self.project_of_unit(unit).await?;
        let statement = sql!(
            area_rows!(),
            "JOIN service_area_unit x ON x.service_area_id = a.id AND x.starts_on <= $2 AND (x.ends_on IS NULL OR x.ends_on > $2) ",
            "WHERE a.company_id = $1 AND x.unit_id = $3"
        );
        let row = self.row(statement, values![day, unit]).await?;
        let read = |row: Row| read_area_row(&row).map(|row| UnitService { area: row.area, steward: row.steward });
        row.map(read).transpose()
    }

    async fn stewardships(&mut self, staff: StaffId) -> Result<Vec<(ServiceArea, Span)>> {
        self.staff_member(staff).await?;
        let statement = sql!(
            "SELECT ",
            area_columns!(),
            ", t.starts_on, t.ends_on FROM service_area_steward t JOIN service_area a ON a.id = t.service_area_id ",
            "WHERE t.company_id = $1 AND t.staff_id = $2 ORDER BY t.starts_on DESC, a.name"
        );
        let rows = self.rows(statement, values![staff]).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok((read_area(&mut cells)?, Span::new(cells.take()?, cells.take()?)))
            })
            .collect()
    }
}

fn require_employed(person: &Staff, from: Date) -> Result<()> {
    if person.employment().contains(from) {
        return Ok(());
    }
    Err(Error::refused("not-employed", format!("{} does not work here on {from}", person.name)))
}

#[async_trait]
impl ServiceAreaStore for CompanyScope {
    async fn service_areas(&self, project: ProjectId, day: Date) -> Result<Vec<AreaRow>> {
        self.read().await?.areas_of(project, day).await
    }

    async fn service_area(&self, area: ServiceAreaId, day: Date) -> Result<AreaRow> {
        self.read().await?.area_row(area, day).await
    }

    async fn unserved(&self, project: ProjectId, day: Date) -> Result<AreaFigures> {
        self.read().await?.unserved(project, day).await
    }

    async fn add_service_area(&self, stamp: &Stamp, area: &ServiceArea) -> Result<()> {
        let mut scope = self.write().await?;
        scope.add_area(stamp, area).await?;
        scope.commit().await
    }

    async fn change_service_area(&self, stamp: &Stamp, area: &ServiceArea, version: i64) -> Result<i64> {
        let mut scope = self.write().await?;
        let version = scope.change_area(stamp, area, version).await?;
        scope.commit().await?;
        Ok(version)
    }

    async fn place_units(
        &self,
        stamp: &Stamp,
        area: ServiceAreaId,
        units: &[UnitSelection],
        from: Date,
        taken: Taken,
    ) -> Result<Placed> {
        let mut scope = self.write().await?;
        let placed = scope.place_units(stamp, area, units, from, taken).await?;
        scope.commit().await?;
        Ok(placed)
    }

    async fn release_units(
        &self,
        stamp: &Stamp,
        area: ServiceAreaId,
        units: &[UnitSelection],
        from: Date,
    ) -> Result<u64> {
        let mut scope = self.write().await?;
        let released = scope.release_units(stamp, area, units, from).await?;
        scope.commit().await?;
        Ok(released)
    }

    async fn set_steward(
        &self,
        stamp: &Stamp,
        area: ServiceAreaId,
        steward: Option<StaffId>,
        from: Date,
    ) -> Result<()> {
        let mut scope = self.write().await?;
        scope.set_steward(stamp, area, steward, from).await?;
        scope.commit().await
    }

    async fn area_units(
        &self,
        area: ServiceAreaId,
        day: Date,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AreaUnit>> {
        self.read().await?.area_units(area, day, cursor, limit).await
    }

    async fn area_history(&self, area: ServiceAreaId) -> Result<AreaHistory> {
        self.read().await?.area_history(area).await
    }

    async fn unit_service(&self, unit: UnitId, day: Date) -> Result<Option<UnitService>> {
        self.read().await?.unit_service(unit, day).await
    }

    async fn stewardships(&self, staff: StaffId) -> Result<Vec<(ServiceArea, Span)>> {
        self.read().await?.stewardships(staff).await
    }
}
