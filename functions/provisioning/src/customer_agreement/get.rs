//! `GET /api/v1/provisioning-admins/customer-agreement/{agreement}/`: an agreement with its active plans.

use axum::{
    extract::{Path, State},
    response::Response,
};
use futures::try_join;
use license_api::{
    ApiError, Conditions, Doc, PROVISIONERS, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
    id, wire,
};
use license_domain::AgreementId;

use crate::Context;

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/provisioning-admins/customer-agreement/{agreement}/",
    access: RouteAccess::Roles {
        roles: PROVISIONERS,
        listing: false,
        missing: RequiredPermission::ProvisioningAgreements,
    },
    doc: &Doc {
        summary: "A customer agreement with its active plans",
        query: &[],
        body: &[],
        answers: &[ResponseDoc::new(200, "The agreement.", Shape::Of(doc::schema::<wire::ProvisionedAgreement>))],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    conditions: Conditions,
    Path(agreement): Path<String>,
) -> Result<Response, ApiError> {
    let agreement: AgreementId = id(&agreement)?;
    requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningAgreements)?;
    let portfolios = &context.provisioning.portfolios;
    let (portfolio, products) = try_join!(portfolios.portfolio(agreement), portfolios.products())?;
    let mut portfolio = portfolio.ok_or_else(|| ApiError::not_found("CustomerAgreement"))?;
    portfolio.plans.retain(|plan| plan.is_active);
    let plans: Vec<_> = portfolio.plans.iter().collect();
    let counts = portfolios.seat_counts(&plans).await?;
    let body = wire::ProvisionedAgreement::new(&portfolio, &counts, &products, context.app.now());
    Ok(conditions.read(portfolio.agreement.modified, body))
}
