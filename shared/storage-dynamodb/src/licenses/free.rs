//! Free seats in the order of their ids: the items of returned seats, and untouched ones, whose ids are computed.

use license_domain::number::{to_u64, to_usize};
use std::collections::BTreeMap;

use license_domain::{License, LicenseId, Ordinal, SeatPrefix, SubscriptionPlan};

use super::{MAX_SORTED, index::Shard};
use crate::{
    Store,
    keys::{BucketKeys, FREE_PREFIX},
    rows::Bucket,
};
use license_storage::StoreError;

/// The most stored seats that are read to skip them.
const MAX_SKIPPED: u64 = 4_096;

impl Store {
    /// `limit` free seats after `after`, from `offset` on, like [`Self::free_seats`]. `start` is a stored one that is at
    /// or before the first of them, with its number.
    pub(crate) async fn free_seats_from(
        &self,
        plan: &SubscriptionPlan,
        buckets: &[(BucketKeys, Bucket)],
        start: Option<(LicenseId, u64)>,
        (after, offset): (Option<LicenseId>, u64),
        limit: usize,
    ) -> Result<Vec<License>, StoreError> {
        let is_near = |(_, number): &(LicenseId, u64)| offset - number <= MAX_SKIPPED;
        let Some((seat, number)) = start.filter(|start| after.is_none() && is_near(start)) else {
            return self.free_seats(plan, buckets, &[], (after, offset), limit).await;
        };
        let skip = offset - number;
        let (from, to) = (format!("{FREE_PREFIX}{seat}"), format!("{FREE_PREFIX}~"));
        let found = self.merge(stored_in(buckets), (&from, &to), false, (0, to_usize(skip) + limit)).await?;
        Ok(with_untouched(plan, buckets, found, Some(seat), (skip, limit)))
    }

    /// `limit` free seats after `after`, from `offset` on, ordered by id, together with `others` (rows that are sorted
    /// among them).
    pub(crate) async fn free_seats(
        &self,
        plan: &SubscriptionPlan,
        buckets: &[(BucketKeys, Bucket)],
        others: &[License],
        (after, offset): (Option<LicenseId>, u64),
        limit: usize,
    ) -> Result<Vec<License>, StoreError> {
        let stored: u64 = buckets.iter().map(|(_, bucket)| bucket.free).sum();
        let is_all_stored = buckets.iter().all(|(_, bucket)| bucket.next == bucket.end);
        let from = format!("{FREE_PREFIX}{}", after.map(|license| format!("{license} ")).unwrap_or_default());
        let to = format!("{FREE_PREFIX}~");
        // No untouched seats are between the stored ones: the page is read from its nearer end.
        if is_all_stored && others.is_empty() && after.is_none() {
            let limit = limit.min(to_usize(stored.saturating_sub(offset)));
            let behind = to_usize(stored).saturating_sub(to_usize(offset) + limit);
            let descending = behind < to_usize(offset);
            let skip = if descending { behind } else { to_usize(offset) };
            let mut page = self.merge(stored_in(buckets), (&from, &to), descending, (skip, limit)).await?;
            if descending {
                page.reverse();
            }
            return Ok(page);
        }
        // Untouched seats lie between the stored ones, so all stored ones before the page are needed.
        let most = to_usize(offset).saturating_add(limit).min(to_usize(stored));
        if most > MAX_SORTED {
            let cause = format!("the plan has no marks, and more than {MAX_SORTED} free seats are to be read");
            return Err(StoreError::Unavailable { operation: "list", cause });
        }
        let found = self.merge(stored_in(buckets), (&from, &to), false, (0, most)).await?;
        let rows = others.iter().cloned().chain(found).collect();
        Ok(with_untouched(plan, buckets, rows, after, (offset, limit)))
    }
}

/// `limit` of these stored seats and the untouched ones after that license, from `offset` on.
fn with_untouched(
    plan: &SubscriptionPlan,
    buckets: &[(BucketKeys, Bucket)],
    stored: Vec<License>,
    after: Option<LicenseId>,
    (offset, limit): (u64, usize),
) -> Vec<License> {
    let mut rows: BTreeMap<LicenseId, License> = stored.into_iter().map(|license| (license.uuid, license)).collect();
    let stored: Vec<LicenseId> = rows.keys().copied().collect();
    let ranges: Vec<Untouched> = buckets
        .iter()
        .map(|(at, bucket)| Untouched { bucket: at.bucket, next: bucket.next, end: bucket.end })
        .filter_map(|range| behind(range, plan.seats.prefix, after))
        .collect();
    let ids = page(&stored, plan.seats.prefix, &ranges, offset, limit);
    ids.into_iter()
        .map(|id| rows.remove(&id).unwrap_or_else(|| License::unassigned(id, plan.uuid, plan.created)))
        .collect()
}

