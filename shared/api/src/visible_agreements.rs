//! The agreements that a list shows to a caller.

use futures::future::try_join_all;
use license_domain::{Access, EnterpriseId, Portfolio};
use license_storage::{Portfolios, StoreError};

/// What a list is made from.
#[derive(Clone, Debug)]
pub enum VisibleAgreements {
    /// Everything there is: too much to be read at once.
    Everything,
    /// These agreements, ordered by id.
    Only(Vec<Portfolio>),
}

/// The agreements of one customer, or of all that the caller reaches.
pub async fn visible_agreements(
    portfolios: &dyn Portfolios,
    access: &Access,
    enterprise: Option<EnterpriseId>,
) -> Result<VisibleAgreements, StoreError> {
    let enterprises: Vec<EnterpriseId> = match (enterprise, access) {
        (Some(enterprise), access) if access.includes(enterprise) => vec![enterprise],
        (Some(_), _) => Vec::new(),
        (None, Access::All) => return Ok(VisibleAgreements::Everything),
        (None, Access::Only(enterprises)) => enterprises.iter().copied().collect(),
    };
    let found = try_join_all(enterprises.iter().map(|enterprise| portfolios.portfolio_of_enterprise(*enterprise)));
    let mut found: Vec<Portfolio> = found.await?.into_iter().flatten().collect();
    found.sort_by_key(|portfolio| portfolio.agreement.uuid);
    Ok(VisibleAgreements::Only(found))
}
