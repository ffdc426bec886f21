//! `GET /api/v1/subscriptions/{plan}/`: one plan with its counts. `?as_of=2026-01-01T00:00:00Z` shows it as it was at
//! that time.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use futures::try_join;
use license_api::{
    ADMINS, ApiError, Conditions, Doc, Params, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
    history, id, wire,
};
use license_domain::{EnterpriseId, PlanId, Portfolio, SeatCounts, Subject, SubscriptionPlan, Timestamp, audit_trail};

use crate::Context;

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/subscriptions/{plan}/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "A plan",
        query: &[doc::ENTERPRISE, doc::AS_OF],
        body: &[],
        answers: &[
            ResponseDoc::new(200, "The plan.", Shape::Of(doc::schema::<wire::Plan>)),
            ResponseDoc::new(400, "A time that is none, or is yet to come.", Shape::Complaints),
        ],
    },
};
pub const ALIAS: Route = ROUTE.at("/subscriptions/{plan}/");

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
    requester.require(ADMINS, named.or(owner), RequiredPermission::Admin)?;
    let not_found = || ApiError::not_found("SubscriptionPlan");
    let portfolio = portfolio.filter(|_| named.is_none() || named == owner).ok_or_else(not_found)?;
    // With a customer only active plans are found; with the id alone every plan.
    let plan = portfolio.plan(plan).filter(|plan| named.is_none() || plan.is_active).ok_or_else(not_found)?;
    let counts = context.portfolios.seat_counts(&[plan]).await?.remove(&plan.uuid);
    let counts = counts.expect("each requested plan is counted");
    if let Some(at) = history::as_of(&params, context.app.now())? {
        let (plan, counts) = as_of(&context, plan, counts, at).await?.ok_or_else(not_found)?;
        let portfolio = Portfolio {
            renewals: portfolio.renewals.iter().filter(|renewal| renewal.created <= at).cloned().collect(),
            ..portfolio
        };
        return Ok(Json(wire::Plan::new(&portfolio, &plan, counts, &products, at)).into_response());
    }
    let body = wire::Plan::new(&portfolio, plan, counts, &products, context.app.now());
    Ok(conditions.read(plan.modified, body))
}

/// The plan and its counts as they were at that time; none if it did not exist yet.
async fn as_of(
    context: &Context,
    plan: &SubscriptionPlan,
    counts: SeatCounts,
    at: Timestamp,
) -> Result<Option<(SubscriptionPlan, SeatCounts)>, ApiError> {
    if plan.created > at {
        return Ok(None);
    }
    let later = history::since(context.audit_trails.as_ref(), Subject::Plan(plan.uuid), at).await?;
    let was = audit_trail::undo_plan(plan, &later);
    Ok(was.map(|was| {
        let counts = audit_trail::undo_counts(&was, counts, &later);
        (was, counts)
    }))
}
