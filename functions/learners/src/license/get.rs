//! `GET /api/v1/subscriptions/{plan}/license/{license}/`: one license of the requester.

use axum::{
    extract::{Path, State},
    response::Response,
};
use futures::try_join;
use license_api::{
    ApiError, Conditions, Doc, LEARNERS_AND_ADMINS, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
    id, wire,
};
use license_domain::{LicenseId, PlanId};

use crate::{Context, own_licenses};

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/subscriptions/{plan}/license/{license}/",
    access: RouteAccess::Roles {
        roles: LEARNERS_AND_ADMINS,
        listing: false,
        missing: RequiredPermission::LearnerOrAdmin,
    },
    doc: &Doc {
        summary: "One of the caller's licenses",
        query: &[],
        body: &[],
        answers: &[ResponseDoc::new(200, "The license.", Shape::Of(doc::schema::<wire::License>))],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    conditions: Conditions,
    Path((plan, license)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let (plan, license): (PlanId, LicenseId) = (id(&plan)?, id(&license)?);
    let (portfolio, held) =
        try_join!(context.portfolios.portfolio_of_plan(plan), own_licenses::of_plan(&context, &requester, plan))?;
    let owner = portfolio.map(|portfolio| portfolio.agreement.enterprise_customer_uuid);
    requester.require(LEARNERS_AND_ADMINS, owner, RequiredPermission::LearnerOrAdmin)?;
    let license = held.iter().find(|held| held.uuid == license).ok_or_else(|| ApiError::not_found("License"))?;
    Ok(conditions.read(license.modified, wire::License::new(license)))
}
