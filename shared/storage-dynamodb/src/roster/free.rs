//! The marks of a plan's free seats.

use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{LicenseId, SubscriptionPlan, Timestamp, number::to_u64};
use license_roster::{FreeSeats, SeatSums};
use license_storage::StoreError;
use std::ops::ControlFlow;

use super::build::{INDEX_LAG, MAX_CHANGES};
use crate::{
    Store,
    keys::{BucketKeys, FREE_PREFIX, Item, Key},
    rows::{self, Bucket, corrupt},
    table::{PARALLEL, Range},
};

/// Fewer free seats are read without marks.
const MIN_FREE: u64 = 1_000;

/// The most ids that are read; each takes 16 bytes of memory.
const MAX_FREE: u64 = 2_000_000;

/// How many items one call reads.
const PAGE: usize = 2_000;

/// What the buckets say of the plan's seats.
pub(super) fn sums(buckets: &[(BucketKeys, Bucket)]) -> SeatSums {
    let sum = |of: fn(&Bucket) -> u64| buckets.iter().map(|(_, bucket)| of(bucket)).sum();
    SeatSums {
        stored: sum(|bucket| bucket.free),
        untouched: sum(|bucket| bucket.end - bucket.next),
        allocated: sum(|bucket| bucket.next),
        epochs: sum(|bucket| bucket.epoch),
    }
}

impl Store {
    /// The marks of the plan's imported free seats as they were at `complete_to`; `None` if there are few.
    ///
    /// 1. Read the ids of all stored free seats. Those that change at the same time may be read or not.
    /// 2. Wait for the index lag, read the log of changes since that time, and undo these changes.
    pub(super) async fn free_marks(
        &self,
        plan: &SubscriptionPlan,
        complete_to: Timestamp,
    ) -> Result<Option<FreeSeats>, StoreError> {
        if !(MIN_FREE..=MAX_FREE).contains(&sums(&self.buckets(plan).await?).stored) {
            return Ok(None);
        }
        let prefix = plan.seats.prefix;
        let reads: Vec<_> = rows::buckets_of(plan.uuid, &plan.seats).map(|at| self.free_ids(at)).collect();
        let found: Vec<Vec<LicenseId>> = stream::iter(reads).buffer_unordered(PARALLEL).try_collect().await?;
        let mut ids: Vec<LicenseId> = found.into_iter().flatten().filter(|id| prefix.ordinal(*id).is_none()).collect();
        let sums = sums(&self.buckets(plan).await?);
        tokio::time::sleep(INDEX_LAG).await;
        let Some(log) = self.changes(plan, (complete_to, None), MAX_CHANGES).await? else { return Ok(None) };
        log.delta.undo_in(&mut ids, prefix);
        // Marks whose sums do not fit, because the plan has changed meanwhile, are not used by any reader.
        Ok(FreeSeats::new(&ids, sums, &log.delta.free_changes(prefix)).filter(|_| to_u64(ids.len()) >= MIN_FREE))
    }

    async fn free_ids(&self, at: BucketKeys) -> Result<Vec<LicenseId>, StoreError> {
        let range = Range {
            partition: at.partition(),
            prefix: Some(FREE_PREFIX.to_owned()),
            consistent: true,
            ..Range::default()
        };
        let mut ids = Vec::new();
        let id = |item: &Item| Key::of(item)?.sk.strip_prefix(FREE_PREFIX)?.parse::<LicenseId>().ok();
        let each = |items: Vec<Item>| {
            for item in &items {
                ids.push(id(item).ok_or_else(|| corrupt(Key::of(item), &"a free seat without an id"))?);
            }
            Ok(ControlFlow::Continue(()))
        };
        self.table.each_page(range, PAGE, each).await?;
        Ok(ids)
    }
}
