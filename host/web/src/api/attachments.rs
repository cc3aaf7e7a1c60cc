//! Attachments (附件): files on any record. Who may see a record may see its files, and who may change it may change them.

use axum::{
    Json,
    extract::Multipart,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use guanjia_domain::{
    Error,
    attachment::{Attachment, Attachments, FILE_BYTES_MAX, MediaType, saved_name},
    entity::{Entity, RecordRef},
    ids::AttachmentId,
    party::ViewedPart,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Ask, At, List, Reply, parties::parties};
use crate::{
    access::{Require, Signed, needs::ReadEstate},
    exchange::refused,
    fault::{Answer, Fault, Problem},
    urls,
};

/// Largest request with a file: the file, and the form around it.
pub(crate) const UPLOAD_BYTES_MAX: usize = FILE_BYTES_MAX + (64 << 10);

/// A file on a record.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttachmentBody {
    pub id: Uuid,
    /// `unit`, `party`, `ticket`, `staff`.
    pub entity: String,
    pub record: Uuid,
    /// As whoever added it called it. Data, and never a path.
    pub name: String,
    /// What it is by its content.
    pub media_type: String,
    pub size_bytes: i64,
    /// SHA-256 of the file, in hex.
    pub digest: String,
    pub added_by: String,
    pub added_at: String,
    /// Set when it was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed: Option<RemovalBody>,
}

/// Who took a file away, and why.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RemovalBody {
    pub by: String,
    pub at: String,
    pub reason: String,
}

impl From<Attachment> for AttachmentBody {
    fn from(attachment: Attachment) -> Self {
        Self {
            id: attachment.id.0,
            entity: attachment.record.entity.to_string(),
            record: attachment.record.id,
            name: attachment.name,
            media_type: attachment.media.to_string(),
            size_bytes: attachment.size_bytes,
            digest: attachment.digest,
            added_by: attachment.added_by,
            added_at: attachment.added_at.to_rfc3339(),
            removed: attachment.removed.map(|removal| RemovalBody {
                by: removal.by,
                at: removal.at.to_rfc3339(),
                reason: removal.reason,
            }),
        }
    }
}

/// The record whose files are meant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RecordQuery {
    /// `unit`, `party`, `ticket`, `staff`.
    entity: String,
    /// Id of the record.
    record: Uuid,
}

impl RecordQuery {
    fn record(&self) -> Answer<RecordRef> {
        let entity: Entity = self.entity.parse().map_err(|error: Error| Fault::malformed(error.to_string()))?;
        Ok(RecordRef { entity, id: self.record })
    }
}

