//! Records of changes that take effect once: each commits with its change, or when its run is opened.

use async_trait::async_trait;
use license_domain::{JobId, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    Store,
    keys::{self, Item, TTL},
    retired::Retired,
    rows::{self, number, text},
    table::{Expression, Write},
};
use license_storage::{
    Change, Idempotency, IdempotencyKey, IdempotencyRecord, IdempotencyRecords, RecordContent, ResumeFrom, StoreError,
};

/// The most bytes of a run's outcome that is also written to the record. An item holds 400 KB.
const MAX_OUTCOME_BYTES: usize = 300_000;

/// How long the record of a request is kept: a day.
const LIFETIME_SECONDS: i64 = 24 * 60 * 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Running,
    Done,
}

/// Where the work of several transactions is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Run {
    Job(JobId),
    Effect,
}

impl From<ResumeFrom> for Run {
    fn from(from: ResumeFrom) -> Self {
        match from {
            ResumeFrom::Run(run) => Self::Job(run),
            ResumeFrom::Effect => Self::Effect,
        }
    }
}

/// A record as it is stored: it has an outcome, or a run that has one.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    fingerprint: String,
    attempt: Uuid,
    state: State,
    at: Timestamp,
    /// JSON as text, which is smaller. No expression uses its parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<Run>,
}

/// The part of a change that a transaction makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// All of it, or its end: the outcome is known.
    Whole,
    /// It opens a run, which will have the outcome.
    Opens(JobId),
    /// The run has ended: the outcome is known, unless it is too large for the record.
    Ends(JobId),
    /// One of several transactions that may be repeated.
    Part,
}

/// The write of the change's record, on condition that no other attempt has written it: of two attempts at the same
/// time the second fails as a whole, with [`StoreError::AlreadyApplied`]. `None` if the change has no key.
pub(crate) fn record(change: &Change, step: Step) -> Result<Option<Write>, StoreError> {
    let Some(idempotency) = &change.idempotency else { return Ok(None) };
    let (state, run) = match step {
        Step::Whole => (State::Done, None),
        Step::Opens(run) => (State::Running, Some(Run::Job(run))),
        Step::Ends(run) => (State::Done, Some(Run::Job(run))),
        Step::Part => (State::Running, Some(Run::Effect)),
    };
    let record = Record {
        fingerprint: idempotency.fingerprint.clone(),
        attempt: idempotency.attempt,
        state,
        at: change.at,
        outcome: match step {
            Step::Whole => Some(idempotency.outcome().to_string()),
            Step::Ends(_) => Some(idempotency.outcome().to_string()).filter(|text| text.len() <= MAX_OUTCOME_BYTES),
            Step::Opens(_) | Step::Part => None,
        },
        run,
    };
    let item = record.item(&idempotency.key)?;
    Ok(Some(Write::Put { item, condition: Some(is_free_or_own(idempotency, change.at)) }))
}

/// The condition: there is no record, or it is this attempt's own, or it has expired.
fn is_free_or_own(idempotency: &Idempotency, now: Timestamp) -> Expression {
    Expression::new("attribute_not_exists(pk) OR #attempt = :own OR #ttl <= :now")
        .name("attempt")
        .name(TTL)
        .value("own", text(idempotency.attempt))
        .value("now", number(now.timestamp()))
}

impl Record {
    fn item(&self, key: &IdempotencyKey) -> Result<Item, StoreError> {
        let mut item = rows::to_item(self)?;
        item.extend(keys::idempotency(key).attributes());
        let lifetime = match key {
            IdempotencyKey::Request(_) => LIFETIME_SECONDS,
            // The record is the job's result, so it is kept as long as the job.
            IdempotencyKey::Chunk { .. } => crate::jobs::LIFETIME_SECONDS,
        };
        item.insert(TTL.to_owned(), number(self.at.timestamp() + lifetime));
        Ok(item)
    }
}

/// The outcome in the record of a job's chunk; `None` if it has none yet.
pub(crate) fn outcome_in<T: DeserializeOwned>(item: Item, retired: &Retired) -> Result<Option<T>, StoreError> {
    let unreadable = |cause: &dyn ToString| StoreError::Corrupt { key: "RESULT".to_owned(), cause: cause.to_string() };
    let record: Record = retired.read(item, None)?;
    record.outcome.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| unreadable(&error))
}

impl Store {
    /// Writes the record alone, for a change that has nothing else to write.
    pub(crate) async fn record_step(&self, change: &Change, step: Step) -> Result<(), StoreError> {
        let Some(write) = record(change, step)? else { return Ok(()) };
        if self.write_if("record an outcome", write).await? { Ok(()) } else { Err(StoreError::AlreadyApplied) }
    }
}

/// How far the attempt of this record came.
fn content(record: &Record) -> Result<RecordContent, StoreError> {
    let unreadable = |cause: String| StoreError::Corrupt { key: "an idempotency record".to_owned(), cause };
    if let Some(text) = &record.outcome {
        let outcome = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
        return Ok(RecordContent::Outcome(outcome));
    }
    match (record.run, record.state) {
        (Some(Run::Job(run)), State::Running) => Ok(RecordContent::Run(ResumeFrom::Run(run))),
        (Some(Run::Effect), _) => Ok(RecordContent::Run(ResumeFrom::Effect)),
        (Some(Run::Job(run)), State::Done) => Ok(RecordContent::EndedRun(run)),
        (None, _) => Err(unreadable("neither outcome nor run".to_owned())),
    }
}

#[async_trait]
impl IdempotencyRecords for Store {
    async fn find(&self, key: &IdempotencyKey) -> Result<Option<IdempotencyRecord>, StoreError> {
        let Some(item) = self.table.get(&keys::idempotency(key)).await? else { return Ok(None) };
        // DynamoDB deletes an expired item some time after its expiration.
        let ends = item.get(TTL).and_then(|ttl| ttl.as_n().ok()?.parse::<i64>().ok());
        if ends.is_some_and(|ends| ends <= self.clock.now().timestamp()) {
            return Ok(None);
        }
        let record: Record = self.read(item).await?;
        let content = content(&record)?;
        let Record { fingerprint, attempt, at, .. } = record;
        Ok(Some(IdempotencyRecord { fingerprint, attempt, at, content }))
    }

    /// One write replaces the seen attempt in the record by this one, on condition that it is still the seen one.
    /// Another attempt that takes over at the same time fails.
    async fn take_over(
        &self,
        idempotency: &Idempotency,
        seen: &IdempotencyRecord,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let (state, run) = match seen.content {
            RecordContent::Outcome(_) => return Ok(false),
            RecordContent::Run(from) => (State::Running, from.into()),
            RecordContent::EndedRun(run) => (State::Done, Run::Job(run)),
        };
        let record = Record {
            fingerprint: seen.fingerprint.clone(),
            attempt: idempotency.attempt,
            state,
            at,
            outcome: None,
            run: Some(run),
        };
        let condition = Expression::new("#attempt = :seen").name("attempt").value("seen", text(seen.attempt));
        let write = Write::Put { item: record.item(&idempotency.key)?, condition: Some(condition) };
        self.write_if("take over a request", write).await
    }

    async fn record(&self, change: &Change) -> Result<(), StoreError> {
        self.record_step(change, Step::Whole).await
    }

    async fn record_run_end(&self, change: &Change, run: JobId) -> Result<(), StoreError> {
        self.record_step(change, Step::Ends(run)).await
    }
}
