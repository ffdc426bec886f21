//! Freezing a plan: its unassigned licenses are deleted. Untouched seats are numbers, so that a bucket's end moves down to
//! its next number; returned seats are items.

use async_trait::async_trait;
use license_domain::number::to_u64;
use license_domain::{EmailKey, Event, EventKind, LicenseId, PlanId, Portfolio, RowResult, SubscriptionPlan};

use crate::{
    Store,
    attempts::Attempt,
    keys::{AgreementKeys, BucketKeys},
    rows::{self, Bucket, attributes, number},
    table::{Expression, Write},
    update::unchanged_plan,
    write::record_changes,
};
use license_storage::{Change, Operations, RevertRequest, StoreError};

/// The most returned seats that one transaction deletes; besides them it has up to 16 buckets, the plan, event and record.
const RETURNED_AT_ONCE: u64 = 70;

/// The condition of a freeze.
#[derive(Clone, Copy, Debug)]
enum Failed {
    /// The plan, a bucket or a returned seat is not as it was read.
    Changed,
}

#[async_trait]
impl Operations for Store {
    /// 1. Read the plan's item, its buckets, and the items of the first returned seats, strongly.
    /// 2. One transaction: each bucket ends at its next number and loses those returned seats (as read; a higher epoch, so
    ///    that allocations that read the old numbers fail); the seats' items are deleted (present); the plan (its version
    ///    as read) has so many licenses less, and is frozen if no returned seat is left; the event counts the licenses.
    /// 3. A condition failed or the transaction conflicted: repeat from 1 after a random wait.
    async fn freeze(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        change: &Change,
        outcome: fn(u64) -> Vec<RowResult>,
    ) -> Result<Option<Vec<RowResult>>, StoreError> {
        let key = &AgreementKeys(portfolio.agreement.uuid).plan(plan);
        self.transact("freeze", (), |mut transaction, ()| async move {
            // A plan that was deleted meanwhile is found to be gone by the next attempt at the chunk.
            let Some(item) = self.table.get(key).await? else { return Ok(Attempt::Retry(())) };
            let version = rows::version_of(&item)?;
            let before: SubscriptionPlan = rows::from_item(item)?;
            let (mut room, mut deleted, mut left) = (RETURNED_AT_ONCE, 0, 0);
            for (at, bucket) in self.buckets(&before).await? {
                let wanted = room.min(bucket.free);
                let returned = if wanted > 0 { self.rows_of(at, wanted).await? } else { Vec::new() };
                let taken = to_u64(returned.len());
                (room, left) = (room - taken, left + (bucket.free - taken));
                let untouched = bucket.end.saturating_sub(bucket.next);
                if untouched + taken == 0 {
                    continue;
                }
                deleted += untouched + taken;
                let delete = |key| Write::Delete { key, condition: Some(Expression::present()) };
                let seats = returned.iter().map(|license| delete(at.free(license.uuid)));
                transaction.when(Failed::Changed, seats);
                transaction.when(Failed::Changed, [close(at, bucket, taken)]);
            }
            if left > 0 && deleted == 0 {
                let cause = "its buckets count returned seats that are not there".to_owned();
                return Err(StoreError::Corrupt { key: format!("the buckets of {plan}"), cause });
            }
            let mut after = SubscriptionPlan { modified: change.at, ..before.clone() };
            after.seats.total = before.seats.total.saturating_sub(deleted);
            let is_last = left == 0;
            if is_last {
                after.last_freeze_timestamp = Some(change.at);
            }
            let condition = Some(unchanged_plan(version, before.num_revocations_applied));
            let put = Write::Put { item: rows::plan(&after, version + 1, change)?, condition };
            transaction.when(Failed::Changed, [put]);
            let event = Event {
                plan: Some(plan),
                count: Some(deleted),
                changes: record_changes(Some(&before), Some(&after)),
                ..self.new_event(EventKind::LicensesDeleted, &portfolio.agreement, change)
            };
            let results = is_last.then(|| outcome(after.seats.total));
            match &results {
                Some(results) => transaction.add_event(&event, &change.clone().recording(results))?,
                None => transaction.event(&event)?,
            }
            Ok(self.commit(transaction).await?.or_retry(results))
        })
        .await
    }

    async fn delete_revoked(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        wanted: &[(Option<EmailKey>, LicenseId)],
        change: &Change,
    ) -> Result<usize, StoreError> {
        self.delete_revoked_licenses(portfolio, plan, wanted, change).await
    }

    async fn revert(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        request: RevertRequest<'_>,
    ) -> Result<Vec<RowResult>, StoreError> {
        self.revert_licenses(portfolio, plan, &request).await
    }
}

/// The write of a bucket without its untouched seats and without so many returned ones.
fn close(at: BucketKeys, seen: Bucket, returned: u64) -> Write {
    let terms = Expression::default()
        .name(attributes::NEXT)
        .name(attributes::END)
        .name(attributes::FREE)
        .name("epoch")
        .value("next", number(seen.next))
        .value("end", number(seen.end))
        .value("free", number(seen.free))
        .value("left", number(seen.free - returned))
        .value("one", number(1));
    Write::Update {
        key: at.bucket(),
        update: "SET #end = :next, #free = :left ADD #epoch :one".to_owned(),
        condition: Some("#next = :next AND #end = :end AND #free = :free".to_owned()),
        terms,
    }
}
