//! Reads the licenses of a plan. Assigned, activated and revoked ones come from the plan's index; untouched seats are
//! computed from the buckets' numbers.

mod free;
mod index;
mod listed;
mod order;
mod walk;

pub(crate) use self::listed::Listed;
use self::order::{compare, tie};

use license_domain::number::{to_u64, to_usize};
use license_roster::Window;
use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use futures::try_join;
use license_domain::{License, LicenseId, LicenseStatus, PlanId, SeatPrefix, SubscriptionPlan};

use crate::{
    Store,
    attempts::Attempt,
    keys::{self, BucketKeys, Key},
    portfolios::sum,
    roster,
    rows::{self, Bucket},
    table::Range,
};
use license_storage::{LicenseFilter, LicenseQuery, Licenses, PagePosition, StoreError};

/// The most rows that are sorted in memory if a plan's roster cannot be read: some 100 MB.
const MAX_SORTED: usize = 200_000;

/// The most attempts to find an allocated seat that the index does not show yet.
const MAX_READS: u32 = 6;

#[async_trait]
impl Licenses for Store {
    async fn ahead_of_plan(&self, plan: PlanId, with_rows: bool) -> Arc<dyn Licenses> {
        Arc::new(self.with_plan_ahead(plan, with_rows).await)
    }

    /// 1. Query the index for the license's item, and read the bucket to know whether the seat is untouched.
    /// 2. Read the item strongly: the index lags, so the item may have moved or belong to another license now.
    /// 3. A seat that was allocated but is not in the index yet is looked up again, for a short time.
    async fn license(&self, plan: &SubscriptionPlan, license: LicenseId) -> Result<Option<License>, StoreError> {
        let ordinal = plan.seats.prefix.ordinal(license).filter(|at| at.bucket < plan.seats.buckets);
        let found = self.table.until_shown(MAX_READS, 1, || async move {
            let by_id = self.table.query(Range {
                index: Some(keys::GSI3),
                partition: keys::license_partition(license),
                ..Range::default()
            });
            let bucket = async {
                match ordinal {
                    Some(at) => self.bucket(BucketKeys { plan: plan.uuid, bucket: at.bucket }).await,
                    None => Ok(None),
                }
            };
            let (found, bucket) = try_join!(by_id, bucket)?;
            for key in found.iter().filter_map(Key::of) {
                let item = self.table.get(&key).await?;
                let Some(item) = item else { continue };
                let row: License = rows::from_item(item)?;
                if row.uuid == license && row.subscription_plan == plan.uuid {
                    return Ok(Attempt::Done(Some(row)));
                }
            }
            Ok(match (ordinal, bucket) {
                (Some(at), Some(bucket)) if bucket.next <= at.sequence && at.sequence < bucket.end => {
                    Attempt::Done(Some(License::unassigned(license, plan.uuid, plan.created)))
                }
                (Some(at), Some(bucket)) if at.sequence < bucket.next => Attempt::Retry(()),
                _ if !found.is_empty() => Attempt::Retry(()),
                _ => Attempt::Done(None),
            })
        });
        Ok(found.await?.flatten())
    }

    /// 1. Read the plan that owns the prefix of the id (if it is the id of a numbered seat), and at the same time query
    ///    the index for the license's item.
    /// 2. No plan has the prefix: read the item that the index names.
    async fn plan_of(&self, license: LicenseId) -> Result<Option<PlanId>, StoreError> {
        let by_id = self.table.query(Range {
            index: Some(keys::GSI3),
            partition: keys::license_partition(license),
            ..Range::default()
        });
        let by_prefix = async {
            match SeatPrefix::of(license) {
                Some(prefix) => self.table.get(&keys::seats(prefix)).await,
                None => Ok(None),
            }
        };
        let (found, owner) = try_join!(by_id, by_prefix)?;
        if let Some(plan) = owner.as_ref().map(rows::target).transpose()? {
            return Ok(Some(plan));
        }
        for key in found.iter().filter_map(Key::of) {
            if let Some(item) = self.table.get(&key).await? {
                let row: License = rows::from_item(item)?;
                if row.uuid == license {
                    return Ok(Some(row.subscription_plan));
                }
            }
        }
        Ok(None)
    }

    async fn count(
        &self,
        plan: &SubscriptionPlan,
        filter: &LicenseFilter,
    ) -> Result<Vec<(LicenseStatus, u64)>, StoreError> {
        let admitted = LicenseStatus::ALL.iter().copied().filter(|status| filter.admits(*status));
        if filter.search.is_empty() {
            let buckets = self.buckets(plan).await?;
            return Ok(some(admitted.map(|status| (status, count_of(plan, &buckets, filter, status)))));
        }
        let (_, view) = self.buckets_and_view(plan).await?;
        if let Some(view) = view {
            match view.search(filter, Window { offset: 0, limit: 0 }).await {
                Ok(found) => return Ok(some(admitted.map(|status| (status, found.counts.of(status))))),
                Err(fault) => roster::fell_back(plan.uuid, &fault),
            }
        }
        let mut counts = BTreeMap::new();
        let count = |row: License| {
            *counts.entry(row.status).or_default() += 1;
            Ok(())
        };
        self.each_row(plan, filter, count).await?;
        Ok(counts.into_iter().collect())
    }

