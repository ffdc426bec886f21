//! The engine for work that takes several transactions.
//!
//! Such work is a *run*: a record, rows in chunks, lanes that work through the chunks, and an outcome for each chunk
//! that commits with the chunk's effect, so that a chunk that is repeated takes effect once. A job is a run that its
//! requester can watch; an internal run belongs to a request that is too large for one transaction, is worked on inline
//! for the time that the request has, and is finished by a worker. The run's kind decides what a chunk does
//! ([`Kinds`]). The storage contains the single transactions, and this crate the loops over them.

mod checkpoint;
mod chunk;
mod days;
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
    kinds::{AllKinds, EMAIL_COLUMNS, Kinds, LicenseKinds, RenewalError, Renewals, Services},
    plans::{Asked, Begun, Looked, Plans},
    records::RunRecords,
    results::{ResultsTable, results, transferred, write_results},
    rows::RowsRead,
    sweep::{Examined, RunStatus},
};

/// The lane on which rows that wait for seats are retried.
pub const WAITING_LANE: u16 = u16::MAX;

/// Not a lane: its message begins the run, or continues all of its lanes.
pub const ALL_LANES: u16 = u16::MAX - 1;

/// The lane on which the rows of an upload are read.
pub(crate) const READING_LANE: u16 = u16::MAX - 2;

/// How many chunks or learners are worked on at the same time, at most.
pub(crate) const PARALLEL: usize = 8;

/// The limits of a turn: how much of a lane is done before the next message, or before the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The most chunks.
    pub chunks: usize,
    /// The approximate time.
    pub time: TimeDelta,
}

impl Turn {
    /// For one message of the queue: other runs get their turns in between.
    pub const OF_A_MESSAGE: Self = Self { chunks: 20, time: TimeDelta::seconds(20) };
    /// For a request, which gets its response whether the run has ended or not.
    pub const OF_A_REQUEST: Self = Self { chunks: 50, time: TimeDelta::seconds(10) };
}

/// Begins runs of these kinds, works on their lanes, and ends them.
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
    /// The runs of these kinds in that store.
    pub fn new<S>(store: &Arc<S>, clock: Arc<dyn Clock>, random: Arc<dyn Random>, kinds: K) -> Self
    where
        S: Jobs + Portfolios + IdempotencyRecords + 'static,
    {
        let records = RunRecords::new(store, clock.clone());
        Self { records, clock, random, jobs: store.clone(), idempotency: store.clone(), kinds }
    }

    pub const fn records(&self) -> &RunRecords {
        &self.records
    }
}

/// The message that continues a lane at that chunk.
pub fn lane_message(run: &Job, lane: u16, step: u64) -> Outgoing {
    let message = Message::Job { job: run.uuid, lane, step };
    Outgoing::now(Queue::Bulk, run.enterprise_customer_uuid, message)
}

/// The message that retries rows that wait for seats, unless the run changes before.
pub fn waiting_message(run: &Job) -> Outgoing {
    lane_message(run, WAITING_LANE, run.version)
}

/// The name of the file with a job's results.
pub fn results_file(job: JobId) -> String {
    format!("results/{job}.csv")
}

/// The name of the file with a job's uploaded rows.
pub fn upload_file(job: JobId) -> String {
    format!("uploads/{job}.csv")
}
