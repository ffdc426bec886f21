//! `POST /api/v1/jobs/{job}/cancel/` cancels a job: finished rows stay done. `POST /api/v1/jobs/{job}/resume/` resumes
//! a job that was canceled, failed or makes no progress, and begins one whose rows were uploaded. 409 if the job's
//! state does not allow it.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use license_api::{
    ADMINS, ApiError, Doc, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
};
use license_use_cases::jobs::{self, Control};

use crate::{Context, find, response::Shown};

const NO_SENSE: ResponseDoc = ResponseDoc::new(409, "The job is in no state for that.", Shape::Detail);

pub const CANCEL: Route = Route {
    method: "POST",
    path: "/api/v1/jobs/{job}/cancel/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "Stops a job",
        query: &[],
        body: &[],
        answers: &[ResponseDoc::new(200, "It is stopped.", Shape::Of(doc::schema::<Shown>)), NO_SENSE],
    },
};

/// Letting a job go on.
pub const RESUME: Route = Route {
    method: "POST",
    path: "/api/v1/jobs/{job}/resume/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "Lets a job go on, or begin with the rows that were uploaded",
        query: &[],
        body: &[],
        answers: &[ResponseDoc::new(202, "It goes on.", Shape::Of(doc::schema::<Shown>)), NO_SENSE],
    },
};

pub async fn cancel(
    State(context): State<Context>,
    requester: Requester,
    Path(job): Path<String>,
) -> Result<(StatusCode, Json<Shown>), ApiError> {
    control(&context, &requester, &job, Control::Cancel, StatusCode::OK).await
}

pub async fn resume(
    State(context): State<Context>,
    requester: Requester,
    Path(job): Path<String>,
) -> Result<(StatusCode, Json<Shown>), ApiError> {
    control(&context, &requester, &job, Control::Resume, StatusCode::ACCEPTED).await
}

async fn control(
    context: &Context,
    requester: &Requester,
    job: &str,
    control: Control,
    status: StatusCode,
) -> Result<(StatusCode, Json<Shown>), ApiError> {
    let job = find(context, requester, job).await?;
    let ports = (context.jobs.as_ref(), context.portfolios.as_ref());
    let changed = jobs::control(ports, requester, &job, control, context.app.now()).await?;
    Ok((status, Json(Shown::new(&changed.job, &changed.lanes))))
}
