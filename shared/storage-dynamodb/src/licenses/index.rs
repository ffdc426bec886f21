//! A plan's index: its rows by status and address, spread over shards.

use futures::{StreamExt, TryStreamExt, stream};
use license_domain::number::to_usize;
use license_domain::{License, LicenseStatus, SubscriptionPlan};

use crate::{
    Store,
    keys::{self, Item},
    rows,
    table::{PARALLEL, Range},
};
use license_storage::StoreError;

impl Store {
    /// `limit` licenses of that status from `offset` on, in the order of the index. `count` is how many there
    /// should be: it tells from which end to read.
    pub(super) async fn listed(
        &self,
        plan: &SubscriptionPlan,
        status: LicenseStatus,
        nobody: bool,
        count: u64,
        offset: u64,
        limit: usize,
    ) -> Result<Vec<License>, StoreError> {
        let size = |n: u64| to_usize(n);
        let limit = limit.min(size(count.saturating_sub(offset)));
        let behind = size(count).saturating_sub(size(offset) + limit);
        let descending = behind < size(offset);
        let skip = if descending { behind } else { size(offset) };

        let shards = self.shards(plan, status, nobody, descending, Some(skip.saturating_add(limit))).await?;
        let mut items: Vec<Item> = shards.into_iter().flatten().collect();
        items.sort_by(|a, b| if descending { sort_key(b).cmp(&sort_key(a)) } else { sort_key(a).cmp(&sort_key(b)) });
        let mut page: Vec<Item> = items.into_iter().skip(skip).take(limit).collect();
        if descending {
            page.reverse();
        }
        page.into_iter().map(rows::from_item).collect()
    }

    /// `limit` licenses of that status behind that key, in the order of the index.
    pub(super) async fn listed_after(
        &self,
        plan: &SubscriptionPlan,
        status: LicenseStatus,
        key: &str,
        limit: usize,
    ) -> Result<Vec<License>, StoreError> {
        // A key ends with the license's id: nothing lies between it and the same with a space behind it.
        let (from, to) = (format!("{key} "), format!("{}\u{10ffff}", keys::list_prefix(status)));
        let shards = self.shards_between(plan, (&from, &to), false, Some(limit)).await?;
        let mut items: Vec<Item> = shards.into_iter().flatten().collect();
        items.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
        items.into_iter().take(limit).map(rows::from_item).collect()
    }

    /// Every license of that status.
    pub(crate) async fn all_listed(
        &self,
        plan: &SubscriptionPlan,
        status: LicenseStatus,
    ) -> Result<Vec<License>, StoreError> {
        let shards = self.shards(plan, status, true, false, None).await?;
        shards.into_iter().flatten().map(rows::from_item).collect()
    }

    /// The first `limit` rows of each shard.
    async fn shards(
        &self,
        plan: &SubscriptionPlan,
        status: LicenseStatus,
        nobody: bool,
        descending: bool,
        limit: Option<usize>,
    ) -> Result<Vec<Vec<Item>>, StoreError> {
        let prefix = keys::list_prefix(status);
        // Rows that name nobody have nothing between the prefix and the next space.
        let (from, to) = (format!("{prefix}{}", if nobody { "" } else { "!" }), format!("{prefix}\u{10ffff}"));
        self.shards_between(plan, (&from, &to), descending, limit).await
    }

    async fn shards_between(
        &self,
        plan: &SubscriptionPlan,
        between: (&str, &str),
        descending: bool,
        limit: Option<usize>,
    ) -> Result<Vec<Vec<Item>>, StoreError> {
        let queries = (0..plan.seats.list_shards).map(|shard| {
            self.table.query(Range {
                index: Some(keys::GSI1),
                partition: keys::list_partition(plan.uuid, shard),
                between: Some(between),
                descending,
                limit,
                ..Range::default()
            })
        });
        stream::iter(queries.collect::<Vec<_>>()).buffered(PARALLEL).try_collect().await
    }
}

fn sort_key(item: &Item) -> Option<&str> {
    keys::sort_key_in(item, keys::GSI1)
}
