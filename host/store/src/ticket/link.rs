//! Links for owners, and the key of each company that signs them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use guanjia_domain::{
    Error, Result,
    access::Stamp,
    ids::*,
    ports::OwnerLinkStore,
    ticket::{
        TicketRow,
        link::{LinkAbout, OwnerLink, SECRET_BYTES},
    },
};
use serde_json::json;

use super::{read_row, ticket_columns};
use crate::{
    CompanyScope,
    audit::Change,
    db::{Row, Scope},
};

/// Links that are shown of a unit or ticket.
const LINKS_SHOWN: i64 = 100;

macro_rules! link_columns {
    () => {
        "SELECT id, project_id, unit_id, ticket_id, expires_at, revoked_at, made_by, created_at FROM owner_link "
    };
}

fn read_link(row: &Row) -> Result<OwnerLink> {
    let mut cells = row.cells();
    let (id, project_id) = (cells.take()?, cells.take()?);
    let (unit, ticket): (Option<UnitId>, Option<TicketId>) = (cells.take()?, cells.take()?);
    let about = unit.map(LinkAbout::Unit).or(ticket.map(LinkAbout::Ticket));
    Ok(OwnerLink {
        id,
        project_id,
        about: about.ok_or_else(|| Error::unavailable("reading a link", "it is about nothing"))?,
        expires_at: cells.take()?,
        revoked_at: cells.take()?,
        made_by: cells.take()?,
        created_at: cells.take()?,
    })
}

impl Scope {
    async fn link_secret(&mut self) -> Result<Option<Vec<u8>>> {
        let row = self.row(sql!("SELECT secret FROM owner_link_key WHERE company_id = $1"), values![]).await?;
        row.map(|row| row.only()).transpose()
    }
}

#[async_trait]
impl OwnerLinkStore for CompanyScope {
    async fn owner_link_secret(&self) -> Result<Option<Vec<u8>>> {
        self.read().await?.link_secret().await
    }

    async fn add_owner_link(&self, stamp: &Stamp, link: &OwnerLink) -> Result<Vec<u8>> {
        let mut fresh = vec![0; SECRET_BYTES];
        getrandom::fill(&mut fresh).map_err(|error| Error::unavailable("making a key", error))?;
        let mut scope = self.write().await?;
        let statement = sql!(
            "INSERT INTO owner_link_key (company_id, secret, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
        );
        scope.execute(statement, values![fresh, stamp.at]).await?;
        // Whoever was first has made it.
        let secret = scope.link_secret().await?.ok_or_else(|| Error::not_found("key", "owner links"))?;
        scope
            .execute(
                sql!(
                    "INSERT INTO owner_link (company_id, id, project_id, unit_id, ticket_id, expires_at, revoked_at, made_by, ",
                    "created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
                ),
                values![
                    link.id,
                    link.project_id,
                    link.about.unit_id(),
                    link.about.ticket_id(),
                    link.expires_at,
                    link.revoked_at,
                    &link.made_by,
                    link.created_at
                ],
            )
            .await?;
        let after = json!({
            "unit": link.about.unit_id(), "ticket": link.about.ticket_id(), "expires_at": link.expires_at,
        });
        scope.event(stamp.at, "owner-link.made", Some(link.project_id), link.id.to_string(), &after).await?;
        scope.audit(stamp, Change::of("owner-link.make", format!("owner-link {}", link.id), after)).await?;
        scope.commit().await?;
        Ok(secret)
    }

    async fn owner_link(&self, link: OwnerLinkId) -> Result<OwnerLink> {
        let statement = sql!(link_columns!(), "WHERE company_id = $1 AND id = $2");
        let row = self.read().await?.row(statement, values![link]).await?;
        read_link(&row.ok_or_else(|| Error::not_found("link", link))?)
    }

    async fn owner_links(&self, about: LinkAbout) -> Result<Vec<OwnerLink>> {
        let mut scope = self.read().await?;
        let rows = match about {
            LinkAbout::Unit(unit) => {
                let statement =
                    sql!(link_columns!(), "WHERE company_id = $1 AND unit_id = $2 ORDER BY id DESC LIMIT $3");
                scope.rows(statement, values![unit, LINKS_SHOWN]).await?
            }
            LinkAbout::Ticket(ticket) => {
                let statement =
                    sql!(link_columns!(), "WHERE company_id = $1 AND ticket_id = $2 ORDER BY id DESC LIMIT $3");
                scope.rows(statement, values![ticket, LINKS_SHOWN]).await?
            }
        };
        rows.iter().map(read_link).collect()
    }

    async fn revoke_owner_link(&self, stamp: &Stamp, link: OwnerLinkId) -> Result<()> {
        let found = self.owner_link(link).await?;
        let mut scope = self.write().await?;
        let statement =
            sql!("UPDATE owner_link SET revoked_at = $3 WHERE company_id = $1 AND id = $2 AND revoked_at IS NULL");
        if scope.execute(statement, values![link, stamp.at]).await? == 0 {
            return Err(Error::Conflict("the link was taken back already".into()));
        }
        let after = json!({ "revoked_at": stamp.at });
        scope.event(stamp.at, "owner-link.revoked", Some(found.project_id), link.to_string(), &after).await?;
        scope.audit(stamp, Change::of("owner-link.revoke", format!("owner-link {link}"), after)).await?;
        scope.commit().await
    }

    async fn count_reports(&self, link: OwnerLinkId, since: DateTime<Utc>) -> Result<i64> {
        let statement =
            sql!("SELECT COUNT(*) FROM ticket WHERE company_id = $1 AND owner_link_id = $2 AND created_at >= $3");
        let row = self.read().await?.row(statement, values![link, since]).await?;
        row.map_or(Ok(0), |row| row.only())
    }

    async fn tickets_of_link(&self, link: OwnerLinkId, limit: u32) -> Result<Vec<TicketRow>> {
        let statement = sql!(
            "SELECT ",
            ticket_columns!(),
            "FROM ticket t WHERE t.company_id = $1 AND t.owner_link_id = $2 ORDER BY t.id DESC LIMIT $3"
        );
        let rows = self.read().await?.rows(statement, values![link, limit]).await?;
        rows.iter().map(read_row).collect()
    }
}
