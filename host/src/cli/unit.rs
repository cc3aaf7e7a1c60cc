//! `guanjia unit`: the few changes of a unit that scripts make.

use clap::{Args, Subcommand};
use guanjia_domain::{
    Date, Decimal, Error, Result,
    access::Permission,
    estate::{Party, PartyKind},
    ids::PartyId,
    ports::{UnitRow, UnitSearch},
};
use serde_json::json;

use super::{Done, Global, output};
use crate::boot::Office;

#[derive(Debug, Subcommand)]
pub(super) enum Unit {
    /// Change a unit's own fields.
    Set {
        #[command(flatten)]
        place: Place,
        /// Built-up area in m².
        #[arg(long, value_name = "M2")]
        area: Decimal,
    },
    /// Hand a unit over to a new owner from a day on.
    Transfer {
        #[command(flatten)]
        place: Place,
        /// Name of the new owner.
        #[arg(long, value_name = "NAME")]
        to: String,
        #[arg(long, value_name = "DATE", value_parser = output::date)]
        from: Date,
    },
}

#[derive(Debug, Args)]
pub(super) struct Place {
    #[arg(long, value_name = "NAME")]
    project: String,
    /// Building, entrance and number, such as 6-1-103.
    #[arg(long, value_name = "PLACE")]
    unit: String,
}

impl Unit {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        let office = global.office().await?;
        let stamp = office.stamp(global.acting.as_deref(), "cli").await?;
        stamp.actor.require(Permission::WriteEstate)?;
        let place = match self {
            Unit::Set { place, area } => {
                let UnitRow { mut unit, version, .. } = place.find(&office).await?;
                unit.gross_floor_area_cm2 = square_centimetres(*area)?;
                office.store.update_unit(&stamp, &unit, version).await?;
                place
            }
            Unit::Transfer { place, to, from } => {
                let unit = place.find(&office).await?.unit;
                let owner = Party {
                    id: PartyId::generate(),
                    name: to.clone(),
                    source_no: None,
                    kind: PartyKind::Owner,
                    gender: None,
                    age: None,
                    phone: None,
                    identity_no: None,
                    household_of: None,
                };
                office.store.transfer_ownership(&stamp, unit.id, &owner, *from).await?;
                place
            }
        };
        let row = place.find(&office).await?;
        if global.json {
            output::line(&json!({
                "unit": row.place.to_string(), "area_cm2": row.unit.gross_floor_area_cm2, "owners": row.owners,
            }));
        }
        Ok(Done::Well)
    }
}

/// The area in cm², if it is one: positive and with at most four places.
fn square_centimetres(area: Decimal) -> Result<i64> {
    area.rescale(4).map(|exact| exact.mantissa).filter(|area| *area > 0).ok_or_else(|| {
        Error::invalid(format!("{area} m² is not an area: it has to be positive, with at most four decimals"))
    })
}

impl Place {
    pub(super) fn of(project: &str, unit: &str) -> Self {
        Self { project: project.to_owned(), unit: unit.to_owned() }
    }

    pub(super) async fn find(&self, office: &Office) -> Result<UnitRow> {
        /// Units looked at to find one by its place.
        const CANDIDATES: u32 = 200;
        let project = output::project(office, &self.project).await?;
        let number = self.unit.rsplit('-').next().unwrap_or_default();
        let search = UnitSearch { text: number, personal_data: false };
        let mut cursor = None;
        loop {
            let page = office.store.units(project.id, &search, cursor.as_deref(), CANDIDATES).await?;
            if let Some(row) = page.items.into_iter().find(|row| row.place.to_string() == self.unit) {
                return Ok(row);
            }
            cursor = page.next;
            if cursor.is_none() {
                return Err(Error::not_found("unit", &self.unit));
            }
        }
    }
}
