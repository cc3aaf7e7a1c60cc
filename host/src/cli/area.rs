//! `guanjia area`: service areas (片区), their units and their stewards.

use clap::{Args, Subcommand};
use guanjia_domain::{
    Date, Error, Result,
    access::{Permission, Stamp},
    estate::Project,
    ids::ServiceAreaId,
    plugin::Language,
    service_area::{AreaFigures, AreaRow, ServiceArea, ServiceAreas, Taken, UnitSelection},
};
use serde_json::{Value as Json, json};

use super::{Done, Global, output, staff::person};
use crate::boot::Office;

#[derive(Debug, Subcommand)]
pub(super) enum Area {
    /// List a project's areas with their figures.
    List {
        #[arg(long, value_name = "NAME")]
        project: String,
        /// Today without it.
        #[arg(long, value_name = "DATE", value_parser = output::date)]
        day: Option<Date>,
    },
    /// Add an area.
    Add {
        #[command(flatten)]
        of: OfProject,
        /// The area's service phone.
        #[arg(long, value_name = "PHONE")]
        phone: Option<String>,
    },
    /// Give buildings, entrances or units to an area from a day on.
    Assign {
        #[command(flatten)]
        of: OfProject,
        #[arg(long, value_name = "DATE", value_parser = output::date)]
        from: Date,
        /// Take units out of the areas that they are in; without it they are refused.
        #[arg(long = "move")]
        moved: bool,
        /// Such as 6, 7-1 or 8-1-103.
        #[arg(required = true, value_name = "PLACE")]
        places: Vec<UnitSelection>,
    },
    /// Say who is the steward from a day on.
    Steward {
        #[command(flatten)]
        of: OfProject,
        /// Staff number; nobody without it.
        #[arg(long, value_name = "NO")]
        staff: Option<String>,
        #[arg(long, value_name = "DATE", value_parser = output::date)]
        from: Date,
    },
}

#[derive(Debug, Args)]
pub(super) struct OfProject {
    #[arg(long, value_name = "NAME")]
    project: String,
    /// Name of the area.
    #[arg(long, value_name = "AREA")]
    name: String,
}

impl OfProject {
    async fn find(&self, office: &Office, day: Date) -> Result<ServiceAreaId> {
        let project = output::project(office, &self.project).await?;
        let areas = office.store.service_areas(project.id, day).await?;
        let found = areas.into_iter().find(|row| row.area.name == self.name);
        Ok(found.ok_or_else(|| Error::not_found("service area", &self.name))?.area.id)
    }
}

impl Area {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        let office = global.office().await?;
        let stamp = office.stamp(global.acting.as_deref(), "cli").await?;
        stamp.actor.require(Permission::ReadStaff)?;
        let areas = ServiceAreas::new(office.store.clone());
        match self {
            Area::List { project, day } => {
                let project = output::project(&office, project).await?;
                list(&office, &stamp, &project, *day, global).await?;
            }
            Area::Add { of, phone } => {
                let area = ServiceArea {
                    id: ServiceAreaId::generate(),
                    project_id: output::project(&office, &of.project).await?.id,
                    name: of.name.clone(),
                    phone: phone.clone(),
                    closed_on: None,
                };
                areas.add(&stamp, &area).await?;
                output::line(&json!({ "id": area.id }));
            }
            Area::Assign { of, from, moved, places } => {
                let area = of.find(&office, *from).await?;
                let taken = if *moved { Taken::Move } else { Taken::Refuse };
                let placed = areas.place(&stamp, area, places, *from, taken).await?;
                output::line(&json!(placed));
            }
            Area::Steward { of, staff, from } => {
                let area = of.find(&office, *from).await?;
                let steward = match staff {
                    Some(staff) => Some(person(&office, staff).await?.record.id),
                    None => None,
                };
                areas.set_steward(&stamp, area, steward, *from).await?;
                output::line(&json!({ "id": area, "steward": staff, "from": from.to_string() }));
            }
        }
        Ok(Done::Well)
    }
}

async fn list(office: &Office, stamp: &Stamp, project: &Project, day: Option<Date>, global: &Global) -> Result<()> {
    let day = day.map_or_else(|| project.today(stamp.at), Ok)?;
    for row in office.store.service_areas(project.id, day).await? {
        print(&row, global);
    }
    let unserved = office.store.unserved(project.id, day).await?;
    if global.json {
        output::line(&json!({ "name": null, "figures": figures(&unserved) }));
    } else if unserved.units > 0 {
        let language = global.language(Language::En);
        output::text(&format!(
            "{}  {}",
            output::pick(language, "未划入片区", "in no area"),
            shown(&unserved, language)
        ));
    }
    Ok(())
}

fn figures(figures: &AreaFigures) -> Json {
    json!(figures)
}

fn shown(figures: &AreaFigures, language: Language) -> String {
    let square_metres = guanjia_domain::Decimal::new(figures.gross_floor_area_cm2, 4).trimmed(0);
    match language {
        Language::Zh => format!("{} 户，{} 个房屋或车位，{square_metres} m²", figures.homes, figures.units),
        Language::En => format!("{} homes, {} units, {square_metres} m²", figures.homes, figures.units),
    }
}

fn print(row: &AreaRow, global: &Global) {
    let steward = row.steward.as_ref();
    if global.json {
        output::line(&json!({
            "id": row.area.id, "name": row.area.name, "phone": row.area.phone, "version": row.version,
            "steward": steward.map(|steward| &steward.staff), "figures": figures(&row.figures),
        }));
        return;
    }
    let language = global.language(Language::En);
    let nobody = output::pick(language, "没有管家", "no steward");
    let steward = steward.map_or(nobody, |steward| steward.staff.as_str());
    output::text(&format!("{}  {steward}  {}", row.area.name, shown(&row.figures, language)));
}
