//! A plan's index: its rows by status and address, spread over shards.

use std::collections::VecDeque;

use futures::{StreamExt, TryStreamExt, stream};
use license_domain::number::to_usize;
use license_domain::{License, LicenseStatus, SubscriptionPlan};
use serde::de::DeserializeOwned;

use crate::{
    Store,
    decode::Row,
    keys::{self, Item},
    table::{PARALLEL, Range},
};
use license_storage::StoreError;

/// The most rows of a shard that are read and kept at the same time: about a megabyte, which is what one Query returns.
const MAX_SHARE: usize = 2_000;

impl Store {
    /// `limit` licenses of that status from `offset` on, in the order of the index. `count` is the expected number; it
    /// decides from which end to read.
    pub(super) async fn listed(
        &self,
        plan: &SubscriptionPlan,
        status: LicenseStatus,
        with_null_emails: bool,
        count: u64,
        offset: u64,
        limit: usize,
    ) -> Result<Vec<License>, StoreError> {
        let size = |n: u64| to_usize(n);
        let limit = limit.min(size(count.saturating_sub(offset)));
        let behind = size(count).saturating_sub(size(offset) + limit);
        let descending = behind < size(offset);
        let skip = if descending { behind } else { size(offset) };

        let (from, to) = bounds(status, with_null_emails);
        let mut page = self.merged(plan, (&from, &to), descending, (skip, limit)).await?;
        if descending {
            page.reverse();
        }
        Ok(page)
    }

    /// The first `limit` licenses of these statuses and those between them, or those after a key of the first one, in
    /// the order of the index.
    pub(crate) async fn listed_range(
        &self,
        plan: &SubscriptionPlan,
        (first, last): (LicenseStatus, LicenseStatus),
        after: Option<&str>,
        with_null_emails: bool,
        limit: usize,
    ) -> Result<Vec<License>, StoreError> {
        let from = after.map_or_else(|| bounds(first, with_null_emails).0, behind);
        self.merged(plan, (&from, &bounds(last, with_null_emails).1), false, (0, limit)).await
    }

