//! `POST /api/v1/jobs/`: asks for work on many rows. 202 with the job, which is carried out afterwards.
//!
//! ```json
//! {"kind": "assign", "subscription_plan": "…", "params": {"user_emails": ["ann@example.com"], "wait": true}, "dry_run": false}
//! {"kind": "revoke", "subscription_plan": "…", "params": {"all": true}}
//! {"kind": "assign", "subscription_plan": "…", "params": {"upload": true}}
//! ```
//! With `upload` the rows are put to `upload_url` as CSV, and `…/resume/` begins.

use axum::{Json, extract::State, http::StatusCode};
use license_api::{
    ADMINS, ApiError, Body, Doc, PROVISIONERS, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, Kind, Param, ResponseDoc, Shape},
};
use license_domain::{Job, JobKind, JobParams, JobState};

use crate::{
    Context,
    body::{KINDS, Wish},
    response::Shown,
    upstream,
};

/// A new job.
pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/jobs/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "Asks for work on many rows",
        query: &[],
        body: &[
            Param::required("kind", Kind::OneOf(KINDS), "What is done. To grow a plan is for those who make plans."),
            Param::required("subscription_plan", Kind::Uuid, "The plan."),
            Param::optional(
                "params",
                Kind::Object,
                "Whom: `user_emails`, or `upload`, or `all`, `status_in`, `user_email`. And what the kind needs: \
                 `user_sfids`, `greeting`, `closing`, `notify_users`, `wait`; `to_plan`; `course_run_keys`; \
                 `desired_num_licenses`.",
            ),
            Param::optional("dry_run", Kind::Boolean, "Whether it only says what it would do."),
        ],
        answers: &[ResponseDoc::new(202, "The job is on record.", Shape::Of(doc::schema::<Shown>))],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    body: Result<Body, ApiError>,
) -> Result<(StatusCode, Json<Shown>), ApiError> {
    let may_some = !requester.access(ADMINS).is_empty() || requester.principal.is_superuser;
    let may_grow = requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningPlans).is_ok();
    if !may_some && !may_grow {
        return Err(RequiredPermission::Admin.refusal());
    }
    let wish = Wish::parse(&body?)?;
    let portfolio = context.portfolios.portfolio_of_plan(wish.plan).await?;
    if wish.kind == JobKind::Grow {
        requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningPlans)?;
    } else {
        let enterprise = portfolio.as_ref().map(|portfolio| portfolio.agreement.enterprise_customer_uuid);
        requester.require(ADMINS, enterprise, RequiredPermission::Admin)?;
    }
    if let Some(job) = requester.recorded::<Job>().await? {
        return accepted(&context, &job).await;
    }
    let portfolio = portfolio.ok_or_else(|| ApiError::not_found("SubscriptionPlan"))?;
    let plan = portfolio.plan(wish.plan).ok_or_else(|| ApiError::not_found("SubscriptionPlan"))?;
    wish.check(plan, &portfolio)?;

    let id = context.app.random().job_id();
    let job = Job {
        subscription_plan: Some(wish.plan),
        params: wish.params,
        dry_run: wish.dry_run,
        ..Job::new(id, wish.kind, &portfolio.agreement, requester.requester(), context.app.now())
    };
    let (job, chunks) = match (wish.rows, wish.upload) {
        (Some(rows), _) => job.with_rows(&rows),
        (None, false) => (job, Vec::new()),
        (None, true) => {
            let upload = Some(license_work::upload_file(id));
            (Job { state: JobState::Uploading, upload, ..job }, Vec::new())
        }
    };
    let response = accepted(&context, &job).await?;
    let change = requester.change(&format!("job {}", wish.kind.as_str())).await?.recording(&recorded(&job));
    context.jobs.create_job(&portfolio, &job, &chunks, &change).await?;
    Ok(response)
}

/// The response to a new job. A link for an upload is a secret: a repetition of the request gets another one.
async fn accepted(context: &Context, job: &Job) -> Result<(StatusCode, Json<Shown>), ApiError> {
    let upload_url = match &job.upload {
        Some(file) => Some(context.exports.upload_link(file).await.map_err(|error| upstream(&error))?),
        None => None,
    };
    Ok((StatusCode::ACCEPTED, Json(Shown::new(job, &[]).awaiting(upload_url))))
}

/// A new job as its record has it: without parameters, which no response shows and which can be long.
pub fn recorded(job: &Job) -> Job {
    Job { params: JobParams::default(), ..job.clone() }
}
