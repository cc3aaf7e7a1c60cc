//! `guanjia import` and `guanjia export`.

use clap::{Args, Subcommand};
use guanjia_domain::{
    Error, Result,
    access::{Permission, Stamp},
    import::PlannedImport,
};
use serde_json::json;
use std::path::{Path, PathBuf};

use super::{Done, Global, output};
use crate::boot::Office;

#[derive(Debug, Subcommand)]
pub(super) enum Import {
    /// The migration workbook of MicroCommunity (xlsx), or its tables as csv files.
    Microcommunity {
        /// One workbook, or one csv file for each table.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        #[arg(long, value_name = "NAME")]
        project: String,
        /// Show what would change and write nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

/// Differences shown at the terminal before the rest is only counted.
const DIFFERENCES_SHOWN: usize = 40;

impl Import {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        let Import::Microcommunity { files, project, dry_run } = self;
        let office = global.office().await?;
        let stamp = office.stamp(global.acting.as_deref(), "cli").await?;
        let files = files.iter().map(|file| read(file)).collect::<Result<Vec<_>>>()?;
        let planned = take_over(&office, &stamp, project, &files, *dry_run).await?;
        report(&planned, *dry_run, global.json);
        Ok(Done::Well)
    }
}

fn read(file: &Path) -> Result<(String, Vec<u8>)> {
    let bytes =
        std::fs::read(file).map_err(|error| Error::invalid(format!("{} cannot be read: {error}", file.display())))?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok((name, bytes))
}

/// Plans the import and, unless it is only a rehearsal, applies it.
pub(super) async fn take_over(
    office: &Office,
    stamp: &Stamp,
    project: &str,
    files: &[(String, Vec<u8>)],
    dry_run: bool,
) -> Result<PlannedImport> {
    let workbook = guanjia_exchange::read_files(files).map_err(|error| Error::invalid(error.to_string()))?;
    let planned = office.imports.plan_microcommunity(stamp, project, &workbook).await?;
    if !dry_run {
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        office.imports.apply(stamp, project, &planned, &names.join(", ")).await?;
    }
    Ok(planned)
}

fn report(planned: &PlannedImport, dry_run: bool, json: bool) {
    let (plan, count) = (&planned.plan, planned.plan.change_count());
    if json {
        output::line(&json!({
            "dry_run": dry_run, "counts": plan.counts, "changes": count, "differences": plan.differences, "problems": [],
        }));
        return;
    }
    for difference in plan.differences.iter().take(DIFFERENCES_SHOWN) {
        output::text(&difference.to_string());
    }
    if plan.differences.len() > DIFFERENCES_SHOWN {
        output::text(&format!("… and {} more", plan.differences.len() - DIFFERENCES_SHOWN));
    }
    let counts = &plan.counts;
    output::text(&format!(
        "{} buildings, {} entrances, {} units ({} unsold), {} parking spaces, {} owners, {} others, {} vehicles, {} fee items, {} assignments",
        counts.buildings,
        counts.entrances,
        counts.units,
        counts.unsold,
        counts.parking_spaces,
        counts.owners,
        counts.members,
        counts.vehicles,
        counts.fee_items,
        counts.fee_assignments
    ));
    let done = if dry_run { "would be" } else { "were" };
    output::text(&format!(
        "{} rows {done} added, {} changed, {} removed",
        count.inserted, count.updated, count.deleted
    ));
}

/// Write a project's tables back into a workbook.
#[derive(Debug, Args)]
pub(super) struct Export {
    #[arg(long, value_name = "NAME")]
    project: String,
    /// The xlsx file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Export {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        let office = global.office().await?;
        let stamp = office.stamp(global.acting.as_deref(), "cli").await?;
        stamp.actor.require(Permission::ReadPersonalData)?;
        let project = output::project(&office, &self.project).await?;
        let estate = office.store.estate(project.id).await?;
        let (workbook, left_out) = guanjia_exchange::export_microcommunity(&estate)?;
        std::fs::write(&self.out, workbook)
            .map_err(|error| Error::unavailable(format!("writing {}", self.out.display()), error))?;
        for line in left_out {
            output::say(&format!("not in the workbook: {line}"));
        }
        Ok(Done::Well)
    }
}
