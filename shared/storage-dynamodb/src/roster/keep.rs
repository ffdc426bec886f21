//! Updates rosters.

use std::collections::HashSet;

use async_trait::async_trait;
use chrono::TimeDelta;
use license_domain::{LicenseStatus, PlanId, SubscriptionPlan, Timestamp};
use license_roster::{Manifest, compact};
use license_storage::{DueRoster, Portfolios, RosterOutcome, Rosters, StoreError};

use super::{
    MARGIN, MIN_ROWS, RosterFault,
    free::sums,
    head::{Current, Head},
    objects::Blocks,
};
use crate::{
    Store,
    changes::{self, Log},
    keys::BucketKeys,
    portfolios::sum,
    rows::Bucket,
};

/// After this time another sweeper may work on a roster that this one did not finish.
const RETRY: TimeDelta = TimeDelta::minutes(10);

/// How long readers may use an older manifest; its objects are deleted later.
const GRACE: TimeDelta = TimeDelta::minutes(10);

/// The oldest age of a roster: the log of changes is kept for a week.
const MAX_AGE: TimeDelta = TimeDelta::days(1);

/// The most changes that one compaction applies, which bounds its memory.
const MAX_CHANGES: usize = 40_000;

/// The most names of a list.
const MAX_NAMES: usize = 1_000;

/// The most lists of objects that are deleted at once; the next sweep deletes the rest.
const MAX_LISTS: usize = 20;

#[async_trait]
impl Rosters for Store {
    async fn due_rosters(&self, limit: usize) -> Result<Vec<DueRoster>, StoreError> {
        self.due_heads(limit).await
    }

    /// 1. Postpone the head, so that no other sweeper works on it.
    /// 2. The plan was deleted, is hidden by a renewal, or is small: delete the roster. The end of a renewal marks it
    ///    again.
    /// 3. There is no roster, or it cannot be used: build it from the index.
    /// 4. Delete objects that no reader uses any more.
    /// 5. Newer changes are required: apply the log up to `MARGIN` ago, write the new manifest, and make the head name
    ///    it.
    /// 6. Set the time at which the head is due next, unless a change has set an earlier one.
    async fn update_roster(&self, due: &DueRoster) -> Result<RosterOutcome, StoreError> {
        let plan = due.plan;
        let now = self.clock.now();
        let Some((head, place)) = self.postpone_head(plan, &due.place, now + RETRY).await? else {
            return Ok(RosterOutcome::Taken);
        };
        let blocks = Blocks::of(self, plan).ok_or(StoreError::Refused {
            operation: "roster",
            cause: "this process has no place for objects".to_owned(),
        })?;
        let Some(listed) = self.plan_with_roster(&head, plan).await? else {
            for _ in 0..MAX_LISTS {
                let names = blocks.names().await?;
                if names.is_empty() {
                    break;
                }
                for name in names {
                    blocks.delete(&name).await?;
                }
            }
            self.remove_head(plan, &place).await?;
            return Ok(RosterOutcome::Removed);
        };
        let (outcome, next) = match &head.current {
            None => self.first_roster(&blocks, &listed, &head).await?,
            Some(current) => match self.renew_roster(&blocks, &listed, (&head, current)).await {
                Ok(done) => done,
                Err(RosterFault::Store(error)) => return Err(error),
                Err(fault) => {
                    tracing::error!(%plan, error = %fault, "roster of plan {plan} is unusable, will be built again");
                    license_telemetry::metrics::count("RosterRefused", &[]);
                    self.discard_current(plan, &head).await?;
                    (RosterOutcome::Refused, self.clock.now())
                }
            },
        };
        self.postpone_head(plan, &place, next).await?;
        Ok(outcome)
    }
}

impl Store {
    /// The plan, if it should have a roster.
    async fn plan_with_roster(&self, head: &Head, plan: PlanId) -> Result<Option<SubscriptionPlan>, StoreError> {
        let Some(portfolio) = self.portfolio(head.agreement).await? else { return Ok(None) };
        let Some(plan) = portfolio.plan(plan).filter(|plan| changes::is_logged(plan)) else { return Ok(None) };
        let rows = rows_of(plan, &self.buckets(plan).await?);
        Ok((rows >= MIN_ROWS).then(|| plan.clone()))
    }

    async fn first_roster(
        &self,
        blocks: &Blocks<'_>,
        plan: &SubscriptionPlan,
        head: &Head,
    ) -> Result<(RosterOutcome, Timestamp), StoreError> {
        let manifest = match self.build_roster(blocks, plan).await {
            Ok(manifest) => manifest,
            Err(RosterFault::Store(error)) => return Err(error),
            Err(fault) => {
                let plan = plan.uuid;
                tracing::error!(%plan, error = %fault, "no roster of plan {plan} was made, will retry");
                license_telemetry::metrics::count("RosterRefused", &[]);
                return Ok((RosterOutcome::Refused, self.clock.now() + RETRY));
            }
        };
        let complete_to = manifest.complete_to;
        self.publish(blocks, (plan.uuid, head), &manifest).await?;
        let next = self.next_after(plan.uuid, head, complete_to, complete_to + MAX_AGE).await?;
        Ok((RosterOutcome::Built, next))
    }

