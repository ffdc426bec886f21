//! Renewals: the licenses of the prior plan are copied into the hidden future plan, then the run is closed.

use std::{
    collections::{BTreeSet, HashSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use chrono::TimeDelta;
use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{
    Clock, EmailAddress, EmailKey, Job, JobCounts, License, LicenseId, Random, RenewalId, Stamp, Timestamp,
};
use license_storage::{
    Change, Copied, IdempotencyRecords, MAX_COPIED, OpenedRenewal, Renew, RenewError, RenewalUnderWay, Renewed,
    StoreError,
};

use crate::{PARALLEL, WorkError, lanes::ChunkEnd};

/// The most reads of the list in one turn, and the pause after a read that shows fewer licenses than there are.
const MAX_READS: u32 = 12;
const PAUSE: Duration = Duration::from_millis(100);

/// How long a request copies; the API's functions time out after 30 seconds.
const REQUEST_TIME: TimeDelta = TimeDelta::seconds(20);

/// Why a renewal is not processed at the response to its request.
#[derive(Debug, thiserror::Error)]
pub enum RenewalError {
    /// It did not begin, or the store failed.
    #[error(transparent)]
    Renew(#[from] RenewError),
    /// The time of the request ended. A worker continues.
    #[error("the renewal is not finished yet")]
    Unfinished,
}

impl From<StoreError> for RenewalError {
    fn from(error: StoreError) -> Self {
        Self::Renew(error.into())
    }
}

/// The runs of renewals.
#[derive(Clone)]
pub struct Renewals {
    renew: Arc<dyn Renew>,
    idempotency: Arc<dyn IdempotencyRecords>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl fmt::Debug for Renewals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Renewals")
    }
}

/// The result of one turn of copying.
enum Turned {
    /// All licenses that can be copied are copied.
    Complete(u64),
    /// The time ended first.
    Unfinished(u64),
}

impl Renewals {
    /// The runs of that store.
    pub fn new<S>(store: &Arc<S>, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self
    where
        S: Renew + IdempotencyRecords + 'static,
    {
        Self { renew: store.clone(), idempotency: store.clone(), clock, random }
    }

    /// Processes a renewal within the time of a request.
    ///
    /// 1. Open its run, or find the open one. Only this step may refuse.
    /// 2. Copy the licenses that are not copied yet (`copy_licenses`), with this request's stamp.
    /// 3. Close the run. Of several simultaneous calls one closes it; for the others it was processed already.
    /// 4. Record the outcome. The opening has recorded which run will have it.
    /// 5. After a crash, or when the time has ended, a worker or the next request does the rest of 2 and 3.
    pub async fn process(&self, renewal: RenewalId, change: &Change) -> Result<Renewed, RenewalError> {
        let mut renewed = match self.renew.open_renewal(renewal, change).await? {
            OpenedRenewal::Processed(renewed) => renewed,
            OpenedRenewal::UnderWay(run) => {
                match self.copy_licenses(&run, change, self.clock.now() + REQUEST_TIME).await? {
                    Turned::Complete(_) => self.renew.close_renewal(&run, change).await?,
                    Turned::Unfinished(_) => return Err(RenewalError::Unfinished),
                }
            }
        };
        // An earlier attempt at the same request began it.
        renewed.is_new |= change.resume().is_some();
        self.idempotency.record(&change.clone().recording(&renewed.outcome())).await?;
        Ok(renewed)
    }

    /// Continues a run that was opened before.
    pub(crate) async fn copy(&self, run: &Job, stamp: &Stamp, until: Timestamp) -> Result<ChunkEnd, WorkError> {
        let counts = |copied| JobCounts { processed: copied, succeeded: copied, ..JobCounts::default() };
        match self.copy_licenses(run, stamp, until).await? {
            Turned::Unfinished(copied) => Ok(ChunkEnd::Unfinished(counts(copied))),
            Turned::Complete(copied) => {
                self.renew.close_renewal(run, stamp).await?;
                Ok(ChunkEnd::Done(counts(copied)))
            }
        }
    }

    /// Copies all licenses that the renewal copies, or as many as the time allows.
    ///
    /// 1. Count and list the prior plan's licenses.
    /// 2. Copy those that were not handled before, as many as fit into a transaction at a time, with as many
    ///    simultaneous transactions as the future plan has buckets.
    /// 3. If nothing new is listed, and not fewer licenses than were counted: complete. It is also complete if no seat
    ///    is left; closing logs for how many. Otherwise repeat from 1.
    /// 4. After several reads: licenses that the list still hides are left to a later turn. If it hides nothing, but
    ///    licenses are assigned continuously, it is complete.
    async fn copy_licenses(&self, run: &Job, stamp: &Stamp, until: Timestamp) -> Result<Turned, StoreError> {
        let Some(renewal) = self.renew.renewal_under_way(run).await? else { return Ok(Turned::Complete(0)) };
        let (mut settled, mut gone, mut copied) = (HashSet::new(), HashSet::new(), 0);
        for read in 1..=MAX_READS {
            let found = self.renew.licenses_to_copy(&renewal).await?;
            if found.counted == 0 {
                break;
            }
            let mut listed = found.listed;
            listed.retain(|license| !gone.contains(&listed_as(license)));
            let is_complete = to_u64(listed.len()) >= found.counted;
            let fresh: Vec<&License> = listed.iter().filter(|license| !settled.contains(&license.uuid)).collect();
            if fresh.is_empty() && is_complete {
                break;
            }
            let fits = to_u64(listed.len()) <= renewal.future.seats.total;
            let (outcome, is_in_time) = self.copy_listed(&renewal, fresh.clone(), fits, (stamp, until)).await?;
            copied += to_u64(outcome.made);
            if outcome.is_over || (read == MAX_READS && is_complete) {
                break;
            }
            if !is_in_time {
                return Ok(Turned::Unfinished(copied));
            }
            if read == MAX_READS {
                let cause = "the index lags behind".to_owned();
                return Err(StoreError::Unavailable { operation: "process renewal", cause });
            }
            settled.extend(outcome.settled);
            // The list may show licenses that have moved, because a learner's address changed.
            let missing = fresh.into_iter().filter(|license| !settled.contains(&license.uuid));
            gone.extend(missing.map(listed_as));
            if !is_complete {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(Turned::Complete(copied))
    }

    /// Copies the listed licenses; returns whether the time was enough. If there are seats for all, calls begin at
    /// different learners, so that they seldom conflict, and several transactions run at the same time. If not, the
    /// licenses that were assigned first are copied first.
    async fn copy_listed(
        &self,
        renewal: &RenewalUnderWay,
        mut listed: Vec<&License>,
        fits: bool,
        (stamp, until): (&Stamp, Timestamp),
    ) -> Result<(Copied, bool), StoreError> {
        listed.sort_by_key(|license| license.assigned_date);
        let mut named = BTreeSet::new();
        let learners = listed.iter().filter_map(|license| license.user_email.as_ref()).map(EmailAddress::key);
        let mut learners: Vec<EmailKey> = learners.filter(|email| named.insert(email.clone())).collect();
        let mut width = 1;
        if fits && !learners.is_empty() {
            let first = self.random.below(to_u64(learners.len()));
            learners.rotate_left(usize::try_from(first).expect("it is below the number of learners"));
            width = PARALLEL.min(usize::from(renewal.future.seats.buckets.max(1)));
        }
        let copy = |(turn, learners)| async move {
            if self.clock.now() >= until {
                return Ok(None);
            }
            self.renew.copy_licenses(renewal, turn, learners, stamp).await.map(Some)
        };
        let copies: Vec<_> = learners.chunks(MAX_COPIED).enumerate().map(copy).collect();
        let outcomes: Vec<Option<Copied>> = stream::iter(copies).buffer_unordered(width).try_collect().await?;
        let is_in_time = outcomes.iter().all(Option::is_some);
        let all = outcomes.into_iter().flatten().fold(Copied::default(), |mut all, one| {
            all.made += one.made;
            all.is_over |= one.is_over;
            all.settled.extend(one.settled);
            all
        });
        Ok((all, is_in_time))
    }
}

/// A license, and the address under which it is listed.
fn listed_as(license: &License) -> (LicenseId, Option<EmailKey>) {
    (license.uuid, license.user_email.as_ref().map(EmailAddress::key))
}

fn to_u64(n: usize) -> u64 {
    u64::try_from(n).expect("it fits 64 bits")
}
