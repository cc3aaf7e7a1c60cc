//! Records by what they are and their id: the shared mechanisms hang on them without a foreign key, so that they ask here.

use guanjia_domain::{
    Error, Result,
    access::Stamp,
    entity::{Entity, RecordRef},
};

use crate::db::Scope;

impl Scope {
    /// # Errors
    /// `NotFound` for a record that is unknown or another company's.
    pub(crate) async fn require_record(&mut self, record: RecordRef) -> Result<()> {
        let (what, statement) = match record.entity {
            Entity::Unit => ("unit", sql!("SELECT id FROM unit WHERE company_id = $1 AND id = $2")),
            Entity::Party => ("party", sql!("SELECT id FROM party WHERE company_id = $1 AND id = $2")),
            // Their tables are not here yet; whoever adds them adds a line.
            Entity::Ticket => return Err(Error::not_found("ticket", record.id)),
            Entity::Staff => return Err(Error::not_found("staff", record.id)),
        };
        let row = self.row(statement, values![record.id]).await?;
        row.map(|_| ()).ok_or_else(|| Error::not_found(what, record.id))
    }

    /// Takes away what hangs on records that are deleted.
    pub(crate) async fn forget_records(
        &mut self,
        stamp: &Stamp,
        records: impl Iterator<Item = RecordRef>,
    ) -> Result<()> {
        for RecordRef { entity, id: record } in records {
            let files = sql!(
                "UPDATE attachment SET removed_by = $4, removed_at = $5, removed_reason = 'the record was deleted' ",
                "WHERE company_id = $1 AND entity = $2 AND record_id = $3 AND removed_at IS NULL"
            );
            self.execute(files, values![entity, record, &stamp.actor.name, stamp.at]).await?;
            let values = sql!("DELETE FROM custom_value WHERE company_id = $1 AND record_id = $2");
            self.execute(values, values![record]).await?;
            let versions = sql!("DELETE FROM custom_value_version WHERE company_id = $1 AND record_id = $2");
            self.execute(versions, values![record]).await?;
        }
        Ok(())
    }
}
