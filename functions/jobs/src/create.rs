//! `POST /api/v1/jobs/`: creates a job, which works on many rows. 202 with the job, which is carried out later.
//!
//! ```json
//! {"kind": "assign", "subscription_plan": "…", "params": {"user_emails": ["ann@example.com"], "wait": true}, "dry_run": false}
//! {"kind": "revoke", "subscription_plan": "…", "params": {"all": true}}
//! {"kind": "assign", "subscription_plan": "…", "params": {"upload": true}}
//! {"kind": "revert", "subscription_plan": "…", "params": {"revert_to": "2026-01-01T00:00:00Z"}, "dry_run": true}
//! {"kind": "freeze", "subscription_plan": "…", "reason": "the customer pays for fewer learners", "dry_run": true}
//! ```
//! With `upload` the rows are uploaded as CSV by the form `upload_form`, and `…/resume/` begins the job.

use axum::{Json, extract::State, http::StatusCode};
use license_api::{
    ADMINS, ApiError, Body, Doc, PROVISIONERS, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
};
use license_domain::{Job, JobState};
use license_use_cases::jobs::recorded;

use crate::{
    Context,
    body::{CreateBody, JobRequest},
    response::Shown,
    upload_of,
};

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/jobs/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "Create a job",
        query: &[],
        body: CreateBody::FIELDS,
        answers: &[ResponseDoc::new(202, "The job is on record.", Shape::Of(doc::schema::<Shown>))],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    body: Result<Body, ApiError>,
) -> Result<(StatusCode, Json<Shown>), ApiError> {
    let may_some = !requester.access(ADMINS).is_empty() || requester.principal.is_superuser;
    let may_provision = requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningPlans).is_ok();
    if !may_some && !may_provision {
        return Err(RequiredPermission::Admin.refusal());
    }
    let request = JobRequest::read(&body?)?;
    let portfolio = context.portfolios.portfolio_of_plan(request.plan).await?;
    if request.kind.is_for_provisioners() {
        requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningPlans)?;
    } else {
        let enterprise = portfolio.as_ref().map(|portfolio| portfolio.agreement.enterprise_customer_uuid);
        requester.require(ADMINS, enterprise, RequiredPermission::Admin)?;
    }
    if let Some(job) = requester.recorded::<Job>().await? {
        return accepted(&context, &job).await;
    }
    let portfolio = portfolio.ok_or_else(|| ApiError::not_found("SubscriptionPlan"))?;
    let plan = portfolio.plan(request.plan).ok_or_else(|| ApiError::not_found("SubscriptionPlan"))?;
    request.check(plan, &portfolio, context.app.now())?;

    let id = context.app.random().job_id();
    let job = Job {
        subscription_plan: Some(request.plan),
        params: request.params,
        dry_run: request.dry_run,
        reason: request.reason,
        ..Job::new(id, request.kind, &portfolio.agreement, requester.requester(), context.app.now())
    };
    let (job, chunks) = match (request.rows, request.upload) {
        (Some(rows), _) => job.with_rows(&rows),
        (None, false) => (job, Vec::new()),
        (None, true) => {
            let upload = Some(license_work::upload_file(id));
            (Job { state: JobState::Uploading, upload, ..job }, Vec::new())
        }
    };
    let response = accepted(&context, &job).await?;
    let why = job.reason.clone().unwrap_or_else(|| format!("job {}", request.kind.as_str()));
    let change = requester.change(&why).await?.recording(&recorded(&job));
    context.jobs.create_job(&portfolio, &job, &chunks, &change).await?;
    Ok(response)
}

/// The response with a new job. A form for an upload is a secret, so a replay of the request contains a new one.
async fn accepted(context: &Context, job: &Job) -> Result<(StatusCode, Json<Shown>), ApiError> {
    let upload = match &job.upload {
        Some(file) => Some(upload_of(context, file).await?),
        None => None,
    };
    Ok((StatusCode::ACCEPTED, Json(Shown::new(job, &[]).awaiting(upload))))
}
