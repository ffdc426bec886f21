//! Personal data of licenses is purged after the time that the agreement says.

use std::collections::HashMap;

use async_trait::async_trait;
use license_domain::{
    EmailKey, EventKind, License, LicenseChange, LicenseId, LicenseStatus, PlanId, Portfolio, SubscriptionPlan, purge,
};

use crate::{
    Store,
    attempts::Attempt,
    idempotency::Step,
    keys::{self, Item, Key, LearnerKeys},
    learners::as_seen,
    rows::{self, Home},
    table::Write,
    transfer::resized,
    write::{BucketChange, Slot, signed},
};
use license_storage::{Change, Purge, StoreError};

/// The conditions of a purge.
#[derive(Clone, Copy, Debug)]
enum Failed {
    /// A license is not as it was read.
    License,
    /// The plan is not there.
    Plan,
}

#[async_trait]
impl Purge for Store {
    /// 1. Read the licenses, in their learners' slots or beside them, strongly. Whose time has not come is passed over.
    /// 2. One transaction: each of them goes (as seen). What is revoked stays on record without its person; what is a free
    ///    seat again goes into one of the buckets, which counts all of them. Seats that end with their plan leave its
    ///    total. The event names no address.
    /// 3. A condition failed or the transaction met another one: from 1 after a random wait.
    async fn purge(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        wanted: &[(EmailKey, LicenseId)],
        change: &Change,
    ) -> Result<usize, StoreError> {
        let wanted: Vec<_> = wanted.iter().map(|(email, license)| (Some(email.clone()), *license)).collect();
        let wanted = &wanted;
        self.transact("purge", (), |mut transaction, ()| async move {
            let at = self.any_bucket(plan.uuid, &plan.seats);
            let mut counts = BucketChange::default();
            let (mut changes, mut keys_before, mut ended) = (Vec::new(), Vec::new(), 0);
            for (key, slot) in self.places(plan.uuid, wanted).await? {
                let before = &slot.license;
                let Some(after) = purge::purged(&portfolio.agreement, plan, before, change.at) else { continue };
                let left = if after.status == LicenseStatus::Unassigned {
                    counts.free += 1;
                    rows::free_seat(&after, at)?
                } else {
                    counts.revoked_without_person += 1;
                    counts.revoked += i64::from(before.status != LicenseStatus::Revoked);
                    ended += usize::from(before.status.is_live());
                    let agreement = portfolio.agreement.uuid;
                    rows::license(&after, Home::Archive, agreement, &plan.seats, slot.version + 1, change)?
                };
                match before.status {
                    LicenseStatus::Assigned => counts.assigned -= 1,
                    LicenseStatus::Activated => counts.activated -= 1,
                    LicenseStatus::Revoked | LicenseStatus::Unassigned => {}
                }
                transaction.when(Failed::License, [Write::Delete { key, condition: Some(as_seen(&slot)) }]);
                transaction.write([Write::put(left)]);
                keys_before.push(keys::list_key(before));
                changes.push(LicenseChange::forgetting(before, &after));
            }
            if changes.is_empty() {
                self.record_step(change, Step::Whole).await?;
                return Ok(Attempt::Done(0));
            }
            let purged = changes.len();
            transaction.write([counts.write(at)]);
            if ended > 0 {
                transaction.when(Failed::Plan, [resized(plan, -signed(ended))]);
            }
            let kind = EventKind::LicensesPurged;
            let event = self.license_event(kind, portfolio, plan.uuid, changes, Vec::new(), change);
            // The event says nowhere where the licenses stood in the list: it names no one.
            transaction.logged_event(&event, plan, keys_before)?;
            transaction.record(change, Step::Whole)?;
            Ok(self.commit(transaction).await?.or_retry(purged))
        })
        .await
    }
}

impl Store {
    /// Where these licenses of the plan are, and what they are there; those that are nowhere are left out.
    pub(crate) async fn places(
        &self,
        plan: PlanId,
        wanted: &[(Option<EmailKey>, LicenseId)],
    ) -> Result<Vec<(Key, Slot)>, StoreError> {
        let places = |(email, license): &(Option<EmailKey>, LicenseId)| match email.as_ref().map(LearnerKeys) {
            Some(keys) => vec![keys.slot(plan), keys.archived(plan, *license)],
            None => vec![keys::impersonal_license(*license)],
        };
        let mut keys: Vec<Key> = wanted.iter().flat_map(places).collect();
        keys.sort_unstable();
        keys.dedup();
        let found: HashMap<Key, Item> = self.table.batch_get(&keys).await?;
        let mut slots = Vec::with_capacity(found.len());
        for (key, item) in found {
            let version = rows::version_of(&item)?;
            let license: License = rows::from_item(item)?;
            if wanted.iter().any(|(_, wanted)| *wanted == license.uuid) {
                slots.push((key, Slot { license, version }));
            }
        }
        slots.sort_by_key(|(_, slot)| slot.license.uuid);
        Ok(slots)
    }
}
