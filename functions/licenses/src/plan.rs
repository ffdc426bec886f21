//! The plan in a path, for an admin of its customer.

use axum::http::StatusCode;
use license_api::{ADMINS, ApiError, Requester, RequiredPermission};
use license_domain::{PlanId, Portfolio, SubscriptionPlan};

/// Refuses requesters who administer no customer, before anything is read for them.
pub fn require_some_role(requester: &Requester) -> Result<(), ApiError> {
    if requester.access(ADMINS).is_empty() {
        requester.require(ADMINS, None, RequiredPermission::Admin)
    } else {
        Ok(())
    }
}

/// Refuses requesters who do not administer the plan's customer. For an unknown plan, only superusers pass.
pub fn require(requester: &Requester, portfolio: Option<&Portfolio>) -> Result<(), ApiError> {
    let enterprise = portfolio.map(|portfolio| portfolio.agreement.enterprise_customer_uuid);
    requester.require(ADMINS, enterprise, RequiredPermission::Admin)
}

/// The same for endpoints whose errors are sentences.
pub fn found_or_text(portfolio: Option<&Portfolio>, plan: PlanId) -> Result<(&Portfolio, &SubscriptionPlan), ApiError> {
    found(portfolio, plan).map_err(|_| ApiError::text(StatusCode::NOT_FOUND, "There is no such subscription plan."))
}

/// The plan within its agreement; 404 if there is none.
pub fn found(portfolio: Option<&Portfolio>, plan: PlanId) -> Result<(&Portfolio, &SubscriptionPlan), ApiError> {
    let not_found = || ApiError::not_found("SubscriptionPlan");
    let portfolio = portfolio.ok_or_else(not_found)?;
    let plan = portfolio.plan(plan).ok_or_else(not_found)?;
    Ok((portfolio, plan))
}
