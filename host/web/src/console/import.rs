//! 导入: a workbook is compared first; what it would change is shown, and written when somebody says so.

use askama::Template;
use axum::{
    Form,
    extract::{Multipart, Query},
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use guanjia_domain::{
    Error,
    error::InputProblem,
    ids::ProjectId,
    import::{Difference, DifferenceKind, ImportCounts, PlannedImport, ToldDifference},
};
use serde::{Deserialize, Serialize};

use super::{Page, Section, chosen_project, show};
use crate::{
    access::{Require, Signed, needs::WriteEstate},
    exchange::{self, Upload},
    fault::{Answer, Fault},
    format, urls,
    words::{Arg, text},
};

/// The file travels to the browser and back between comparing and writing, so that no host has to remember it and any
/// host can go on. Estates of ten thousand units take about 1 MB; larger files than this go through the API.
pub(crate) const CONFIRMABLE_BYTES_MAX: usize = 8 << 20;
/// What one reads before deciding; the counts tell the rest.
const DIFFERENCES_SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "import.html")]
struct ImportPage {
    page: Page,
    project_name: String,
    /// What was found, in one line; empty before a file was chosen.
    headline: String,
    refused: bool,
    done: bool,
    problems: Vec<InputProblem>,
    counts: Vec<Count>,
    differences: Vec<DifferenceRow>,
    more_differences: String,
    /// The file for the second form; empty where there is nothing to confirm.
    files: String,
    seen: String,
    confirm: String,
    units_url: String,
    billing_url: String,
}

struct Count {
    label: String,
    value: String,
}

struct DifferenceRow {
    kind: String,
    code: &'static str,
    what: String,
    detail: String,
}

/// What the second form brings back.
#[derive(Deserialize)]
pub(crate) struct ApplyForm {
    project: String,
    files: String,
    seen: String,
}

/// A file on its way through the browser.
#[derive(Serialize, Deserialize)]
struct CarriedFile {
    name: String,
    hex: String,
}

#[derive(Deserialize)]
pub(crate) struct FormQuery {
    project: Option<ProjectId>,
}

impl ImportPage {
    fn new(access: &Signed, project_name: String) -> Self {
        Self {
            page: Page::new(access, Section::Import, None),
            project_name,
            headline: String::new(),
            refused: false,
            done: false,
            problems: Vec::new(),
            counts: Vec::new(),
            differences: Vec::new(),
            more_differences: String::new(),
            files: String::new(),
            seen: String::new(),
            confirm: String::new(),
            units_url: String::new(),
            billing_url: String::new(),
        }
    }
}

pub(crate) async fn form(access: Require<WriteEstate>, Query(query): Query<FormQuery>) -> Answer<Response> {
    let project = chosen_project(access.store.as_ref(), query.project).await?;
    show(&ImportPage::new(&access, project.map(|project| project.name).unwrap_or_default()))
}

/// Shows what the file would change, or everything that is wrong with it.
pub(crate) async fn compare(access: Require<WriteEstate>, form: Multipart) -> Answer<Response> {
    let upload = Upload::read(form).await?;
    match exchange::plan(&access, &upload, access.words.language).await {
        Ok(planned) => show(&compared(&access, &upload, &planned)?),
        Err(error) => refused(&access, upload.project, error),
    }
}

/// Writes what was shown. When the records changed meanwhile, the new difference is shown instead.
pub(crate) async fn apply(access: Require<WriteEstate>, Form(form): Form<ApplyForm>) -> Answer<Response> {
    let upload = Upload { files: unpack(&form.files)?, project: form.project, dry_run: false };
    let planned = match exchange::plan(&access, &upload, access.words.language).await {
        Ok(planned) => planned,
        Err(error) => return refused(&access, upload.project, error),
    };
    if fingerprint(&planned) != form.seen {
        let mut page = compared(&access, &upload, &planned)?;
        page.headline = page.page.t("import-changed-meanwhile");
        return Ok((StatusCode::CONFLICT, Html(page.render()?)).into_response());
    }
    let imports = exchange::imports(&access);
    let project = imports.apply(&access.stamp(), &upload.project, &planned, &upload.file_names()).await?;
    let mut page = ImportPage::new(&access, upload.project);
    let changes = planned.plan.change_count();
    page.headline = change_sentence(&page.page, "import-done", changes.inserted, changes.updated, changes.deleted);
    page.done = true;
    page.counts = counts(&page.page, planned.plan.counts);
    page.units_url = urls::units(Some(project.id));
    page.billing_url = urls::billing(Some(project.id));
    show(&page)
}

