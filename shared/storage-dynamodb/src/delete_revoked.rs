//! Deleting revoked licenses of a plan, with what was noted beside them.

use license_domain::{
    EmailKey, Event, EventKind, LicenseChange, LicenseId, LicenseStatus, Portfolio, SubscriptionPlan,
};

use crate::{
    Store,
    attempts::Attempt,
    idempotency::Step,
    keys::{self, Key},
    learners::as_seen,
    table::{Range, Write},
    write::{BucketChange, signed},
};
use license_domain::number::to_u64;
use license_storage::{Change, StoreError};

/// The condition of a deletion.
#[derive(Clone, Copy, Debug)]
enum Failed {
    /// A license is not as it was read.
    License,
}

impl Store {
    /// 1. Read the licenses, in their learners' slots or beside them, strongly. Licenses that are not revoked stay.
    /// 2. One transaction: each of them is deleted (as seen), and so are the marks of what was done for it once; one of
    ///    the buckets counts them; the event, which is the last entry of each license's history.
    /// 3. A condition failed or the transaction conflicted: repeat from 1 after a random wait.
    pub(crate) async fn delete_revoked_licenses(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        wanted: &[(Option<EmailKey>, LicenseId)],
        change: &Change,
    ) -> Result<usize, StoreError> {
        self.transact("delete revoked", (), |mut transaction, ()| async move {
            let mut counts = BucketChange::default();
            let (mut changes, mut keys_before) = (Vec::new(), Vec::new());
            for (key, slot) in self.places(plan.uuid, wanted).await? {
                let license = &slot.license;
                if license.status != LicenseStatus::Revoked || license.subscription_plan != plan.uuid {
                    continue;
                }
                counts.revoked -= 1;
                counts.revoked_without_person -= i64::from(license.user_email.is_none());
                transaction.when(Failed::License, [Write::Delete { key, condition: Some(as_seen(&slot)) }]);
                keys_before.push(keys::list_key(license));
                changes.push(LicenseChange::new(license, license));
            }
            if changes.is_empty() {
                self.record_step(change, Step::Whole).await?;
                return Ok(Attempt::Done(0));
            }
            let deleted = changes.len();
            debug_assert_eq!(counts.revoked, -signed(deleted));
            transaction.write([counts.write(self.any_bucket(plan.uuid, &plan.seats))]);
            let marks = self.marks_of(plan, &changes).await?;
            transaction.write(marks.into_iter().map(|key| Write::Delete { key, condition: None }));
            let kind = EventKind::LicensesDeleted;
            let event = self.license_event(kind, portfolio, plan.uuid, changes, Vec::new(), change);
            let event = Event { count: Some(to_u64(deleted)), ..event };
            transaction.logged_event(&event, plan, keys_before)?;
            transaction.record(change, Step::Whole)?;
            Ok(self.commit(transaction).await?.or_retry(deleted))
        })
        .await
    }

    /// The marks of what was done once for these licenses: that their learners were unlinked, and, of imported licenses,
    /// other things. Each license has one mark or none.
    async fn marks_of(&self, plan: &SubscriptionPlan, licenses: &[LicenseChange]) -> Result<Vec<Key>, StoreError> {
        let unlinked: Vec<Key> = licenses.iter().map(|change| keys::unlinked(plan.uuid, change.license)).collect();
        let mut marks: Vec<Key> = self.table.batch_get(&unlinked).await?.into_keys().collect();
        let others = |prefix: String, limit| Range {
            partition: keys::plan(plan.uuid).pk,
            prefix: Some(prefix),
            limit: Some(limit),
            consistent: true,
            ..Range::default()
        };
        if self.table.query(others(keys::LICENSE_EVENT_PREFIX.to_owned(), 1)).await?.is_empty() {
            return Ok(marks);
        }
        for change in licenses {
            let prefix = format!("{}{}#", keys::LICENSE_EVENT_PREFIX, change.license);
            marks.extend(self.table.query(others(prefix, 1)).await?.iter().filter_map(Key::of));
        }
        Ok(marks)
    }
}
