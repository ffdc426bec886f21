//! `POST /api/v1/jobs/{job}/reverse/`: creates a job that undoes a transfer: the transferred licenses return. 202 with
//! that job, also if it was requested before; 409 unless the job is a transfer that has ended.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use license_api::{
    ADMINS, ApiError, Doc, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
};
use license_use_cases::jobs;
use license_work::transferred;

use crate::{Context, find, response::Shown};

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/jobs/{job}/reverse/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "Undoes a transfer",
        query: &[],
        body: &[],
        answers: &[
            ResponseDoc::new(202, "The job that undoes it is on record.", Shape::Of(doc::schema::<Shown>)),
            ResponseDoc::new(409, "It cannot be undone.", Shape::Detail),
        ],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(job): Path<String>,
) -> Result<(StatusCode, Json<Shown>), ApiError> {
    let job = find(&context, &requester, &job).await?;
    let ports = (context.jobs.as_ref(), context.portfolios.as_ref());
    let moved = async { Ok(transferred(context.jobs.as_ref(), &job).await?) };
    let back = jobs::reverse(&context.app, ports, (&requester, None), &job, moved).await?;
    Ok((StatusCode::ACCEPTED, Json(Shown::new(&back, &[]))))
}
