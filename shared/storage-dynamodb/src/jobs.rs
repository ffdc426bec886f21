//! Jobs: the job, its rows in chunks, its lanes, and the results of each chunk (the idempotency record of its change:
//! [`crate::idempotency`]).

use async_trait::async_trait;
use license_domain::{
    AgreementId, Consequence, Due, Event, EventKind, Job, JobId, JobState, Lane, Portfolio, Row, RowResult, Timestamp,
    job::KEPT,
};
use serde::{Deserialize, Serialize};

use crate::{
    Store,
    attempts::Attempt,
    audit_trails::version_is,
    idempotency::{self, Step},
    keys::{self, Item, JobKeys, Key, TTL},
    reserve::ReservedSeats,
    rows::{self, number},
    sweep::readable,
    table::{Expression, Range, Write},
    transaction::Commit,
};
use license_storage::{Change, Jobs, StoreError};

/// How long a job is kept, and its rows and results, which name learners.
pub const LIFETIME_SECONDS: i64 = KEPT.num_seconds();

/// A stored chunk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Chunk {
    pub rows: Vec<Row>,
    /// The seats that were reserved for its rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seats: Option<ReservedSeats>,
}

#[async_trait]
impl Jobs for Store {
    /// 1. Write the chunks. They are not used without the job, and expire.
    /// 2. One transaction: the job (absent), the event that requests its execution. The transaction conflicted: again
    ///    after a random wait.
    async fn create_job(
        &self,
        portfolio: &Portfolio,
        job: &Job,
        chunks: &[Vec<Row>],
        change: &Change,
    ) -> Result<(), StoreError> {
        self.put_chunks(job, 0, chunks).await?;
        let consequences = match job.state {
            JobState::Pending => vec![Consequence::RunJob { job: job.uuid, after_seconds: job.head_start_seconds }],
            _ => Vec::new(),
        };
        let is_new = self.write_job(portfolio, (None, job), (EventKind::JobRequested, consequences), change).await?;
        // The id is random: another attempt has another one.
        if is_new { Ok(()) } else { Err(StoreError::Contention { operation: "create job", attempts: 1 }) }
    }

    async fn job(&self, job: JobId) -> Result<Option<Job>, StoreError> {
        match self.table.get(&JobKeys(job).job()).await? {
            Some(item) => self.read(item).await.map(Some),
            None => Ok(None),
        }
    }

    async fn jobs_of(&self, agreement: AgreementId, after: Option<&Job>, limit: usize) -> Result<Vec<Job>, StoreError> {
        let last = after.map(|job| keys::before(&JobKeys(job.uuid).listed(job.created)));
        let range = Range {
            index: Some(keys::GSI2),
            partition: keys::jobs_of(agreement),
            between: last.as_deref().map(|last| ("0", last)),
            descending: true,
            limit: Some(limit),
            ..Range::default()
        };
        let keys: Vec<Key> = self.table.query(range).await?.iter().filter_map(Key::of).collect();
        let mut found = self.table.batch_get(&keys).await?;
        self.read_all(keys.iter().filter_map(|key| found.remove(key)).collect()).await
    }

    async fn put_chunks(&self, job: &Job, from: u64, chunks: &[Vec<Row>]) -> Result<(), StoreError> {
        let now = self.clock.now();
        let item = |(n, rows): (u64, &Vec<Row>)| chunk_item(job, n, &Chunk { rows: rows.clone(), seats: None }, now);
        self.table.write_all((from..).zip(chunks).map(item).collect::<Result<_, StoreError>>()?).await
    }

    async fn chunk(&self, job: &Job, chunk: u64) -> Result<Vec<Row>, StoreError> {
        Ok(self.job_chunk(job, chunk).await?.rows)
    }

    /// One transaction: the job (its version as seen), the event. Its condition failed: it was changed meanwhile. The
    /// transaction conflicted: again after a random wait.
    async fn change_job(
        &self,
        portfolio: &Portfolio,
        (seen, after): (&Job, &Job),
        event: (EventKind, Vec<Consequence>),
        change: &Change,
    ) -> Result<bool, StoreError> {
        self.write_job(portfolio, (Some(seen), after), event, change).await
    }

    async fn lanes(&self, job: JobId) -> Result<Vec<Lane>, StoreError> {
        let range = Range {
            partition: JobKeys(job).partition(),
            prefix: Some(keys::LANE_PREFIX.to_owned()),
            consistent: true,
            ..Range::default()
        };
        self.table.query(range).await?.into_iter().map(rows::from_item).collect()
    }

    /// One put, on condition that the lane is as it was seen. The transaction conflicted: again after a random wait,
    /// because a lane that is not updated makes no progress.
    async fn advance(&self, job: JobId, seen: Option<&Lane>, after: &Lane) -> Result<bool, StoreError> {
        let version = seen.map_or(0, |seen| seen.version) + 1;
        let mut item = rows::to_item(&Lane { version, ..*after })?;
        item.extend(JobKeys(job).lane(after.lane).attributes());
        item.insert(TTL.to_owned(), number(self.clock.now().timestamp() + LIFETIME_SECONDS));
        let condition = seen.map_or_else(Expression::absent, |seen| version_is(seen.version));
        self.write_if("advance a lane", Write::Put { item, condition: Some(condition) }).await
    }

