//! Units in lists: their places, their order, their owners.

use guanjia_domain::{
    Error, Result,
    estate::{STALE, Unit, UnitPlace},
    ids::*,
    ports::{Page, UnitRow, UnitSearch},
};
use serde::de::DeserializeOwned;
use std::{collections::HashMap, fmt::Write as _};
use uuid::Uuid;

use crate::{
    db::{Row, Scope},
    estate::record::Record,
    sql::Scoped,
    value,
};

/// Rows that one page of a list may have.
const PAGE_ROWS_MAX: u32 = 1_000;

/// The parts of a sort key that come from where a unit lies.
#[derive(Debug, Default)]
pub(crate) struct PlaceKeys {
    entrances: HashMap<EntranceId, String>,
    parking_areas: HashMap<ParkingAreaId, String>,
}

impl PlaceKeys {
    /// Building, entrance and number so that byte order is the order people expect; parking spaces after the homes.
    pub(crate) fn sort_key(&self, unit: &Unit) -> Result<String> {
        let place = match (unit.entrance_id, unit.parking_area_id) {
            (Some(entrance), None) => self.entrances.get(&entrance),
            (None, Some(area)) => self.parking_areas.get(&area),
            _ => {
                return Err(Error::invalid(format!(
                    "unit {} lies either in an entrance or in a parking area",
                    unit.unit_no
                )));
            }
        };
        let place = place
            .ok_or_else(|| Error::Conflict(format!("unit {} lies in a place that does not exist", unit.unit_no)))?;
        Ok(format!("{place}\u{1}{}", natural_key(&unit.unit_no)))
    }
}

/// A text whose bytes sort as people count: each run of digits is preceded by its length, so that 2 comes before 10.
fn natural_key(text: &str) -> String {
    let mut key = String::with_capacity(text.len() + 4);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let digits = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
        if digits == 0 {
            key.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let number = rest[..digits].trim_start_matches('0');
        // Writing to a String cannot fail. Two figures count runs of up to 99 digits, which no house number has.
        let _ = write!(key, "{:02}{number}", number.len().min(99));
        rest = &rest[digits..];
    }
    key
}

/// What [`read_unit_row`] reads of a unit `u`, its place `p` and the names of today's owners.
macro_rules! unit_rows {
    () => {
        concat!(
            "SELECT u.id, u.entrance_id, u.parking_area_id, u.kind, u.unit_no, u.storey, u.layout_code, u.gross_floor_area_cm2, ",
            "u.internal_area_cm2, u.rent_fen, u.occupancy, u.sort_key, u.version, COALESCE(b.building_no, a.area_no), ",
            "COALESCE(e.entrance_no, ''), (SELECT CAST({rows}(o.name) AS TEXT) FROM tenure t JOIN party o ON o.id = t.party_id ",
            "WHERE t.unit_id = u.id AND t.kind = 'owner' AND (t.starts_on IS NULL OR t.starts_on <= CURRENT_DATE) ",
            "AND (t.ends_on IS NULL OR t.ends_on > CURRENT_DATE)) ",
            "FROM unit u LEFT JOIN entrance e ON e.id = u.entrance_id LEFT JOIN building b ON b.id = e.building_id ",
            "LEFT JOIN parking_area a ON a.id = u.parking_area_id "
        )
    };
}

/// The row with its sort key.
fn read_unit_row(row: &Row) -> Result<(UnitRow, String)> {
    let mut cells = row.cells();
    let unit = Unit::read(&mut cells)?;
    let (sort_key, version) = (cells.take()?, cells.take()?);
    let place = UnitPlace { building: cells.take()?, entrance: cells.take()?, unit: unit.unit_no.clone() };
    let owners: Option<String> = cells.take()?;
    let mut owners: Vec<String> = owners.map_or(Ok(Vec::new()), |names| value::json(&names))?;
    owners.sort_unstable();
    Ok((UnitRow { unit, place, owners, version }, sort_key))
}

impl Scope {
    /// Rows gathered into JSON arrays, part by part.
    pub(crate) async fn listed<T: DeserializeOwned>(&mut self, statement: Scoped, ids: &[Uuid]) -> Result<Vec<T>> {
        let mut all = Vec::with_capacity(ids.len());
        for row in self.rows_of(statement, ids).await? {
            all.append(&mut gathered(&row)?);
        }
        Ok(all)
    }

