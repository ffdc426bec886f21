//! The plan that a path names, for a caller who administers its customer.

use axum::http::StatusCode;
use license_api::{ADMINS, ApiError, Requester, RequiredPermission};
use license_domain::{PlanId, Portfolio, SubscriptionPlan};

/// Refuses callers who administer no customer at all, before anything is read for them.
pub fn require_some_role(requester: &Requester) -> Result<(), ApiError> {
    if requester.access(ADMINS).is_empty() {
        requester.require(ADMINS, None, RequiredPermission::Admin)
    } else {
        Ok(())
    }
}

/// Refuses callers who do not administer the plan's customer, and for an unknown plan all but superusers.
pub fn require(requester: &Requester, portfolio: Option<&Portfolio>) -> Result<(), ApiError> {
    let enterprise = portfolio.map(|portfolio| portfolio.agreement.enterprise_customer_uuid);
    requester.require(ADMINS, enterprise, RequiredPermission::Admin)
}

/// The same for the endpoints whose refusals are sentences.
pub fn found_or_text(portfolio: Option<&Portfolio>, plan: PlanId) -> Result<(&Portfolio, &SubscriptionPlan), ApiError> {
    found(portfolio, plan).map_err(|_| ApiError::text(StatusCode::NOT_FOUND, "There is no such subscription plan."))
}

/// The plan within its agreement; 404 where there is none.
pub fn found(portfolio: Option<&Portfolio>, plan: PlanId) -> Result<(&Portfolio, &SubscriptionPlan), ApiError> {
    let not_found = || ApiError::not_found("SubscriptionPlan");
    let portfolio = portfolio.ok_or_else(not_found)?;
    let plan = portfolio.plan(plan).ok_or_else(not_found)?;
    Ok((portfolio, plan))
}
