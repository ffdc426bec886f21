//! `GET /api/v1/subscriptions/{plan}/licenses/{license}/`: one licence of a plan.
//!
//! ```json
//! {"uuid": "…", "status": "assigned", "user_email": "ann@example.com", "activation_date": null,
//!  "last_remind_date": null, "subscription_plan_uuid": "…", "revoked_date": null, "activation_key": "…"}
//! ```

use axum::{
    extract::{Path, State},
    response::Response,
};
use license_domain::{LicenseId, PlanId};
use license_web::{
    ADMINS, ApiError, Caller, Conditions, Doc, Grants, Missing, Route,
    doc::{self, Answer, Shape},
    id, wire,
};

use crate::{Context, plan};

/// One licence.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/subscriptions/{plan}/licenses/{license}/",
    access: Grants::Roles { roles: ADMINS, listing: false, missing: Missing::Admin },
    doc: &Doc {
        summary: "One licence of a plan",
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
    plan::require_some_role(&caller)?;
    let portfolio = context.portfolios.portfolio_of_plan(plan).await?;
    plan::require(&caller, portfolio.as_ref())?;
    let not_found = || ApiError::not_found("License");
    let plan = portfolio.as_ref().and_then(|portfolio| portfolio.plan(plan)).ok_or_else(not_found)?;
    let license = context.licenses.license(plan, license).await?.ok_or_else(not_found)?;
    Ok(conditions.read(license.modified, wire::License::new(&license)))
}
