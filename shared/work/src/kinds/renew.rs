//! Renewals: the licenses of the prior plan are copied into the hidden future plan, then the run is closed.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, HashSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use chrono::TimeDelta;
use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{
    Clock, EmailKey, Job, JobCounts, LicenseId, Random, RenewalId, Stamp, Timestamp,
    number::{to_u64, to_usize},
};
use license_storage::{
    Change, Copied, CopyPlace, IdempotencyRecords, ListedLicense, OpenedRenewal, Renew, RenewError, RenewalUnderWay,
    Renewed, StoreError,
};

use crate::{PARALLEL, WorkError, lanes::ChunkEnd};

/// The most passes over the list in one turn, and the pause after a pass that found fewer licenses than there are.
const MAX_PASSES: u32 = 12;
const PAUSE: Duration = Duration::from_millis(100);

/// How many licenses, of those that were assigned last, are known by their ids if there are too few seats. If more have
/// no seat, any of the rest may have none.
const MAX_WITHOUT_SEAT: usize = 10_000;

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

/// The result of one turn of copying: how many licenses it has copied.
enum Turned {
    /// All licenses that can be copied are copied.
    Complete(u64),
    /// The time ended first.
    Unfinished(u64),
}

/// What one pass over parts of the list came to.
#[derive(Clone, Copy, Debug, Default)]
struct Passed {
    /// The licenses that it copied.
    made: u64,
    /// The listed licenses that need nothing more.
    settled: u64,
    /// How many transactions there were; consecutive ones take seats of different buckets.
    turns: usize,
    /// Whether nothing more can be done: no seat was left for a license, or the run has ended.
    is_over: bool,
    /// Whether the time ended first.
    is_late: bool,
}

/// How the licenses of a plan are copied.
#[derive(Debug)]
enum Order {
    /// There are seats for all: several transactions at the same time. Calls begin at different licenses, so that they
    /// seldom conflict.
    Any,
    /// There are too few seats: not these licenses, which were assigned last.
    Without(HashSet<LicenseId>),
}

/// When a turn ends.
#[derive(Clone, Copy, Debug)]
struct Deadline {
    at: Timestamp,
    /// Whether it holds for a turn that has copied nothing yet. A worker's turn then goes on, or the next one would read
    /// the same pages and come no further; a request has to respond.
    is_firm: bool,
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
    /// 2. Copy the licenses that are not copied yet (`copy_all`), with this request's stamp.
    /// 3. Close the run. Of several simultaneous calls one closes it; for the others it was processed already.
    /// 4. Record the outcome. The opening has recorded which run will have it.
    /// 5. After a crash, or when the time has ended, a worker or the next request does the rest of 2 and 3.
    pub async fn process(&self, renewal: RenewalId, change: &Change) -> Result<Renewed, RenewalError> {
        let mut renewed = match self.renew.open_renewal(renewal, change).await? {
            OpenedRenewal::Processed(renewed) => renewed,
            OpenedRenewal::UnderWay(run) => {
                if let Some(renewal) = self.renew.renewal_under_way(&run).await?
                    && let Turned::Unfinished(_) = self
                        .copy_all(&renewal, change, Deadline { at: self.clock.now() + REQUEST_TIME, is_firm: true })
                        .await?
                {
                    return Err(RenewalError::Unfinished);
                }
                self.renew.close_renewal(&run, change).await?
            }
        };
        // An earlier attempt at the same request began it.
        renewed.is_new |= change.resume().is_some();
        self.idempotency.record(&change.clone().recording(&renewed.outcome())).await?;
        Ok(renewed)
    }

    /// Continues a run that was opened before. Each chunk but the last one copies a part of the list, so that the next
    /// turn does not read it again; the last one copies what the list did not show before, and closes the run.
    pub(crate) async fn copy(
        &self,
        run: &Job,
        chunk: u64,
        stamp: &Stamp,
        until: Timestamp,
    ) -> Result<ChunkEnd, WorkError> {
        let counts = |copied| JobCounts { processed: copied, succeeded: copied, ..JobCounts::default() };
        let is_last = chunk + 1 >= run.chunks;
        let until = Deadline { at: until, is_firm: false };
        let turned = match self.renew.renewal_under_way(run).await? {
            None => Turned::Complete(0),
            Some(renewal) if is_last => self.copy_all(&renewal, stamp, until).await?,
            Some(renewal) => self.copy_part(&renewal, to_usize(chunk), stamp, until).await?,
        };
        match turned {
            Turned::Unfinished(copied) => Ok(ChunkEnd::Unfinished(counts(copied))),
            Turned::Complete(copied) => {
                if is_last {
                    self.renew.close_renewal(run, stamp).await?;
                }
                Ok(ChunkEnd::Done(counts(copied)))
            }
        }
    }

    /// Copies one part of the list. If there are too few seats, that is left to [`Self::copy_all`], because they are for
    /// the licenses that were assigned first, whatever their part.
    async fn copy_part(
        &self,
        renewal: &RenewalUnderWay,
        part: usize,
        stamp: &Stamp,
        until: Deadline,
    ) -> Result<Turned, StoreError> {
        let place = renewal.places().into_iter().nth(part);
        let fits = self.renew.count_to_copy(renewal).await? <= renewal.future.seats.total;
        let Some(place) = place.filter(|_| fits) else { return Ok(Turned::Complete(0)) };
        let passed = self.pass(renewal, vec![place], &Order::Any, (stamp, until)).await?;
        Ok(if passed.is_late { Turned::Unfinished(passed.made) } else { Turned::Complete(passed.made) })
    }

