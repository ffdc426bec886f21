//! Walking a plan's list until every license that is to be carried over was.

use license_domain::number::to_usize;
use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use futures::{StreamExt, TryStreamExt, future::try_join_all, stream};
use license_domain::{EmailAddress, EmailKey, License, LicenseId};

use super::{
    copy::{AT_ONCE, Copied, Job},
    record::Renewing,
};
use crate::{Store, assign::to_u64, portfolios::sum, table::PARALLEL};
use license_storage::StoreError;

/// How often the list is walked at most, and how long is waited where it shows fewer than there are.
const WALKS: u32 = 12;
const PAUSE: Duration = Duration::from_millis(100);

impl Store {
    /// Copies all licenses that the renewal carries over; how many this call copied.
    ///
    /// 1. Read the prior plan's buckets, which count exactly, then its list, which is an index and may lag behind.
    /// 2. Those not dealt with before are copied, a chunk at a time, as many chunks at once as the future plan has
    ///    buckets: [`Store::copy_chunk`].
    /// 3. Nothing new was listed, and not fewer than were counted: done. So it is where no seat is left; closing
    ///    says for how many. Else from 1.
    /// 4. After several walks: what the list still hides is left to the next call, or to the schedule. Where it hides
    ///    nothing, but somebody assigns on and on, it is enough.
    pub(super) async fn copy_all(&self, batch: &Renewing) -> Result<usize, StoreError> {
        let sight = self.sight(batch.customer_agreement, batch.renewal).await?;
        let sight = sight.ok_or_else(|| batch.corrupt("no renewal"))?;
        if sight.renewal.processed {
            return Ok(0);
        }
        let plan = |id| sight.portfolio.plan(id).ok_or_else(|| batch.corrupt("no plan"));
        let types = sight.renewal.license_types_to_copy;
        let job = Job {
            portfolio: &sight.portfolio,
            batch,
            statuses: types.statuses(),
            prior: plan(sight.renewal.prior_subscription_plan)?,
            future: plan(batch.plan)?,
        };
        let (mut settled, mut gone, mut copied) = (HashSet::new(), HashSet::new(), 0);
        for walk in 1..=WALKS {
            let buckets: Vec<_> = self.buckets(job.prior).await?.into_iter().map(|(_, bucket)| bucket).collect();
            let counted = types.count(&sum(job.prior.seats.total, &buckets));
            if counted == 0 {
                break;
            }
            let mut listed = self.listed_all(job).await?;
            listed.retain(|license| !gone.contains(&place(license)));
            let is_complete = to_u64(listed.len()) >= counted;
            let fresh: Vec<&License> = listed.iter().filter(|license| !settled.contains(&license.uuid)).collect();
            if fresh.is_empty() && is_complete {
                break;
            }
            let fits = to_u64(listed.len()) <= job.future.seats.total;
            let outcome = self.copy_listed(job, fresh.clone(), fits).await?;
            copied += outcome.made;
            if outcome.is_over || (walk == WALKS && is_complete) {
                break;
            }
            if walk == WALKS {
                let cause = "the index lags behind".to_owned();
                return Err(StoreError::Unavailable { operation: "process renewal", cause });
            }
            settled.extend(outcome.settled);
            // What the list shows where it is not any more; a learner's address may have changed.
            let missing = fresh.into_iter().filter(|license| !settled.contains(&license.uuid));
            gone.extend(missing.map(place));
            if !is_complete {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(copied)
    }

    async fn listed_all(&self, job: Job<'_>) -> Result<Vec<License>, StoreError> {
        let lists = job.statuses.iter().map(|status| self.all_listed(job.prior, *status));
        Ok(try_join_all(lists.collect::<Vec<_>>()).await?.into_iter().flatten().collect())
    }

    /// Copies those listed. Where there are seats for all, callers begin at different learners, so that they seldom
    /// meet, and several chunks are made at once. Where there are not, the first who were assigned come first.
    async fn copy_listed(&self, job: Job<'_>, mut listed: Vec<&License>, fits: bool) -> Result<Copied, StoreError> {
        listed.sort_by_key(|license| license.assigned_date);
        let mut named = BTreeSet::new();
        let learners = listed.iter().filter_map(|license| license.user_email.as_ref()).map(EmailAddress::key);
        let mut learners: Vec<EmailKey> = learners.filter(|email| named.insert(email.clone())).collect();
        let mut width = 1;
        if fits && !learners.is_empty() {
            let first = self.random.below(to_u64(learners.len()));
            learners.rotate_left(to_usize(first));
            width = PARALLEL.min(usize::from(job.future.seats.buckets.max(1)));
        }
        let chunks = learners.chunks(AT_ONCE).enumerate();
        let runs: Vec<_> = chunks.map(|(turn, learners)| self.copy_chunk(job, turn, learners)).collect();
        let outcomes: Vec<Copied> = stream::iter(runs).buffer_unordered(width).try_collect().await?;
        Ok(outcomes.into_iter().fold(Copied::default(), |mut all, one| {
            all.made += one.made;
            all.is_over |= one.is_over;
            all.settled.extend(one.settled);
            all
        }))
    }
}

/// A license, and under which address it is listed.
fn place(license: &License) -> (LicenseId, Option<EmailKey>) {
    (license.uuid, license.user_email.as_ref().map(EmailAddress::key))
}
