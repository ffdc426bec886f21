//! The customer of a request, for a requester with a role there.

use license_api::{ApiError, LEARNERS_AND_ADMINS, Params, Requester, RequiredPermission, doc::THE_ENTERPRISE};
use license_domain::{EnterpriseId, Portfolio};

use crate::Context;

/// The agreement of the customer; 404 if there is none, 403 if the requester has no role there.
pub async fn find(context: &Context, requester: &Requester, params: &Params) -> Result<Portfolio, ApiError> {
    let enterprise: Option<EnterpriseId> = params.uuid(&THE_ENTERPRISE)?;
    let portfolio = match enterprise {
        Some(enterprise) => context.portfolios.portfolio_of_enterprise(enterprise).await?,
        None => None,
    };
    let portfolio = portfolio.ok_or_else(|| ApiError::not_found("CustomerAgreement"))?;
    let enterprise = portfolio.agreement.enterprise_customer_uuid;
    requester.require(LEARNERS_AND_ADMINS, Some(enterprise), RequiredPermission::UnanchoredLearnerOrAdmin)?;
    Ok(portfolio)
}