    /// A page of one part of the plan's list: the rows of learners' licenses of that status behind a key. `T` is what of
    /// them is read.
    pub(crate) async fn listed_page<T: DeserializeOwned>(
        &self,
        plan: &SubscriptionPlan,
        (shard, status): (u16, LicenseStatus),
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Row<T>>, StoreError> {
        let (first, to) = bounds(status, false);
        let from = after.map_or(first, behind);
        let range = Range {
            index: Some(keys::GSI1),
            partition: keys::list_partition(plan.uuid, shard),
            between: Some((&from, &to)),
            limit: Some(limit),
            ..Range::default()
        };
        self.table.all_rows(&range).await
    }

    /// `limit` rows behind the first `skip` rows of the plan's list between these keys, in order.
    async fn merged(
        &self,
        plan: &SubscriptionPlan,
        between: (&str, &str),
        descending: bool,
        (skip, limit): (usize, usize),
    ) -> Result<Vec<License>, StoreError> {
        let shards = (0..plan.seats.list_shards)
            .map(|shard| Shard::new(Some(keys::GSI1), keys::list_partition(plan.uuid, shard)))
            .collect();
        self.merge(shards, between, descending, (skip, limit)).await
    }

    /// `limit` rows behind the first `skip` rows of all these partitions between these keys, in order; rows must be spread
    /// evenly over the partitions. The rows that are skipped are read, and not kept.
    ///
    /// 1. Each shard is queried for its likely share of them, but not for more than [`MAX_SHARE`].
    /// 2. The shards are merged until one is used up that may have more: every row before that key is known.
    /// 3. Those shards are queried for their share of the rest, and so on.
    pub(super) async fn merge(
        &self,
        mut shards: Vec<Shard>,
        between: (&str, &str),
        descending: bool,
        (skip, limit): (usize, usize),
    ) -> Result<Vec<License>, StoreError> {
        let (mut found, mut merged, wanted) = (Vec::new(), 0, skip.saturating_add(limit));
        while merged < wanted {
            let share = likely_share(wanted - merged, shards.len()).min(MAX_SHARE);
            let reads: Vec<_> = shards
                .iter_mut()
                .filter(|shard| shard.rows.is_empty() && !shard.is_at_end)
                .map(|shard| self.read_on(shard, between, descending, share))
                .collect();
            stream::iter(reads).buffer_unordered(PARALLEL).try_collect::<()>().await?;
            while merged < wanted && shards.iter().all(|shard| shard.is_at_end || !shard.rows.is_empty()) {
                let heads = shards.iter_mut().filter(|shard| !shard.rows.is_empty());
                let next = if descending {
                    heads.max_by(|a, b| a.head().cmp(&b.head()))
                } else {
                    heads.min_by(|a, b| a.head().cmp(&b.head()))
                };
                let Some(row) = next.and_then(|shard| shard.rows.pop_front()) else { return Ok(found) };
                if merged >= skip {
                    found.push(row.value);
                }
                merged += 1;
            }
        }
        Ok(found)
    }

    async fn read_on(
        &self,
        shard: &mut Shard,
        between: (&str, &str),
        descending: bool,
        limit: usize,
    ) -> Result<(), StoreError> {
        let range = Range {
            index: shard.index,
            partition: shard.partition.clone(),
            between: Some(between),
            descending,
            limit: Some(limit),
            after: shard.last.take(),
            consistent: shard.index.is_none(),
            ..Range::default()
        };
        shard.rows = self.table.all_rows(&range).await?.into();
        shard.is_at_end = shard.rows.len() < limit;
        shard.last = shard.rows.back().map(|row| row.keys.position(shard.index));
        Ok(())
    }
}

/// The rows that were read of a partition of an index, or of the table itself.
#[derive(Default)]
pub(super) struct Shard {
    index: Option<&'static str>,
    partition: String,
    /// Rows that are not merged yet.
    rows: VecDeque<Row<License>>,
    /// The key of the last row that was read.
    last: Option<Item>,
    /// Whether all of the shard's rows were read.
    is_at_end: bool,
}

impl Shard {
    pub(super) fn new(index: Option<&'static str>, partition: String) -> Self {
        Self { index, partition, ..Self::default() }
    }

    fn head(&self) -> Option<&str> {
        Some(self.rows.front()?.keys.sort_key())
    }
}

/// The lowest key behind that one. A key ends with the license's id: no key is between it and the same key with a space
/// appended.
fn behind(key: &str) -> String {
    format!("{key} ")
}

/// The range of keys of the licenses of that status. Those without a learner have no text between the status and the
/// next space.
fn bounds(status: LicenseStatus, with_nameless: bool) -> (String, String) {
    let prefix = keys::list_prefix(status);
    (format!("{prefix}{}", if with_nameless { "" } else { "!" }), format!("{prefix}\u{10ffff}"))
}

/// The likely maximum of the first `wanted` rows that one of `shards` shards holds: rows are spread by a hash, so the
/// number varies by about the square root of its mean. Three times that is exceeded once in some hundred pages, which
/// then cost a second read.
fn likely_share(wanted: usize, shards: usize) -> usize {
    if shards <= 1 {
        return wanted;
    }
    let mean = wanted.div_ceil(shards);
    (mean + 3 * mean.isqrt() + 3).min(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_more_than_the_mean_and_at_most_what_is_wanted() {
        assert_eq!(likely_share(100, 1), 100);
        assert_eq!(likely_share(2, 4), 2);
        for (wanted, shards) in [(100, 4), (100, 16), (500, 16), (1, 16)] {
            let share = likely_share(wanted, shards);
            assert!(share <= wanted && share * shards >= wanted, "{share} of {wanted} in {shards}");
        }
        assert_eq!(likely_share(500, 16), 50);
    }
}
