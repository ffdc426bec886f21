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
use license_domain::{EventKind, Job, JobKind, JobParams, JobState, Row, RowOutcome, RowResult};
use license_work::results;

use crate::{Context, create::recorded, find, portfolio_of, response::Shown};

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

/// How many chunks one step reads.
const CHUNKS_AT_ONCE: u64 = 50;

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(job): Path<String>,
) -> Result<(StatusCode, Json<Shown>), ApiError> {
    let job = find(&context, &requester, &job).await?;
    if let Some(job) = requester.recorded::<Job>().await? {
        return Ok(accepted(&job));
    }
    let is_over = matches!(job.state, JobState::Done | JobState::Canceled | JobState::Failed);
    if job.kind != JobKind::Transfer || job.dry_run || !is_over {
        let detail = "Only a transfer that is over can be undone.";
        return Err(ApiError::detail(StatusCode::CONFLICT, detail));
    }
    let portfolio = portfolio_of(&context, &job).await?;
    let change = requester.change("job reverse").await?;
    // The new job's id is stored first. If the process ends before the job is created, the next request finds the id
    // and creates it.
    let id = if let Some(id) = job.reversed_by {
        id
    } else {
        let id = context.app.random().job_id();
        let after = Job { reversed_by: Some(id), modified: context.app.now(), ..job.clone() };
        let event = (EventKind::JobChanged, Vec::new());
        if !context.jobs.change_job(&portfolio, (&job, &after), event, &change.stamp.clone().into()).await? {
            let detail = "The job was changed at the same time; look again.";
            return Err(ApiError::detail(StatusCode::CONFLICT, detail));
        }
        id
    };
    if let Some(there) = context.jobs.job(id).await? {
        requester.record(&change.recording(&recorded(&there))).await?;
        return Ok(accepted(&there));
    }
    let mut rows: Vec<Row> = Vec::new();
    let mut from = 0;
    while from < job.chunks {
        let to = job.chunks.min(from + CHUNKS_AT_ONCE);
        let moved = results(context.jobs.as_ref(), &job, from, to).await?.into_iter();
        let moved = moved.filter(|row: &RowResult| row.outcome == RowOutcome::Transferred);
        rows.extend(moved.map(|row| Row { row: row.row, user_email: row.user_email, ..Row::default() }));
        from = to;
    }
    for (n, row) in (0..).zip(&mut rows) {
        row.row = n;
    }
    let back = Job {
        subscription_plan: job.params.to_plan,
        params: JobParams { to_plan: job.subscription_plan, ..JobParams::default() },
        reverses: Some(job.uuid),
        ..Job::new(id, job.kind, &portfolio.agreement, requester.requester(), context.app.now())
    };
    let (back, chunks) = back.with_rows(&rows);
    let change = change.recording(&recorded(&back));
    context.jobs.create_job(&portfolio, &back, &chunks, &change).await?;
    Ok(accepted(&back))
}

fn accepted(job: &Job) -> (StatusCode, Json<Shown>) {
    (StatusCode::ACCEPTED, Json(Shown::new(job, &[])))
}
