//! `GET /api/v1/customer-agreement/{agreement}/`: one agreement with its plans.
//!
//! Parameters: `enterprise_customer_uuid` (the customer for whom the requester acts; by default the agreement's),
//! `active_plans_only` (true).

use axum::{
    extract::{Path, State},
    response::Response,
};
use license_api::{
    ApiError, Conditions, Doc, LEARNERS_AND_ADMINS, Params, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
    id, wire,
};
use license_domain::{AgreementId, EnterpriseId};

use crate::{
    Context,
    list::{self, ACTIVE_PLANS_ONLY},
};

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/customer-agreement/{agreement}/",
    access: RouteAccess::Roles {
        roles: LEARNERS_AND_ADMINS,
        listing: false,
        missing: RequiredPermission::LearnerOrAdmin,
    },
    doc: &Doc {
        summary: "A customer agreement with its plans",
        query: &[doc::ENTERPRISE, ACTIVE_PLANS_ONLY],
        body: &[],
        answers: &[ResponseDoc::new(200, "The agreement.", Shape::Of(doc::schema::<wire::Agreement>))],
    },
};
pub const ALIAS: [Route; 2] =
    [ROUTE.at("/customer-agreements/{agreement}/"), ROUTE.at("/api/v1/customer-agreements/{agreement}/")];

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    conditions: Conditions,
    Path(agreement): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let agreement: AgreementId = id(&agreement)?;
    let named: Option<EnterpriseId> = params.uuid(&doc::ENTERPRISE)?;
    let portfolio = context.portfolios.portfolio(agreement).await?;
    let owner = portfolio.as_ref().map(|portfolio| portfolio.agreement.enterprise_customer_uuid);
    requester.require(LEARNERS_AND_ADMINS, named.or(owner), RequiredPermission::LearnerOrAdmin)?;
    let portfolio = portfolio.filter(|_| named.is_none() || named == owner);
    let portfolio = portfolio.ok_or_else(|| ApiError::not_found("CustomerAgreement"))?;
    let modified = portfolio.agreement.modified;
    let shown = list::show(&context, &*context.portfolios, &[portfolio], params.flag(&ACTIVE_PLANS_ONLY)).await?;
    let shown = shown.into_iter().next().map(|body| conditions.read(modified, body));
    shown.ok_or_else(|| ApiError::not_found("CustomerAgreement"))
}
