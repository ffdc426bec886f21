//! An agreement as the processing of a renewal reads it: with hidden plans, and with versions.

use std::collections::HashMap;

use license_domain::{AgreementId, JobId, PlanId, Portfolio, RenewalId, SubscriptionPlan, SubscriptionPlanRenewal};

use crate::{
    Store,
    keys::{AgreementKeys, AgreementPart, Key},
    portfolios::assemble,
    rows::{self, attributes},
};
use license_storage::StoreError;

/// What one read returned.
#[derive(Debug)]
pub(crate) struct AgreementSnapshot {
    /// The agreement with all its plans.
    pub portfolio: Portfolio,
    pub renewal: SubscriptionPlanRenewal,
    /// The version of its item.
    pub version: u64,
    /// The run that processes it, once that is opened.
    pub run: Option<JobId>,
    /// The plans' versions, and the runs that hide them.
    items: HashMap<PlanId, (u64, Option<JobId>)>,
}

/// A plan as it was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SnapshotPlan<'a> {
    pub plan: &'a SubscriptionPlan,
    /// The version of its item.
    pub version: u64,
    /// The run that builds it, if it is hidden.
    pub hidden_by: Option<JobId>,
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
    /// One Query, strongly consistent. `None`: the renewal does not exist.
    pub(crate) async fn agreement_snapshot(
        &self,
        agreement: AgreementId,
        renewal: RenewalId,
    ) -> Result<Option<AgreementSnapshot>, StoreError> {
        let found = self.portfolio_items(agreement).await?;
        let key = AgreementKeys(agreement).renewal(renewal);
        let (mut of_renewal, mut items) = (None, HashMap::new());
        for item in &found {
            let Some(at) = Key::of(item) else { continue };
            let version = rows::version_of(item)?;
            if AgreementPart::of(&at) == AgreementPart::Plan {
                let plan: SubscriptionPlan = rows::from_item(item.clone())?;
                items.insert(plan.uuid, (version, rows::run_in(item, attributes::HIDDEN_BY)?));
            } else if at == key {
                of_renewal = Some((version, rows::run_in(item, attributes::RUN)?));
            }
        }
        let portfolio = assemble(found)?;
        let (Some(portfolio), Some((version, run))) = (portfolio, of_renewal) else { return Ok(None) };
        let renewal = portfolio.renewals.iter().find(|there| there.id == renewal).cloned();
        Ok(renewal.map(|renewal| AgreementSnapshot { portfolio, renewal, version, run, items }))
    }
}
