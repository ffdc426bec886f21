//! `GET /api/v1/learner-subscriptions/?enterprise_customer_uuid=…`: the active plans of a customer, as its learners see
//! them, the newest start first, 100 a page. Without a customer the list is empty.

use axum::{Json, extract::State};
use license_api::{
    ApiError, Doc, LEARNERS_AND_ADMINS, Page, PageQuery, Params, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
    plans, wire,
};
use license_domain::EnterpriseId;

use crate::Context;

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/learner-subscriptions/",
    access: RouteAccess::Roles { roles: LEARNERS_AND_ADMINS, listing: true, missing: RequiredPermission::Unnamed },
    doc: &Doc {
        summary: "The active plans of a customer, for its learners",
        query: &[doc::ENTERPRISE, doc::PAGE],
        body: &[],
        answers: &[ResponseDoc::new(200, "A page.", Shape::Of(doc::schema::<Page<wire::Plan>>))],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    params: Params,
    page: PageQuery,
) -> Result<Json<Page<wire::Plan>>, ApiError> {
    let access = requester.require_listing(LEARNERS_AND_ADMINS)?;
    let named: Option<EnterpriseId> = params.uuid(&doc::ENTERPRISE)?;
    let portfolio = match named.filter(|enterprise| access.includes(*enterprise)) {
        Some(enterprise) => context.portfolios.portfolio_of_enterprise(enterprise).await?,
        None => None,
    };
    let active = portfolio.iter().flat_map(|found| found.plans.iter().map(move |plan| (found, plan)));
    let active: Vec<_> = active.filter(|(_, plan)| plan.is_active).collect();
    Ok(Json(plans::page(&*context.portfolios, active, &page, context.app.now()).await?))
}
