//! 附件: the files on the page of a record.

use axum::{
    Form,
    extract::{Multipart, Path},
    response::{Redirect, Response},
};
use guanjia_domain::{
    Error,
    attachment::{Access, TOO_LARGE, TOO_MANY, TYPE_REFUSED},
    entity::{Entity, RecordRef},
    ids::AttachmentId,
};
use serde::Deserialize;
use uuid::Uuid;

use super::Page;
use crate::{
    access::{Require, Signed, needs::ReadEstate},
    api::attachments::{attachments, download, uploaded},
    fault::Answer,
    format, urls,
};

/// The files of a record, as a part of its page.
pub(super) struct Files {
    pub rows: Vec<FileRow>,
    /// Where a file is added; empty for those who may not.
    pub add_url: String,
    /// Why the last file was not taken.
    pub refused: String,
}

pub(super) struct FileRow {
    pub name: String,
    pub url: String,
    pub size: String,
    pub added: String,
    pub remove_url: String,
}

impl Files {
    /// `None` for those who may not see them.
    pub(super) async fn of(
        access: &Signed,
        page: &Page,
        record: RecordRef,
        refused: Option<&str>,
    ) -> Answer<Option<Self>> {
        let (files, stamp) = (attachments(access), access.stamp());
        if files.require(&stamp, record, Access::Read).await.is_err() {
            return Ok(None);
        }
        let may_write = files.require(&stamp, record, Access::Write).await.is_ok();
        let row = |file: guanjia_domain::attachment::Attachment| FileRow {
            url: urls::attachment(file.id),
            size: format::bytes(file.size_bytes),
            added: format!("{} · {}", file.added_by, page.time(&file.added_at)),
            remove_url: if may_write { urls::attachment_remove(file.id) } else { String::new() },
            name: file.name,
        };
        let known = [TOO_LARGE, TYPE_REFUSED, TOO_MANY, EMPTY];
        let refused = refused.filter(|code| known.contains(code));
        Ok(Some(Self {
            rows: files.list(&stamp, record).await?.into_iter().map(row).collect(),
            add_url: if may_write { urls::record_attachments(record) } else { String::new() },
            refused: refused.map(|code| access.words.t(&format!("refused-{code}"))).unwrap_or_default(),
        }))
    }
}

/// Code of a form that was sent without a file.
const EMPTY: &str = "attachment-empty";

pub(crate) async fn add(
    access: Require<ReadEstate>,
    Path((entity, id)): Path<(Entity, Uuid)>,
    form: Multipart,
) -> Answer<Redirect> {
    let record = RecordRef { entity, id };
    // Another company's record is not found, whatever the form says.
    attachments(&access).list(&access.stamp(), record).await?;
    let (name, bytes) = uploaded(form).await?;
    if bytes.is_empty() {
        return Ok(Redirect::to(&urls::record_files(record, EMPTY)));
    }
    match attachments(&access).add(&access.stamp(), record, &name, bytes).await {
        Ok(_) => Ok(Redirect::to(&urls::record_files(record, ""))),
        Err(Error::Refused { code, .. }) if code.starts_with("attachment") => {
            Ok(Redirect::to(&urls::record_files(record, code)))
        }
        Err(other) => Err(other.into()),
    }
}

pub(crate) async fn content(access: Require<ReadEstate>, Path(id): Path<AttachmentId>) -> Answer<Response> {
    download(&access, id).await
}

#[derive(Deserialize)]
pub(crate) struct RemoveForm {
    #[serde(default)]
    reason: String,
}

pub(crate) async fn remove(
    access: Require<ReadEstate>,
    Path(id): Path<AttachmentId>,
    Form(form): Form<RemoveForm>,
) -> Answer<Redirect> {
    let removed = attachments(&access).remove(&access.stamp(), id, &form.reason).await?;
    Ok(Redirect::to(&urls::record_files(removed.record, "")))
}
