//! Certificates.

use guanjia_domain::{
    Date, Error, Result,
    access::Stamp,
    ids::{CertificateId, StaffId},
    ports::Page,
    staff::{Certificate, CertificateFilter, CertificateRow},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{PAGE_ROWS_MAX, Told, assignment::LAST_DAY, day_cursor, new_version, page_of, read_all, read_day_cursor};
use crate::db::{Cells, Row, Scope};

macro_rules! certificate_columns {
    () => {
        "SELECT c.id, c.staff_id, c.kind, c.certificate_no, c.issuer, c.issued_on, c.expires_on, c.revoked_on "
    };
}

macro_rules! certificate_rows {
    () => {
        concat!(
            certificate_columns!(),
            ", c.version, s.name, s.staff_no FROM certificate c JOIN staff s ON s.id = c.staff_id "
        )
    };
}

fn read_certificate(cells: &mut Cells<'_>) -> Result<Certificate> {
    Ok(Certificate {
        id: cells.take()?,
        staff_id: cells.take()?,
        kind: cells.take()?,
        number: cells.take()?,
        issuer: cells.take()?,
        issued_on: cells.take()?,
        expires_on: cells.take()?,
        revoked_on: cells.take()?,
    })
}

fn read_row(row: &Row) -> Result<CertificateRow> {
    let mut cells = row.cells();
    Ok(CertificateRow {
        certificate: read_certificate(&mut cells)?,
        version: cells.take()?,
        staff: cells.take()?,
        staff_no: cells.take()?,
    })
}

impl Scope {
    pub(crate) async fn certificate_page(
        &mut self,
        filter: &CertificateFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<CertificateRow>> {
        let limit = limit.clamp(1, PAGE_ROWS_MAX);
        let (after_day, after) = cursor.map_or(Ok((Date(0), Uuid::nil())), read_day_cursor)?;
        let statement = sql!(
            certificate_rows!(),
            "WHERE c.company_id = $1 AND (COALESCE(c.expires_on, $2), c.id) > ($3, $4) ",
            "AND ($5 IS NULL OR c.staff_id = $5) AND ($6 IS NULL OR c.kind = $6) ",
            "AND ($7 IS NULL OR (c.expires_on <= $7 AND c.revoked_on IS NULL AND s.left_on IS NULL ",
            "AND NOT EXISTS (SELECT 1 FROM certificate n WHERE n.staff_id = c.staff_id AND n.kind = c.kind ",
            "AND n.revoked_on IS NULL AND COALESCE(n.expires_on, $2) > c.expires_on))) ",
            "ORDER BY COALESCE(c.expires_on, $2), c.id LIMIT $8"
        );
        let values = values![LAST_DAY, after_day, after, filter.staff_id, &filter.kind, filter.expires_by, limit + 1];
        let items = read_all(&self.rows(statement, values).await?, read_row)?;
        let cursor =
            |row: &CertificateRow| day_cursor(row.certificate.expires_on.unwrap_or(LAST_DAY), row.certificate.id.0);
        Ok(page_of(items, limit, cursor))
    }

    pub(crate) async fn certificate(&mut self, certificate: CertificateId) -> Result<CertificateRow> {
        let statement = sql!(certificate_rows!(), "WHERE c.company_id = $1 AND c.id = $2");
        let row = self.row(statement, values![certificate]).await?;
        read_row(&row.ok_or_else(|| Error::not_found("certificate", certificate))?)
    }

    pub(crate) async fn certificates_held(&mut self, staff: &[StaffId], day: Date) -> Result<Vec<Certificate>> {
        let ids: Vec<_> = staff.iter().map(|staff| staff.0).collect();
        let statement = sql!(
            certificate_columns!(),
            "FROM certificate c WHERE c.company_id = $1 AND c.staff_id IN ({list}) ORDER BY c.staff_id, c.kind, c.issued_on"
        );
        let rows = self.rows_of(statement, &ids).await?;
        let mut held = read_all(&rows, |row| read_certificate(&mut row.cells()))?;
        held.retain(|certificate| certificate.is_valid_on(day));
        Ok(held)
    }

    pub(crate) async fn add_certificate(&mut self, stamp: &Stamp, certificate: &Certificate) -> Result<()> {
        self.take_turn().await?;
        self.staff_member(certificate.staff_id).await?;
        let statement = sql!(
            "INSERT INTO certificate (company_id, id, staff_id, kind, certificate_no, issuer, issued_on, expires_on, revoked_on, ",
            "version, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10)"
        );
        let values = values![
            certificate.id,
            certificate.staff_id,
            &certificate.kind,
            &certificate.number,
            &certificate.issuer,
            certificate.issued_on,
            certificate.expires_on,
            certificate.revoked_on,
            stamp.at
        ];
        self.execute(statement, values).await?;
        self.tell_certificate(stamp, "certificate.add", "certificate.added", Json::Null, certificate).await
    }

    pub(crate) async fn change_certificate(
        &mut self,
        stamp: &Stamp,
        certificate: &Certificate,
        seen: i64,
    ) -> Result<i64> {
        self.take_turn().await?;
        let before = self.certificate(certificate.id).await?.certificate;
        if before.staff_id != certificate.staff_id {
            return Err(Error::Conflict("a certificate stays with its person".into()));
        }
        let statement = sql!(
            "UPDATE certificate SET kind = $4, certificate_no = $5, issuer = $6, issued_on = $7, expires_on = $8, revoked_on = $9, ",
            "version = version + 1 WHERE company_id = $1 AND id = $2 AND version = $3 RETURNING version"
        );
        let values = values![
            certificate.id,
            seen,
            &certificate.kind,
            &certificate.number,
            &certificate.issuer,
            certificate.issued_on,
            certificate.expires_on,
            certificate.revoked_on
        ];
        let version = new_version(self.row(statement, values).await?, "certificate")?;
        self.tell_certificate(stamp, "certificate.change", "certificate.changed", json!(before), certificate).await?;
        Ok(version)
    }

    async fn tell_certificate(
        &mut self,
        stamp: &Stamp,
        action: &'static str,
        event: &'static str,
        before: Json,
        certificate: &Certificate,
    ) -> Result<()> {
        let told = Told {
            action,
            event,
            what: "certificate",
            id: certificate.id.to_string(),
            project: None,
            before,
            after: json!(certificate),
            payload: &json!({
                "certificate": certificate.id, "staff": certificate.staff_id, "kind": certificate.kind,
                "expires_on": certificate.expires_on,
            }),
        };
        self.note_change(stamp, told).await
    }
}
