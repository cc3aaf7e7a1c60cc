//! Imports: a workbook becomes the project's records, or nothing of it does.

use axum::{Json, extract::Multipart};
use guanjia_domain::import::{ChangeCount, ImportCounts, ToldDifference};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Ask, Reply, billing_runs::LanguageQuery, language};
use crate::{
    access::{Require, needs::WriteEstate},
    exchange::{self, Upload},
    fault::Problem,
};

/// A form with files.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only describes the form to the document")]
pub(crate) struct ImportForm {
    /// One xlsx or zip file, or the csv files of all tables under this name.
    #[schema(value_type = Vec<String>, format = Binary)]
    workbook: Vec<Vec<u8>>,
    /// Name of the project; made when there is none.
    project: String,
    /// `true`: only say what would change.
    dry_run: Option<bool>,
}

/// What an import changed, or would change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportBody {
    /// Absent while the project does not exist.
    pub project: Option<Uuid>,
    /// Whether the changes are written.
    pub applied: bool,
    pub counts: CountsBody,
    pub changes: ChangesBody,
    pub differences: Vec<DifferenceBody>,
}

/// What the workbook holds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CountsBody {
    pub buildings: usize,
    pub entrances: usize,
    pub units: usize,
    pub unsold: usize,
    pub parking_spaces: usize,
    pub owners: usize,
    pub members: usize,
    pub vehicles: usize,
    pub fee_items: usize,
    pub fee_assignments: usize,
}

impl From<ImportCounts> for CountsBody {
    fn from(counts: ImportCounts) -> Self {
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
        Self {
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
        }
    }
}

/// Rows that are written.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangesBody {
    pub inserted: usize,
    pub updated: usize,
    pub deleted: usize,
}

impl From<ChangeCount> for ChangesBody {
    fn from(ChangeCount { inserted, updated, deleted }: ChangeCount) -> Self {
        Self { inserted, updated, deleted }
    }
}

/// One line of the difference between records and workbook.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DifferenceBody {
    /// `added`, `changed`, `removed`, `missing` (in the records only; it stays).
    pub kind: String,
    /// What differs, in the language of the request.
    pub what: String,
    /// How; empty where there is nothing to say.
    pub detail: String,
}

impl From<ToldDifference> for DifferenceBody {
    fn from(ToldDifference { kind, what, detail }: ToldDifference) -> Self {
        Self { kind: kind.to_string(), what, detail }
    }
}

/// Imports a MicroCommunity workbook. A file with a bad cell is refused as a whole, every such cell named under `problems`.
#[utoipa::path(
    post, path = "/api/v1/imports", tag = "imports", params(LanguageQuery),
    request_body(content = ImportForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, body = ImportBody),
        (status = 422, description = "cells that cannot be used; nothing is written", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn import_workbook(
    access: Require<WriteEstate>,
    Ask(query): Ask<LanguageQuery>,
    form: Multipart,
) -> Reply<ImportBody> {
    let language = language(query.lang.as_deref(), access.words.language)?;
    let upload = Upload::read(form).await?;
    let planned = exchange::plan(&access, &upload, language).await?;
    let project = if upload.dry_run {
        planned.project.as_ref().map(|project| project.id)
    } else {
        let imports = exchange::imports(&access);
        Some(imports.apply(&access.stamp(), &upload.project, &planned, &upload.file_names()).await?.id)
    };
    Ok(Json(ImportBody {
        project: project.map(|id| id.0),
        applied: !upload.dry_run,
        counts: planned.plan.counts.into(),
        changes: planned.plan.change_count().into(),
        differences: planned.plan.differences.iter().map(|difference| difference.told(language).into()).collect(),
    }))
}
