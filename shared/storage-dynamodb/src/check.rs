//! Checks the table: one Scan in parallel segments, each of which keeps sums by plan. The sums are compared when all
//! segments are read.

mod marks;
mod tally;

use std::collections::HashMap;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use license_domain::PlanId;
use license_storage::{CheckOptions, CheckReport, Portfolios, Problem, ProblemKind, StoreError, TableCheck};

use self::tally::{Pointer, Tally};
use crate::{
    Store,
    keys::{self, BucketKeys, Key},
    rows::{self, Bucket},
    table::{Canceled, Part, Range, Write},
};

/// A plan's buckets as they were at some time.
type Buckets = HashMap<BucketKeys, Bucket>;

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
        let scans: Vec<_> = (0..segments).map(|segment| self.tally((segment, segments), options.limit)).collect();
        let tallies: Vec<Tally> =
            stream::iter(scans).buffer_unordered(usize::from(options.segments.max(1))).try_collect().await?;
        let mut whole = Tally::new(options.limit);
        for tally in tallies {
            whole.merge(tally);
        }
        let after = self.all_buckets().await?;
        let is_busy = |plan: PlanId| {
            let of = |buckets: &Buckets| {
                let mut of: Vec<(u16, Bucket)> =
                    buckets.iter().filter(|(at, _)| at.plan == plan).map(|(at, bucket)| (at.bucket, *bucket)).collect();
                of.sort_unstable_by_key(|(number, _)| *number);
                of
            };
            of(&before) != of(&after)
        };
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
        let mut buckets = Buckets::new();
        for id in self.all_agreements().await? {
            let Some(portfolio) = self.portfolio(id).await? else { continue };
            for plan in &portfolio.plans {
                buckets.extend(self.stored_buckets(plan).await?);
            }
        }
        Ok(buckets)
    }

    async fn tally(&self, segment: (i32, i32), limit: usize) -> Result<Tally, StoreError> {
        let part = Part { segment: Some(segment), prefix: None };
        let (mut tally, mut after): (Tally, Option<Key>) = (Tally::new(limit), None);
        loop {
            let (items, last) = self.table.scan_part(&part, after.as_ref()).await?;
            for item in items {
                tally.add(item);
            }
            match last {
                Some(last) => after = Some(last),
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

/// A problem that was not repaired.
fn problem(kind: ProblemKind, what: &impl ToString, detail: impl Into<String>) -> Problem {
    Problem { kind, what: what.to_string(), detail: detail.into(), repaired: false }
}
