//! Records of changes that take effect once: each commits with its change, or with the parts of it.

use async_trait::async_trait;
use license_domain::{BatchId, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Store,
    keys::{self, Item, PART_PREFIX, TTL},
    rows::{self, number, text},
    table::{Expression, Range, Write},
    transaction::Transaction,
};
use license_storage::{
    Change, Idempotency, IdempotencyKey, IdempotencyRecord, IdempotencyRecords, RecordContent, ResumeFrom, StoreError,
};

/// How long the record of a request is kept: a day.
const LIFETIME_SECONDS: i64 = 24 * 60 * 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Running,
    Done,
}

/// Where work over several transactions is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Run {
    Batch(BatchId),
    Parts,
}

impl From<ResumeFrom> for Run {
    fn from(from: ResumeFrom) -> Self {
        match from {
            ResumeFrom::Batch(batch) => Self::Batch(batch),
            ResumeFrom::Parts => Self::Parts,
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
    /// JSON as text: it is smaller, and nothing in the table reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<Run>,
}

/// What a transaction is of the change that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// All of it, or the end of it: the outcome is known.
    Whole,
    /// It opens a batch or a renewal, which will have the outcome.
    Opens(BatchId),
    /// The last one of a batch, which has the outcome.
    Closes(BatchId),
    /// One of several parts.
    Part,
    /// All parts are done, and have the outcome.
    AllParts,
}

/// The write of the change's record, on condition that no other attempt has written it: of two attempts at the same
/// time the second fails as a whole, with [`StoreError::AlreadyApplied`]. None where nothing has to take effect once.
pub(crate) fn record(change: &Change, step: Step) -> Result<Option<Write>, StoreError> {
    let Some(idempotency) = &change.idempotency else { return Ok(None) };
    let (state, run) = match step {
        Step::Whole => (State::Done, None),
        Step::Opens(batch) => (State::Running, Some(Run::Batch(batch))),
        Step::Closes(batch) => (State::Done, Some(Run::Batch(batch))),
        Step::Part => (State::Running, Some(Run::Parts)),
        Step::AllParts => (State::Done, Some(Run::Parts)),
    };
    let record = Record {
        fingerprint: idempotency.fingerprint.clone(),
        attempt: idempotency.attempt,
        state,
        at: change.at,
        outcome: (step == Step::Whole).then(|| idempotency.outcome().to_string()),
        run,
    };
    let item = record.item(&idempotency.key)?;
    Ok(Some(Write::Put { item, condition: Some(is_free_or_own(idempotency, change.at)) }))
}

/// There is no record, or it is this attempt's own, or it should have been deleted by now.
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
            // The record is the job's result.
            IdempotencyKey::Chunk { .. } => crate::jobs::LIFETIME_SECONDS,
        };
        item.insert(TTL.to_owned(), number(self.at.timestamp() + lifetime));
        Ok(item)
    }
}

/// The outcome of a part, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Part<T> {
    outcome: T,
}

/// Adds the outcome of a part, beside the part itself.
pub(crate) fn add_part<C, T: Serialize>(
    transaction: &mut Transaction<C>,
    change: &Change,
    n: usize,
    outcome: &T,
) -> Result<(), StoreError> {
    let Some(idempotency) = &change.idempotency else { return Ok(()) };
    let mut item = rows::to_item(&Part { outcome })?;
    item.extend(keys::idempotency_part(&idempotency.key, n).attributes());
    item.insert(TTL.to_owned(), number(change.at.timestamp() + LIFETIME_SECONDS));
    transaction.record(change, Step::Part)?;
    transaction.write([Write::put(item)]);
    Ok(())
}

/// The outcome that the record of a job's chunk holds; `None` while it has none.
pub(crate) fn outcome_in<T: DeserializeOwned>(item: Item) -> Result<Option<T>, StoreError> {
    let unreadable = |cause: &dyn ToString| StoreError::Corrupt { key: "RESULT".to_owned(), cause: cause.to_string() };
    let record: Record = rows::from_item(item)?;
    record.outcome.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| unreadable(&error))
}

