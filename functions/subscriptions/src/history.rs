//! `GET /api/v1/subscriptions/{plan}/history/`: what was changed of a plan and its licences, the newest change first.

use axum::{
    Json,
    extract::{Path, State},
};
use license_domain::{PlanId, Subject};
use license_web::{ADMINS, ApiError, Caller, Grants, Missing, PageQuery, Route, Walk, history, id, wire};

use crate::Context;

/// A plan's history.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/subscriptions/{plan}/history/",
    access: Grants::Roles { roles: ADMINS, listing: false, missing: Missing::Admin },
    doc: history::DOC,
};
/// The same beside the plan's other address.
pub const PLAIN: Route = ROUTE.at("/subscriptions/{plan}/history/");

pub async fn handle(
    State(context): State<Context>,
    caller: Caller,
    Path(plan): Path<String>,
    page: PageQuery,
) -> Result<Json<Walk<wire::HistoryEntry>>, ApiError> {
    let plan: PlanId = id(&plan)?;
    let portfolio = context.portfolios.portfolio_of_plan(plan).await?;
    let owner = portfolio.as_ref().map(|portfolio| portfolio.agreement.enterprise_customer_uuid);
    caller.require(ADMINS, owner, Missing::Admin)?;
    portfolio.ok_or_else(|| ApiError::not_found("SubscriptionPlan"))?;
    history::page(context.trails.as_ref(), Subject::Plan(plan), &page).await
}
