//! `GET /api/v1/customer-agreement/{agreement}/history/`: the changes of an agreement and of everything that belongs to
//! it, the newest first. For the customer's admins; learners have no access.

use axum::{
    Json,
    extract::{Path, State},
};
use license_api::{
    ADMINS, ApiError, CursorQuery, PageQuery, Requester, RequiredPermission, Route, RouteAccess, history, id, wire,
};
use license_domain::{AgreementId, Subject};

use crate::Context;

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/customer-agreement/{agreement}/history/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: history::DOC,
};
/// The same route beside the agreement's other paths.
pub const ALIAS: [Route; 2] = [
    ROUTE.at("/customer-agreements/{agreement}/history/"),
    ROUTE.at("/api/v1/customer-agreements/{agreement}/history/"),
];

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(agreement): Path<String>,
    page: PageQuery,
) -> Result<Json<CursorQuery<wire::HistoryEntry>>, ApiError> {
    let agreement: AgreementId = id(&agreement)?;
    let portfolio = context.portfolios.portfolio(agreement).await?;
    let owner = portfolio.as_ref().map(|portfolio| portfolio.agreement.enterprise_customer_uuid);
    requester.require(ADMINS, owner, RequiredPermission::Admin)?;
    portfolio.ok_or_else(|| ApiError::not_found("CustomerAgreement"))?;
    history::page(context.audit_trails.as_ref(), Subject::Agreement(agreement), &page).await
}
