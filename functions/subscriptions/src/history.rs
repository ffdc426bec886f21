//! `GET /api/v1/subscriptions/{plan}/history/`: the changes of a plan and its licenses, the newest first.

use axum::{
    Json,
    extract::{Path, State},
};
use license_api::{
    ADMINS, ApiError, CursorQuery, PageQuery, Requester, RequiredPermission, Route, RouteAccess, history, id, wire,
};
use license_domain::{PlanId, Subject};

use crate::Context;

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/subscriptions/{plan}/history/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: history::DOC,
};
pub const ALIAS: Route = ROUTE.at("/subscriptions/{plan}/history/");

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(plan): Path<String>,
    page: PageQuery,
) -> Result<Json<CursorQuery<wire::HistoryEntry>>, ApiError> {
    let plan: PlanId = id(&plan)?;
    let portfolio = context.portfolios.portfolio_of_plan(plan).await?;
    let owner = portfolio.as_ref().map(|portfolio| portfolio.agreement.enterprise_customer_uuid);
    requester.require(ADMINS, owner, RequiredPermission::Admin)?;
    portfolio.ok_or_else(|| ApiError::not_found("SubscriptionPlan"))?;
    history::page(context.audit_trails.as_ref(), Subject::Plan(plan), &page).await
}
