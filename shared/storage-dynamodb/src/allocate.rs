//! Allocates seats from a plan's buckets: which ones, and the writes that take them.

use license_domain::number::{to_u64, to_usize};
use license_domain::{License, Ordinal, SubscriptionPlan};

use crate::{
    Store,
    keys::{BucketKeys, FREE_PREFIX},
    rows::{self, Bucket},
    table::{Expression, Range, Write},
    transaction::Transaction,
    write::BucketChange,
};
use license_storage::StoreError;

/// How many more items than needed are read, so that concurrent allocations seldom pick the same one.
const CHOICE: u64 = 16;

/// Seats that are to be taken from one bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BucketAllocation {
    pub at: BucketKeys,
    /// The bucket as it was read.
    pub seen: Bucket,
    /// The number of untouched seats.
    pub untouched: u64,
    /// The number of returned seats.
    pub returned: u64,
}

impl BucketAllocation {
    /// The part of the bucket's change that concerns seats. The caller adds the counters of statuses.
    pub(crate) fn change(&self) -> BucketChange {
        BucketChange {
            untouched_taken: (self.untouched > 0).then_some((self.seen.next, self.untouched)),
            free: -license_domain::number::to_i64(self.returned),
            epoch: (self.returned > 0).then_some(self.seen.epoch),
            ..BucketChange::default()
        }
    }
}

/// Too few seats are free.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotEnough {
    /// The number of free seats.
    pub available: u64,
}

/// Picks `n` seats from the buckets in this order: untouched ones first, because they have no items to delete.
pub(crate) fn share_out(buckets: &[(BucketKeys, Bucket)], n: u64) -> Result<Vec<BucketAllocation>, NotEnough> {
    let available = buckets.iter().map(|(_, bucket)| bucket.available()).sum();
    if available < n {
        return Err(NotEnough { available });
    }
    let mut left = n;
    let mut shares: Vec<BucketAllocation> = buckets
        .iter()
        .map(|(at, seen)| {
            let untouched = left.min(seen.end - seen.next);
            left -= untouched;
            BucketAllocation { at: *at, seen: *seen, untouched, returned: 0 }
        })
        .collect();
    for share in &mut shares {
        share.returned = left.min(share.seen.free);
        left -= share.returned;
    }
    shares.retain(|share| share.untouched + share.returned > 0);
    Ok(shares)
}

impl Store {
    /// Decides from which buckets `n` seats come: from the prefetched bucket if it has enough, else from all of them,
    /// which are read strongly. Only the strong read may refuse.
    pub(crate) async fn allocate(
        &self,
        plan: &SubscriptionPlan,
        n: u64,
        seen: Option<(BucketKeys, Bucket)>,
    ) -> Result<Result<Vec<BucketAllocation>, NotEnough>, StoreError> {
        if let Some(first) = seen
            && let Ok(shares) = share_out(&[first], n)
        {
            return Ok(Ok(shares));
        }
        let mut buckets = self.buckets(plan).await?;
        if !buckets.is_empty() {
            let turn = self.random.below(to_u64(buckets.len()));
            buckets.rotate_left(to_usize(turn));
        }
        Ok(share_out(&buckets, n))
    }

    /// The seats of an allocation, and the writes that delete the items of the returned ones. `ahead` are prefetched
    /// items of the bucket. `None`: items that the counter promised are gone; the buckets must be read again.
    pub(crate) async fn seats(
        &self,
        plan: &SubscriptionPlan,
        share: &BucketAllocation,
        ahead: Vec<License>,
    ) -> Result<Option<(Vec<License>, Vec<Write>)>, StoreError> {
        let first = share.seen.next;
        let mut seats: Vec<License> = (first..first + share.untouched)
            .map(|sequence| plan.seats.prefix.license(Ordinal { bucket: share.at.bucket, sequence }))
            .map(|id| License::unassigned(id, plan.uuid, plan.created))
            .collect();
        if share.returned == 0 {
            self.cached.returned_seats.forget(&plan.uuid);
            return Ok(Some((seats, Vec::new())));
        }
        self.cached.returned_seats.put(plan.uuid, ());
        let enough = ahead.len() >= to_usize(share.returned);
        let rows = if enough { ahead } else { self.rows_of(share.at, share.returned + CHOICE).await? };
        let Some(rows) = self.pick(rows, share.returned) else {
            return Ok(None);
        };
        let writes = rows
            .iter()
            .map(|row| Write::Delete { key: share.at.free(row.uuid), condition: Some(Expression::present()) })
            .collect();
        seats.extend(rows);
        Ok(Some((seats, writes)))
    }

