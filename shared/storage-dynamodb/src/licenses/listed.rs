//! Reads a plan's index row by row in the order of the list, with few rows in memory.

use std::collections::VecDeque;

use futures::future::try_join_all;
use license_domain::{License, LicenseStatus, SubscriptionPlan};

use crate::{
    Store,
    keys::{self, Item},
    rows,
    table::Range,
};
use license_storage::StoreError;

/// How many rows of a partition one call reads.
const PAGE: usize = 500;

/// The rows of all partitions, merged.
pub(crate) struct Listed<'a> {
    store: &'a Store,
    shards: Vec<Shard>,
    from: String,
    to: String,
}

#[derive(Default)]
struct Shard {
    partition: String,
    rows: VecDeque<(String, License)>,
    after: Option<Item>,
    is_read: bool,
}

impl<'a> Listed<'a> {
    /// Every row of the plan.
    pub(crate) fn all(store: &'a Store, plan: &SubscriptionPlan) -> Self {
        Self::between(store, plan, LicenseStatus::Activated, LicenseStatus::Revoked)
    }

    /// The rows of these statuses and of those between them.
    pub(crate) fn between(
        store: &'a Store,
        plan: &SubscriptionPlan,
        first: LicenseStatus,
        last: LicenseStatus,
    ) -> Self {
        let partition = |shard| keys::list_partition(plan.uuid, shard);
        let shards = (0..plan.seats.list_shards.max(1))
            .map(|shard| Shard { partition: partition(shard), ..Shard::default() })
            .collect();
        let (from, to) = (keys::list_prefix(first), format!("{}\u{10ffff}", keys::list_prefix(last)));
        Self { store, shards, from, to }
    }

    /// The next row.
    pub(crate) async fn next(&mut self) -> Result<Option<License>, StoreError> {
        self.fill().await?;
        let first =
            self.shards.iter_mut().filter(|shard| !shard.rows.is_empty()).min_by(|a, b| a.rows[0].0.cmp(&b.rows[0].0));
        Ok(first.and_then(|shard| shard.rows.pop_front()).map(|(_, row)| row))
    }

    /// Reads the next rows if none is buffered.
    async fn fill(&mut self) -> Result<(), StoreError> {
        let is_empty = |shard: &&mut Shard| shard.rows.is_empty() && !shard.is_read;
        if !self.shards.iter().any(|shard| shard.rows.is_empty() && !shard.is_read) {
            return Ok(());
        }
        let (store, between) = (self.store, (self.from.as_str(), self.to.as_str()));
        try_join_all(self.shards.iter_mut().filter(is_empty).map(|shard| shard.fill(store, between))).await?;
        Ok(())
    }
}

impl Shard {
    async fn fill(&mut self, store: &Store, between: (&str, &str)) -> Result<(), StoreError> {
        while self.rows.is_empty() && !self.is_read {
            let range = Range {
                index: Some(keys::GSI1),
                partition: self.partition.clone(),
                between: Some(between),
                ..Range::default()
            };
            let (items, last) = store.table.query_page(&range, self.after.take(), Some(PAGE)).await?;
            for item in items {
                let key =
                    keys::sort_key_in(&item, keys::GSI1).map(str::to_owned).ok_or_else(|| StoreError::Corrupt {
                        key: self.partition.clone(),
                        cause: "an item of the list has no sort key".to_owned(),
                    })?;
                self.rows.push_back((key, rows::from_item(item)?));
            }
            self.is_read = last.is_none();
            self.after = last;
        }
        Ok(())
    }
}