    async fn count_and_list(
        &self,
        plan: &SubscriptionPlan,
        query: &LicenseQuery,
    ) -> Result<(Vec<(LicenseStatus, u64)>, Vec<License>), StoreError> {
        let (buckets, view) = self.buckets_and_view(plan).await?;
        let query = &last_page(plan, &buckets, query);
        if let Some(view) = view {
            match self.list_in(&view, plan, &buckets, query).await {
                Ok((scanned, rows)) => {
                    let counted = |status| match (&scanned, status) {
                        (Some(counts), status) if !query.filter.search.is_empty() => counts.of(status),
                        _ => count_of(plan, &buckets, &query.filter, status),
                    };
                    let admitted = LicenseStatus::ALL.iter().copied().filter(|status| query.filter.admits(*status));
                    return Ok((some(admitted.map(|status| (status, counted(status)))), rows));
                }
                Err(fault) => roster::fell_back(plan.uuid, &fault),
            }
        }
        if query.filter.search.is_empty() {
            let admitted = LicenseStatus::ALL.iter().copied().filter(|status| query.filter.admits(*status));
            let counts = some(admitted.map(|status| (status, count_of(plan, &buckets, &query.filter, status))));
            let rows = if query.order.is_empty() {
                self.walk(plan, &buckets, query).await?
            } else {
                self.sort(plan, &buckets, query).await?
            };
            return Ok((counts, rows));
        }
        let mut rows = self.load(plan, &query.filter).await?;
        let count = |status| to_u64(rows.iter().filter(|row| row.status == status).count());
        let counts = some(LicenseStatus::ALL.iter().map(|status| (*status, count(*status))));
        // A search matches no free seats.
        rows.sort_by(|a, b| compare(&query.order, a, b).then_with(|| tie(&query.order, a.uuid, b.uuid)));
        Ok((counts, rows.into_iter().skip(to_usize(query.offset)).take(query.limit).collect()))
    }

    fn position_behind(&self, license: &License) -> PagePosition {
        PagePosition::new(match license.status {
            LicenseStatus::Unassigned => format!("{} {}", LicenseStatus::Unassigned, license.uuid),
            _ => keys::list_key(license),
        })
    }

    fn position(&self, text: &str) -> Option<PagePosition> {
        Behind::parse(text).map(|_| PagePosition::new(text))
    }

    /// A larger plan has a roster, which can serve every query. Without one, a page in the default order is found by
    /// counting: whole statuses are skipped by their counts, and a status is read from its nearer end. Any other order,
    /// and a search, read all of the plan's rows page by page, keep those that the filter admits and sort them.
    async fn list(&self, plan: &SubscriptionPlan, query: &LicenseQuery) -> Result<Vec<License>, StoreError> {
        if let Some(position) = &query.after {
            Behind::parse(position.text()).ok_or_else(|| unknown(position))?;
        }
        let (buckets, view) = self.buckets_and_view(plan).await?;
        if let Some(view) = view {
            match self.list_in(&view, plan, &buckets, query).await {
                Ok((_, rows)) => return Ok(rows),
                Err(fault) => roster::fell_back(plan.uuid, &fault),
            }
        }
        if query.filter.search.is_empty() && query.order.is_empty() {
            self.walk(plan, &buckets, query).await
        } else {
            self.sort(plan, &buckets, query).await
        }
    }
}

/// The license after which a page begins.
pub(crate) enum Behind {
    /// A license with an item, by its key in the list.
    Item(LicenseStatus, String),
    /// A free seat, which may have no item.
    FreeSeat(LicenseId),
}

impl Behind {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (status, rest) = text.split_once(' ')?;
        match status.parse().ok()? {
            LicenseStatus::Unassigned => Some(Self::FreeSeat(rest.parse().ok()?)),
            status => Some(Self::Item(status, text.to_owned())),
        }
    }

    const fn status(&self) -> LicenseStatus {
        match self {
            Self::Item(status, _) => *status,
            Self::FreeSeat(_) => LicenseStatus::Unassigned,
        }
    }
}

/// The error for a position that this adapter did not make.
fn unknown(position: &PagePosition) -> StoreError {
    StoreError::Refused { operation: "list", cause: format!("no position: {} characters", position.text().len()) }
}