fn compared(access: &Signed, upload: &Upload, planned: &PlannedImport) -> Answer<ImportPage> {
    let mut page = ImportPage::new(access, upload.project.clone());
    let changes = planned.plan.change_count();
    page.counts = counts(&page.page, planned.plan.counts);
    let shown = planned.plan.differences.iter().take(DIFFERENCES_SHOWN);
    page.differences = shown.map(|difference| row(&page.page, difference)).collect();
    let beyond = planned.plan.differences.len().saturating_sub(DIFFERENCES_SHOWN);
    if beyond > 0 {
        page.more_differences = page.page.say("import-more", &[("count", Arg::Count(number(beyond)))]);
    }
    if planned.project.is_some() && planned.plan.changes.is_empty() {
        page.headline = page.page.t("import-nothing");
        return Ok(page);
    }
    let key = if planned.project.is_some() { "import-would-change" } else { "import-would-make" };
    page.headline = change_sentence(&page.page, key, changes.inserted, changes.updated, changes.deleted);
    let total = changes.inserted + changes.updated + changes.deleted;
    page.confirm = page
        .page
        .say("import-confirm", &[("count", Arg::Count(number(total))), ("shown", text(format::count(number(total))))]);
    page.files = pack(upload)?;
    page.seen = fingerprint(planned);
    Ok(page)
}

/// Bad cells are what the page is for; other faults are rendered as everywhere.
fn refused(access: &Signed, project_name: String, error: Error) -> Answer<Response> {
    let Error::Invalid { message, problems } = error else { return Err(error.into()) };
    let mut page = ImportPage::new(access, project_name);
    page.headline = if problems.is_empty() {
        message
    } else {
        page.page.say("import-refused", &[("count", Arg::Count(number(problems.len())))])
    };
    page.refused = true;
    page.problems = problems;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page.render()?)).into_response())
}

fn change_sentence(page: &Page, key: &str, inserted: usize, updated: usize, deleted: usize) -> String {
    let shown = |count| text(format::count(number(count)));
    page.say(key, &[("inserted", shown(inserted)), ("updated", shown(updated)), ("deleted", shown(deleted))])
}

fn counts(page: &Page, counts: ImportCounts) -> Vec<Count> {
    let entries = [
        ("count-buildings", counts.buildings),
        ("count-entrances", counts.entrances),
        ("count-units", counts.units),
        ("count-unsold", counts.unsold),
        ("count-parking-spaces", counts.parking_spaces),
        ("count-owners", counts.owners),
        ("count-members", counts.members),
        ("count-vehicles", counts.vehicles),
        ("count-fee-items", counts.fee_items),
        ("count-fee-assignments", counts.fee_assignments),
    ];
    entries.into_iter().map(|(key, count)| Count { label: page.t(key), value: format::count(number(count)) }).collect()
}

fn row(page: &Page, difference: &Difference) -> DifferenceRow {
    let ToldDifference { kind, what, detail } = difference.told(page.words.language);
    DifferenceRow { kind: page.words.code("difference", kind.code()), code: kind.code(), what, detail }
}

/// What was shown, so far as it matters: another set of changes is another decision.
fn fingerprint(planned: &PlannedImport) -> String {
    let changes = planned.plan.change_count();
    let kinds = DifferenceKind::ALL
        .iter()
        .map(|kind| planned.plan.differences.iter().filter(|row| row.kind == *kind).count().to_string());
    let project = planned.project.as_ref().map_or_else(|| "new".to_owned(), |project| project.id.to_string());
    format!(
        "{project}/{}/{}/{}/{}",
        changes.inserted,
        changes.updated,
        changes.deleted,
        kinds.collect::<Vec<_>>().join(".")
    )
}

fn pack(upload: &Upload) -> Answer<String> {
    let size: usize = upload.files.iter().map(|(_, bytes)| bytes.len()).sum();
    if size > CONFIRMABLE_BYTES_MAX {
        let sentence = format!(
            "the file is larger than {CONFIRMABLE_BYTES_MAX} bytes: import it through the API or the command line"
        );
        return Err(Fault::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", sentence));
    }
    let files: Vec<CarriedFile> =
        upload.files.iter().map(|(name, bytes)| CarriedFile { name: name.clone(), hex: hex::encode(bytes) }).collect();
    serde_json::to_string(&files).map_err(|_| Fault::panicked())
}

fn unpack(files: &str) -> Answer<Vec<(String, Vec<u8>)>> {
    let broken = || Fault::malformed("the file got lost on the way: choose it again");
    let files: Vec<CarriedFile> = serde_json::from_str(files).map_err(|_| broken())?;
    files.into_iter().map(|file| Ok((file.name, hex::decode(&file.hex).map_err(|_| broken())?))).collect()
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
