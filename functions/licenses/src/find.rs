//! The license in a path, for an admin of its customer, as it is now or was at a time.

use axum::Json;
use axum::response::{IntoResponse, Response};
use license_api::{ApiError, Conditions, Params, Requester, history, wire};
use license_domain::{License, LicenseId, PlanId, Subject, Timestamp, audit_trail};

use crate::{Context, plan};

/// A license that the requester may see.
pub struct FoundLicense(pub License);

fn not_found() -> ApiError {
    ApiError::not_found("License")
}

/// The license of that plan.
pub async fn in_plan(
    context: &Context,
    requester: &Requester,
    plan: PlanId,
    license: LicenseId,
) -> Result<FoundLicense, ApiError> {
    plan::require_some_role(requester)?;
    let portfolio = context.portfolios.portfolio_of_plan(plan).await?;
    plan::require(requester, portfolio.as_ref())?;
    let plan = portfolio.as_ref().and_then(|portfolio| portfolio.plan(plan)).ok_or_else(not_found)?;
    context.licenses.license(plan, license).await?.map(FoundLicense).ok_or_else(not_found)
}

/// The license with that id, of any plan.
pub async fn anywhere(context: &Context, requester: &Requester, license: LicenseId) -> Result<FoundLicense, ApiError> {
    plan::require_some_role(requester)?;
    let portfolio = match context.licenses.plan_of(license).await? {
        Some(plan) => context.portfolios.portfolio_of_plan(plan).await?.map(|portfolio| (plan, portfolio)),
        None => None,
    };
    plan::require(requester, portfolio.as_ref().map(|(_, portfolio)| portfolio))?;
    let (plan, portfolio) = portfolio.ok_or_else(not_found)?;
    let plan = portfolio.plan(plan).ok_or_else(not_found)?;
    context.licenses.license(plan, license).await?.map(FoundLicense).ok_or_else(not_found)
}

impl FoundLicense {
    /// The license as it is now, or as it was at the time in `as_of`.
    pub async fn respond(
        self,
        context: &Context,
        conditions: &Conditions,
        params: &Params,
    ) -> Result<Response, ApiError> {
        let Self(license) = self;
        match history::as_of(params, context.app.now())? {
            None => Ok(conditions.read(license.modified, wire::License::new(&license))),
            Some(at) => {
                let was = as_of(context, license, at).await?.ok_or_else(not_found)?;
                Ok(Json(wire::License::new(&was)).into_response())
            }
        }
    }
}

/// The license as it was at that time; none if it did not exist yet.
async fn as_of(context: &Context, license: License, at: Timestamp) -> Result<Option<License>, ApiError> {
    if license.created > at {
        return Ok(None);
    }
    let later = history::since(context.audit_trails.as_ref(), Subject::License(license.uuid), at).await?;
    Ok(Some(audit_trail::undo_license(license, &later)))
}
