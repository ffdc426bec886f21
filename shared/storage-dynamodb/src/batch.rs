//! Assigning to more learners than one transaction holds: all of them get a seat or nobody does, and a crash
//! at any point loses nothing.

mod chunk;
pub(crate) mod record;

use std::collections::HashMap;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{BatchId, EmailAddress, EmailKey, LicenseId, Timestamp};

use self::record::{Batch, Chunk, State, Wish};
use crate::{
    Store,
    allocate::BucketAllocation,
    assign::{Failed, Wishes, is_fresh, to_u64},
    attempts::Attempt,
    idempotency::Step,
    keys::{self, BatchKeys, CHUNK_PREFIX, TTL},
    renew, rows,
    table::{Expression, PARALLEL, Range, Write},
    transaction::{Commit, Transaction},
};
use license_storage::{AssignError, Assigned, Assignment, Batches, Change, IdempotencyKey, Portfolios, StoreError};

/// The most learners of a chunk that draws untouched seats: slot and perhaps an archived license for each.
const UNTOUCHED_AT_ONCE: usize = 45;

/// The most learners of a chunk that draws returned seats: their rows are one item more for each.
const RETURNED_AT_ONCE: usize = 30;

/// A batch's item is not there any more.
#[derive(Clone, Copy, Debug)]
struct Gone;

impl Store {
    /// Assigns in several transactions.
    ///
    /// 1. Read all slots and all buckets, strongly. Learners who hold a live license drop out. Too few seats for
    ///    the rest: refused; only this may refuse.
    /// 2. Write the chunks, each with its learners and its part of one bucket's seats. Alone they mean nothing,
    ///    and expire.
    /// 3. Open: one transaction draws all seats (each bucket as in assigning at once) and writes the batch, due
    ///    in a minute. From here on it is a fact that there are enough seats. A condition failed, or the
    ///    transaction met another one: from 1, after a random wait, with another batch.
    /// 4. Run the chunks, several at a time: [`Store::run_chunk`].
    /// 5. Close: the batch is done and no longer due. The answer is what the chunks handed out.
    /// 6. After a crash the batch is found overdue, and 4 and 5 are done for what is left: always forward.
    /// 7. For a request with a key, the record says in 3 that this batch is under way, and in 5 that it is done; another
    ///    attempt resumes the batch, whose chunks have the outcome: [`Store::finish`].
    pub(crate) async fn assign_in_batch(&self, wishes: &Wishes<'_>) -> Result<Assigned, AssignError> {
        let attempt = |transaction, ()| self.open(wishes, transaction);
        let Some((batch, chunks)) = self.transact("open a batch", (), attempt).await? else {
            let already_associated = to_u64(wishes.request.assignments.len());
            let assigned = Assigned { assigned: Vec::new(), already_associated };
            let change = wishes.request.change.clone().recording_learners(&assigned);
            self.record_step(&change, Step::Whole).await?;
            return Ok(assigned);
        };
        let assigned = self.run(wishes, batch.id, chunks).await?;
        Ok(in_order(&wishes.request.assignments, assigned))
    }

    /// Opens a batch; `None` if every learner holds a live license by now.
    async fn open(
        &self,
        wishes: &Wishes<'_>,
        mut transaction: Transaction<Failed>,
    ) -> Result<Attempt<Option<(Box<Batch>, Vec<Chunk>)>>, AssignError> {
        let Wishes { portfolio, plan, request } = *wishes;
        let emails: Vec<EmailKey> = request.assignments.iter().map(|wish| wish.email.key()).collect();
        let slots = self.slots(plan.uuid, &emails).await?;
        let fresh: Vec<&Assignment> = request.assignments.iter().filter(|wish| is_fresh(wish, &slots)).collect();
        if fresh.is_empty() {
            return Ok(Attempt::Done(None));
        }
        let wanted = to_u64(fresh.len());
        let shares = match self.allocate(plan, wanted, None).await? {
            Ok(shares) => shares,
            Err(refused) => {
                return Err(AssignError::NotEnough { wanted, available: refused.available });
            }
        };
        let Some(chunks) = self.cut(&fresh, &shares).await? else {
            return Ok(Attempt::Retry(()));
        };

        let batch = Batch {
            id: self.random.batch_id(),
            state: State::Pending,
            customer_agreement: portfolio.agreement.uuid,
            plan: plan.uuid,
            notify: request.notify,
            greeting: request.greeting.clone(),
            closing: request.closing.clone(),
            kept_until: Some(request.change.at + rows::BATCH_KEPT),
            named: Some(to_u64(request.assignments.len())),
            stamp: request.change.stamp.clone(),
        };
        let items: Vec<_> =
            chunks.iter().map(|chunk| chunk.item(batch.id, batch.stamp.at)).collect::<Result<_, _>>()?;
        self.table.write_all(items).await?;
        transaction.when(Failed::Bucket, shares.iter().map(|share| share.change().write(share.at)));
        transaction.write([Write::create(batch.item()?)]);
        transaction.record(&request.change, Step::Opens(batch.id))?;
        Ok(self.commit(transaction).await?.or_retry(Some((Box::new(batch), chunks))))
    }