    /// Copies all licenses that the renewal copies, or as many as the time allows.
    ///
    /// 1. Count the prior plan's licenses.
    /// 2. Pass over its list, page by page, and copy those that have no copy, as many as fit into a transaction at a
    ///    time, with as many simultaneous transactions as the future plan has buckets.
    /// 3. If nothing was copied, and not fewer licenses were found than were counted: complete. It is also complete if
    ///    no seat is left; closing logs for how many. Otherwise repeat from 1.
    /// 4. After several passes: licenses that the list still hides are left to a later turn. If it hides nothing, but
    ///    licenses are assigned continuously, it is complete.
    async fn copy_all(&self, renewal: &RenewalUnderWay, stamp: &Stamp, until: Deadline) -> Result<Turned, StoreError> {
        let (mut copied, mut is_complete) = (0, false);
        for _ in 0..MAX_PASSES {
            let counted = self.renew.count_to_copy(renewal).await?;
            if counted == 0 {
                return Ok(Turned::Complete(copied));
            }
            let Some(order) = self.order(renewal, counted, until).await? else {
                return Ok(Turned::Unfinished(copied));
            };
            let passed = self.pass(renewal, renewal.places(), &order, (stamp, until)).await?;
            copied += passed.made;
            is_complete = passed.settled >= counted;
            if passed.is_over || (is_complete && passed.made == 0) {
                return Ok(Turned::Complete(copied));
            }
            if passed.is_late {
                return Ok(Turned::Unfinished(copied));
            }
            if !is_complete {
                tokio::time::sleep(PAUSE).await;
            }
        }
        if is_complete {
            return Ok(Turned::Complete(copied));
        }
        let cause = "the index lags behind".to_owned();
        Err(StoreError::Unavailable { operation: "process renewal", cause })
    }

    /// How the licenses are copied: if there are too few seats, those that were assigned first. `None`: the time ended.
    async fn order(
        &self,
        renewal: &RenewalUnderWay,
        counted: u64,
        until: Deadline,
    ) -> Result<Option<Order>, StoreError> {
        let without = to_usize(counted.saturating_sub(renewal.future.seats.total)).min(MAX_WITHOUT_SEAT);
        if without == 0 {
            return Ok(Some(Order::Any));
        }
        // The lowest of those that were assigned last is on top.
        let mut last = BinaryHeap::with_capacity(without + 1);
        for place in renewal.places() {
            let mut from = Some(place);
            while let Some(place) = from.take() {
                if until.is_firm && self.clock.now() >= until.at {
                    return Ok(None);
                }
                let page = self.renew.page_to_copy(renewal, &place).await?;
                for listed in page.others {
                    last.push(Reverse((listed.assigned_date, listed.license)));
                    if last.len() > without {
                        last.pop();
                    }
                }
                from = page.next;
            }
        }
        Ok(Some(Order::Without(last.into_iter().map(|Reverse((_, license))| license).collect())))
    }

    /// Reads these parts of the list page by page, and copies the licenses that have no copy, until the deadline.
    async fn pass(
        &self,
        renewal: &RenewalUnderWay,
        mut places: Vec<CopyPlace>,
        order: &Order,
        (stamp, deadline): (&Stamp, Deadline),
    ) -> Result<Passed, StoreError> {
        if matches!(order, Order::Any) {
            self.rotate(&mut places);
        }
        let mut passed = Passed::default();
        for place in places {
            let mut from = Some(place);
            while let Some(place) = from.take() {
                let page = self.renew.page_to_copy(renewal, &place).await?;
                passed.settled += page.copied;
                let until = (deadline.is_firm || passed.made > 0).then_some(deadline.at);
                passed.is_late = until.is_some_and(|until| self.clock.now() >= until);
                if passed.is_late {
                    return Ok(passed);
                }
                self.copy_page(renewal, page.others, order, &mut passed, (stamp, until)).await?;
                if passed.is_over || passed.is_late {
                    return Ok(passed);
                }
                from = page.next;
            }
        }
        Ok(passed)
    }

    /// Copies the licenses of one page.
    async fn copy_page(
        &self,
        renewal: &RenewalUnderWay,
        mut listed: Vec<ListedLicense>,
        order: &Order,
        passed: &mut Passed,
        (stamp, until): (&Stamp, Option<Timestamp>),
    ) -> Result<(), StoreError> {
        let mut width = PARALLEL.min(usize::from(renewal.future.seats.buckets.max(1)));
        match order {
            Order::Any => self.rotate(&mut listed),
            Order::Without(last) => {
                let all = listed.len();
                listed.retain(|listed| !last.contains(&listed.license));
                passed.settled += to_u64(all - listed.len());
                width = 1;
            }
        }
        let mut named = BTreeSet::new();
        let learners = listed.into_iter().map(|listed| listed.learner);
        let learners: Vec<EmailKey> = learners.filter(|learner| named.insert(learner.clone())).collect();
        let copy = |(turn, learners)| async move {
            if until.is_some_and(|until| self.clock.now() >= until) {
                return Ok(None);
            }
            self.renew.copy_licenses(renewal, turn, learners, stamp).await.map(Some)
        };
        let copies: Vec<_> = (passed.turns..).zip(learners.chunks(renewal.most_copied())).map(copy).collect();
        passed.turns += copies.len();
        let outcomes: Vec<Option<Copied>> = stream::iter(copies).buffer_unordered(width).try_collect().await?;
        for outcome in outcomes {
            let Some(Copied { made, settled, is_over }) = outcome else {
                passed.is_late = true;
                continue;
            };
            passed.made += to_u64(made);
            passed.settled += to_u64(settled.len());
            passed.is_over |= is_over;
        }
        Ok(())
    }

    /// Lets the list begin anywhere.
    fn rotate<T>(&self, list: &mut [T]) {
        if !list.is_empty() {
            list.rotate_left(to_usize(self.random.below(to_u64(list.len()))));
        }
    }
}
