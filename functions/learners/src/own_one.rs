//! `GET /api/v1/subscriptions/{plan}/license/{license}/`: a licence of the caller's own.

use axum::{
    extract::{Path, State},
    response::Response,
};
use futures::try_join;
use license_domain::{LicenseId, PlanId};
use license_web::{
    ApiError, Caller, Conditions, Doc, Grants, LEARNERS_AND_ADMINS, Missing, Route,
    doc::{self, Answer, Shape},
    id, wire,
};

use crate::{Context, own};

/// One licence.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/subscriptions/{plan}/license/{license}/",
    access: Grants::Roles { roles: LEARNERS_AND_ADMINS, listing: false, missing: Missing::LearnerOrAdmin },
    doc: &Doc {
        summary: "One of the caller's licences",
        query: &[],
        body: &[],
        answers: &[Answer::new(200, "The licence.", Shape::Of(doc::schema::<wire::License>))],
    },
};

pub async fn handle(
    State(context): State<Context>,
    caller: Caller,
    conditions: Conditions,
    Path((plan, license)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let (plan, license): (PlanId, LicenseId) = (id(&plan)?, id(&license)?);
    let (portfolio, held) =
        try_join!(context.portfolios.portfolio_of_plan(plan), own::of_plan(&context, &caller, plan))?;
    let owner = portfolio.map(|portfolio| portfolio.agreement.enterprise_customer_uuid);
    caller.require(LEARNERS_AND_ADMINS, owner, Missing::LearnerOrAdmin)?;
    let license = held.iter().find(|held| held.uuid == license).ok_or_else(|| ApiError::not_found("License"))?;
    Ok(conditions.read(license.modified, wire::License::new(license)))
}
