//! Reads a plan's list from its roster.

use chrono::TimeDelta;
use license_domain::{License, LicenseId, LicenseStatus, PlanId, SubscriptionPlan, Timestamp};
use license_roster::{Counts, Ordered, RowKey, View, Window};
use license_storage::{LicenseQuery, StoreError};

use super::{MIN_ROWS, RosterFault, free::sums, head::Head, keep::rows_of, objects::Blocks};
use crate::{
    Store,
    buckets::Buckets,
    changes::{self, Log},
    keys::BucketKeys,
    licenses::{Behind, count_of},
    rows::Bucket,
};

/// The most changes that a reader adds up.
const MAX_CHANGES: usize = 8_000;

/// The oldest age of a usable roster: the log of changes is kept for a week.
const MAX_AGE: TimeDelta = TimeDelta::days(6);

impl Store {
    /// The roster with the changes since, if the plan has one.
    pub(crate) async fn view(&self, plan: &SubscriptionPlan) -> Result<Option<View<Blocks<'_>>>, RosterFault> {
        if self.objects.is_none() || !changes::is_logged(plan) {
            return Ok(None);
        }
        let head = self.roster_head(plan.uuid).await?;
        self.view_of(plan, head, None).await
    }

    /// The plan's buckets, and its roster if the plan is large enough for one and it can be read.
    ///
    /// 1. Read the buckets. If this process has read the plan's roster before: also the head, in the same call, and at
    ///    the same time the log of changes since the moment up to which the roster was complete then.
    /// 2. Read what is left: the head, or the log since another moment if there is a newer roster.
    pub(crate) async fn buckets_and_view(
        &self,
        plan: &SubscriptionPlan,
    ) -> Result<(Buckets, Option<View<Blocks<'_>>>), StoreError> {
        let known = self.cached.rosters.complete_to.get(&plan.uuid).filter(|_| self.objects.is_some());
        let (buckets, head, log) = match known {
            None => (self.buckets(plan).await?, None, None),
            Some(from) => {
                let log = async { Ok(self.changes(plan, (from, None), MAX_CHANGES).await) };
                let ((buckets, head), log) = futures::try_join!(self.buckets_and_head(plan), log)?;
                (buckets, Some(head), Some((from, log)))
            }
        };
        if self.objects.is_none() || rows_of(plan, &buckets) < MIN_ROWS {
            return Ok((buckets, None));
        }
        let view = match head {
            Some(head) => match head.as_ref().map(Head::of).transpose() {
                Ok(head) => self.view_of(plan, head, log).await,
                Err(error) => Err(error.into()),
            },
            None => self.view(plan).await,
        };
        let view = view.unwrap_or_else(|fault| {
            fell_back(plan.uuid, &fault);
            None
        });
        Ok((buckets, view))
    }

    /// The view of that head's roster. `log` is a part of the log that was read already, and the time from which on.
    async fn view_of(
        &self,
        plan: &SubscriptionPlan,
        head: Option<Head>,
        log: Option<(Timestamp, Result<Option<Log>, StoreError>)>,
    ) -> Result<Option<View<Blocks<'_>>>, RosterFault> {
        let Some(blocks) = Blocks::of(self, plan.uuid) else { return Ok(None) };
        let Some(current) = head.and_then(|head| head.current) else {
            self.cached.rosters.complete_to.forget(&plan.uuid);
            return Ok(None);
        };
        if current.complete_to < self.clock.now() - MAX_AGE {
            return Err(RosterFault::TooOld);
        }
        let changes = async {
            let log = match log {
                Some((from, log)) if from == current.complete_to => log?,
                _ => self.changes(plan, (current.complete_to, None), MAX_CHANGES).await?,
            };
            log.ok_or(RosterFault::TooManyChanges)
        };
        let (log, manifest) = futures::try_join!(changes, blocks.manifest(&current.manifest))?;
        self.cached.rosters.complete_to.put(plan.uuid, current.complete_to);
        Ok(Some(View::new(manifest, &log.delta, blocks)?))
    }

    /// How many licenses match the query, if all rows had to be read to find them, and the window.
    pub(crate) async fn list_in(
        &self,
        view: &View<Blocks<'_>>,
        plan: &SubscriptionPlan,
        buckets: &[(BucketKeys, Bucket)],
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
            let start = view.free_start((plan.seats.prefix, sums(buckets)), seats.1);
            rows.extend(self.free_seats_from(plan, buckets, start, seats, left).await?);
        }
        Ok((None, rows))
    }

    /// The free seats are placed where a license without values belongs; rows equal to them are sorted among them by
    /// id.
    async fn ordered_in(
        &self,
        view: &View<Blocks<'_>>,
        plan: &SubscriptionPlan,
        buckets: &[(BucketKeys, Bucket)],
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
