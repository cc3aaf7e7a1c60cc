//! Projects: the estates that the company manages.

use axum::{
    Json,
    http::header,
    response::{IntoResponse, Response},
};
use guanjia_domain::{estate::Project, ids::ProjectId, party::ViewedPart};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{At, List, Reply};
use crate::{
    access::{Require, needs::ReadEstate},
    fault::{Answer, Problem},
};

/// A managed estate.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProjectBody {
    pub id: Uuid,
    pub name: String,
    /// ISO 4217 code of every amount of the project.
    pub currency: String,
    /// IANA name.
    pub time_zone: String,
}

impl From<Project> for ProjectBody {
    fn from(project: Project) -> Self {
        Self { id: project.id.0, name: project.name, currency: project.currency, time_zone: project.time_zone }
    }
}

/// Lists the company's projects.
#[utoipa::path(get, path = "/api/v1/projects", tag = "projects", responses((status = 200, body = List<ProjectBody>)))]
pub(crate) async fn list_projects(access: Require<ReadEstate>) -> Reply<List<ProjectBody>> {
    Ok(Json(List::whole(access.store.projects().await?)))
}

/// Reads one project.
#[utoipa::path(
    get, path = "/api/v1/projects/{id}", tag = "projects", params(("id" = Uuid, Path)),
    responses((status = 200, body = ProjectBody), (status = 404, body = Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn read_project(access: Require<ReadEstate>, At(id): At<ProjectId>) -> Reply<ProjectBody> {
    Ok(Json(access.store.project(id).await?.into()))
}

/// The project's tables as a workbook, in the layout that `imports` reads. Holds names, phones and identity numbers, so
/// it takes the permission to read personal data.
#[utoipa::path(
    get, path = "/api/v1/projects/{id}/export.xlsx", tag = "projects", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = Vec<u8>, content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn export_project(
    access: Require<crate::access::needs::ReadPersonalData>,
    At(id): At<ProjectId>,
) -> Answer<Response> {
    let project = access.store.project(id).await?;
    let looks = super::parties::parties(&access);
    looks.viewed(&access.stamp(), ViewedPart::Export, format!("project {id}")).await?;
    let workbook = crate::exchange::workbook(access.store.as_ref(), &project).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"project-{id}.xlsx\"")),
    ];
    Ok((headers, workbook).into_response())
}
