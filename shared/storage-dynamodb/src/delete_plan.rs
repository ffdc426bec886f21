//! Deletes a plan of which no learner ever had a license.

use license_domain::{Event, EventKind, LicenseStatus, Portfolio, SubscriptionPlan};

use crate::{
    Store,
    assign::to_u64,
    attempts::Attempt,
    keys::{self, AgreementKeys, BucketKeys, FREE_PREFIX, Key},
    portfolios::sum,
    rows::{self, Bucket},
    table::{Expression, Range, Write},
    transaction::{Commit, MAX_ITEMS},
    update::unchanged_plan,
    write::record_changes,
};
use license_storage::{Change, DeletePlanError, StoreError};

/// Items of the transaction that are neither buckets nor free seats.
const OTHERS: usize = 6;

/// The condition of a deletion.
#[derive(Clone, Copy, Debug)]
enum Failed {
    /// The plan, a bucket or a free seat is not as it was read.
    Changed,
}

impl Store {
    /// 1. Read the plan's item, its buckets and the items of its returned seats, strongly. The plan is no longer
    ///    `plan`: changed. A learner has or had a license, or a run has reserved seats: in use. There are more returned
    ///    seats than one transaction can hold: in use, too.
    /// 2. One transaction deletes the plan (its version as read), its title, the pointers from its id and from its
    ///    seats' prefix, its buckets and the returned seats (as read), and writes the event.
    /// 3. A condition failed: changed. The transaction conflicted: repeat from 1 after a random wait.
    pub(crate) async fn delete_empty_plan(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        change: &Change,
    ) -> Result<(), DeletePlanError> {
        let keys = AgreementKeys(plan.customer_agreement);
        let keys = &keys;
        let deleted = self.transact("delete plan", (), |mut transaction, ()| async move {
            let item = self.table.get(&keys.plan(plan.uuid)).await?.ok_or(DeletePlanError::Changed)?;
            let version = rows::version_of(&item)?;
            if rows::from_item::<SubscriptionPlan>(item)? != *plan {
                return Err(DeletePlanError::Changed);
            }
            let buckets = self.buckets(plan).await?;
            let seen: Vec<Bucket> = buckets.iter().map(|(_, bucket)| *bucket).collect();
            let counts = sum(plan.seats.total, &seen);
            let is_used = LicenseStatus::ALL
                .iter()
                .copied()
                .any(|status| status != LicenseStatus::Unassigned && counts.of(status) > 0);
            let free: u64 = seen.iter().map(|bucket| bucket.free).sum();
            // A run reserves its seats before its licenses are counted.
            let is_reserved = seen.iter().map(Bucket::available).sum::<u64>() < plan.seats.total;
            let is_too_large = free + to_u64(buckets.len() + OTHERS) > to_u64(MAX_ITEMS);
            if is_used || is_reserved || is_too_large {
                return Err(DeletePlanError::InUse);
            }

            let condition = unchanged_plan(version, plan.num_revocations_applied);
            let delete = Write::Delete { key: keys.plan(plan.uuid), condition: Some(condition) };
            transaction.when(Failed::Changed, [delete]);
            let pointers = [keys.title(&plan.title), keys::plan(plan.uuid), keys::seats(plan.seats.prefix)];
            transaction.write(pointers.map(|key| Write::Delete { key, condition: None }));
            for (at, bucket) in buckets {
                let rows = self.free_rows(at, bucket.free).await?;
                let delete = Write::Delete { key: at.bucket(), condition: Some(as_read(bucket)) };
                transaction.when(Failed::Changed, [delete]);
                let delete = |key| Write::Delete { key, condition: Some(Expression::present()) };
                transaction.when(Failed::Changed, rows.into_iter().map(delete));
            }
            let event =
                self.license_event(EventKind::PlanDeleted, portfolio, plan.uuid, Vec::new(), Vec::new(), change);
            let changes = record_changes(Some(plan), None);
            transaction.add_event(&Event { count: Some(plan.seats.total), changes, ..event }, change)?;
            match self.commit(transaction).await? {
                Commit::Done => Ok(Attempt::Done(())),
                Commit::Conflict => Ok(Attempt::Retry(())),
                Commit::Failed(_) => Err(DeletePlanError::Changed),
            }
        });
        deleted.await?;
        self.cached.plans.forget(&plan.uuid);
        Ok(())
    }

    async fn free_rows(&self, at: BucketKeys, free: u64) -> Result<Vec<Key>, StoreError> {
        if free == 0 {
            return Ok(Vec::new());
        }
        let range = Range {
            partition: at.partition(),
            prefix: Some(FREE_PREFIX.to_owned()),
            consistent: true,
            ..Range::default()
        };
        Ok(self.table.query(range).await?.iter().filter_map(Key::of).collect())
    }
}

/// The condition that the bucket is as it was read.
fn as_read(bucket: Bucket) -> Expression {
    let fields = [
        ("next", rows::number(bucket.next)),
        ("end", rows::number(bucket.end)),
        ("free", rows::number(bucket.free)),
        ("assigned", rows::number(bucket.assigned)),
        ("activated", rows::number(bucket.activated)),
        ("revoked", rows::number(bucket.revoked)),
    ];
    let text: Vec<String> = fields.iter().map(|(name, _)| format!("#{name} = :{name}")).collect();
    fields
        .into_iter()
        .fold(Expression::new(text.join(" AND ")), |terms, (name, value)| terms.name(name).value(name, value))
}
