//! `GET /api/v1/learner-subscriptions/{plan}/?enterprise_customer_uuid=…`: one active plan of that customer. The
//! customer is required, and must be the plan's.

use axum::{
    extract::{Path, State},
    response::Response,
};
use futures::try_join;
use license_api::{
    ApiError, Conditions, Doc, LEARNERS_AND_ADMINS, Params, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
    id, wire,
};
use license_domain::{EnterpriseId, PlanId};

use crate::Context;

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/learner-subscriptions/{plan}/",
    access: RouteAccess::Roles {
        roles: LEARNERS_AND_ADMINS,
        listing: false,
        missing: RequiredPermission::LearnerOrAdmin,
    },
    doc: &Doc {
        summary: "An active plan of a customer, for its learners",
        query: &[doc::ENTERPRISE],
        body: &[],
        answers: &[ResponseDoc::new(200, "The plan.", Shape::Of(doc::schema::<wire::Plan>))],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    conditions: Conditions,
    Path(plan): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let plan: PlanId = id(&plan)?;
    let named: Option<EnterpriseId> = params.uuid(&doc::ENTERPRISE)?;
    let (portfolio, products) = try_join!(context.portfolios.portfolio_of_plan(plan), context.portfolios.products())?;
    let owner = portfolio.as_ref().map(|portfolio| portfolio.agreement.enterprise_customer_uuid);
    requester.require(LEARNERS_AND_ADMINS, owner, RequiredPermission::LearnerOrAdmin)?;
    let not_found = || ApiError::not_found("SubscriptionPlan");
    let portfolio = portfolio.filter(|_| named.is_some() && named == owner).ok_or_else(not_found)?;
    let plan = portfolio.plan(plan).filter(|plan| plan.is_active).ok_or_else(not_found)?;
    let counts = context.portfolios.seat_counts(&[plan]).await?.remove(&plan.uuid);
    let counts = counts.expect("each requested plan is counted");
    let body = wire::Plan::new(&portfolio, plan, counts, &products, context.app.now());
    Ok(conditions.read(plan.modified, body))
}