impl Store {
    /// Sorts all rows. The free seats are placed where a license without values belongs.
    async fn sort(
        &self,
        plan: &SubscriptionPlan,
        buckets: &[(BucketKeys, Bucket)],
        query: &LicenseQuery,
    ) -> Result<Vec<License>, StoreError> {
        let order = &query.order;
        let mut rows = self.load(plan, &query.filter).await?;
        rows.sort_by(|a, b| compare(order, a, b).then_with(|| tie(order, a.uuid, b.uuid)));

        if !query.filter.admits(LicenseStatus::Unassigned) {
            let offset = to_usize(query.offset);
            return Ok(rows.into_iter().skip(offset).take(query.limit).collect());
        }
        // Free seats all compare equal; rows equal to them (which name no learner) are sorted among them by id.
        let seat = License::unassigned(LicenseId(uuid::Uuid::nil()), plan.uuid, plan.created);
        let before = rows.partition_point(|row| compare(order, row, &seat) == Ordering::Less);
        let upto = rows.partition_point(|row| compare(order, row, &seat) != Ordering::Greater);
        let counted = count_of(plan, buckets, &query.filter, LicenseStatus::Unassigned);
        let block = counted + to_u64(upto - before);

        let mut found: Vec<License> = Vec::with_capacity(query.limit);
        let mut offset = query.offset;
        take(&rows[..before], &mut offset, query.limit, &mut found);
        if found.len() < query.limit {
            if offset < block {
                let limit = query.limit - found.len();
                let left = to_usize(block - offset).min(limit);
                let reverse = order.last().is_some_and(|by| by.descending);
                let equal = &rows[before..upto];
                let skip = if reverse { block - offset - to_u64(left) } else { offset };
                let mut seats = self.free_seats(plan, buckets, equal, (None, skip), left).await?;
                if reverse {
                    seats.reverse();
                }
                found.extend(seats);
                offset = 0;
            } else {
                offset -= block;
            }
        }
        take(&rows[upto..], &mut offset, query.limit, &mut found);
        Ok(found)
    }

    /// All rows that the filter admits, without free seats. An error if there are too many for memory.
    async fn load(&self, plan: &SubscriptionPlan, filter: &LicenseFilter) -> Result<Vec<License>, StoreError> {
        let mut rows = Vec::new();
        let mut keep = |row| {
            rows.push(row);
            if rows.len() <= MAX_SORTED {
                return Ok(());
            }
            let cause = format!("the plan has no roster, and more than {MAX_SORTED} licenses are to be sorted");
            Err(StoreError::Unavailable { operation: "list", cause })
        };
        self.each_row(plan, filter, &mut keep).await?;
        Ok(rows)
    }

    /// Each row that the filter admits, without free seats, as the index shows it.
    async fn each_row(
        &self,
        plan: &SubscriptionPlan,
        filter: &LicenseFilter,
        mut each: impl FnMut(License) -> Result<(), StoreError> + Send,
    ) -> Result<(), StoreError> {
        let is_listed = |status: &&LicenseStatus| **status != LicenseStatus::Unassigned && filter.admits(**status);
        let statuses: Vec<LicenseStatus> = LicenseStatus::ALL.iter().filter(is_listed).copied().collect();
        let (Some(first), Some(last)) = (statuses.first(), statuses.last()) else { return Ok(()) };
        let mut listed = Listed::between(self, plan, *first, *last);
        while let Some(row) = listed.next().await? {
            if filter.matches(&row) {
                each(row)?;
            }
        }
        Ok(())
    }
}

/// The query with the offset of the last page, if that is wanted.
fn last_page(plan: &SubscriptionPlan, buckets: &[(BucketKeys, Bucket)], query: &LicenseQuery) -> LicenseQuery {
    if !query.is_last {
        return query.clone();
    }
    let admitted = LicenseStatus::ALL.iter().filter(|status| query.filter.admits(**status));
    let total: u64 = admitted.map(|status| count_of(plan, buckets, &query.filter, *status)).sum();
    let size = to_u64(query.limit.max(1));
    LicenseQuery { offset: total.saturating_sub(1) / size * size, is_last: false, ..query.clone() }
}

/// The counts that are not zero.
fn some(counts: impl Iterator<Item = (LicenseStatus, u64)>) -> Vec<(LicenseStatus, u64)> {
    counts.filter(|(_, count)| *count > 0).collect()
}

pub(crate) fn count_of(
    plan: &SubscriptionPlan,
    buckets: &[(BucketKeys, Bucket)],
    filter: &LicenseFilter,
    status: LicenseStatus,
) -> u64 {
    let buckets: Vec<Bucket> = buckets.iter().map(|(_, bucket)| *bucket).collect();
    let counts = sum(plan.seats.total, &buckets);
    match status {
        LicenseStatus::Revoked if filter.ignore_null_emails => counts.revoked - counts.revoked_without_person,
        _ => counts.of(status),
    }
}

fn take(rows: &[License], offset: &mut u64, limit: usize, found: &mut Vec<License>) {
    let skip = to_usize(*offset).min(rows.len());
    *offset -= to_u64(skip);
    found.extend(rows[skip..].iter().take(limit - found.len()).cloned());
}
