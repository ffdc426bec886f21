//! `GET /api/v1/customer-agreement/{agreement}/history/`: what was changed of an agreement and of all that belongs to it,
//! the newest change first: the customer's feed. For its admins; learners do not see it.

use axum::{
    Json,
    extract::{Path, State},
};
use license_domain::{AgreementId, Subject};
use license_web::{ADMINS, ApiError, Caller, Grants, Missing, PageQuery, Route, Walk, history, id, wire};

use crate::Context;

/// An agreement's history.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/customer-agreement/{agreement}/history/",
    access: Grants::Roles { roles: ADMINS, listing: false, missing: Missing::Admin },
    doc: history::DOC,
};
/// The same beside the agreement's other addresses.
pub const PLAIN: [Route; 2] = [
    ROUTE.at("/customer-agreements/{agreement}/history/"),
    ROUTE.at("/api/v1/customer-agreements/{agreement}/history/"),
];

pub async fn handle(
    State(context): State<Context>,
    caller: Caller,
    Path(agreement): Path<String>,
    page: PageQuery,
) -> Result<Json<Walk<wire::HistoryEntry>>, ApiError> {
    let agreement: AgreementId = id(&agreement)?;
    let portfolio = context.portfolios.portfolio(agreement).await?;
    let owner = portfolio.as_ref().map(|portfolio| portfolio.agreement.enterprise_customer_uuid);
    caller.require(ADMINS, owner, Missing::Admin)?;
    portfolio.ok_or_else(|| ApiError::not_found("CustomerAgreement"))?;
    history::page(context.trails.as_ref(), Subject::Agreement(agreement), &page).await
}
