//! Reads a page in the default order from the index, without a roster.

use license_domain::number::to_usize;
use license_domain::{License, LicenseFilter, LicenseStatus, SubscriptionPlan};
use license_storage::{LicenseQuery, StoreError};

use super::{Behind, count_of, unknown};
use crate::{Store, keys::BucketKeys, rows::Bucket};

type Buckets = [(BucketKeys, Bucket)];

impl Store {
    /// Whole statuses are skipped by their counts. A page that begins where a status begins, or at a cursor, is one
    /// range of the index, even if it has rows of several statuses; otherwise each status is read from its nearer end.
    pub(super) async fn walk(
        &self,
        plan: &SubscriptionPlan,
        buckets: &Buckets,
        query: &LicenseQuery,
    ) -> Result<Vec<License>, StoreError> {
        let begin = match &query.after {
            Some(position) => Some(Behind::parse(position.text()).ok_or_else(|| unknown(position))?),
            None => None,
        };
        let mut found = Vec::new();
        let mut offset = if begin.is_some() { 0 } else { query.offset };
        let mut read_upto = None;
        for status in LicenseStatus::ALL.iter().copied().filter(|status| query.filter.admits(*status)) {
            let after = begin.as_ref().filter(|behind| behind.status() >= status);
            if after.is_some_and(|behind| behind.status() > status) || read_upto.is_some_and(|upto| status <= upto) {
                continue;
            }
            let count = count_of(plan, buckets, &query.filter, status);
            if offset >= count && after.is_none() {
                offset -= count;
                continue;
            }
            let limit = query.limit - found.len();
            if status == LicenseStatus::Unassigned {
                let after = after.and_then(|behind| match behind {
                    Behind::FreeSeat(license) => Some(*license),
                    Behind::Item(..) => None,
                });
                found.extend(self.free_seats(plan, buckets, &[], (after, offset), limit).await?);
            } else if after.is_some() || offset == 0 {
                let key = after.and_then(|behind| match behind {
                    Behind::Item(_, key) => Some(key.as_str()),
                    Behind::FreeSeat(_) => None,
                });
                let (upto, counted) = range_from(plan, buckets, &query.filter, status);
                // How many of these rows are after a key is not known.
                let limit = if key.is_some() { limit } else { limit.min(to_usize(counted)) };
                let with_null_emails = !query.filter.ignore_null_emails;
                found.extend(self.listed_range(plan, (status, upto), key, with_null_emails, limit).await?);
                read_upto = Some(upto);
            } else {
                let with_null_emails = !query.filter.ignore_null_emails;
                found.extend(self.listed(plan, status, with_null_emails, count, offset, limit).await?);
            }
            offset = 0;
            if found.len() >= query.limit {
                break;
            }
        }
        Ok(found)
    }
}

/// The last status of the range of the index that begins with `first` and has only rows that the filter admits, and how
/// many it has.
fn range_from(
    plan: &SubscriptionPlan,
    buckets: &Buckets,
    filter: &LicenseFilter,
    first: LicenseStatus,
) -> (LicenseStatus, u64) {
    let mut range = (first, count_of(plan, buckets, filter, first));
    for status in LicenseStatus::ALL.iter().copied().filter(|status| *status > first) {
        // Rows without a learner, which stand before the others of their status, would be in the middle of the range.
        let is_gap = filter.ignore_null_emails && status == LicenseStatus::Revoked;
        if is_gap || status == LicenseStatus::Unassigned || !filter.admits(status) {
            break;
        }
        range = (status, range.1 + count_of(plan, buckets, filter, status));
    }
    range
}