    pub(crate) async fn place_keys(&mut self, project: ProjectId) -> Result<PlaceKeys> {
        let mut keys = PlaceKeys::default();
        let entrances = sql!(
            "SELECT e.id, b.building_no, e.entrance_no FROM entrance e JOIN building b ON b.id = e.building_id ",
            "WHERE e.company_id = $1 AND e.project_id = $2"
        );
        for row in self.rows(entrances, values![project]).await? {
            let mut cells = row.cells();
            let entrance = cells.take()?;
            let (building, number): (String, String) = (cells.take()?, cells.take()?);
            keys.entrances.insert(entrance, format!("0{}\u{1}{}", natural_key(&building), natural_key(&number)));
        }
        let areas = sql!("SELECT id, area_no FROM parking_area WHERE company_id = $1 AND project_id = $2");
        for row in self.rows(areas, values![project]).await? {
            let mut cells = row.cells();
            let area = cells.take()?;
            keys.parking_areas.insert(area, format!("1{}", natural_key(&cells.take::<String>()?)));
        }
        Ok(keys)
    }

    pub(crate) async fn unit_page(
        &mut self,
        project: ProjectId,
        search: &UnitSearch<'_>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<UnitRow>> {
        let limit = limit.clamp(1, PAGE_ROWS_MAX);
        let (after_key, after_unit) = cursor.map_or(Ok((String::new(), UnitId(Uuid::nil()))), read_cursor)?;
        let pattern = search_pattern(search.text);
        // Two statements: one that has to be ready to search is planned as if it always did.
        let rows = if pattern.is_empty() {
            let statement = sql!(
                unit_rows!(),
                "WHERE u.company_id = $1 AND u.project_id = $2 AND (u.sort_key, u.id) > ($3, $4) ",
                "ORDER BY u.sort_key, u.id LIMIT $5"
            );
            self.rows(statement, values![project, after_key, after_unit, limit + 1]).await?
        } else {
            let statement = sql!(
                unit_rows!(),
                "WHERE u.company_id = $1 AND u.project_id = $2 AND (u.sort_key, u.id) > ($3, $4) ",
                "AND (LOWER(u.unit_no) LIKE $5 ESCAPE '\\' ",
                "OR LOWER('-' || COALESCE(b.building_no, a.area_no) || COALESCE('-' || e.entrance_no, '') || '-' || u.unit_no) ",
                "LIKE $6 ESCAPE '\\' ",
                "OR ($7 AND EXISTS (SELECT 1 FROM tenure h JOIN party q ON q.id = h.party_id WHERE h.unit_id = u.id ",
                "AND (LOWER(q.name) LIKE $5 ESCAPE '\\' OR q.phone LIKE $5 ESCAPE '\\'))) ",
                "OR EXISTS (SELECT 1 FROM vehicle v WHERE v.unit_id = u.id AND LOWER(v.plate_no) LIKE $5 ESCAPE '\\') ",
                "OR EXISTS (SELECT 1 FROM tenure h JOIN vehicle v ON v.party_id = h.party_id WHERE h.unit_id = u.id ",
                "AND LOWER(v.plate_no) LIKE $5 ESCAPE '\\')) ",
                "ORDER BY u.sort_key, u.id LIMIT $8"
            );
            let place = place_pattern(search.text);
            let values = values![project, after_key, after_unit, pattern, place, search.personal_data, limit + 1];
            self.rows(statement, values).await?
        };
        let mut page = rows.iter().map(read_unit_row).collect::<Result<Vec<_>>>()?;
        let more = page.len() > limit as usize;
        page.truncate(limit as usize);
        let next = page.last().filter(|_| more).map(|(row, key)| write_cursor(key, row.unit.id));
        Ok(Page { items: page.into_iter().map(|(row, _)| row).collect(), next })
    }

    pub(crate) async fn unit_row(&mut self, unit: UnitId) -> Result<UnitRow> {
        let row = self.row(sql!(unit_rows!(), "WHERE u.company_id = $1 AND u.id = $2"), values![unit]).await?;
        Ok(read_unit_row(&row.ok_or_else(|| Error::not_found("unit", unit))?)?.0)
    }

    /// Writes a unit over the version that was edited, and returns the version after it.
    pub(crate) async fn replace_unit(&mut self, unit: &Unit, sort_key: &str, version: i64) -> Result<i64> {
        let statement = sql!(
            "UPDATE unit SET entrance_id = $4, parking_area_id = $5, kind = $6, unit_no = $7, storey = $8, layout_code = $9, ",
            "gross_floor_area_cm2 = $10, internal_area_cm2 = $11, rent_fen = $12, occupancy = $13, sort_key = $14, ",
            "version = version + 1 WHERE company_id = $1 AND id = $2 AND version = $3 RETURNING version"
        );
        let values = values![
            unit.id,
            version,
            unit.entrance_id,
            unit.parking_area_id,
            unit.kind,
            &unit.unit_no,
            unit.storey,
            &unit.layout_code,
            unit.gross_floor_area_cm2,
            unit.internal_area_cm2,
            unit.rent_fen,
            unit.occupancy,
            sort_key
        ];
        let row = self.row(statement, values).await?;
        row.ok_or_else(|| Error::refused(STALE, "the unit was changed meanwhile: read it again"))?.only()
    }