    async fn results(&self, job: JobId, from: u64, to: u64) -> Result<Vec<(u64, u64, Vec<RowResult>)>, StoreError> {
        let (first, last) = (keys::result(from), keys::result(to));
        let range = Range {
            partition: JobKeys(job).partition(),
            between: Some((&first, &last)),
            consistent: true,
            ..Range::default()
        };
        let mut results = Vec::new();
        let items = self.table.query(range).await?;
        let retired = self.retired().await?;
        for item in items {
            let Some((chunk, round)) = Key::of(&item).and_then(|key| keys::chunk_of_result(&key.sk)) else { continue };
            if let Some(outcome) = idempotency::outcome_in(item, &retired)? {
                results.push((chunk, round, outcome));
            }
        }
        Ok(results)
    }

    async fn open_runs(&self, limit: usize) -> Result<Vec<Due>, StoreError> {
        let range = Range {
            index: Some(keys::GSI3),
            partition: keys::DUE_RUNS.to_owned(),
            limit: Some(limit),
            ..Range::default()
        };
        Ok(readable(&self.table.query(range).await?, keys::due_in))
    }

    async fn failed_jobs(&self, since: Timestamp, limit: usize) -> Result<Vec<JobId>, StoreError> {
        let (since, now) = (keys::time(since), keys::due_by(self.clock.now()));
        let range = Range {
            index: Some(keys::GSI3),
            partition: keys::FAILED_RUNS.to_owned(),
            between: Some((&since, &now)),
            descending: true,
            limit: Some(limit),
            ..Range::default()
        };
        Ok(readable(&self.table.query(range).await?, keys::failed_in))
    }
}

impl Store {
    pub(crate) async fn job_chunk(&self, job: &Job, chunk: u64) -> Result<Chunk, StoreError> {
        let item = self.table.get(&JobKeys(job.uuid).chunk(job.generation, chunk)).await?;
        let missing = || StoreError::Corrupt { key: format!("job {}", job.uuid), cause: "no chunk".to_owned() };
        // The rows count as old as the job, whenever they were written.
        self.retired().await?.read(item.ok_or_else(missing)?, Some(job.created))
    }

    /// Replaces `seen` by `after`, on condition that the item is still `seen`. A job has an event; an internal run has
    /// none, and its idempotency record names it from its beginning on.
    async fn write_job(
        &self,
        portfolio: &Portfolio,
        (seen, after): (Option<&Job>, &Job),
        (kind, consequences): (EventKind, Vec<Consequence>),
        change: &Change,
    ) -> Result<bool, StoreError> {
        let event = Event {
            plan: after.subscription_plan,
            count: after.rows,
            consequences,
            ..self.new_event(kind, &portfolio.agreement, change)
        };
        let condition = seen.map_or_else(Expression::absent, |seen| version_is(seen.version));
        let put = Write::Put { item: item(after, seen)?, condition: Some(condition) };
        if !after.is_internal {
            return self.write_with_event("job", put, &event, change).await;
        }
        let put = &put;
        self.transact("run", (), |mut transaction, ()| async move {
            transaction.when((), [put.clone()]);
            if seen.is_none() {
                transaction.record(change, Step::Opens(after.uuid))?;
            }
            Ok(match self.commit(transaction).await? {
                Commit::Done => Attempt::Done(true),
                Commit::Failed(_) => Attempt::Done(false),
                Commit::Conflict => Attempt::Retry(()),
            })
        })
        .await
    }
}

/// The item of a chunk; it expires unless its run takes longer.
pub(crate) fn chunk_item(job: &Job, n: u64, chunk: &Chunk, now: Timestamp) -> Result<Item, StoreError> {
    let mut item = rows::to_item(chunk)?;
    item.extend(JobKeys(job.uuid).chunk(job.generation, n).attributes());
    item.insert(TTL.to_owned(), number(now.timestamp() + LIFETIME_SECONDS));
    Ok(item)
}

/// The item that replaces the one that was seen.
pub(crate) fn item(job: &Job, seen: Option<&Job>) -> Result<Item, StoreError> {
    let version = seen.map_or(0, |seen| seen.version) + 1;
    let mut item = rows::to_item(&Job { version, ..job.clone() })?;
    let keys = JobKeys(job.uuid);
    item.extend(keys.job().attributes());
    if !job.is_internal {
        keys.listing(job.customer_agreement, job.created).put(&mut item);
    }
    if let Some(due) = job.due() {
        // An open run does not expire.
        keys::due(job.customer_agreement, due, 0).put(&mut item);
    } else {
        if job.state == JobState::Failed {
            keys::failed(job.uuid, job.modified).put(&mut item);
        }
        let until = job.kept_until.unwrap_or(job.modified + KEPT);
        item.insert(TTL.to_owned(), number(until.timestamp()));
    }
    Ok(item)
}
