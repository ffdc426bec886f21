//! The engine for work that takes several transactions.
//!
//! Such work is a *run*: a record, rows in chunks, lanes that go through the chunks, and an outcome for each chunk that
//! commits with the chunk's effect, so that a chunk that is done twice has its effect once. A job is a run that its
//! requester can watch; an internal run belongs to a request that is too large for one transaction, is worked on inline
//! for the time that the request has, and is finished by a worker. What a chunk does is said by the run's kind
//! ([`Kinds`]); single transactions are the storage's, the loops over them are here.

mod checkpoint;
mod chunk;
mod error;
mod inline;
pub mod kinds;
mod lanes;
mod named;
mod plans;
mod records;
mod results;
mod rows;
mod sweep;
mod waiting;

use std::{fmt, sync::Arc};

use chrono::TimeDelta;
use license_domain::{Clock, Job, JobId, Random};
use license_messaging::{Message, Outgoing, Queue};
use license_storage::{IdempotencyRecords, Jobs, Portfolios};

pub use self::{
    error::WorkError,
    inline::InlineError,
    kinds::{AllKinds, Kinds, LicenseKinds, RenewalError, Renewals, Services},
    plans::{Asked, Begun, Looked, Plans},
    records::RunRecords,
    results::{ResultsTable, results, write_results},
    rows::RowsRead,
    sweep::{Examined, RunStatus},
};

/// The lane on which rows that wait for seats are tried again.
pub const WAITING_LANE: u16 = u16::MAX;

/// No lane of a run: its message begins the run, or lets all of its lanes continue.
pub const ALL_LANES: u16 = u16::MAX - 1;

/// The lane on which the rows of an upload are read.
pub(crate) const READING_LANE: u16 = u16::MAX - 2;

/// How many chunks or learners are worked on at once, at most.
pub(crate) const PARALLEL: usize = 8;

/// How much of a lane is done before the next message, or before the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// At most so many chunks.
    pub chunks: usize,
    /// About so long.
    pub time: TimeDelta,
}

impl Turn {
    /// For one message of the queue: other runs get their turns in between.
    pub const OF_A_MESSAGE: Self = Self { chunks: 20, time: TimeDelta::seconds(20) };
    /// For a request that responds whether the run has ended or not.
    pub const OF_A_REQUEST: Self = Self { chunks: 50, time: TimeDelta::seconds(10) };
}

/// Runs of these kinds: begins them, works on their lanes, ends them.
#[derive(Clone)]
pub struct Runs<K> {
    records: RunRecords,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    jobs: Arc<dyn Jobs>,
    idempotency: Arc<dyn IdempotencyRecords>,
    kinds: K,
}

impl<K> fmt::Debug for Runs<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runs")
    }
}

impl<K: Kinds> Runs<K> {
    /// Runs of these kinds that are on record in that store.
    pub fn new<S>(store: &Arc<S>, clock: Arc<dyn Clock>, random: Arc<dyn Random>, kinds: K) -> Self
    where
        S: Jobs + Portfolios + IdempotencyRecords + 'static,
    {
        let records = RunRecords::new(store, clock.clone());
        Self { records, clock, random, jobs: store.clone(), idempotency: store.clone(), kinds }
    }

    /// The runs as they are on record.
    pub const fn records(&self) -> &RunRecords {
        &self.records
    }
}

/// The message that lets a lane continue with that chunk.
pub fn lane_message(run: &Job, lane: u16, step: u64) -> Outgoing {
    let message = Message::Job { job: run.uuid, lane, step };
    Outgoing::now(Queue::Bulk, run.enterprise_customer_uuid, message)
}

/// The message by which rows that wait for seats are tried again, unless the run changes before.
pub fn waiting_message(run: &Job) -> Outgoing {
    lane_message(run, WAITING_LANE, run.version)
}

/// Where a job's results are put.
pub fn results_file(job: JobId) -> String {
    format!("results/{job}.csv")
}

/// Where a job's rows are uploaded to.
pub fn upload_file(job: JobId) -> String {
    format!("uploads/{job}.csv")
}
