//! Reads a plan's list from its roster.

use chrono::TimeDelta;
use license_domain::{License, LicenseId, LicenseStatus, PlanId, SubscriptionPlan};
use license_roster::{Counts, Ordered, RowKey, View, Window};
use license_storage::LicenseQuery;

use super::{MIN_ROWS, RosterFault, keep::rows_with_person, objects::Blocks};
use crate::{
    Store, changes,
    keys::BucketKeys,
    licenses::{Behind, count_of},
    rows::Bucket,
};

/// The most changes that a reader adds up.
const MAX_CHANGES: usize = 8_000;

/// The oldest age of a usable roster: the log of changes is kept for a week.
const MAX_AGE: TimeDelta = TimeDelta::days(6);

type Buckets = [(BucketKeys, Bucket)];

impl Store {
    /// The roster with the changes since, if the plan has one.
    pub(crate) async fn view(&self, plan: &SubscriptionPlan) -> Result<Option<View<Blocks<'_>>>, RosterFault> {
        let Some(blocks) = Blocks::of(self, plan.uuid).filter(|_| changes::is_logged(plan)) else { return Ok(None) };
        let Some(current) = self.roster_head(plan.uuid).await?.and_then(|head| head.current) else { return Ok(None) };
        if current.complete_to < self.clock.now() - MAX_AGE {
            return Err(RosterFault::TooOld);
        }
        let changes = async {
            let log = self.changes(plan, (current.complete_to, None), MAX_CHANGES).await?;
            log.ok_or(RosterFault::TooManyChanges)
        };
        let (log, manifest) = futures::try_join!(changes, blocks.manifest(&current.manifest))?;
        Ok(Some(View::new(manifest, &log.delta, blocks)?))
    }

    /// The roster of a plan that is large enough for one; `None` if it has none, or none that can be read.
    pub(crate) async fn usable_view(&self, plan: &SubscriptionPlan, buckets: &Buckets) -> Option<View<Blocks<'_>>> {
        if self.objects.is_none() || rows_with_person(plan, buckets) < MIN_ROWS {
            return None;
        }
        self.view(plan).await.unwrap_or_else(|fault| {
            fell_back(plan.uuid, &fault);
            None
        })
    }

    /// How many licenses match the query, if all rows had to be read to find them, and the window.
    pub(crate) async fn list_in(
        &self,
        view: &View<Blocks<'_>>,
        plan: &SubscriptionPlan,
        buckets: &Buckets,
        query: &LicenseQuery,
    ) -> Result<(Option<Counts>, Vec<License>), RosterFault> {
        let window = Window { offset: query.offset, limit: query.limit };
        if !query.order.is_empty() {
            let (counts, rows) = self.ordered_in(view, plan, buckets, query).await?;
            return Ok((Some(counts), rows));
        }
        if !query.filter.search.is_empty() {
            let found = view.search(&query.filter, window).await?;
            return Ok((Some(found.counts), found.rows));
        }
        let begin = query.after.as_ref().and_then(|position| Behind::parse(position.text()));
        let (mut rows, seats) = match begin {
            Some(Behind::Item(_, key)) => {
                let key = RowKey::parse(&key).ok_or(license_roster::RosterError::Malformed("a position"))?;
                (view.after(&query.filter, &key, query.limit).await?, (None, 0))
            }
            Some(Behind::FreeSeat(seat)) => (Vec::new(), (Some(seat), 0)),
            None => {
                let people = view.counts(&query.filter).total();
                let rows = if query.offset < people { view.page(&query.filter, window).await? } else { Vec::new() };
                (rows, (None, query.offset.saturating_sub(people)))
            }
        };
        let left = query.limit.saturating_sub(rows.len());
        if left > 0 && query.filter.admits(LicenseStatus::Unassigned) {
            rows.extend(self.free_seats(plan, buckets, &[], seats, left).await?);
        }
        Ok((None, rows))
    }

    /// The free seats are placed where a license without values belongs; rows equal to them are sorted among them by
    /// id.
    async fn ordered_in(
        &self,
        view: &View<Blocks<'_>>,
        plan: &SubscriptionPlan,
        buckets: &Buckets,
        query: &LicenseQuery,
    ) -> Result<(Counts, Vec<License>), RosterFault> {
        let window = Window { offset: query.offset, limit: query.limit };
        let is_admitted = query.filter.admits(LicenseStatus::Unassigned);
        let seats = if is_admitted { count_of(plan, buckets, &query.filter, LicenseStatus::Unassigned) } else { 0 };
        let Ordered { counts, before, among, behind } =
            view.ordered(&query.filter, &query.order, seats, window).await?;
        let mut rows = before;
        if let Some(among) = among {
            let equal: Vec<License> =
                among.rows.iter().map(|id| License::unassigned(*id, plan.uuid, plan.created)).collect();
            let mut block = self.free_seats(plan, buckets, &equal, (None, among.skip), among.limit).await?;
            let is_row = |license: &License| among.rows.binary_search(&license.uuid).is_ok();
            let ids: Vec<LicenseId> = block.iter().filter(|license| is_row(license)).map(|row| row.uuid).collect();
            let mut full = view.rows_among(&among, &ids).await?.into_iter();
            for license in block.iter_mut().filter(|license| is_row(license)) {
                if let Some(row) = full.next() {
                    *license = row;
                }
            }
            if among.reversed {
                block.reverse();
            }
            rows.extend(block);
        }
        rows.extend(behind);
        Ok((counts, rows))
    }
}

/// Logs and counts that a roster could not be read, and that the index is read instead, which takes longer.
pub(crate) fn fell_back(plan: PlanId, fault: &RosterFault) {
    tracing::warn!(%plan, error = %fault, "the roster of plan {plan} was not read, its index was");
    license_telemetry::metrics::count("RosterNotRead", &[]);
}