/// The partitions with items of free seats.
fn stored_in(buckets: &[(BucketKeys, Bucket)]) -> Vec<Shard> {
    let stored = buckets.iter().filter(|(_, bucket)| bucket.free > 0);
    stored.map(|(at, _)| Shard::new(None, at.partition())).collect()
}

/// The untouched seats of a bucket.
#[derive(Clone, Copy, Debug)]
struct Untouched {
    bucket: u16,
    next: u64,
    end: u64,
}

/// The part of the range after that license.
fn behind(range: Untouched, prefix: SeatPrefix, after: Option<LicenseId>) -> Option<Untouched> {
    let Some(after) = after else { return Some(range) };
    let at = |sequence| prefix.license(Ordinal { bucket: range.bucket, sequence });
    let next = match prefix.ordinal(after) {
        Some(place) if place.bucket == range.bucket => range.next.max(place.sequence + 1),
        // The ids of one prefix and bucket are adjacent: all of them are before it, or none is.
        _ if at(range.next) <= after => range.end,
        _ => range.next,
    };
    (next < range.end).then_some(Untouched { next, ..range })
}

/// Merges ids of rows (sorted) with untouched seats (sorted by bucket). Seats are skipped by arithmetic, without
/// counting each.
fn page(stored: &[LicenseId], prefix: SeatPrefix, ranges: &[Untouched], offset: u64, limit: usize) -> Vec<LicenseId> {
    let mut found = Vec::with_capacity(limit);
    let mut skip = offset;
    let mut stored = stored.iter().copied().peekable();
    let mut ranges = ranges.iter().copied().filter(|range| range.next < range.end).peekable();

    while found.len() < limit {
        let untouched =
            ranges.peek().map(|range| prefix.license(Ordinal { bucket: range.bucket, sequence: range.next }));
        match (stored.peek().copied(), untouched) {
            (None, None) => break,
            (Some(id), first) if first.is_none_or(|first| id < first) => {
                stored.next();
                if skip > 0 { skip -= 1 } else { found.push(id) }
            }
            (next_row, _) => {
                let Some(range) = ranges.peek_mut() else {
                    break;
                };
                // The sequence of untouched seats ends with the range, or before the next row within it.
                let within = next_row.and_then(|id| prefix.ordinal(id)).filter(|at| at.bucket == range.bucket);
                let end = within.map_or(range.end, |at| at.sequence.clamp(range.next + 1, range.end));
                let skipped = skip.min(end - range.next);
                skip -= skipped;
                let from = range.next + skipped;
                let wanted = to_u64(limit - found.len());
                let upto = end.min(from.saturating_add(wanted));
                found.extend((from..upto).map(|sequence| prefix.license(Ordinal { bucket: range.bucket, sequence })));
                range.next = upto.max(from);
                if range.next >= range.end {
                    ranges.next();
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_a_million_seats_are_exact_and_cheap() {
        let prefix = SeatPrefix::from_bits(42);
        let ranges: Vec<Untouched> = (0..16).map(|bucket| Untouched { bucket, next: 100, end: 62_600 }).collect();
        let at = |bucket, sequence| prefix.license(Ordinal { bucket, sequence });
        assert_eq!(page(&[], prefix, &ranges, 62_499, 2), [at(0, 62_599), at(1, 100)]);
        assert_eq!(page(&[], prefix, &ranges, 999_999, 5), [at(15, 62_599)]);
        assert_eq!(page(&[], prefix, &ranges, 1_000_000, 5), []);
    }

    #[test]
    fn rows_and_untouched_seats_are_merged_by_id() {
        let prefix = SeatPrefix::from_bits(42);
        let at = |bucket, sequence| prefix.license(Ordinal { bucket, sequence });
        let first = LicenseId(uuid::Uuid::nil());
        let last = LicenseId(uuid::Uuid::max());
        let stored = [first, at(0, 1), at(0, 7), at(1, 9), last];
        let ranges = [Untouched { bucket: 0, next: 3, end: 9 }, Untouched { bucket: 1, next: 0, end: 2 }];
        let mut expected: Vec<LicenseId> = stored.to_vec();
        expected.extend([3, 4, 5, 6, 8].map(|sequence| at(0, sequence)));
        expected.extend([0, 1].map(|sequence| at(1, sequence)));
        expected.sort_unstable();
        // A row whose number is also in the range counts as one seat.
        let all = page(&stored, prefix, &ranges, 0, 100);
        let mut unique = all.clone();
        unique.dedup();
        assert!(unique.is_sorted());
        for id in &expected {
            assert!(unique.contains(id), "{id:?}");
        }
        for offset in 0..all.len() {
            let offset_u64 = u64::try_from(offset).unwrap();
            assert_eq!(page(&stored, prefix, &ranges, offset_u64, 3), all[offset..(offset + 3).min(all.len())]);
        }
    }
}