    async fn renew_roster(
        &self,
        blocks: &Blocks<'_>,
        plan: &SubscriptionPlan,
        (head, current): (&Head, &Current),
    ) -> Result<(RosterOutcome, Timestamp), RosterFault> {
        let manifest = blocks.manifest(&current.manifest).await?;
        let now = self.clock.now();
        self.look_through(blocks, current, &manifest).await?;
        let complete_to = now - MARGIN;
        let is_wanted = head.wanted.is_some_and(|wanted| wanted < complete_to);
        if !is_wanted && now < current.complete_to + MAX_AGE {
            let next = current.complete_to + MAX_AGE;
            let next = head.wanted.map_or(next, |wanted| next.min(wanted + MARGIN + TimeDelta::seconds(1)));
            return Ok((RosterOutcome::Kept, next));
        }
        let (log, upto) = self.log_for_compaction(plan, current.complete_to, complete_to).await?;
        let prefix = self.object_name(upto);
        let mut compacted = compact(&manifest, &log.delta, upto, blocks, blocks, &prefix).await?;
        // Once a day the marks are made anew: a change that they cannot follow, such as a freeze, made them useless.
        let is_old = now >= current.complete_to + MAX_AGE;
        let free = manifest.free.as_ref().and_then(|free| free.after(&log.delta.free_changes(plan.seats.prefix)));
        compacted.manifest.free = match free {
            Some(free) if !is_old => Some(free),
            _ => self.free_marks(plan, upto).await?,
        };
        if !self.publish(blocks, (plan.uuid, head), &compacted.manifest).await? {
            return Ok((RosterOutcome::Taken, now + RETRY));
        }
        if head.is_forgetting && upto == complete_to {
            for name in &compacted.replaced {
                blocks.delete(name).await?;
            }
            blocks.delete(&current.manifest).await?;
        }
        let next = if upto < complete_to { now } else { now + GRACE };
        Ok((RosterOutcome::Compacted, self.next_after(plan.uuid, head, upto, next).await?))
    }

    /// Stores the manifest under a new name and makes it the current one; returns whether it is.
    async fn publish(
        &self,
        blocks: &Blocks<'_>,
        (plan, head): (PlanId, &Head),
        manifest: &Manifest,
    ) -> Result<bool, StoreError> {
        let name = format!("{}.manifest", self.object_name(manifest.complete_to));
        blocks.put_manifest(&name, manifest).await?;
        self.swing_head(plan, head, (&name, manifest.complete_to)).await
    }

    /// When the head is due next, after its roster has become complete up to that time.
    async fn next_after(
        &self,
        plan: PlanId,
        head: &Head,
        complete_to: Timestamp,
        next: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        match head.wanted {
            Some(wanted) if wanted < complete_to => {
                self.satisfy_head(plan, wanted).await?;
                Ok(next)
            }
            Some(wanted) => Ok(next.min(wanted + MARGIN + TimeDelta::seconds(1))),
            None => Ok(next),
        }
    }

    /// The changes between these times, limited to the number that one compaction applies.
    async fn log_for_compaction(
        &self,
        plan: &SubscriptionPlan,
        from: Timestamp,
        upto: Timestamp,
    ) -> Result<(Log, Timestamp), RosterFault> {
        let mut until = upto;
        loop {
            if let Some(log) = self.changes(plan, (from, Some(until)), MAX_CHANGES).await? {
                return Ok((log, until));
            }
            let half = (until - from) / 2;
            if half < TimeDelta::milliseconds(1) {
                return Err(RosterFault::TooManyChanges);
            }
            until = license_domain::clock::to_micros(from + half);
        }
    }

    /// Deletes the objects that the current manifest does not name, when no reader can have an older manifest any more.
    /// A missing block is a fault, even if this process has it in its cache.
    async fn look_through(
        &self,
        blocks: &Blocks<'_>,
        current: &Current,
        manifest: &Manifest,
    ) -> Result<(), RosterFault> {
        let names: HashSet<String> = blocks.names().await?.into_iter().collect();
        let is_whole_list = names.len() < MAX_NAMES;
        let mut used: HashSet<&str> = manifest.blocks.iter().map(|block| block.name.as_str()).collect();
        used.insert(&current.manifest);
        if let Some(missing) = used.iter().find(|name| is_whole_list && !names.contains(**name)) {
            return Err(RosterFault::Missing((*missing).to_owned()));
        }
        if self.clock.now() >= current.made + GRACE {
            for name in names.iter().filter(|name| !used.contains(name.as_str())) {
                blocks.delete(name).await?;
            }
        }
        Ok(())
    }

    /// A name for objects that no other attempt uses.
    pub(super) fn object_name(&self, complete_to: Timestamp) -> String {
        format!("{}-{}", complete_to.format("%Y%m%dT%H%M%S"), self.random.uuid())
    }
}

/// How many of the plan's licenses have or had a person, or are free seats with items.
pub(crate) fn rows_of(plan: &SubscriptionPlan, buckets: &[(BucketKeys, Bucket)]) -> u64 {
    let free = sums(buckets).stored;
    let buckets: Vec<Bucket> = buckets.iter().map(|(_, bucket)| *bucket).collect();
    let counts = sum(plan.seats.total, &buckets);
    let statuses = LicenseStatus::ALL.iter().filter(|status| **status != LicenseStatus::Unassigned);
    free + statuses.map(|status| counts.of(*status)).sum::<u64>()
}
