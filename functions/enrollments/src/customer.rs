//! The customer that a request names, for a caller who has a role there.

use license_domain::{EnterpriseId, Portfolio};
use license_web::{ApiError, Caller, LEARNERS_AND_ADMINS, Missing, Params};

use crate::Context;

/// The agreement of the customer; 404 where there is none, 403 where the caller has no role there.
pub async fn find(context: &Context, caller: &Caller, params: &Params) -> Result<Portfolio, ApiError> {
    let enterprise: Option<EnterpriseId> = params.uuid("enterprise_customer_uuid")?;
    let portfolio = match enterprise {
        Some(enterprise) => context.portfolios.portfolio_of_enterprise(enterprise).await?,
        None => None,
    };
    let portfolio = portfolio.ok_or_else(|| ApiError::not_found("CustomerAgreement"))?;
    let enterprise = portfolio.agreement.enterprise_customer_uuid;
    caller.require(LEARNERS_AND_ADMINS, Some(enterprise), Missing::UnanchoredLearnerOrAdmin)?;
    Ok(portfolio)
}