    /// Cuts the wishes into chunks, each with seats of one bucket and of one kind. `None`: rows that a counter
    /// promised are gone by now.
    async fn cut(&self, wishes: &[&Assignment], shares: &[BucketAllocation]) -> Result<Option<Vec<Chunk>>, StoreError> {
        let mut left = wishes.iter().map(|wish| Wish::from(*wish));
        let mut chunks: Vec<Chunk> = Vec::new();
        for share in shares {
            let mut from = share.seen.next;
            let end = from + share.untouched;
            while from < end {
                let upto = end.min(from + to_u64(UNTOUCHED_AT_ONCE));
                let n = license_domain::number::to_usize(upto - from);
                let wishes = left.by_ref().take(n).collect();
                chunks.push(new_chunk(chunks.len(), share.at.bucket, wishes));
                if let Some(chunk) = chunks.last_mut() {
                    (chunk.from, chunk.upto) = (from, upto);
                }
                from = upto;
            }
            if share.returned > 0 {
                let Some(rows) = self.returned_seats(share.at, share.returned).await? else {
                    return Ok(None);
                };
                for rows in rows.chunks(RETURNED_AT_ONCE) {
                    let wishes = left.by_ref().take(rows.len()).collect();
                    let chunk = new_chunk(chunks.len(), share.at.bucket, wishes);
                    chunks.push(Chunk { returned: rows.to_vec(), ..chunk });
                }
            }
        }
        Ok(Some(chunks))
    }

    /// Runs chunks and closes the batch.
    async fn run(
        &self,
        wishes: &Wishes<'_>,
        batch: BatchId,
        chunks: Vec<Chunk>,
    ) -> Result<Vec<(EmailAddress, LicenseId)>, StoreError> {
        let runs = chunks.into_iter().map(|chunk| self.run_chunk(wishes, batch, chunk));
        let assigned: Vec<_> = stream::iter(runs.collect::<Vec<_>>()).buffer_unordered(PARALLEL).try_collect().await?;
        self.close(batch, &wishes.request.change).await?;
        Ok(assigned.into_iter().flatten().collect())
    }

    async fn close(&self, batch: BatchId, change: &Change) -> Result<(), StoreError> {
        let [pk, sk] = keys::key_names(keys::GSI3);
        let terms = &Expression::default()
            .name("state")
            .name(TTL)
            .name(&pk)
            .name(&sk)
            .value("done", rows::text(State::Done.as_str()))
            .value("ttl", rows::batch_ttl(self.clock.now()));
        let update = &format!("SET #state = :done, #ttl = :ttl REMOVE #{pk}, #{sk}");
        self.transact("close a batch", (), |mut transaction, ()| async move {
            let write = Write::Update {
                key: BatchKeys(batch).batch(),
                update: update.clone(),
                condition: Some("attribute_exists(pk)".to_owned()),
                terms: terms.clone(),
            };
            transaction.when(Gone, [write]);
            transaction.record(change, Step::Closes(batch))?;
            Ok(match self.commit(transaction).await? {
                // One that is gone was done long ago.
                Commit::Done | Commit::Failed(_) => Attempt::Done(()),
                Commit::Conflict => Attempt::Retry(()),
            })
        })
        .await
    }