/// Lists the files of a record, newest first.
#[utoipa::path(
    get, path = "/api/v1/attachments", tag = "attachments", params(RecordQuery),
    responses(
        (status = 200, body = List<AttachmentBody>),
        (status = 403, description = "the record asks for another permission", body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list_attachments(
    access: Require<ReadEstate>,
    Ask(query): Ask<RecordQuery>,
) -> Reply<List<AttachmentBody>> {
    Ok(Json(List::whole(attachments(&access).list(&access.stamp(), query.record()?).await?)))
}

/// A form with one file.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only describes the form to the document")]
pub(crate) struct AttachmentForm {
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// The file of a form, with its name.
pub(crate) async fn uploaded(mut form: Multipart) -> Answer<(String, Vec<u8>)> {
    while let Some(field) = form.next_field().await.map_err(|error| refused(&error))? {
        if field.name() == Some("file") {
            let name = field.file_name().unwrap_or_default().to_owned();
            return Ok((name, field.bytes().await.map_err(|error| refused(&error))?.to_vec()));
        }
    }
    Err(Fault::malformed("the form has no part called file"))
}

/// Adds a file to a record: pictures (jpeg, png, webp, heic), PDF, office documents, txt and csv of at most 16 MiB.
#[utoipa::path(
    post, path = "/api/v1/attachments", tag = "attachments", params(RecordQuery),
    request_body(content = AttachmentForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, body = AttachmentBody),
        (status = 403, description = "the record asks for another permission", body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`too-large`", body = Problem, content_type = "application/problem+json"),
        (
            status = 422, description = "`attachment-type`, `attachment-too-large`, `attachments-many`",
            body = Problem, content_type = "application/problem+json",
        ),
    ),
)]
pub(crate) async fn add_attachment(
    access: Require<ReadEstate>,
    Ask(query): Ask<RecordQuery>,
    form: Multipart,
) -> Answer<(StatusCode, Json<AttachmentBody>)> {
    let record = query.record()?;
    let (name, bytes) = uploaded(form).await?;
    let attachment = attachments(&access).add(&access.stamp(), record, &name, bytes).await?;
    Ok((StatusCode::CREATED, Json(attachment.into())))
}

/// Reads what is known of a file, also of one that was removed.
#[utoipa::path(
    get, path = "/api/v1/attachments/{id}", tag = "attachments", params(("id" = Uuid, Path)),
    responses((status = 200, body = AttachmentBody), (status = 404, body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn read_attachment(access: Require<ReadEstate>, At(id): At<AttachmentId>) -> Reply<AttachmentBody> {
    Ok(Json(attachments(&access).read(&access.stamp(), id).await?.into()))
}

/// Downloads a file. It is always offered for saving, and never shown by the browser as a page of this host.
#[utoipa::path(
    get, path = "/api/v1/attachments/{id}/content", tag = "attachments", params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "the file", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "unknown, or removed", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn download_attachment(access: Require<ReadEstate>, At(id): At<AttachmentId>) -> Answer<Response> {
    download(&access, id).await
}

/// The file as an answer: its type, and a name that is one part of a path.
pub(crate) async fn download(access: &Signed, id: AttachmentId) -> Answer<Response> {
    let (attachment, bytes) = attachments(access).content(&access.stamp(), id).await?;
    if attachment.record.entity == Entity::Party {
        parties(access).viewed(&access.stamp(), ViewedPart::Attachment, attachment.record.to_string()).await?;
    }
    let mut headers = HeaderMap::new();
    // Text in an unknown encoding is not claimed to be in any.
    let kind = HeaderValue::from_static(attachment.media.code());
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CONTENT_DISPOSITION, disposition(&attachment.name, attachment.media));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok((headers, bytes).into_response())
}

/// `attachment` with the name in letters that every browser reads, and in full (RFC 6266, RFC 8187).
fn disposition(name: &str, media: MediaType) -> HeaderValue {
    let saved = saved_name(name, media);
    let plain: String =
        saved.chars().map(|c| if c.is_ascii_alphanumeric() || " .-_()".contains(c) { c } else { '_' }).collect();
    let text = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", urls::encoded(&saved));
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}

/// Marks a file as removed: it is not offered any more. Who removed it stays known.
#[utoipa::path(
    delete, path = "/api/v1/attachments/{id}", tag = "attachments", params(("id" = Uuid, Path), RemovalQuery),
    responses(
        (status = 200, body = AttachmentBody),
        (status = 403, description = "the record asks for another permission", body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "it was removed before", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn remove_attachment(
    access: Require<ReadEstate>,
    At(id): At<AttachmentId>,
    Ask(query): Ask<RemovalQuery>,
) -> Reply<AttachmentBody> {
    Ok(Json(attachments(&access).remove(&access.stamp(), id, &query.reason).await?.into()))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RemovalQuery {
    /// Why, in a sentence.
    #[serde(default)]
    reason: String,
}

pub(crate) fn attachments(access: &Signed) -> Attachments {
    Attachments::new(access.store.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::usual("a b.pdf", "attachment; filename=\"a b.pdf\"; filename*=UTF-8''a%20b.pdf")]
    #[case::chinese("合同.pdf", "attachment; filename=\"__.pdf\"; filename*=UTF-8''%E5%90%88%E5%90%8C.pdf")]
    #[case::quotes("a\"; x=\".pdf", "attachment; filename=\"a__ x__.pdf\"; filename*=UTF-8''a_%3B%20x%3D_.pdf")]
    #[case::climbing("../x", "attachment; filename=\"_x.pdf\"; filename*=UTF-8''_x.pdf")]
    fn names_leave_the_host_as_one_part_of_a_path(#[case] name: &str, #[case] expected: &str) {
        assert_eq!(disposition(name, MediaType::Pdf), expected);
    }
}
