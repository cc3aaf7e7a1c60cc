//! Certificates that staff hold (证书).

use axum::{
    Json,
    http::{HeaderMap, StatusCode},
};
use guanjia_domain::{
    ids::{CertificateId, StaffId},
    staff::{Certificate, CertificateFilter, CertificateRow},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    Ask, At, List, Reply, date, limit, require_match,
    staff::{Fields, Tagged, staffing, tagged},
};
use crate::{
    access::{
        Require, Signed,
        needs::{ReadStaff, WriteStaff},
    },
    fault::{Answer, Problem},
};

/// One certificate.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CertificateBody {
    pub id: Uuid,
    pub staff: Uuid,
    pub staff_name: String,
    pub staff_no: String,
    /// Code of its kind, such as `site-manager-national` or `city-training`.
    pub kind: String,
    pub number: String,
    pub issuer: Option<String>,
    pub issued_on: String,
    /// The last day on which it is valid; none for one that does not run out.
    pub expires_on: Option<String>,
    /// The day on which it was taken away.
    pub revoked_on: Option<String>,
    /// Counts the changes; the number in the `ETag`.
    pub version: i64,
}

impl From<CertificateRow> for CertificateBody {
    fn from(CertificateRow { certificate, version, staff, staff_no }: CertificateRow) -> Self {
        Self {
            id: certificate.id.0,
            staff: certificate.staff_id.0,
            staff_name: staff,
            staff_no,
            kind: certificate.kind.to_string(),
            number: certificate.number,
            issuer: certificate.issuer,
            issued_on: certificate.issued_on.to_string(),
            expires_on: certificate.expires_on.map(|day| day.to_string()),
            revoked_on: certificate.revoked_on.map(|day| day.to_string()),
            version,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CertificatesQuery {
    #[param(value_type = Option<Uuid>)]
    staff: Option<StaffId>,
    kind: Option<String>,
    /// Those that run out by this day, of people who still work here, and that no later one of the kind replaces.
    expires_by: Option<String>,
    cursor: Option<String>,
    /// 50 by default, 500 at most.
    limit: Option<u32>,
}

/// Lists certificates, the first to run out first.
#[utoipa::path(get, path = "/api/v1/certificates", tag = "staff", params(CertificatesQuery), responses((status = 200, body = List<CertificateBody>)))]
pub(crate) async fn list_certificates(
    access: Require<ReadStaff>,
    Ask(query): Ask<CertificatesQuery>,
) -> Reply<List<CertificateBody>> {
    let filter = CertificateFilter {
        staff_id: query.staff,
        kind: query.kind.as_deref().map(str::parse).transpose()?,
        expires_by: query.expires_by.as_deref().map(date).transpose()?,
    };
    let page = access.store.certificates(&filter, query.cursor.as_deref(), limit(query.limit)).await?;
    Ok(Json(List::page(page, CertificateBody::from)))
}

/// A certificate, all of it: an optional field that is left out is emptied.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateEdit {
    /// Whose it is; a certificate stays with its person.
    #[schema(value_type = Uuid)]
    staff: StaffId,
    kind: String,
    number: String,
    issuer: Option<String>,
    issued_on: String,
    /// The last day on which it is valid.
    expires_on: Option<String>,
    revoked_on: Option<String>,
}

impl CertificateEdit {
    fn read(self, id: CertificateId) -> Answer<Certificate> {
        let mut fields = Fields::default();
        let day = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(date).transpose();
        let certificate = Certificate {
            id,
            staff_id: self.staff,
            kind: fields.parsed("kind", &self.kind),
            number: self.number.trim().to_owned(),
            issuer: self.issuer.map(|issuer| issuer.trim().to_owned()).filter(|issuer| !issuer.is_empty()),
            issued_on: date(&self.issued_on)?,
            expires_on: day(self.expires_on.as_deref())?,
            revoked_on: day(self.revoked_on.as_deref())?,
        };
        fields.done(certificate, Certificate::problems)
    }
}

async fn shown(access: &Signed, id: CertificateId) -> Answer<Tagged<CertificateBody>> {
    let row = access.store.certificate(id).await?;
    Ok(tagged(row.version, row.into()))
}

/// Enters a certificate.
#[utoipa::path(
    post, path = "/api/v1/certificates", tag = "staff", request_body = CertificateEdit,
    responses(
        (status = 201, body = CertificateBody),
        (status = 409, description = "the person has it already", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`errors` names the fields that cannot be used", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create_certificate(
    access: Require<WriteStaff>,
    Json(edit): Json<CertificateEdit>,
) -> Answer<(StatusCode, Tagged<CertificateBody>)> {
    let certificate = edit.read(CertificateId::generate())?;
    staffing(&access).add_certificate(&access.stamp(), &certificate).await?;
    Ok((StatusCode::CREATED, shown(&access, certificate.id).await?))
}

/// Reads one certificate.
#[utoipa::path(
    get, path = "/api/v1/certificates/{id}", tag = "staff", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = CertificateBody, headers(("ETag" = String, description = "what an edit sends as `If-Match`"))),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn read_certificate(
    access: Require<ReadStaff>,
    At(id): At<CertificateId>,
) -> Answer<Tagged<CertificateBody>> {
    shown(&access, id).await
}

/// Edits one certificate, if it still is what was read.
#[utoipa::path(
    put, path = "/api/v1/certificates/{id}", tag = "staff",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "the `ETag` of the state that was edited")),
    request_body = CertificateEdit,
    responses(
        (status = 200, body = CertificateBody, headers(("ETag" = String, description = "of the state after the edit"))),
        (status = 409, description = "it belongs to somebody else", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`stale`: it was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`errors` names the fields that cannot be used", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: `If-Match` is missing", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn edit_certificate(
    access: Require<WriteStaff>,
    At(id): At<CertificateId>,
    headers: HeaderMap,
    Json(edit): Json<CertificateEdit>,
) -> Answer<Tagged<CertificateBody>> {
    let before = access.store.certificate(id).await?;
    require_match(&headers, before.version)?;
    let certificate = edit.read(id)?;
    staffing(&access).change_certificate(&access.stamp(), &certificate, before.version).await?;
    shown(&access, id).await
}
