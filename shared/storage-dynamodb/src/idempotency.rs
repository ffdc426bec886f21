//! Requests that carry a key, and have their effect once.

use async_trait::async_trait;
use license_domain::{BatchId, Begun, Once, Stamp, StoredAnswer, Timestamp, idempotency::Flag};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    Store,
    keys::{self, Item, PART_PREFIX, TTL},
    rows::{self, number, text},
    table::{Expression, Range, Write},
    transaction::Transaction,
};
use license_storage::{Earlier, Onces, StoreError};

/// How long a record is kept: a day.
const LIFETIME_SECONDS: i64 = 24 * 60 * 60;

/// How far a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// It has had an effect; its answer is not on record yet.
    Running,
    /// It was answered.
    Done,
}

/// The record of a request.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    fingerprint: String,
    attempt: Uuid,
    state: State,
    at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<StoredAnswer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    batch: Option<BatchId>,
    #[serde(default)]
    parts: bool,
}

/// What a transaction is of the request that it belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Step {
    /// All of it.
    #[default]
    Whole,
    /// It opens a batch, which has the answer.
    Opens(BatchId),
    /// The last one of a batch.
    Closes(BatchId),
    /// One of several parts.
    Part,
}

/// The record of the stamp's request, on condition that nobody else has written it: of two attempts at the same
/// time the second fails as a whole, with [`StoreError::Repeated`]. With it the mark that says so once it is written.
pub(crate) fn record(stamp: &Stamp, step: Step) -> Result<Option<(Write, Option<Flag>)>, StoreError> {
    let Some(once) = &stamp.once else { return Ok(None) };
    let answer = if step == Step::Whole { once.answer.clone() } else { None };
    let is_answered = answer.is_some() || matches!(step, Step::Closes(_));
    let record = Record {
        fingerprint: once.fingerprint.clone(),
        attempt: once.attempt,
        state: if is_answered { State::Done } else { State::Running },
        at: stamp.at,
        answer,
        batch: match step {
            Step::Opens(batch) | Step::Closes(batch) => Some(batch),
            Step::Whole | Step::Part => None,
        },
        parts: step == Step::Part,
    };
    let write = Write::Put { item: record.item(&once.key)?, condition: Some(mine(once, stamp.at)) };
    Ok(Some((write, is_answered.then(|| once.is_answered.clone()))))
}

/// Nobody has written the record, or this attempt has, or it should have been deleted by now.
fn mine(once: &Once, now: Timestamp) -> Expression {
    Expression::new("attribute_not_exists(pk) OR #attempt = :mine OR #ttl <= :now")
        .name("attempt")
        .name(TTL)
        .value("mine", text(once.attempt))
        .value("now", number(now.timestamp()))
}

impl Record {
    fn item(&self, key: &str) -> Result<Item, StoreError> {
        let mut item = rows::to_item(self)?;
        item.extend(keys::once(key).attributes());
        let lifetime = if key.contains('/') { crate::jobs::LIFETIME_SECONDS } else { LIFETIME_SECONDS };
        item.insert(TTL.to_owned(), number(self.at.timestamp() + lifetime));
        Ok(item)
    }

    fn earlier(self) -> Earlier {
        Earlier {
            fingerprint: self.fingerprint,
            attempt: self.attempt,
            at: self.at,
            is_done: self.state == State::Done,
            answer: self.answer,
            batch: self.batch,
            parts: self.parts,
        }
    }
}

/// A part of what a request did, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Part<T> {
    outcome: T,
}

/// Puts a part's outcome on record beside the part itself.
pub(crate) fn add_part<C, T: Serialize>(
    transaction: &mut Transaction<C>,
    stamp: &Stamp,
    n: usize,
    outcome: &T,
) -> Result<(), StoreError> {
    let Some(once) = &stamp.once else { return Ok(()) };
    let mut item = rows::to_item(&Part { outcome })?;
    item.extend(keys::once_part(&once.key, n).attributes());
    item.insert(TTL.to_owned(), number(stamp.at.timestamp() + LIFETIME_SECONDS));
    transaction.request(stamp, Step::Part)?;
    transaction.write([Write::put(item)]);
    Ok(())
}

impl Store {
    /// The outcomes of the parts that earlier attempts at the request have done, in order.
    pub(crate) async fn parts<T: DeserializeOwned>(&self, stamp: &Stamp) -> Result<Vec<T>, StoreError> {
        let (Some(Begun::Parts | Begun::AllParts), Some(once)) = (stamp.begun(), &stamp.once) else {
            return Ok(Vec::new());
        };
        let range = Range {
            partition: keys::once(&once.key).pk,
            prefix: Some(PART_PREFIX.to_owned()),
            consistent: true,
            ..Range::default()
        };
        let part = |item| rows::from_item::<Part<T>>(item).map(|part| part.outcome);
        self.table.query(range).await?.into_iter().map(part).collect()
    }
}

#[async_trait]
impl Onces for Store {
    async fn earlier(&self, key: &str) -> Result<Option<Earlier>, StoreError> {
        let Some(item) = self.table.get(&keys::once(key)).await? else { return Ok(None) };
        // What should be deleted by now may be there for a while.
        let ends = item.get(TTL).and_then(|ttl| ttl.as_n().ok()?.parse::<i64>().ok());
        if ends.is_some_and(|ends| ends <= self.clock.now().timestamp()) {
            return Ok(None);
        }
        Ok(Some(rows::from_item::<Record>(item)?.earlier()))
    }

    /// One write: the record has this attempt in place of the one that was seen, on condition that it still has that
    /// one. Whoever comes second finds another attempt under way.
    async fn take_over(&self, once: &Once, seen: &Earlier, at: Timestamp) -> Result<bool, StoreError> {
        let record = Record {
            fingerprint: seen.fingerprint.clone(),
            attempt: once.attempt,
            state: if seen.is_done { State::Done } else { State::Running },
            at,
            answer: None,
            batch: seen.batch,
            parts: seen.parts,
        };
        let condition = Expression::new("#attempt = :seen").name("attempt").value("seen", text(seen.attempt));
        self.write_if("take over a request", Write::Put { item: record.item(&once.key)?, condition: Some(condition) })
            .await
    }

    /// One write: the answer, or where it is made from, on condition that no other attempt has the record.
    async fn answered(&self, once: &Once, answer: Option<&StoredAnswer>, at: Timestamp) -> Result<bool, StoreError> {
        let record = Record {
            fingerprint: once.fingerprint.clone(),
            attempt: once.attempt,
            state: State::Done,
            at,
            answer: answer.cloned(),
            batch: match once.begun {
                Some(Begun::Batch(batch)) => Some(batch),
                _ => None,
            },
            parts: matches!(once.begun, Some(Begun::Parts | Begun::AllParts)),
        };
        self.write_if("record a request", Write::Put { item: record.item(&once.key)?, condition: Some(mine(once, at)) })
            .await
    }
}
