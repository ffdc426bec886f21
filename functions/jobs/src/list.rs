//! `GET /api/v1/jobs/?enterprise_customer_uuid=…`: a customer's jobs, the newest first, 50 a page; `next` leads to the
//! next page.

use axum::{Json, extract::State, http::StatusCode};
use license_api::{
    ADMINS, ApiError, CursorQuery, Doc, PageQuery, Params, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
};
use license_domain::{EnterpriseId, Job, JobId};

use crate::{Context, response::Shown};

/// A customer's jobs.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/jobs/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "A customer's jobs",
        query: &[doc::THE_ENTERPRISE, doc::CURSOR],
        body: &[],
        answers: &[ResponseDoc::new(200, "A page, the newest first.", Shape::Of(doc::schema::<CursorQuery<Shown>>))],
    },
};

const PAGE_SIZE: usize = 50;

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    params: Params,
    page: PageQuery,
) -> Result<Json<CursorQuery<Shown>>, ApiError> {
    if requester.access(ADMINS).is_empty() && !requester.principal.is_superuser {
        return Err(RequiredPermission::Admin.refusal());
    }
    let Some(enterprise) = params.uuid::<EnterpriseId>(&doc::THE_ENTERPRISE)? else {
        return Err(ApiError::detail(StatusCode::BAD_REQUEST, "enterprise_customer_uuid is required."));
    };
    requester.require(ADMINS, Some(enterprise), RequiredPermission::Admin)?;
    let Some(portfolio) = context.portfolios.portfolio_of_enterprise(enterprise).await? else {
        return Ok(Json(CursorQuery::new(&page, None, Vec::new())));
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
    Ok(Json(CursorQuery::new(&page, next.as_deref(), shown)))
}
