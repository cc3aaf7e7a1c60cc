//! Units come to an area and leave it.

use guanjia_domain::{
    Date, Error, Result,
    access::Stamp,
    estate::UnitPlace,
    ids::{ProjectId, ServiceAreaId, UnitId},
    ports::Page,
    service_area::{AreaUnit, Placed, Taken, UnitSelection},
    staff::Span,
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::{
    db::Scope,
    estate::{read_cursor, write_cursor},
    value::Values,
};

/// Rows that one page of an area's units may have.
const PAGE_ROWS_MAX: u32 = 1_000;

/// The units `u` of a project (`$2`) that a selection names by its parts (`$3`, `$4`, `$5`) or its id (`$6`).
macro_rules! selected {
    () => {
        concat!(
            "SELECT u.id FROM unit u LEFT JOIN entrance e ON e.id = u.entrance_id LEFT JOIN building b ON b.id = e.building_id ",
            "LEFT JOIN parking_area p ON p.id = u.parking_area_id WHERE u.company_id = $1 AND u.project_id = $2 ",
            "AND (u.id = $6 OR (b.building_no = $3 AND ($4 = '' OR e.entrance_no = $4) AND ($5 = '' OR u.unit_no = $5)) ",
            "OR (p.area_no = $3 AND $5 = '' AND ($4 = '' OR u.unit_no = $4)))"
        )
    };
}

/// The arguments of [`selected!`].
fn selection(project: ProjectId, units: &UnitSelection) -> Values {
    let (parts, unit): (&[String], Option<UnitId>) = match units {
        UnitSelection::Place(parts) => (parts, None),
        UnitSelection::Unit(unit) => (&[], Some(*unit)),
    };
    let part = |index: usize| parts.get(index).map_or("", String::as_str);
    values![project, part(0), part(1), part(2), unit]
}

fn with(mut values: Values, more: Values) -> Values {
    values.extend(more);
    values
}

impl Scope {
    pub(super) async fn place_units(
        &mut self,
        stamp: &Stamp,
        area: ServiceAreaId,
        units: &[UnitSelection],
        from: Date,
        taken: Taken,
    ) -> Result<Placed> {
        let project = self.area(area).await?.project_id;
        // Held before the turn is taken, as by imports, which change units.
        self.hold_project(project).await?;
        self.take_turn().await?;
        let stored = self.open_area(area).await?;
        let mut all = Placed::default();
        for selected in units {
            let values = || selection(project, selected);
            self.require_some(values(), selected).await?;
            self.refuse_planned(values(), from).await?;
            if taken == Taken::Refuse {
                self.refuse_taken(values(), area, from).await?;
            }
            all.moved += self.leave_others(values(), area, from).await?;
            all.placed += self.come(stamp, values(), area, from).await?;
        }
        let shown: Vec<_> = units.iter().map(ToString::to_string).collect();
        let after = json!({ "units": shown, "from": from, "placed": all.placed, "moved": all.moved });
        self.tell_area(stamp, "service-area.place", "service-area.units-changed", &stored, Json::Null, after).await?;
        Ok(all)
    }

    async fn require_some(&mut self, selection: Values, selected: &UnitSelection) -> Result<()> {
        let found = self.row(sql!(selected!(), " LIMIT 1"), selection).await?;
        found.map(|_| ()).ok_or_else(|| Error::not_found("place", selected))
    }

    /// A unit that comes to an area later cannot come to one now without an end: whoever means it takes it out of that plan first.
    async fn refuse_planned(&mut self, selection: Values, from: Date) -> Result<()> {
        let statement = sql!(
            "SELECT a.name, x.starts_on FROM service_area_unit x JOIN service_area a ON a.id = x.service_area_id ",
            "WHERE x.company_id = $1 AND x.starts_on > $7 AND x.unit_id IN (",
            selected!(),
            ") LIMIT 1"
        );
        let Some(row) = self.row(statement, with(selection, values![from])).await? else { return Ok(()) };
        let mut cells = row.cells();
        let (name, starts_on): (String, Date) = (cells.take()?, cells.take()?);
        Err(Error::refused("unit-planned", format!("a unit comes to {name} on {starts_on} already")))
    }

    async fn refuse_taken(&mut self, selection: Values, area: ServiceAreaId, from: Date) -> Result<()> {
        let statement = sql!(
            "SELECT a.name, t.unit_no FROM service_area_unit x JOIN service_area a ON a.id = x.service_area_id ",
            "JOIN unit t ON t.id = x.unit_id WHERE x.company_id = $1 AND x.service_area_id <> $8 ",
            "AND (x.ends_on IS NULL OR x.ends_on > $7) AND x.unit_id IN (",
            selected!(),
            ") ORDER BY t.sort_key LIMIT 1"
        );
        let Some(row) = self.row(statement, with(selection, values![from, area])).await? else { return Ok(()) };
        let mut cells = row.cells();
        let (name, unit): (String, String) = (cells.take()?, cells.take()?);
        let sentence = format!("{unit} belongs to {name} already: say that it is to move");
        Err(Error::refused("unit-in-area", sentence))
    }

    /// Takes the units out of the areas that they are in; how many.
    async fn leave_others(&mut self, values: Values, area: ServiceAreaId, from: Date) -> Result<u64> {
        let never = sql!(
            "DELETE FROM service_area_unit WHERE company_id = $1 AND service_area_id <> $8 AND starts_on = $7 AND unit_id IN (",
            selected!(),
            ")"
        );
        let ended = sql!(
            "UPDATE service_area_unit SET ends_on = $7 WHERE company_id = $1 AND service_area_id <> $8 AND starts_on < $7 ",
            "AND (ends_on IS NULL OR ends_on > $7) AND unit_id IN (",
            selected!(),
            ")"
        );
        let values = with(values, values![from, area]);
        Ok(self.execute(never, values.clone()).await? + self.execute(ended, values).await?)
    }

    /// Brings the units to the area, those that are not in it; how many.
    async fn come(&mut self, stamp: &Stamp, values: Values, area: ServiceAreaId, from: Date) -> Result<u64> {
        // Those that were to leave it later stay.
        let stay = sql!(
            "UPDATE service_area_unit SET ends_on = NULL WHERE company_id = $1 AND service_area_id = $8 AND ends_on > $7 ",
            "AND unit_id IN (",
            selected!(),
            ")"
        );
        let come = sql!(
            "INSERT INTO service_area_unit (company_id, service_area_id, unit_id, starts_on, created_at) ",
            "SELECT $1, $8, n.id, $7, $9 FROM unit n WHERE n.company_id = $1 AND n.id IN (",
            selected!(),
            ") AND NOT EXISTS (SELECT 1 FROM service_area_unit x WHERE x.unit_id = n.id AND x.ends_on IS NULL)"
        );
        let values = with(values, values![from, area]);
        self.execute(stay, values.clone()).await?;
        self.execute(come, with(values, values![stamp.at])).await
    }

    pub(super) async fn release_units(
        &mut self,
        stamp: &Stamp,
        area: ServiceAreaId,
        units: &[UnitSelection],
        from: Date,
    ) -> Result<u64> {
        self.take_turn().await?;
        let stored = self.area(area).await?;
        let never = sql!(
            "DELETE FROM service_area_unit WHERE company_id = $1 AND service_area_id = $8 AND starts_on >= $7 AND unit_id IN (",
            selected!(),
            ")"
        );
        let ended = sql!(
            "UPDATE service_area_unit SET ends_on = $7 WHERE company_id = $1 AND service_area_id = $8 ",
            "AND (ends_on IS NULL OR ends_on > $7) AND unit_id IN (",
            selected!(),
            ")"
        );
        let mut released = 0;
        for selected in units {
            let values = selection(stored.project_id, selected);
            self.require_some(values.clone(), selected).await?;
            let values = with(values, values![from, area]);
            released += self.execute(never, values.clone()).await? + self.execute(ended, values).await?;
        }
        let shown: Vec<_> = units.iter().map(ToString::to_string).collect();
        let after = json!({ "units": shown, "from": from, "released": released });
        self.tell_area(stamp, "service-area.release", "service-area.units-changed", &stored, Json::Null, after).await?;
        Ok(released)
    }

    /// Ends all units of an area with a day.
    pub(super) async fn end_units(&mut self, area: ServiceAreaId, from: Date) -> Result<()> {
        let never =
            sql!("DELETE FROM service_area_unit WHERE company_id = $1 AND service_area_id = $2 AND starts_on >= $3");
        let ended = sql!(
            "UPDATE service_area_unit SET ends_on = $3 WHERE company_id = $1 AND service_area_id = $2 ",
            "AND (ends_on IS NULL OR ends_on > $3)"
        );
        self.execute(never, values![area, from]).await?;
        self.execute(ended, values![area, from]).await?;
        Ok(())
    }

    pub(super) async fn area_units(
        &mut self,
        area: ServiceAreaId,
        day: Date,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AreaUnit>> {
        self.area(area).await?;
        let limit = limit.clamp(1, PAGE_ROWS_MAX);
        let (after_key, after) = cursor.map_or(Ok((String::new(), Uuid::nil())), read_cursor)?;
        let statement = sql!(
            "SELECT u.id, COALESCE(b.building_no, p.area_no), COALESCE(e.entrance_no, ''), u.unit_no, x.starts_on, x.ends_on, ",
            "u.sort_key FROM service_area_unit x JOIN unit u ON u.id = x.unit_id LEFT JOIN entrance e ON e.id = u.entrance_id ",
            "LEFT JOIN building b ON b.id = e.building_id LEFT JOIN parking_area p ON p.id = u.parking_area_id ",
            "WHERE x.company_id = $1 AND x.service_area_id = $2 AND x.starts_on <= $3 AND (x.ends_on IS NULL OR x.ends_on > $3) ",
            "AND (u.sort_key, u.id) > ($4, $5) ORDER BY u.sort_key, u.id LIMIT $6"
        );
        let rows = self.rows(statement, values![area, day, after_key, after, limit + 1]).await?;
        let mut units = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut cells = row.cells();
            let unit = AreaUnit {
                unit_id: cells.take()?,
                place: UnitPlace { building: cells.take()?, entrance: cells.take()?, unit: cells.take()? },
                span: Span::new(cells.take()?, cells.take()?),
            };
            units.push((unit, cells.take::<String>()?));
        }
        let more = units.len() > limit as usize;
        units.truncate(limit as usize);
        let next = units.last().filter(|_| more).map(|(unit, key)| write_cursor(key, unit.unit_id.0));
        Ok(Page { items: units.into_iter().map(|(unit, _)| unit).collect(), next })
    }
}
