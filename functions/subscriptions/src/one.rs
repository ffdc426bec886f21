//! `GET /api/v1/subscriptions/{plan}/`: one plan with its counts.

use axum::{
    extract::{Path, State},
    response::Response,
};
use futures::try_join;
use license_domain::{EnterpriseId, PlanId};
use license_web::{
    ADMINS, ApiError, Caller, Conditions, Doc, Grants, Missing, Params, Route,
    doc::{self, Answer, Shape},
    id, wire,
};

use crate::Context;

/// One plan.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/subscriptions/{plan}/",
    access: Grants::Roles { roles: ADMINS, listing: false, missing: Missing::Admin },
    doc: &Doc {
        summary: "A plan",
        query: &[doc::ENTERPRISE],
        body: &[],
        answers: &[Answer::new(200, "The plan.", Shape::Of(doc::schema::<wire::Plan>))],
    },
};
/// The same where the product's own description names it.
pub const PLAIN: Route = ROUTE.at("/subscriptions/{plan}/");

pub async fn handle(
    State(context): State<Context>,
    caller: Caller,
    conditions: Conditions,
    Path(plan): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let plan: PlanId = id(&plan)?;
    let named: Option<EnterpriseId> = params.uuid("enterprise_customer_uuid")?;
    let (portfolio, products) = try_join!(context.portfolios.portfolio_of_plan(plan), context.portfolios.products())?;
    let owner = portfolio.as_ref().map(|portfolio| portfolio.agreement.enterprise_customer_uuid);
    caller.require(ADMINS, named.or(owner), Missing::Admin)?;
    let not_found = || ApiError::not_found("SubscriptionPlan");
    let portfolio = portfolio.filter(|_| named.is_none() || named == owner).ok_or_else(not_found)?;
    let plan = portfolio.plan(plan).ok_or_else(not_found)?;
    let counts = context.portfolios.seat_counts(&[plan]).await?.remove(&plan.uuid).unwrap_or_default();
    let body = wire::Plan::new(&portfolio, plan, counts, &products, context.web.now());
    Ok(conditions.read(plan.modified, body))
}
