//! An agreement as processing a renewal sees it: with the plans that readers are not shown, and with versions.

use std::collections::HashMap;

use license_domain::{AgreementId, BatchId, PlanId, Portfolio, RenewalId, SubscriptionPlan, SubscriptionPlanRenewal};

use crate::{
    Store,
    keys::{AgreementKeys, AgreementPart, Key},
    portfolios::assemble,
    rows::{self, attributes},
};
use license_storage::StoreError;

/// What was read at one moment.
#[derive(Debug)]
pub(crate) struct AgreementSnapshot {
    /// The agreement with all its plans.
    pub portfolio: Portfolio,
    /// The renewal.
    pub renewal: SubscriptionPlanRenewal,
    /// The version of its item.
    pub version: u64,
    /// The batch that carries it out, if somebody has begun.
    pub batch: Option<BatchId>,
    /// The plans' versions, and the batches that hide them.
    items: HashMap<PlanId, (u64, Option<BatchId>)>,
}

/// A plan as it was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SnapshotPlan<'a> {
    pub plan: &'a SubscriptionPlan,
    /// The version of its item.
    pub version: u64,
    /// The batch that builds it, if it is not shown yet.
    pub hidden_by: Option<BatchId>,
}

impl AgreementSnapshot {
    pub(crate) fn plan(&self, id: PlanId) -> Option<SnapshotPlan<'_>> {
        let (version, hidden_by) = *self.items.get(&id)?;
        Some(SnapshotPlan { plan: self.portfolio.plan(id)?, version, hidden_by })
    }

    pub(crate) fn keys(&self) -> AgreementKeys {
        AgreementKeys(self.portfolio.agreement.uuid)
    }
}

impl Store {
    /// One Query, strongly consistent. `None`: there is no such renewal (any more).
    pub(crate) async fn sight(
        &self,
        agreement: AgreementId,
        renewal: RenewalId,
    ) -> Result<Option<AgreementSnapshot>, StoreError> {
        let found = self.portfolio_items(agreement).await?;
        let key = AgreementKeys(agreement).renewal(renewal);
        let (mut of_renewal, mut items) = (None, HashMap::new());
        for item in &found {
            let Some(at) = Key::of(item) else { continue };
            let version = rows::version_of(item);
            if AgreementPart::of(&at) == AgreementPart::Plan {
                let plan: SubscriptionPlan = rows::from_item(item.clone())?;
                items.insert(plan.uuid, (version, rows::batch_in(item, attributes::HIDDEN_BY)));
            } else if at == key {
                of_renewal = Some((version, rows::batch_in(item, attributes::BATCH)));
            }
        }
        let portfolio = assemble(found)?;
        let (Some(portfolio), Some((version, batch))) = (portfolio, of_renewal) else { return Ok(None) };
        let renewal = portfolio.renewals.iter().find(|there| there.id == renewal).cloned();
        Ok(renewal.map(|renewal| AgreementSnapshot { portfolio, renewal, version, batch, items }))
    }
}
