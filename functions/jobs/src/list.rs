//! `GET /api/v1/jobs/?enterprise_customer_uuid=…`: a customer's jobs, the newest first, 50 a page, walked by `next`.

use axum::{Json, extract::State, http::StatusCode};
use license_domain::{EnterpriseId, Job, JobId};
use license_web::{
    ADMINS, ApiError, Caller, Doc, Grants, Missing, PageQuery, Params, Route, Walk,
    doc::{self, Answer, Shape},
};

use crate::{Context, shape::Shown};

/// A customer's jobs.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/jobs/",
    access: Grants::Roles { roles: ADMINS, listing: false, missing: Missing::Admin },
    doc: &Doc {
        summary: "A customer's jobs",
        query: &[doc::THE_ENTERPRISE, doc::CURSOR],
        body: &[],
        answers: &[Answer::new(200, "A page, the newest first.", Shape::Of(doc::schema::<Walk<Shown>>))],
    },
};

const PAGE_SIZE: usize = 50;

pub async fn handle(
    State(context): State<Context>,
    caller: Caller,
    params: Params,
    page: PageQuery,
) -> Result<Json<Walk<Shown>>, ApiError> {
    if caller.access(ADMINS).is_empty() && !caller.principal.is_superuser {
        return Err(Missing::Admin.refusal());
    }
    let Some(enterprise) = params.uuid::<EnterpriseId>("enterprise_customer_uuid")? else {
        return Err(ApiError::detail(StatusCode::BAD_REQUEST, "enterprise_customer_uuid is required."));
    };
    caller.require(ADMINS, Some(enterprise), Missing::Admin)?;
    let Some(portfolio) = context.portfolios.portfolio_of_enterprise(enterprise).await? else {
        return Ok(Json(Walk::new(&page, None, Vec::new())));
    };
    let after = match page.cursor()? {
        None => None,
        Some(cursor) => {
            let job = cursor.parse::<JobId>().map_err(|_| ApiError::invalid_page())?;
            Some(context.jobs.job(job).await?.ok_or_else(ApiError::invalid_page)?)
        }
    };
    let jobs = context.jobs.jobs_of(portfolio.agreement.uuid, after.as_ref(), PAGE_SIZE).await?;
    let next = jobs.last().filter(|_| jobs.len() == PAGE_SIZE).map(|job: &Job| job.uuid.to_string());
    let shown = jobs.iter().map(|job| Shown::new(job, &[])).collect();
    Ok(Json(Walk::new(&page, next.as_deref(), shown)))
}
