//! The licenses of a plan that has expired.

use async_trait::async_trait;
use license_domain::{EmailKey, EventKind, License, LicenseChange, LicenseId, PlanId, Portfolio, SubscriptionPlan};

use crate::{Store, attempts::Attempt, transaction::Commit};
use license_storage::{Change, Expire, StoreError};

#[async_trait]
impl Expire for Store {
    async fn find_licenses(
        &self,
        plan: PlanId,
        wanted: &[(Option<EmailKey>, LicenseId)],
    ) -> Result<Vec<License>, StoreError> {
        Ok(self.places(plan, wanted).await?.into_iter().map(|(_, slot)| slot.license).collect())
    }

    /// One transaction: the event, the record of the change. The transaction met another one: again after a random wait.
    async fn record_expired(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        licenses: &[License],
        change: &Change,
    ) -> Result<(), StoreError> {
        let changes = licenses.iter().map(|license| LicenseChange::new(license, license)).collect();
        let event = &self.license_event(EventKind::LicensesExpired, portfolio, plan.uuid, changes, Vec::new(), change);
        self.transact("announce expired licenses", (), |mut transaction, ()| async move {
            transaction.add_event(event, change)?;
            Ok::<_, StoreError>(match self.commit::<()>(transaction).await? {
                Commit::Done => Attempt::Done(()),
                Commit::Conflict | Commit::Failed(_) => Attempt::Retry(()),
            })
        })
        .await
    }
}
