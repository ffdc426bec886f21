//! The agreements that a list shows to a requester.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, join, stream};
use license_domain::{Access, EnterpriseId, Portfolio};
use license_storage::{Portfolios, StoreError};

/// How many agreements are read at once, at most.
const PARALLEL: usize = 8;

/// The agreements that a list is made from.
#[derive(Clone, Debug)]
pub enum VisibleAgreements {
    /// All agreements: too many to be read at once.
    Everything,
    /// These agreements, ordered by id.
    Only(Vec<Portfolio>),
}

/// The agreements of one customer, or all that the requester may access.
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
    let reads = enterprises.iter().map(|enterprise| portfolios.portfolio_of_enterprise(*enterprise));
    let reads = stream::iter(reads.collect::<Vec<_>>()).buffer_unordered(PARALLEL);
    let found: Vec<Option<Portfolio>> = reads.try_collect().await?;
    let mut found: Vec<Portfolio> = found.into_iter().flatten().collect();
    found.sort_by_key(|portfolio| portfolio.agreement.uuid);
    Ok(VisibleAgreements::Only(found))
}

/// The same, with a store for the counts of the agreements' plans: they are read at the same time if the requester sees
/// one customer, or asks for one.
pub async fn visible_agreements_ahead(
    portfolios: &Arc<dyn Portfolios>,
    access: &Access,
    enterprise: Option<EnterpriseId>,
) -> Result<(VisibleAgreements, Arc<dyn Portfolios>), StoreError> {
    let only = match (enterprise, access) {
        (Some(enterprise), access) => Some(enterprise).filter(|enterprise| access.includes(*enterprise)),
        (None, Access::Only(enterprises)) if enterprises.len() == 1 => enterprises.iter().next().copied(),
        (None, _) => None,
    };
    let ahead = async {
        match only {
            Some(enterprise) => portfolios.ahead_of_customer(enterprise).await,
            None => portfolios.clone(),
        }
    };
    let (visible, ahead) = join!(visible_agreements(&**portfolios, access, enterprise), ahead);
    Ok((visible?, ahead))
}