    /// Adds the writes of the buckets from which seats are taken, and of the bucket `at`, which takes other changes of the
    /// plan's counts. Returns the seats; `None`: items that the counters promised are gone.
    pub(crate) async fn take_seats<C: Copy>(
        &self,
        transaction: &mut Transaction<C>,
        name: C,
        (plan, shares, (at, counts)): (&SubscriptionPlan, &[BucketAllocation], (BucketKeys, BucketChange)),
    ) -> Result<Option<Vec<License>>, StoreError> {
        let (mut counts, mut taken) = (Some(counts), Vec::new());
        for share in shares {
            let Some((seats, deletes)) = self.seats(plan, share, Vec::new()).await? else { return Ok(None) };
            let own = share.change();
            let change = match counts.take_if(|_| share.at == at) {
                Some(counts) => BucketChange {
                    free: counts.free + own.free,
                    untouched_taken: own.untouched_taken,
                    epoch: own.epoch,
                    ..counts
                },
                None => own,
            };
            transaction.when(name, [change.write(share.at)]);
            transaction.when(name, deletes);
            taken.extend(seats);
        }
        transaction.write(counts.filter(|counts| *counts != BucketChange::default()).map(|counts| counts.write(at)));
        Ok(Some(taken))
    }

    /// Prefetches items of free seats, if the plan's last allocation needed some.
    pub(crate) async fn rows_ahead(&self, at: Option<BucketKeys>) -> Result<Vec<License>, StoreError> {
        match at.filter(|at| self.cached.returned_seats.get(&at.plan).is_some()) {
            Some(at) => self.rows_of(at, CHOICE).await,
            None => Ok(Vec::new()),
        }
    }

    /// `n` items of returned seats of a bucket, at random among the first ones.
    pub(crate) async fn returned_seats(&self, at: BucketKeys, n: u64) -> Result<Option<Vec<License>>, StoreError> {
        let rows = self.rows_of(at, n + CHOICE).await?;
        Ok(self.pick(rows, n))
    }

    pub(crate) async fn rows_of(&self, at: BucketKeys, limit: u64) -> Result<Vec<License>, StoreError> {
        let range = Range {
            partition: at.partition(),
            prefix: Some(FREE_PREFIX.to_owned()),
            limit: Some(to_usize(limit)),
            consistent: true,
            ..Range::default()
        };
        self.table.query(range).await?.into_iter().map(rows::from_item).collect()
    }

    fn pick(&self, mut rows: Vec<License>, n: u64) -> Option<Vec<License>> {
        let n = to_usize(n);
        if rows.len() < n {
            return None;
        }
        while rows.len() > n {
            let out = self.random.below(to_u64(rows.len()));
            rows.swap_remove(to_usize(out));
        }
        Some(rows)
    }
}

#[cfg(test)]
mod tests {
    use license_domain::PlanId;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_seat_is_taken_once_or_not_at_all(
            sizes in prop::collection::vec((0_u64..20, 0_u64..20, 0_u64..20), 1..16),
            n in 0_u64..700,
        ) {
            let buckets: Vec<(BucketKeys, Bucket)> = sizes
                .iter()
                .zip(0_u16..)
                .map(|((next, more, free), bucket)| {
                    let at = BucketKeys { plan: PlanId(uuid::Uuid::nil()), bucket };
                    (at, Bucket { next: *next, end: next + more, free: *free, ..Bucket::default() })
                })
                .collect();
            let available: u64 = sizes.iter().map(|(_, more, free)| more + free).sum();
            match share_out(&buckets, n) {
                Err(refused) => prop_assert!(n > available && refused.available == available),
                Ok(shares) => {
                    prop_assert_eq!(shares.iter().map(|s| s.untouched + s.returned).sum::<u64>(), n);
                    for share in shares {
                        prop_assert!(share.untouched <= share.seen.end - share.seen.next);
                        prop_assert!(share.returned <= share.seen.free);
                    }
                }
            }
        }
    }
}
