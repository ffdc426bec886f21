//! `POST /api/v1/subscriptions/{plan}/licenses/revoke-all/`: revokes every live license of the plan. 204, also if there
//! was none; 422 under a revocation cap, which counts licenses one by one.
//!
//! It is a job, which `Location` names: a worker finishes what this request does not finish in some seconds.

use axum::{
    extract::{Path, State},
    http::{HeaderName, StatusCode, header},
};
use license_api::{
    ADMINS, ApiError, Doc, Requester, RequiredPermission, Route, RouteAccess,
    doc::{ResponseDoc, Shape},
    id,
};
use license_domain::{Job, JobId, JobKind, JobParams, LicenseStatus, PlanId, RowFilter};
use license_work::Turn;

use crate::{Context, plan};

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/subscriptions/{plan}/licenses/revoke-all/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "Revokes all licenses of a plan",
        query: &[],
        body: &[],
        answers: &[
            ResponseDoc::new(204, "They are revoked.", Shape::Nothing),
            ResponseDoc::new(422, "The plan has a cap on revocations.", Shape::Text),
        ],
    },
};

/// For so long no worker begins the job: a little longer than this request works on it.
const HEAD_START_SECONDS: u16 = 15;

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(plan): Path<String>,
) -> Result<(StatusCode, [(HeaderName, String); 1]), ApiError> {
    let plan: PlanId = id(&plan)?;
    plan::require_some_role(&requester)?;
    let portfolio = context.portfolios.portfolio_of_plan(plan).await?;
    plan::require(&requester, portfolio.as_ref())?;
    let (portfolio, plan) = plan::found_or_text(portfolio.as_ref(), plan)?;
    if let Some(job) = requester.recorded().await? {
        return Ok(revoked_by(job));
    }
    if plan.is_revocation_cap_enabled {
        let text = "Cannot revoke all licenses when revocation cap is enabled for the subscription plan";
        return Err(ApiError::text(StatusCode::UNPROCESSABLE_ENTITY, text));
    }
    let live = LicenseStatus::ALL.iter().copied().filter(|status| status.is_live()).collect();
    let id = context.app.random().job_id();
    let job = Job {
        subscription_plan: Some(plan.uuid),
        head_start_seconds: HEAD_START_SECONDS,
        params: JobParams { filter: Some(RowFilter { statuses: live, search: Vec::new() }), ..JobParams::default() },
        ..Job::new(id, JobKind::Revoke, &portfolio.agreement, requester.requester(), context.app.now())
    };
    let change = requester.change("revoke-all").await?.recording(&job.uuid);
    context.jobs.create_job(portfolio, &job, &[], &change).await?;
    if let Err(error) = context.runs.run_lanes(job.uuid, Turn::OF_A_REQUEST).await {
        tracing::warn!(job = %job.uuid, %error, "job {} failed inline, a worker resumes it", job.uuid);
    }
    Ok(revoked_by(job.uuid))
}

fn revoked_by(job: JobId) -> (StatusCode, [(HeaderName, String); 1]) {
    (StatusCode::NO_CONTENT, [(header::LOCATION, format!("/api/v1/jobs/{job}/"))])
}
