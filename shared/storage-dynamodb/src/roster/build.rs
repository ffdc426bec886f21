//! Builds a first roster from the index while changes are made.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use license_domain::{LicenseFilter, LicenseStatus, SubscriptionPlan};
use license_roster::{Builder, Manifest, RosterError, RowKey, View, correct};
use license_storage::StoreError;

use super::{MARGIN, RosterFault, objects::Blocks};
use crate::{Store, licenses::Listed, portfolios::sum, rows::Bucket};

/// The most changes between [`MARGIN`] before the index was read and the end; a plan that changes faster gets its
/// roster later.
pub(super) const MAX_CHANGES: usize = 40_000;

/// After this time the index shows an event whose license it has shown.
pub(super) const INDEX_LAG: Duration = Duration::from_secs(2);

/// The most comparisons of the counts.
const ATTEMPTS: u32 = 4;

/// Changes of the last seconds may be in the counts and not in the index, or the other way round.
const UNSETTLED: TimeDelta = TimeDelta::seconds(15);

impl Store {
    /// 1. The roster will be complete up to `MARGIN` ago: all earlier changes are in the index now.
    /// 2. Read the whole index into blocks. It shows some later changes; licenses that moved meanwhile may be read
    ///    twice or not at all.
    /// 3. Wait for the index lag, so that the log has every change that the index has shown. Move each license in the
    ///    log back to its state before its first change since then.
    /// 4. Blocks and log together must have as many licenses of each status as the plan's buckets count.
    pub(super) async fn build_roster(
        &self,
        blocks: &Blocks<'_>,
        plan: &SubscriptionPlan,
    ) -> Result<Manifest, RosterFault> {
        let complete_to = license_domain::clock::to_micros(self.clock.now() - MARGIN);
        let mut builder = Builder::new(blocks, plan.uuid, complete_to, &self.object_name(complete_to));
        let mut listed = Listed::all(self, plan);
        let mut last: Option<RowKey> = None;
        while let Some(row) = listed.next().await? {
            let key = RowKey::of(&row).ok_or(RosterError::Malformed("a free seat in the list"))?;
            // A license that changed without moving may be shown in two partitions, if the plan got more of them.
            if last.as_ref().is_none_or(|last| *last < key) {
                builder.push(row).await?;
                last = Some(key);
            }
        }
        let copied = builder.finish().await?;

        tokio::time::sleep(INDEX_LAG).await;
        let log = self.changes(plan, (complete_to, None), MAX_CHANGES).await?.ok_or(RosterFault::TooManyChanges)?;
        let corrected = correct(&copied, &log.delta, blocks, blocks, &self.object_name(complete_to)).await?.manifest;
        let mut verified = self.verify(blocks, plan, corrected).await?;
        verified.free = self.free_marks(plan, complete_to).await?;
        Ok(verified)
    }

    async fn verify(
        &self,
        blocks: &Blocks<'_>,
        plan: &SubscriptionPlan,
        manifest: Manifest,
    ) -> Result<Manifest, RosterFault> {
        let manifest = Arc::new(manifest);
        let mut seen = (Vec::new(), Vec::new());
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(INDEX_LAG).await;
            }
            let buckets: Vec<Bucket> = self.buckets(plan).await?.into_iter().map(|(_, bucket)| bucket).collect();
            let counted = sum(plan.seats.total, &buckets);
            let log = self.changes(plan, (manifest.complete_to, None), MAX_CHANGES).await?;
            let log = log.ok_or(RosterFault::TooManyChanges)?;
            let since = self.clock.now() - UNSETTLED;
            let unsettled = log.times.iter().filter(|at| **at >= since).count();
            let Ok(view) = View::new(manifest.clone(), &log.delta, blocks) else { continue };
            let found = view.counts(&LicenseFilter::default());
            let statuses = LicenseStatus::ALL.iter().filter(|status| **status != LicenseStatus::Unassigned);
            let pairs: Vec<(u64, u64)> = statuses.map(|status| (found.of(*status), counted.of(*status))).collect();
            let off: u64 = pairs.iter().map(|(found, counted)| found.abs_diff(*counted)).sum();
            if off <= license_domain::number::to_u64(unsettled) * 2 {
                drop(view);
                return Ok(Arc::unwrap_or_clone(manifest));
            }
            seen = pairs.into_iter().unzip();
        }
        let plan = plan.uuid;
        tracing::error!(%plan, found = ?seen.0, counted = ?seen.1, "a new roster of plan {plan} does not agree with its counts");
        Err(RosterFault::Roster(RosterError::Inconsistent))
    }

    /// Compares the plan's roster, with the changes since, with the index: the number of its rows, and of differences.
    /// For tests and for operators.
    pub(crate) async fn check_roster(&self, plan: &SubscriptionPlan) -> Result<Option<(u64, u64)>, StoreError> {
        let Some(view) = self.view(plan).await.map_err(RosterFault::into_store)? else { return Ok(None) };
        let filter = LicenseFilter::default();
        let mut listed = Listed::all(self, plan);
        let (mut rows, mut different) = (0, 0);
        let mut stream = std::pin::pin!(view.rows(&filter));
        while let Some(part) = futures::TryStreamExt::try_next(&mut stream).await.map_err(RosterFault::into_store)? {
            for row in part {
                rows += 1;
                different += u64::from(listed.next().await?.as_ref() != Some(&row));
            }
        }
        while listed.next().await?.is_some() {
            different += 1;
        }
        Ok(Some((rows, different)))
    }
}
