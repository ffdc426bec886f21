//! Checks the table: one Scan in parallel segments, each of which keeps sums by plan. The sums are compared when all
//! segments are read.

mod marks;
mod tally;

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{AgreementId, PlanId, SubscriptionPlan};
use license_storage::{CheckOptions, CheckReport, Portfolios, Problem, ProblemKind, StoreError, TableCheck};
use tokio::task::{JoinError, JoinSet};

use self::tally::{Pointer, Tally};
use crate::{
    Store,
    keys::{self, Key},
    rows::{self, Bucket},
    table::{Canceled, PARALLEL, Part, Range, Write},
};

/// The buckets of each plan as they were at some time, by their numbers.
type Buckets = HashMap<PlanId, BTreeMap<u16, Bucket>>;

#[async_trait]
impl TableCheck for Store {
    /// 1. Read the buckets of all plans.
    /// 2. Read every item, and add it to the sums.
    /// 3. Read the buckets again. If a plan's buckets have changed, its counts are not compared.
    /// 4. Look ids up in the index that were read twice.
    /// 5. Compare. With `repair`: each missing pointer is one create, on condition that it is still missing.
    async fn check_table(&self, options: CheckOptions) -> Result<CheckReport, StoreError> {
        let before = self.all_buckets().await?;
        let segments = i32::from(options.segments.max(1));
        let segment = |number| (segments > 1).then_some((number, segments));
        // Tasks of their own: most of the time goes into decoding, which several processors do at the same time.
        let mut scans = JoinSet::new();
        for number in 0..segments {
            let (store, segment) = (self.clone(), segment(number));
            scans.spawn(async move { store.tally(segment, options.limit).await });
        }
        let mut whole = Tally::new(options.limit);
        while let Some(scan) = scans.join_next().await {
            whole.merge(scan.map_err(|error| failed(&error))??);
        }
        let after = self.all_buckets().await?;
        let is_busy = |plan: PlanId| before.get(&plan) != after.get(&plan);
        for license in whole.marks.repeated() {
            // It may have moved during the Scan: then it is there once.
            let partition = keys::license_partition(license);
            let range = Range { index: Some(keys::GSI3), partition, ..Range::default() };
            if self.table.query(range).await?.len() > 1 {
                whole.complain_all(
                    [problem(ProblemKind::DuplicateId, &license, "several licenses have this id")].into_iter(),
                );
            }
        }
        let mut missing = whole.compare(is_busy, self.clock.now());
        if options.repair {
            for pointer in &mut missing {
                pointer.1.repaired = self.repair(&pointer.0).await?;
            }
        }
        whole.complain_all(missing.into_iter().map(|(_, problem)| problem));
        Ok(whole.into_report())
    }
}

impl Store {
    async fn all_buckets(&self) -> Result<Buckets, StoreError> {
        let agreements = self.all_agreements().await?;
        let reads: Vec<_> = agreements.into_iter().map(|id| self.buckets_of_agreement(id)).collect();
        let read: Vec<Buckets> = stream::iter(reads).buffer_unordered(PARALLEL).try_collect().await?;
        Ok(read.into_iter().flatten().collect())
    }

    async fn buckets_of_agreement(&self, agreement: AgreementId) -> Result<Buckets, StoreError> {
        let Some(portfolio) = self.portfolio(agreement).await? else { return Ok(Buckets::new()) };
        let plans: Vec<&SubscriptionPlan> = portfolio.plans.iter().collect();
        let (stored, _) = self.stored_buckets_and(&plans, None).await?;
        let numbered = stored.into_iter().map(|of| of.into_iter().map(|(at, bucket)| (at.bucket, bucket)).collect());
        Ok(plans.iter().map(|plan| plan.uuid).zip(numbered).collect())
    }

    /// Adds up one segment, or the whole table. The next page is read while one is added.
    async fn tally(&self, segment: Option<(i32, i32)>, limit: usize) -> Result<Tally, StoreError> {
        let read = |after: Option<Key>| {
            let table = self.table.clone();
            let part = Part { segment, prefix: None };
            async move { table.scan_part(&part, after.as_ref()).await }
        };
        let (mut tally, mut page) = (Tally::new(limit), tokio::spawn(read(None)));
        loop {
            let (items, last) = page.await.map_err(|error| failed(&error))??;
            let next = last.map(|last| tokio::spawn(read(Some(last))));
            for item in items {
                tally.add(item);
            }
            match next {
                Some(next) => page = next,
                None => return Ok(tally),
            }
        }
    }

    /// Creates the pointer; `false` if it is no longer missing.
    async fn repair(&self, pointer: &Pointer) -> Result<bool, StoreError> {
        let write = Write::create(rows::pointer(&pointer.key, &pointer.target));
        match self.table.transact(vec![write], self.token()).await {
            Ok(()) => Ok(true),
            Err(Canceled::Conditions(_) | Canceled::Conflict | Canceled::Unsure(_)) => Ok(false),
            Err(Canceled::Store(error)) => Err(error),
        }
    }
}

/// A task that has ended without a result.
fn failed(error: &JoinError) -> StoreError {
    StoreError::Unavailable { operation: "Scan", cause: error.to_string() }
}

/// A problem that was not repaired.
fn problem(kind: ProblemKind, what: &impl ToString, detail: impl Into<String>) -> Problem {
    Problem { kind, what: what.to_string(), detail: detail.into(), repaired: false }
}
