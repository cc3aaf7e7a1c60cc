//! Files on records.

use async_trait::async_trait;
use guanjia_domain::{
    Error, Result,
    access::Stamp,
    attachment::{Attachment, FILES_MAX, Removal, TOO_MANY},
    entity::RecordRef,
    ids::AttachmentId,
    ports::AttachmentStore,
};
use serde_json::json;

use crate::{
    CompanyScope,
    audit::Change,
    db::{Row, Scope},
};

macro_rules! attachment_columns {
    () => {
        concat!(
            "SELECT id, entity, record_id, name, media_type, size_bytes, digest, added_by, created_at, removed_by, removed_at, ",
            "removed_reason FROM attachment "
        )
    };
}

fn read_attachment(row: &Row) -> Result<Attachment> {
    let mut cells = row.cells();
    let mut attachment = Attachment {
        id: cells.take()?,
        record: RecordRef { entity: cells.take()?, id: cells.take()? },
        name: cells.take()?,
        media: cells.take()?,
        size_bytes: cells.take()?,
        digest: cells.take()?,
        added_by: cells.take()?,
        added_at: cells.take()?,
        removed: None,
    };
    let (by, at): (Option<String>, Option<_>) = (cells.take()?, cells.take()?);
    let reason: Option<String> = cells.take()?;
    attachment.removed = by.zip(at).map(|(by, at)| Removal { by, at, reason: reason.unwrap_or_default() });
    Ok(attachment)
}

impl Scope {
    async fn attachment_row(&mut self, id: AttachmentId) -> Result<Attachment> {
        let statement = sql!(attachment_columns!(), "WHERE company_id = $1 AND id = $2 {for update}");
        let row = self.row(statement, values![id]).await?;
        read_attachment(&row.ok_or_else(|| Error::not_found("attachment", id))?)
    }
}

#[async_trait]
impl AttachmentStore for CompanyScope {
    async fn add_attachment(&self, stamp: &Stamp, attachment: &Attachment, bytes: Vec<u8>) -> Result<()> {
        let Attachment { id, record, name, media, size_bytes, digest, .. } = attachment;
        let mut scope = self.write().await?;
        scope.require_record(*record).await?;
        // The audit row goes first: writers of a company wait for each other there, so that nobody counts beside another.
        // The name is not in it: it may be a person's, and nothing can be taken out of the trail.
        let payload = json!({ "attachment": id, "media_type": media, "size_bytes": size_bytes, "digest": digest });
        scope.audit(stamp, Change::of("attachment.add", record.to_string(), payload.clone())).await?;
        let count = sql!(
            "SELECT COUNT(*) FROM attachment ",
            "WHERE company_id = $1 AND entity = $2 AND record_id = $3 AND removed_at IS NULL"
        );
        let there: i64 = scope.row(count, values![record.entity, record.id]).await?.map_or(Ok(0), |row| row.only())?;
        if usize::try_from(there).is_ok_and(|there| there >= FILES_MAX) {
            return Err(Error::refused(TOO_MANY, format!("a record has at most {FILES_MAX} files: remove one first")));
        }
        let file = sql!(
            "INSERT INTO attachment_file (company_id, digest, bytes, created_at) VALUES ($1, $2, $3, $4) ",
            "ON CONFLICT (company_id, digest) DO NOTHING"
        );
        scope.execute(file, values![digest, bytes, stamp.at]).await?;
        let row = sql!(
            "INSERT INTO attachment (company_id, id, entity, record_id, name, media_type, size_bytes, digest, added_by, ",
            "created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
        );
        let values =
            values![*id, record.entity, record.id, name, *media, *size_bytes, digest, &attachment.added_by, stamp.at];
        scope.execute(row, values).await?;
        scope.event(stamp.at, "attachment.added", None, record.to_string(), &payload).await?;
        scope.commit().await
    }

    async fn attachments(&self, record: RecordRef) -> Result<Vec<Attachment>> {
        let mut scope = self.read().await?;
        scope.require_record(record).await?;
        let statement = sql!(
            attachment_columns!(),
            "WHERE company_id = $1 AND entity = $2 AND record_id = $3 AND removed_at IS NULL ORDER BY id DESC"
        );
        scope.rows(statement, values![record.entity, record.id]).await?.iter().map(read_attachment).collect()
    }

    async fn attachment(&self, attachment: AttachmentId) -> Result<Attachment> {
        let statement = sql!(attachment_columns!(), "WHERE company_id = $1 AND id = $2");
        let row = self.read().await?.row(statement, values![attachment]).await?;
        read_attachment(&row.ok_or_else(|| Error::not_found("attachment", attachment))?)
    }

    async fn attachment_bytes(&self, attachment: AttachmentId) -> Result<Vec<u8>> {
        let statement = sql!(
            "SELECT f.bytes FROM attachment a JOIN attachment_file f ON f.company_id = a.company_id AND f.digest = a.digest ",
            "WHERE a.company_id = $1 AND a.id = $2 AND a.removed_at IS NULL"
        );
        let row = self.read().await?.row(statement, values![attachment]).await?;
        row.ok_or_else(|| Error::not_found("attachment", attachment))?.only()
    }

    async fn remove_attachment(&self, stamp: &Stamp, attachment: AttachmentId, reason: &str) -> Result<Attachment> {
        let mut scope = self.write().await?;
        let before = scope.attachment_row(attachment).await?;
        if before.removed.is_some() {
            return Err(Error::Conflict("the file was removed before".into()));
        }
        let statement = sql!(
            "UPDATE attachment SET removed_by = $3, removed_at = $4, removed_reason = $5 ",
            "WHERE company_id = $1 AND id = $2"
        );
        scope.execute(statement, values![attachment, &stamp.actor.name, stamp.at, reason]).await?;
        let change = Change {
            action: "attachment.remove",
            subject: before.record.to_string(),
            before: json!({ "attachment": attachment, "digest": before.digest }),
            after: json!({ "reason": reason }),
        };
        scope.audit(stamp, change).await?;
        let payload = json!({ "attachment": attachment, "digest": before.digest });
        scope.event(stamp.at, "attachment.removed", None, before.record.to_string(), &payload).await?;
        scope.commit().await?;
        let by = stamp.actor.name.clone();
        Ok(Attachment { removed: Some(Removal { by, at: stamp.at, reason: reason.to_owned() }), ..before })
    }
}
