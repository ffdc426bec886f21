//! `GET /api/v1/provisioning-admins/subscriptions/{plan}/`: a plan, active or not.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use futures::try_join;
use license_api::{
    ApiError, Conditions, Doc, PROVISIONERS, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
    id, wire,
};
use license_domain::PlanId;

use crate::Context;

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/provisioning-admins/subscriptions/{plan}/",
    access: RouteAccess::Roles { roles: PROVISIONERS, listing: false, missing: RequiredPermission::ProvisioningPlans },
    doc: &Doc {
        summary: "A plan, active or not",
        query: &[],
        body: &[],
        answers: &[
            ResponseDoc::new(200, "The plan.", Shape::Of(doc::schema::<wire::Plan>)),
            ResponseDoc::new(404, "There is no such plan.", Shape::Error),
        ],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    conditions: Conditions,
    Path(plan): Path<String>,
) -> Result<Response, ApiError> {
    let id: PlanId = id(&plan)?;
    requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningPlans)?;
    let portfolios = &context.provisioning.portfolios;
    let (portfolio, products) = try_join!(portfolios.portfolio_of_plan(id), portfolios.products())?;
    let found = portfolio.as_ref().and_then(|portfolio| Some((portfolio, portfolio.plan(id)?)));
    let (portfolio, plan) = found.ok_or_else(|| ApiError::error(StatusCode::NOT_FOUND, "No record found."))?;
    let counts = portfolios.seat_counts(&[plan]).await?;
    let counts = counts.get(&id).copied().expect("each requested plan is counted");
    let body = wire::Plan::new(portfolio, plan, counts, &products, context.app.now());
    Ok(conditions.read(plan.modified, body))
}
