//! Learners of expired licenses who are no longer the customer's: it is on record of each license that it is done.

use std::collections::HashSet;

use async_trait::async_trait;
use license_domain::{EventKind, License, LicenseChange, LicenseId, PlanId, Portfolio, SubscriptionPlan};

use crate::{
    Store,
    attempts::Attempt,
    keys::{self, Key},
    rows,
    table::Write,
    transaction::Commit,
};
use license_storage::{Change, StoreError, Unlink};

#[async_trait]
impl Unlink for Store {
    async fn unlinked(&self, plan: PlanId, licenses: &[LicenseId]) -> Result<HashSet<LicenseId>, StoreError> {
        let keys: Vec<Key> = licenses.iter().map(|license| keys::unlinked(plan, *license)).collect();
        let found = self.table.batch_get(&keys).await?;
        Ok(licenses.iter().copied().filter(|license| found.contains_key(&keys::unlinked(plan, *license))).collect())
    }

    /// One transaction: a mark of each license, the event, the record of the change. The transaction met another one:
    /// again after a random wait.
    async fn record_unlinked(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        licenses: &[License],
        change: &Change,
    ) -> Result<(), StoreError> {
        let changes = licenses.iter().map(|license| LicenseChange::new(license, license)).collect();
        let event = &self.license_event(EventKind::LicensesUnlinked, portfolio, plan.uuid, changes, Vec::new(), change);
        self.transact("record unlinked", (), |mut transaction, ()| async move {
            transaction.write(licenses.iter().map(|license| {
                let mut item = keys::unlinked(plan.uuid, license.uuid).attributes();
                item.insert("unlinked".to_owned(), rows::text(keys::time(change.at)));
                Write::put(item)
            }));
            transaction.add_event(event, change)?;
            Ok::<_, StoreError>(match self.commit::<()>(transaction).await? {
                Commit::Done => Attempt::Done(()),
                Commit::Conflict | Commit::Failed(_) => Attempt::Retry(()),
            })
        })
        .await
    }
}
