//! Changes that take effect once, however often their request is sent: what a change carries, and the record that
//! commits with it.

use std::ops::Deref;

use async_trait::async_trait;
use license_domain::{JobId, Stamp, Timestamp};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use crate::{JobRows, RowOutcomes, StoreError};

/// The key of a change that takes effect once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdempotencyKey {
    /// The digest of the requester's name and of the key in the request.
    Request(String),
    /// A chunk of a job.
    Chunk {
        job: JobId,
        /// The number of the chunk.
        chunk: u64,
        /// How many times rows of it were worked on before.
        round: u64,
    },
}

/// What makes a change take effect once. Its record commits in the transaction of the change, on condition that no
/// other attempt has written it.
#[derive(Clone, Debug)]
pub struct Idempotency {
    pub key: IdempotencyKey,
    /// The digest of the request: using the same key for another request is the client's mistake.
    pub fingerprint: String,
    /// The id of this attempt. Of two attempts at the same time one commits.
    pub attempt: Uuid,
    /// What an earlier attempt began and did not finish.
    pub resume: Option<ResumeFrom>,
    outcome: Value,
    rows: Option<JobRows>,
}

impl Idempotency {
    /// For a new attempt. Its outcome is nothing (`()`) until [`Change::recording`] sets one.
    pub const fn new(key: IdempotencyKey, fingerprint: String, attempt: Uuid) -> Self {
        Self { key, fingerprint, attempt, resume: None, outcome: Value::Null, rows: None }
    }

    /// The outcome that the change's record will hold.
    pub const fn outcome(&self) -> &Value {
        &self.outcome
    }
}

/// Where an attempt resumes the work of an earlier one that did not finish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeFrom {
    /// A run that is open, or has ended without a record of its outcome.
    Run(JobId),
    /// Several transactions, all of which can be repeated without harm.
    Effect,
}

/// What every change carries: actor, reason and time, and what makes it take effect once, if the request has a key.
#[derive(Clone, Debug)]
pub struct Change {
    /// Actor, reason, request id and time.
    pub stamp: Stamp,
    /// What makes it take effect once.
    pub idempotency: Option<Box<Idempotency>>,
}

impl From<Stamp> for Change {
    fn from(stamp: Stamp) -> Self {
        Self { stamp, idempotency: None }
    }
}

impl Deref for Change {
    type Target = Stamp;

    fn deref(&self) -> &Stamp {
        &self.stamp
    }
}

impl Change {
    /// A copy whose record holds this outcome.
    #[must_use]
    pub fn recording<T: Serialize>(mut self, outcome: &T) -> Self {
        if let Some(idempotency) = &mut self.idempotency {
            idempotency.outcome = json(outcome);
        }
        self
    }

    /// A copy for a job's chunk, whose record holds the outcomes of these rows.
    #[must_use]
    pub fn for_rows(mut self, rows: &JobRows) -> Self {
        if let Some(idempotency) = &mut self.idempotency {
            idempotency.rows = Some(rows.clone());
        }
        self
    }

    /// A copy of a change of several learners. Its record holds this outcome, or the outcome of each row of the chunk.
    #[must_use]
    pub fn recording_learners<T: RowOutcomes>(self, outcome: &T) -> Self {
        match self.idempotency.as_ref().and_then(|idempotency| idempotency.rows.clone()) {
            Some(rows) => self.recording(&outcome.of_rows(&rows)),
            None => self.recording(outcome),
        }
    }

    /// What an earlier attempt began and did not finish.
    pub fn resume(&self) -> Option<ResumeFrom> {
        self.idempotency.as_ref()?.resume
    }
}

fn json<T: Serialize>(outcome: &T) -> Value {
    serde_json::to_value(outcome).expect("an outcome is made of texts, numbers and lists of them")
}

/// The record of an earlier attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct IdempotencyRecord {
    /// The digest of the request.
    pub fingerprint: String,
    /// The attempt that wrote it.
    pub attempt: Uuid,
    /// When that attempt wrote it.
    pub at: Timestamp,
    /// How far the attempt came.
    pub content: RecordContent,
}

/// How far an earlier attempt came.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordContent {
    /// It finished with this outcome.
    Outcome(Value),
    /// It has not finished; its work is here.
    Run(ResumeFrom),
    /// Its run has ended. The outcome is too large for the record and is in the run's chunks.
    EndedRun(JobId),
}

impl IdempotencyRecord {
    /// The outcome as this type; `None` if the attempt has not finished.
    pub fn outcome<T: DeserializeOwned>(&self) -> Option<Result<T, serde_json::Error>> {
        match &self.content {
            RecordContent::Outcome(outcome) => Some(T::deserialize(outcome)),
            RecordContent::Run(_) | RecordContent::EndedRun(_) => None,
        }
    }
}

/// Stores the records of changes that take effect once.
#[async_trait]
pub trait IdempotencyRecords: Send + Sync {
    /// The record of that key. After a run has ended, it holds the outcome, unless that is too large.
    async fn find(&self, key: &IdempotencyKey) -> Result<Option<IdempotencyRecord>, StoreError>;

    /// Takes over the work of the seen attempt: the attempt of `idempotency` resumes it, and the seen one can no longer
    /// commit. `false` if the record has changed since it was seen.
    async fn take_over(
        &self,
        idempotency: &Idempotency,
        seen: &IdempotencyRecord,
        at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Writes the record alone, for a change that has nothing else to write. [`StoreError::AlreadyApplied`] if another
    /// attempt has written it.
    async fn record(&self, change: &Change) -> Result<(), StoreError>;

    /// Records that a request's run has ended, with its outcome unless that is too large.
    /// [`StoreError::AlreadyApplied`] if another attempt has the record.
    async fn record_run_end(&self, change: &Change, run: JobId) -> Result<(), StoreError>;
}