    pub(crate) async fn project_of_unit(&mut self, unit: UnitId) -> Result<ProjectId> {
        let row =
            self.row(sql!("SELECT project_id FROM unit WHERE company_id = $1 AND id = $2"), values![unit]).await?;
        row.ok_or_else(|| Error::not_found("unit", unit))?.only()
    }

    pub(crate) async fn places(&mut self, units: &[UnitId]) -> Result<Vec<(UnitId, UnitPlace)>> {
        let ids: Vec<_> = units.iter().map(|unit| unit.0).collect();
        let statement = sql!(
            "SELECT {rows}({array}({hex}(u.id), COALESCE(b.building_no, a.area_no), COALESCE(e.entrance_no, ''), u.unit_no)) ",
            "FROM unit u LEFT JOIN entrance e ON e.id = u.entrance_id LEFT JOIN building b ON b.id = e.building_id ",
            "LEFT JOIN parking_area a ON a.id = u.parking_area_id WHERE u.company_id = $1 AND u.id IN ({list})"
        );
        let places = self.listed::<(UnitId, String, String, String)>(statement, &ids).await?;
        Ok(places
            .into_iter()
            .map(|(id, building, entrance, unit)| (id, UnitPlace { building, entrance, unit }))
            .collect())
    }
}

/// The rows that a statement gathered into one JSON text; none where the database says that there is nothing.
pub(crate) fn gathered<T: DeserializeOwned>(row: &Row) -> Result<Vec<T>> {
    // PostgreSQL types it as JSON, SQLite as text.
    let text: Option<String> = match row {
        Row::Sqlite(_) => row.raw(0)?,
        Row::Postgres(row) => {
            use sqlx::Row as _;
            let value = row.try_get_raw(0).map_err(crate::db::failed)?;
            if sqlx::ValueRef::is_null(&value) { None } else { Some(value.as_str().map_err(damaged)?.to_owned()) }
        }
    };
    text.map_or(Ok(Vec::new()), |text| value::json(&text))
}

fn damaged(error: sqlx::error::BoxDynError) -> Error {
    Error::unavailable("stored JSON is damaged", error)
}

/// A pattern that finds the text anywhere, or nothing to search for.
pub(crate) fn search_pattern(search: &str) -> String {
    let search = search.trim();
    if search.is_empty() {
        return String::new();
    }
    format!("%{}%", escaped(search))
}

/// A pattern that finds the text at the beginning of a part of a place, where each part follows a dash; empty, which finds
/// nothing, for a text that names one part only.
fn place_pattern(search: &str) -> String {
    // Keyboards for Chinese write dashes of other widths.
    let search = search.trim().replace(['\u{2010}', '\u{2013}', '\u{2014}', '\u{ff0d}'], "-");
    let search = search.trim_start_matches('-');
    if search.contains('-') { format!("%-{}%", escaped(search)) } else { String::new() }
}

/// Lower case, with what a pattern would take for something else marked as itself.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.to_lowercase().chars() {
        if matches!(character, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

fn write_cursor(sort_key: &str, unit: UnitId) -> String {
    hex::encode([unit.0.as_bytes().as_slice(), sort_key.as_bytes()].concat())
}

fn read_cursor(cursor: &str) -> Result<(String, UnitId)> {
    let bad = || Error::invalid("the cursor is not one that a page gave");
    let bytes = hex::decode(cursor).map_err(|_| bad())?;
    let (unit, sort_key) = bytes.split_at_checked(16).ok_or_else(bad)?;
    let sort_key = String::from_utf8(sort_key.to_vec()).map_err(|_| bad())?;
    Ok((sort_key, UnitId(Uuid::from_slice(unit).map_err(|_| bad())?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn house_numbers_sort_as_people_count() {
        let mut numbers = ["10", "2", "B2", "B10", "1-1001", "1-201", "002", "A", "", "商1"];
        numbers.sort_by_key(|number| natural_key(number));
        assert_eq!(numbers, ["", "1-201", "1-1001", "2", "002", "10", "A", "B2", "B10", "商1"]);
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let unit = UnitId::generate();
        assert_eq!(read_cursor(&write_cursor("0011", unit)).expect("was written so"), ("0011".to_owned(), unit));
        assert!(read_cursor("zz").is_err());
        assert!(read_cursor("00").is_err());
    }
}
