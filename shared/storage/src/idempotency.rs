//! Changes that take effect once, however often the request for them is sent: what a change carries, and the record
//! that commits with it.

use std::ops::Deref;

use async_trait::async_trait;
use license_domain::{JobId, Stamp, Timestamp};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use crate::{JobRows, RowOutcomes, StoreError};

/// The name of what takes effect once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdempotencyKey {
    /// A request: the digest of its requester's name and the key that they gave it.
    Request(String),
    /// A chunk of a job.
    Chunk {
        /// The job.
        job: JobId,
        /// The number of the chunk.
        chunk: u64,
        /// How many times rows of it were tried before.
        round: u64,
    },
}

/// What a change needs to take effect once. Its record commits in the transaction of the change, on condition that no
/// other attempt has written it.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// The name of what takes effect once.
    pub key: IdempotencyKey,
    /// The digest of the request: the same key with another request is a mistake of the client.
    pub fingerprint: String,
    /// This attempt. Of two attempts at the same time one commits.
    pub attempt: Uuid,
    /// What an earlier attempt began and did not end.
    pub resume: Option<ResumeFrom>,
    outcome: Value,
    rows: Option<JobRows>,
}

impl Idempotency {
    /// Of a new attempt; its outcome is nothing (`()`) until [`Change::recording`] says otherwise.
    pub const fn new(key: IdempotencyKey, fingerprint: String, attempt: Uuid) -> Self {
        Self { key, fingerprint, attempt, resume: None, outcome: Value::Null, rows: None }
    }

    /// What the record of the change will hold.
    pub const fn outcome(&self) -> &Value {
        &self.outcome
    }
}

/// Where an attempt resumes the work of one that ended too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeFrom {
    /// A run that is under way, or ended without a record of its outcome.
    Run(JobId),
    /// Some of several transactions; repeating all of them is harmless.
    Effect,
}

/// Who changes something, why and when; and what makes it take effect once, if the request asked for that.
#[derive(Clone, Debug)]
pub struct Change {
    /// Who, why, in which request, when.
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
    /// The same change, whose record holds this outcome.
    #[must_use]
    pub fn recording<T: Serialize>(mut self, outcome: &T) -> Self {
        if let Some(idempotency) = &mut self.idempotency {
            idempotency.outcome = json(outcome);
        }
        self
    }

    /// The same change of a job's chunk, whose record holds what became of these rows.
    #[must_use]
    pub fn for_rows(mut self, rows: &JobRows) -> Self {
        if let Some(idempotency) = &mut self.idempotency {
            idempotency.rows = Some(rows.clone());
        }
        self
    }

    /// The same change of several learners, whose record holds this outcome, or the outcome of each row of the chunk.
    #[must_use]
    pub fn recording_learners<T: RowOutcomes>(self, outcome: &T) -> Self {
        match self.idempotency.as_ref().and_then(|idempotency| idempotency.rows.clone()) {
            Some(rows) => self.recording(&outcome.of_rows(&rows)),
            None => self.recording(outcome),
        }
    }

    /// What an earlier attempt began and did not end.
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
    /// How far it came.
    pub content: RecordContent,
}

/// How far an earlier attempt came.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordContent {
    /// To the end: its outcome.
    Outcome(Value),
    /// Not to the end yet: where it is to be found.
    Run(ResumeFrom),
    /// To the end of this run, whose chunks have the outcome: it was too large for the record.
    EndedRun(JobId),
}

impl IdempotencyRecord {
    /// The outcome as this type; `None` if the work is not at its end.
    pub fn outcome<T: DeserializeOwned>(&self) -> Option<Result<T, serde_json::Error>> {
        match &self.content {
            RecordContent::Outcome(outcome) => Some(T::deserialize(outcome)),
            RecordContent::Run(_) | RecordContent::EndedRun(_) => None,
        }
    }
}

/// The records of changes that take effect once.
#[async_trait]
pub trait IdempotencyRecords: Send + Sync {
    /// The record of that key. Of a run that has ended it holds the outcome, unless that is too
    /// large.
    async fn find(&self, key: &IdempotencyKey) -> Result<Option<IdempotencyRecord>, StoreError>;

    /// Takes over what the seen attempt did not end: the attempt of `idempotency` resumes it, and the seen one can
    /// commit nothing any more. `false` if the record is not the seen one any more.
    async fn take_over(
        &self,
        idempotency: &Idempotency,
        seen: &IdempotencyRecord,
        at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Writes the record by itself, for a change that had nothing else to write.
    /// [`StoreError::AlreadyApplied`] if another attempt has written it.
    async fn record(&self, change: &Change) -> Result<(), StoreError>;

    /// Writes that a request's run has ended: with its outcome, unless that is too large for the record.
    /// [`StoreError::AlreadyApplied`] if another attempt has the record.
    async fn record_run_end(&self, change: &Change, run: JobId) -> Result<(), StoreError>;
}
