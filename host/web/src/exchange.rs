//! Workbooks in and out. Reading and writing them takes time on the processor, so it happens beside the requests.

use axum::extract::Multipart;
use guanjia_domain::{
    Error, Result,
    estate::Project,
    import::{PlannedImport, Workbook},
    plugin::Language,
    ports::CompanyStore,
};

use crate::{access::Signed, fault::Answer, fault::Fault, words::Words};

/// An upload: the files with their names, and the fields beside them.
#[derive(Default)]
pub(crate) struct Upload {
    pub files: Vec<(String, Vec<u8>)>,
    pub project: String,
    /// Only look, write nothing.
    pub dry_run: bool,
}

/// Name of the field that carries the files.
const WORKBOOK_FIELD: &str = "workbook";

impl Upload {
    /// Reads the parts of a form.
    pub(crate) async fn read(mut form: Multipart) -> Answer<Self> {
        let mut upload = Self::default();
        while let Some(field) = form.next_field().await.map_err(|error| refused(&error))? {
            match field.name() {
                Some(WORKBOOK_FIELD) => {
                    let name = field.file_name().unwrap_or_default().to_owned();
                    let bytes = field.bytes().await.map_err(|error| refused(&error))?;
                    if !(name.is_empty() && bytes.is_empty()) {
                        upload.files.push((name, bytes.to_vec()));
                    }
                }
                Some("project") => {
                    upload.project = field.text().await.map_err(|error| refused(&error))?.trim().to_owned();
                }
                Some("dry_run") => {
                    let text = field.text().await.map_err(|error| refused(&error))?;
                    upload.dry_run = matches!(text.as_str(), "true" | "1" | "on");
                }
                _ => {}
            }
        }
        Ok(upload)
    }

    /// Names of the files, as the audit trail keeps them.
    pub(crate) fn file_names(&self) -> String {
        self.files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// A form that cannot be read, or that is larger than the route takes.
pub(crate) fn refused(error: &axum::extract::multipart::MultipartError) -> Fault {
    match error.status() {
        status @ axum::http::StatusCode::PAYLOAD_TOO_LARGE => Fault::new(status, "too-large", error.body_text()),
        _ => Fault::malformed(error.body_text()),
    }
}

/// What the uploaded files would change; what is wrong with them is told in `language`.
pub(crate) async fn plan(access: &Signed, upload: &Upload, language: Language) -> Result<PlannedImport> {
    if upload.files.is_empty() {
        return Err(Error::invalid(Words::new(language).t("import-no-file")));
    }
    let files = upload.files.clone();
    let workbook = beside(move || read(&files, language)).await?;
    imports(access).plan_microcommunity(&access.stamp(), &upload.project, &workbook, language).await
}

pub(crate) fn imports(access: &Signed) -> guanjia_domain::import::Imports {
    guanjia_domain::import::Imports::new(access.store.clone())
}

fn read(files: &[(String, Vec<u8>)], language: Language) -> Result<Workbook> {
    guanjia_exchange::read_files(files).map_err(|error| Error::invalid(error.told(language)))
}

/// The project's tables as an xlsx file.
pub(crate) async fn workbook(store: &dyn CompanyStore, project: &Project) -> Result<Vec<u8>> {
    let estate = store.estate(project.id).await?;
    let (bytes, left_out) = beside(move || guanjia_exchange::export_microcommunity(&estate)).await?;
    if !left_out.is_empty() {
        tracing::warn!(project.id = %project.id, left_out = left_out.len(), "the workbook cannot hold everything of the project");
    }
    Ok(bytes)
}

async fn beside<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::unavailable("working on a workbook", error))?
}