    /// Resumes the batch for another attempt at the request that opened it; the outcome is that of its chunks.
    pub(crate) async fn finish(&self, batch: BatchId, change: &Change) -> Result<Assigned, StoreError> {
        self.resume(batch).await?;
        let assigned = self.outcome_of_batch(batch).await?;
        // The outcome of a job's chunk is its rows, and is in the record itself.
        let step = match change.idempotency.as_ref().map(|idempotency| &idempotency.key) {
            Some(IdempotencyKey::Chunk { .. }) => Step::Whole,
            _ => Step::Closes(batch),
        };
        self.record_step(&change.clone().recording_learners(&assigned), step).await?;
        Ok(assigned)
    }

    /// What the chunks of a batch have assigned, in the order of the request.
    pub(crate) async fn outcome_of_batch(&self, batch: BatchId) -> Result<Assigned, StoreError> {
        let gone = || StoreError::Corrupt { key: format!("batch {batch}"), cause: "not there".to_owned() };
        let item = self.table.get(&BatchKeys(batch).batch()).await?.ok_or_else(gone)?;
        let named = rows::from_item::<Batch>(item)?.named;
        let mut chunks = self.chunks(batch).await?;
        chunks.sort_by_key(|chunk| chunk.number);
        let assigned: Vec<_> = chunks.into_iter().flat_map(|chunk| chunk.assigned).collect();
        let held = named.map_or(0, |named| named.saturating_sub(to_u64(assigned.len())));
        Ok(Assigned { assigned, already_associated: held })
    }

    async fn chunks(&self, batch: BatchId) -> Result<Vec<Chunk>, StoreError> {
        let range = Range {
            partition: BatchKeys(batch).partition(),
            prefix: Some(CHUNK_PREFIX.to_owned()),
            consistent: true,
            ..Range::default()
        };
        self.table.query(range).await?.into_iter().map(rows::from_item).collect()
    }
}

#[async_trait]
impl Batches for Store {
    async fn resume(&self, batch: BatchId) -> Result<usize, StoreError> {
        let Some(item) = self.table.get(&BatchKeys(batch).batch()).await? else {
            return Ok(0);
        };
        if renew::is_renewal(&item) {
            return self.resume_renewal(&rows::from_item(item)?).await;
        }
        let batch: Batch = rows::from_item(item)?;
        if batch.state == State::Done {
            return Ok(0);
        }
        let now: Timestamp = self.clock.now();
        let missing = |what: &str| StoreError::Corrupt { key: format!("batch {}", batch.id), cause: what.to_owned() };
        let portfolio = self.portfolio(batch.customer_agreement).await?.ok_or_else(|| missing("no agreement"))?;
        let plan = portfolio.plan(batch.plan).ok_or_else(|| missing("no plan"))?;
        let chunks = self.chunks(batch.id).await?;
        let pending = chunks.into_iter().filter(|chunk| chunk.state == State::Pending).collect();
        let request = batch.request(now);
        let wishes = Wishes { portfolio: &portfolio, plan, request: &request };
        Ok(self.run(&wishes, batch.id, pending).await?.len())
    }
}

fn new_chunk(number: usize, bucket: u16, wishes: Vec<Wish>) -> Chunk {
    Chunk {
        number,
        state: State::Pending,
        wishes,
        bucket,
        from: 0,
        upto: 0,
        returned: Vec::new(),
        assigned: Vec::new(),
    }
}

/// What was handed out, in the order of the request.
fn in_order(wishes: &[Assignment], assigned: Vec<(EmailAddress, LicenseId)>) -> Assigned {
    let mut by_email: HashMap<EmailKey, (EmailAddress, LicenseId)> =
        assigned.into_iter().map(|(email, license)| (email.key(), (email, license))).collect();
    let assigned: Vec<_> = wishes.iter().filter_map(|wish| by_email.remove(&wish.email.key())).collect();
    let already_associated = to_u64(wishes.len() - assigned.len());
    Assigned { assigned, already_associated }
}
