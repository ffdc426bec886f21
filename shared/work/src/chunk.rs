//! One chunk of a run: it takes effect once, whatever interrupts the attempts at it.

use std::collections::HashSet;

use license_domain::{Job, JobCounts, JobKind, Portfolio, Row, RowResult, Timestamp};
use license_storage::{Change, Idempotency, IdempotencyKey, StoreError};

use crate::{
    Kinds, Runs, WorkError,
    kinds::{Acted, ChunkRows},
    lanes::ChunkEnd,
    results::Known,
};

/// The position of a lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    pub chunk: u64,
    /// The lane's counts before the chunk.
    pub so_far: JobCounts,
    /// Whether an earlier turn may have done the chunk, which is only possible for the first chunk of a turn.
    pub may_be_done: bool,
    /// When the turn ends.
    pub until: Timestamp,
}

impl<K: Kinds> Runs<K> {
    /// Does a chunk, or finds that it was done before.
    ///
    /// 1. Rows with a recorded outcome are done.
    /// 2. The others: `rows`, in as many rounds as needed, because some kinds do not do all rows in one transaction.
    pub(crate) async fn chunk(&self, run: &Job, portfolio: &Portfolio, at: At) -> Result<ChunkEnd, WorkError> {
        if run.renewal.is_some() {
            // A copied license names its copy, and the transaction that ends the run is its record.
            return self.kinds.copy(run, at.chunk, &self.records.stamp(run), at.until).await;
        }
        if run.is_internal && run.kind == JobKind::Assign {
            // A chunk's item contains its rows and their seats, and the storage reads both.
            let assign = |change| self.kinds.assign_reserved(run, portfolio, at.chunk, change);
            let results = self.once(run, (at.chunk, 0), assign);
            return Ok(ChunkEnd::Done(JobCounts::of(&results.await?)));
        }
        let rows = self.jobs.chunk(run, at.chunk).await?;
        let mut known = if at.may_be_done {
            Known::of(self.jobs.results(run.uuid, at.chunk, at.chunk + 1).await?)
        } else {
            Known::default()
        };
        loop {
            let done: HashSet<u64> = known.rows().map(|row| row.row).collect();
            let left: Vec<Row> = rows.iter().filter(|row| !done.contains(&row.row)).cloned().collect();
            if left.is_empty() {
                return Ok(ChunkEnd::Done(known.counts()));
            }
            let results = self.rows(run, portfolio, (at.chunk, known.rounds()), &left, at.so_far).await?;
            if results.is_empty() {
                return Err(WorkError::Gone("outcome"));
            }
            known.add(results);
        }
    }

    /// The outcome of one round of these rows of a chunk, by this or an earlier attempt; it may cover only the first
    /// rows.
    pub(crate) async fn rows(
        &self,
        run: &Job,
        portfolio: &Portfolio,
        round: (u64, u64),
        rows: &[Row],
        so_far: JobCounts,
    ) -> Result<Vec<RowResult>, WorkError> {
        let chunk = ChunkRows { run, portfolio, rows, so_far };
        self.once(run, round, |change| self.kinds.act(chunk, change)).await
    }

    /// 1. Carry it out. The record with the outcome commits with the effect, on condition that no other attempt has
    ///    written it.
    /// 2. If nothing was to be written: write the record alone, on the same condition.
    /// 3. If another attempt committed first: return its outcome.
    async fn once<F, Fut>(&self, run: &Job, (chunk, round): (u64, u64), act: F) -> Result<Vec<RowResult>, WorkError>
    where
        F: FnOnce(Change) -> Fut,
        Fut: Future<Output = Result<Acted, WorkError>>,
    {
        let key = IdempotencyKey::Chunk { job: run.uuid, chunk, round };
        let idempotency = Idempotency::new(key.clone(), String::new(), self.random.uuid());
        let change = Change { stamp: self.records.stamp(run), idempotency: Some(Box::new(idempotency)) };
        let acted = match act(change.clone()).await {
            Ok(Acted::ToRecord(results)) => {
                let recorded = self.idempotency.record(&change.recording(&results)).await;
                recorded.map(|()| results).map_err(WorkError::from)
            }
            Ok(Acted::Recorded(results)) => Ok(results),
            Err(error) => Err(error),
        };
        match acted {
            Err(WorkError::Store(StoreError::AlreadyApplied)) => {
                let record = self.idempotency.find(&key).await?;
                let outcome = record.and_then(|record| record.outcome()).ok_or(StoreError::AlreadyApplied)?;
                outcome.map_err(|_| WorkError::Gone("outcome"))
            }
            acted => acted,
        }
    }
}
