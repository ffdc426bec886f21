//! The licenses of a plan that has expired.

use async_trait::async_trait;
use license_domain::{EmailKey, EventKind, License, LicenseChange, LicenseId, PlanId, Portfolio, SubscriptionPlan};

use crate::{
    Store,
    attempts::Attempt,
    keys::{Key, LearnerKeys},
    rows,
};
use license_storage::{Change, Expire, StoreError};

#[async_trait]
impl Expire for Store {
    /// A license is in its learner's slot, or beside it: both are read, strongly.
    async fn licenses_of_learners(
        &self,
        plan: PlanId,
        wanted: &[(EmailKey, LicenseId)],
    ) -> Result<Vec<License>, StoreError> {
        let places = |(email, license): &(EmailKey, LicenseId)| {
            let keys = LearnerKeys(email);
            [keys.slot(plan), keys.archived(plan, *license)]
        };
        let mut keys: Vec<Key> = wanted.iter().flat_map(places).collect();
        keys.sort_unstable();
        keys.dedup();
        let found = self.table.batch_get(&keys).await?;
        let mut licenses = found.into_values().map(rows::from_item).collect::<Result<Vec<License>, _>>()?;
        licenses.retain(|license| wanted.iter().any(|(_, wanted)| *wanted == license.uuid));
        licenses.sort_by_key(|license| license.uuid);
        Ok(licenses)
    }

    /// One transaction: the event, the record of the change. The transaction met another one: again after a random wait.
    async fn tell_expired(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        licenses: &[License],
        change: &Change,
    ) -> Result<(), StoreError> {
        let changes = licenses.iter().map(|license| LicenseChange::new(license, license)).collect();
        let event = &self.license_event(EventKind::LicensesExpired, portfolio, plan.uuid, changes, Vec::new(), change);
        self.transact("tell expired licenses", (), |mut transaction, ()| async move {
            transaction.tell(event, change)?;
            Ok::<_, StoreError>(match self.commit::<()>(transaction).await? {
                crate::transaction::Commit::Done => Attempt::Done(()),
                _ => Attempt::Retry(()),
            })
        })
        .await
    }
}
