//! `guanjia import` and `guanjia export`.

use clap::{Args, Subcommand};
use guanjia_domain::{
    Error, Result,
    access::{Permission, Stamp},
    import::{ChangeCount, ImportCounts, PlannedImport},
    plugin::Language,
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
        let language = global.language(Language::En);
        let office = global.office().await?;
        let stamp = office.stamp(global.acting.as_deref(), "cli").await?;
        let files = files.iter().map(|file| read(file, language)).collect::<Result<Vec<_>>>()?;
        let planned = take_over_in(language, &office, &stamp, project, &files, *dry_run).await?;
        report(&planned, *dry_run, language, global.json);
        Ok(Done::Well)
    }
}

pub(super) fn read(file: &Path, language: Language) -> Result<(String, Vec<u8>)> {
    let bytes = std::fs::read(file).map_err(|error| {
        Error::invalid(match language {
            Language::Zh => format!("读不了文件 {}：{error}", file.display()),
            Language::En => format!("{} cannot be read: {error}", file.display()),
        })
    })?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok((name, bytes))
}

/// Plans the import and, unless it is only a rehearsal, applies it. For commands that speak English.
pub(super) async fn take_over(
    office: &Office,
    stamp: &Stamp,
    project: &str,
    files: &[(String, Vec<u8>)],
    dry_run: bool,
) -> Result<PlannedImport> {
    take_over_in(Language::En, office, stamp, project, files, dry_run).await
}

async fn take_over_in(
    language: Language,
    office: &Office,
    stamp: &Stamp,
    project: &str,
    files: &[(String, Vec<u8>)],
    dry_run: bool,
) -> Result<PlannedImport> {
    let workbook = guanjia_exchange::read_files(files).map_err(|error| Error::invalid(error.told(language)))?;
    let planned = office.imports.plan_microcommunity(stamp, project, &workbook, language).await?;
    if !dry_run {
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        office.imports.apply(stamp, project, &planned, &names.join(", ")).await?;
    }
    Ok(planned)
}

fn report(planned: &PlannedImport, dry_run: bool, language: Language, json: bool) {
    let (plan, count) = (&planned.plan, planned.plan.change_count());
    if json {
        let differences: Vec<_> = plan.differences.iter().map(|difference| difference.told(language)).collect();
        output::line(&json!({
            "dry_run": dry_run, "counts": plan.counts, "changes": count, "differences": differences, "problems": [],
        }));
        return;
    }
    for difference in plan.differences.iter().take(DIFFERENCES_SHOWN) {
        output::text(&difference.line(language));
    }
    let beyond = plan.differences.len().saturating_sub(DIFFERENCES_SHOWN);
    if beyond > 0 {
        output::text(&match language {
            Language::Zh => format!("……另有 {beyond} 处"),
            Language::En => format!("… and {beyond} more"),
        });
    }
    output::text(&held_words(plan.counts, language));
    let ChangeCount { inserted, updated, deleted } = count;
    output::text(&match (language, dry_run) {
        (Language::Zh, true) => format!("将新增 {inserted} 行，修改 {updated} 行，删除 {deleted} 行"),
        (Language::Zh, false) => format!("已新增 {inserted} 行，修改 {updated} 行，删除 {deleted} 行"),
        (Language::En, true) => format!("{inserted} rows would be added, {updated} changed, {deleted} removed"),
        (Language::En, false) => format!("{inserted} rows were added, {updated} changed, {deleted} removed"),
    });
}

/// What the workbook holds, in one line.
fn held_words(counts: ImportCounts, language: Language) -> String {
    let ImportCounts {
        buildings,
        entrances,
        units,
        unsold,
        parking_spaces,
        owners,
        members,
        vehicles,
        fee_items,
        fee_assignments,
    } = counts;
    match language {
        Language::Zh => format!(
            "{buildings} 栋楼，{entrances} 个单元，{units} 套房屋（未售 {unsold} 套），{parking_spaces} 个车位，{owners} 位业主，\
             {members} 位家庭成员和租户，{vehicles} 辆车，{fee_items} 个收费项目，{fee_assignments} 项房屋收费"
        ),
        Language::En => format!(
            "{buildings} buildings, {entrances} entrances, {units} units ({unsold} unsold), {parking_spaces} parking \
             spaces, {owners} owners, {members} others, {vehicles} vehicles, {fee_items} fee items, {fee_assignments} \
             assignments"
        ),
    }
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
        let language = global.language(Language::En);
        for line in left_out {
            let line = line.told(language);
            output::say(&match language {
                Language::Zh => format!("表格里放不下：{line}"),
                Language::En => format!("not in the workbook: {line}"),
            });
        }
        Ok(Done::Well)
    }
}
