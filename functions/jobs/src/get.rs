//! `GET /api/v1/jobs/{job}/`: one job with its progress.

use axum::{
    Json,
    extract::{Path, State},
};
use license_api::{
    ADMINS, ApiError, Doc, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
};
use license_domain::JobState;

use crate::{Context, find, response::Shown, upload_of};

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/jobs/{job}/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "How far a job is",
        query: &[],
        body: &[],
        answers: &[ResponseDoc::new(200, "The job.", Shape::Of(doc::schema::<Shown>))],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(job): Path<String>,
) -> Result<Json<Shown>, ApiError> {
    let job = find(&context, &requester, &job).await?;
    let lanes = context.jobs.lanes(job.uuid).await?;
    let upload = match (&job.upload, job.state) {
        (Some(file), JobState::Uploading) => Some(upload_of(&context, file).await?),
        _ => None,
    };
    Ok(Json(Shown::new(&job, &lanes).awaiting(upload)))
}
