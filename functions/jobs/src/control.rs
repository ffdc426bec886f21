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
use license_domain::{Consequence, EventKind, Job, Lane};
use serde::{Deserialize, Serialize};

use crate::{Context, find, portfolio_of, response::Shown};

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
    let job = find(&context, &requester, &job).await?;
    if let Some(outcome) = requester.recorded::<ChangedJob>().await? {
        return Ok(changed(StatusCode::OK, &outcome));
    }
    let Some(after) = job.canceled(context.app.now()) else {
        let detail = format!("A job that is {} cannot be stopped.", job.state.as_str());
        return Err(ApiError::detail(StatusCode::CONFLICT, detail));
    };
    change(&context, &requester, (&job, after), Vec::new(), StatusCode::OK).await
}

pub async fn resume(
    State(context): State<Context>,
    requester: Requester,
    Path(job): Path<String>,
) -> Result<(StatusCode, Json<Shown>), ApiError> {
    let job = find(&context, &requester, &job).await?;
    if let Some(outcome) = requester.recorded::<ChangedJob>().await? {
        return Ok(changed(StatusCode::ACCEPTED, &outcome));
    }
    let after = job.resumed(context.app.now());
    let after = after.map_err(|why| ApiError::detail(StatusCode::CONFLICT, why.to_string()))?;
    let again = vec![Consequence::RunJob { job: job.uuid, after_seconds: 0 }];
    change(&context, &requester, (&job, after), again, StatusCode::ACCEPTED).await
}

async fn change(
    context: &Context,
    requester: &Requester,
    (seen, after): (&Job, Job),
    consequences: Vec<Consequence>,
    status: StatusCode,
) -> Result<(StatusCode, Json<Shown>), ApiError> {
    let portfolio = portfolio_of(context, seen).await?;
    let lanes = context.jobs.lanes(seen.uuid).await?;
    let outcome = ChangedJob { job: after, lanes };
    let change = requester.change(outcome.job.state.as_str()).await?.recording(&outcome);
    let event = (EventKind::JobChanged, consequences);
    if !context.jobs.change_job(&portfolio, (seen, &outcome.job), event, &change).await? {
        let detail = "The job was changed at the same time; look again.";
        return Err(ApiError::detail(StatusCode::CONFLICT, detail));
    }
    Ok(changed(status, &outcome))
}

/// A changed job, with the counts of its lanes so far.
#[derive(Serialize, Deserialize)]
struct ChangedJob {
    job: Job,
    lanes: Vec<Lane>,
}

fn changed(status: StatusCode, outcome: &ChangedJob) -> (StatusCode, Json<Shown>) {
    (status, Json(Shown::new(&outcome.job, &outcome.lanes)))
}
