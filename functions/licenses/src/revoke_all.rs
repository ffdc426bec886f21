//! `POST /api/v1/subscriptions/{plan}/licenses/revoke-all/`: takes back every live licence of the plan. 204, also where
//! there was none; 422 under a revocation cap, which counts licences one by one.
//!
//! It is done in parts of which each is whole; a request that ends half-way is made again.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use license_domain::{LicenseStatus, PlanId};
use license_store::ports::{Answering, Glance, LicenseFilter, RevokeRequest};
use license_web::{
    ADMINS, ApiError, Caller, Doc, Grants, Missing, Route,
    doc::{Answer, Shape},
    id, stored_empty,
};

use crate::{Context, meant::Meant, plan};

/// Revoking all.
pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/subscriptions/{plan}/licenses/revoke-all/",
    access: Grants::Roles { roles: ADMINS, listing: false, missing: Missing::Admin },
    doc: &Doc {
        summary: "Revokes all licences of a plan",
        query: &[],
        body: &[],
        answers: &[
            Answer::new(204, "They are revoked.", Shape::Nothing),
            Answer::new(422, "The plan has a cap on revocations.", Shape::Text),
        ],
    },
};

pub async fn handle(
    State(context): State<Context>,
    caller: Caller,
    Path(plan): Path<String>,
) -> Result<StatusCode, ApiError> {
    let plan: PlanId = id(&plan)?;
    plan::require_some_role(&caller)?;
    let portfolio = context.portfolios.portfolio_of_plan(plan).await?;
    plan::require(&caller, portfolio.as_ref())?;
    let (portfolio, plan) = plan::found(portfolio.as_ref(), plan)?;
    if plan.is_revocation_cap_enabled {
        let text = "Cannot revoke all licenses when revocation cap is enabled for the subscription plan";
        return Err(ApiError::text(StatusCode::UNPROCESSABLE_ENTITY, text));
    }
    let live = LicenseStatus::ALL.into_iter().filter(|status| status.is_live()).collect();
    let filter = LicenseFilter { statuses: Some(live), ..LicenseFilter::default() };
    let emails = Meant::Filtered(filter).learners(context.licenses.as_ref(), plan).await?;
    let stamp = caller.stamp("revoke-all").await?;
    let answering = Answering::by(|_| stored_empty(StatusCode::NO_CONTENT));
    let request = RevokeRequest { emails, glance: Glance::default(), answering, stamp };
    context.revoke.revoke(portfolio, plan.uuid, request).await?;
    Ok(StatusCode::NO_CONTENT)
}
