//! `guanjia calendar`: the hours that count, and what they make of a duration.

use chrono::{DateTime, Duration, Utc};
use clap::Subcommand;
use guanjia_domain::{
    Error, Result,
    calendar::{self, Allowed, CalendarVersion, Calendars, Clock, WorkingCalendar},
    estate::Project,
};
use serde_json::json;
use std::path::PathBuf;

use super::{Done, Global, output};
use crate::boot::Office;

#[derive(Debug, Subcommand)]
pub(super) enum Calendar {
    /// The calendar that holds at a project, or for the company.
    Show {
        #[arg(long, value_name = "NAME")]
        project: Option<String>,
    },
    /// Write the next version from a JSON file: `{"week": [["08:30-17:30"], … seven], "days": {"2026-10-01": []}}`.
    Set {
        file: PathBuf,
        /// For this project only.
        #[arg(long, value_name = "NAME")]
        project: Option<String>,
        /// The version that was seen; 0 where the company or project had none of its own.
        #[arg(long, default_value_t = 0, value_name = "VERSION")]
        seen: i64,
    },
    /// When a duration is used up at a project.
    Due {
        #[arg(long, value_name = "NAME")]
        project: String,
        #[arg(long, value_name = "MINUTES")]
        minutes: i64,
        /// `working` or `around`.
        #[arg(long, default_value = "working", value_name = "CLOCK")]
        clock: Clock,
        /// Now, without it.
        #[arg(long, value_name = "INSTANT")]
        from: Option<DateTime<Utc>>,
    },
}

async fn scope(office: &Office, project: Option<&str>) -> Result<Option<Project>> {
    match project {
        Some(name) => Ok(Some(output::project(office, name).await?)),
        None => Ok(None),
    }
}

fn print(kept: &CalendarVersion) {
    output::line(&json!({
        "project": kept.project_id, "version": kept.version, "made_by": kept.made_by, "calendar": kept.calendar,
    }));
}

impl Calendar {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        let office = global.office().await?;
        let stamp = office.stamp(global.acting.as_deref(), "cli").await?;
        let calendars = Calendars::new(office.store.clone());
        match self {
            // A calendar is written as JSON, so it is shown as JSON.
            Calendar::Show { project } => {
                let project = scope(&office, project.as_deref()).await?.map(|project| project.id);
                print(&calendars.of(project).await?);
            }
            Calendar::Set { file, project, seen } => {
                let project = scope(&office, project.as_deref()).await?.map(|project| project.id);
                let text = std::fs::read_to_string(file)
                    .map_err(|error| Error::unavailable(format!("reading {}", file.display()), error))?;
                let calendar: WorkingCalendar = serde_json::from_str(&text)
                    .map_err(|error| Error::invalid(format!("the calendar cannot be read: {error}")))?;
                print(&calendars.set(&stamp, project, *seen, calendar).await?);
            }
            Calendar::Due { project, minutes, clock, from } => {
                let project = output::project(&office, project).await?;
                let kept = calendars.of(Some(project.id)).await?;
                let allowed = Allowed { minutes: *minutes, clock: *clock }.check()?;
                let zone = calendar::zone(&project.time_zone)?;
                let from = from.unwrap_or(stamp.at);
                let due = kept.calendar.resolve(from, Duration::minutes(allowed.minutes), allowed.clock, zone)?;
                if global.json {
                    output::line(&json!({ "from": from, "due_at": due, "version": kept.version }));
                } else {
                    output::text(&due.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S %:z").to_string());
                }
            }
        }
        Ok(Done::Well)
    }
}