impl Store {
    /// The outcomes of the parts that earlier attempts have done, in order; none where nothing is resumed.
    pub(crate) async fn parts<T: DeserializeOwned>(&self, change: &Change) -> Result<Vec<T>, StoreError> {
        match (change.resume(), &change.idempotency) {
            (Some(ResumeFrom::Parts), Some(idempotency)) => self.parts_of(&idempotency.key).await,
            _ => Ok(Vec::new()),
        }
    }

    async fn parts_of<T: DeserializeOwned>(&self, key: &IdempotencyKey) -> Result<Vec<T>, StoreError> {
        let range = Range {
            partition: keys::idempotency(key).pk,
            prefix: Some(PART_PREFIX.to_owned()),
            consistent: true,
            ..Range::default()
        };
        let part = |item| rows::from_item::<Part<T>>(item).map(|part| part.outcome);
        self.table.query(range).await?.into_iter().map(part).collect()
    }

    /// Writes the record of a change that had nothing else to write.
    pub(crate) async fn record_step(&self, change: &Change, step: Step) -> Result<(), StoreError> {
        let Some(write) = record(change, step)? else { return Ok(()) };
        if self.write_if("record an outcome", write).await? { Ok(()) } else { Err(StoreError::AlreadyApplied) }
    }

    /// What the record says: the outcome, also that of a run at its end, or where to resume.
    async fn content(&self, key: &IdempotencyKey, record: &Record) -> Result<RecordContent, StoreError> {
        let unreadable = |cause: String| StoreError::Corrupt { key: "an idempotency record".to_owned(), cause };
        if let Some(text) = &record.outcome {
            let outcome = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
            return Ok(RecordContent::Outcome(outcome));
        }
        Ok(match (record.run, record.state) {
            (Some(Run::Batch(batch)), State::Running) => RecordContent::Run(ResumeFrom::Batch(batch)),
            (Some(Run::Parts), State::Running) => RecordContent::Run(ResumeFrom::Parts),
            (Some(Run::Batch(batch)), State::Done) => {
                let assigned = self.outcome_of_batch(batch).await?;
                RecordContent::Outcome(serde_json::to_value(assigned).map_err(|error| unreadable(error.to_string()))?)
            }
            // Each part is a list, and the outcome is all of them.
            (Some(Run::Parts), State::Done) => {
                let parts: Vec<Vec<Value>> = self.parts_of(key).await?;
                RecordContent::Outcome(parts.into_iter().flatten().collect())
            }
            (None, _) => return Err(unreadable("neither outcome nor run".to_owned())),
        })
    }
}

#[async_trait]
impl IdempotencyRecords for Store {
    async fn find(&self, key: &IdempotencyKey) -> Result<Option<IdempotencyRecord>, StoreError> {
        let Some(item) = self.table.get(&keys::idempotency(key)).await? else { return Ok(None) };
        // An item stays readable for a while after it should have been deleted.
        let ends = item.get(TTL).and_then(|ttl| ttl.as_n().ok()?.parse::<i64>().ok());
        if ends.is_some_and(|ends| ends <= self.clock.now().timestamp()) {
            return Ok(None);
        }
        let record: Record = rows::from_item(item)?;
        let content = self.content(key, &record).await?;
        let Record { fingerprint, attempt, at, .. } = record;
        Ok(Some(IdempotencyRecord { fingerprint, attempt, at, content }))
    }

    /// One write: the record has this attempt in place of the seen one, on condition that it still has that one. A
    /// second attempt that takes over finds this one under way.
    async fn take_over(
        &self,
        idempotency: &Idempotency,
        seen: &IdempotencyRecord,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let RecordContent::Run(from) = seen.content else { return Ok(false) };
        let record = Record {
            fingerprint: seen.fingerprint.clone(),
            attempt: idempotency.attempt,
            state: State::Running,
            at,
            outcome: None,
            run: Some(from.into()),
        };
        let condition = Expression::new("#attempt = :seen").name("attempt").value("seen", text(seen.attempt));
        let write = Write::Put { item: record.item(&idempotency.key)?, condition: Some(condition) };
        self.write_if("take over a request", write).await
    }

    async fn record(&self, change: &Change) -> Result<(), StoreError> {
        self.record_step(change, Step::Whole).await
    }
}
