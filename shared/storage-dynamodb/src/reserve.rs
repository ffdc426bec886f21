//! Assigns to more learners than one transaction can hold: seats are reserved for all of them or for none, then each
//! chunk of the run assigns its seats.

use std::collections::HashSet;

use async_trait::async_trait;
use license_domain::{
    EmailKey, Job, License, LicenseChange, LicenseId, Ordinal, PlanId, Portfolio, Row, RowResult, SubscriptionPlan,
};
use serde::{Deserialize, Serialize};

use crate::{
    Store,
    allocate::BucketAllocation,
    assign::{AssignmentMail, Failed as NotReserved, is_fresh, to_u64},
    attempts::Attempt,
    idempotency::Step,
    jobs::{self, Chunk},
    keys::BucketKeys,
    rows,
    table::{Expression, Write},
    transaction::{Commit, Transaction},
    write::{BucketChange, occupy, signed},
};
use license_storage::{AssignError, Assigned, Assignment, Change, JobRows, Reserve, RowOutcomes, StoreError};

/// The most learners of a chunk that gets untouched seats: slot and perhaps an archived license for each.
const MAX_UNTOUCHED: usize = 45;

/// The most learners of a chunk that gets returned seats: their items are one more for each.
const MAX_RETURNED: usize = 30;

/// The seats of a chunk: as many as it has rows, all from one bucket.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ReservedSeats {
    /// The bucket that they were allocated from.
    pub bucket: u16,
    /// Untouched seats from this sequence number …
    pub from: u64,
    /// … to this one, exclusive.
    pub upto: u64,
    /// Returned seats, whose items are still in the bucket.
    #[serde(default)]
    pub returned: Vec<License>,
}

/// A seat to be assigned.
struct Seat {
    license: License,
    /// Whether it has an item in the bucket.
    is_item: bool,
}

/// The conditions of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failed {
    /// A learner's slot is not as it was read.
    Slot,
    /// Another transaction took the item of this returned seat.
    Seat(LicenseId),
}

#[async_trait]
impl Reserve for Store {
    /// 1. Read all slots and all buckets, strongly. Learners who hold a live license are left out. Too few seats for
    ///    the others: refused; only this step may refuse.
    /// 2. Write the chunks, each with its learners and its part of one bucket's seats, as a generation of their own.
    ///    They are not used without the run, and expire.
    /// 3. Open: one transaction allocates all seats (each bucket as in assigning by one transaction) and writes the
    ///    run, due in a minute, and the idempotency record, which names the run. From then on there are enough seats,
    ///    and the rest of the run always succeeds: [`Store::assign_reserved`].
    /// 4. A condition failed, or the transaction conflicted: repeat from 1 after a random wait, as another generation.
    async fn reserve(
        &self,
        portfolio: &Portfolio,
        run: &Job,
        assignments: &[Assignment],
        change: &Change,
    ) -> Result<Option<Job>, AssignError> {
        let wanted = to_u64(assignments.len());
        let plan = plan_of(portfolio, run).ok_or(AssignError::NotEnough { wanted, available: 0 })?;
        self.transact("reserve seats", (), |mut transaction: Transaction<NotReserved>, ()| async move {
            let emails: Vec<EmailKey> = assignments.iter().map(|assignment| assignment.email.key()).collect();
            let slots = self.slots(plan.uuid, &emails).await?;
            let row = |(row, assignment): (u64, &Assignment)| Row {
                row,
                user_email: Some(assignment.email.clone()),
                source_id: assignment.source_id.clone(),
                ..Row::default()
            };
            let fresh: Vec<Row> =
                (0..).zip(assignments).filter(|(_, assignment)| is_fresh(assignment, &slots)).map(row).collect();
            if fresh.is_empty() {
                return Ok(Attempt::Done(None));
            }
            let wanted = to_u64(fresh.len());
            let allocations = match self.allocate(plan, wanted, None).await? {
                Ok(allocations) => allocations,
                Err(refused) => return Err(AssignError::NotEnough { wanted, available: refused.available }),
            };
            let Some(chunks) = self.chunks_of(fresh, &allocations).await? else { return Ok(Attempt::Retry(())) };
            let generation = u32::try_from(self.random.below(u64::from(u32::MAX))).expect("it is below the largest");
            let chunk_count = to_u64(chunks.len());
            let run = Job {
                generation: generation + 1,
                rows: Some(wanted),
                chunks: chunk_count,
                lanes: run.kind.lanes(chunk_count),
                ..run.clone()
            };
            let item = |(n, chunk): (u64, &Chunk)| jobs::chunk_item(&run, n, chunk, change.at);
            self.table.write_all((0..).zip(&chunks).map(item).collect::<Result<_, StoreError>>()?).await?;
            let taken = allocations.iter().map(|allocation| allocation.change().write(allocation.at));
            transaction.when(NotReserved::Bucket, taken);
            transaction.write([Write::create(jobs::item(&run, None)?)]);
            transaction.record(change, Step::Opens(run.uuid))?;
            Ok(self.commit(transaction).await?.or_retry(Some(Job { version: 1, ..run })))
        })
        .await
    }

    /// 1. Read the chunk and its learners' slots. Learners who hold a live license by now are left out.
    /// 2. One transaction: each slot (absent, or still that revoked license, which is archived beside it); the items of
    ///    the assigned returned seats (still there); unneeded untouched seats become items; the bucket (assigned, and
    ///    the unneeded seats); the event; the record with the outcome (absent).
    /// 3. The record exists: the chunk was done before, [`StoreError::AlreadyApplied`].
    /// 4. A slot's or seat's condition failed: repeat from 1, with other items in place of those that are gone. There
    ///    are enough, because the bucket's counter was decreased for them when the run was opened.
    /// 5. The transaction conflicted: repeat from 1 after a random wait.
    async fn assign_reserved(
        &self,
        portfolio: &Portfolio,
        run: &Job,
        chunk: u64,
        change: &Change,
    ) -> Result<Vec<RowResult>, StoreError> {
        let plan = plan_of(portfolio, run).ok_or_else(|| corrupt(run, "no plan"))?;
        let Chunk { rows, seats } = self.job_chunk(run, chunk).await?;
        let seats = seats.ok_or_else(|| corrupt(run, "a chunk without seats"))?;
        let (rows, of) = (&rows, (portfolio, plan, run));
        self.transact("assign reserved seats", seats, |mut transaction, mut seats| async move {
            let results = self.hand_out_chunk(&mut transaction, of, rows, &seats, change).await?;
            match self.commit(transaction).await? {
                Commit::Done => return Ok(Attempt::Done(results)),
                Commit::Conflict => {}
                Commit::Failed(failures) => {
                    let gone = |failed| if let Failed::Seat(seat) = failed { Some(seat) } else { None };
                    let gone: HashSet<LicenseId> = failures.names().filter_map(gone).collect();
                    self.replace(plan.uuid, &mut seats, &gone).await?;
                }
            }
            Ok(Attempt::Retry(seats))
        })
        .await
    }
}

impl Store {
    /// Divides rows into chunks, each with seats of one bucket and of one kind. `None`: items that a counter promised
    /// are gone.
    async fn chunks_of(
        &self,
        rows: Vec<Row>,
        allocations: &[BucketAllocation],
    ) -> Result<Option<Vec<Chunk>>, StoreError> {
        let mut left = rows.into_iter();
        let mut chunks: Vec<Chunk> = Vec::new();
        for allocation in allocations {
            let bucket = allocation.at.bucket;
            let mut from = allocation.seen.next;
            let end = from + allocation.untouched;
            while from < end {
                let upto = end.min(from + to_u64(MAX_UNTOUCHED));
                let n = usize::try_from(upto - from).expect("it is a chunk's number of seats at most");
                let seats = ReservedSeats { bucket, from, upto, returned: Vec::new() };
                chunks.push(Chunk { rows: left.by_ref().take(n).collect(), seats: Some(seats) });
                from = upto;
            }
            if allocation.returned > 0 {
                let Some(returned) = self.returned_seats(allocation.at, allocation.returned).await? else {
                    return Ok(None);
                };
                for returned in returned.chunks(MAX_RETURNED) {
                    let seats = ReservedSeats { bucket, returned: returned.to_vec(), ..ReservedSeats::default() };
                    chunks.push(Chunk { rows: left.by_ref().take(returned.len()).collect(), seats: Some(seats) });
                }
            }
        }
        Ok(Some(chunks))
    }

    async fn hand_out_chunk(
        &self,
        transaction: &mut Transaction<Failed>,
        (portfolio, plan, run): (&Portfolio, &SubscriptionPlan, &Job),
        rows: &[Row],
        reserved: &ReservedSeats,
        change: &Change,
    ) -> Result<Vec<RowResult>, StoreError> {
        let at = BucketKeys { plan: plan.uuid, bucket: reserved.bucket };
        let wanted: Vec<Assignment> = rows
            .iter()
            .filter_map(|row| Some(Assignment { email: row.user_email.clone()?, source_id: row.source_id.clone() }))
            .collect();
        let emails: Vec<EmailKey> = wanted.iter().map(|assignment| assignment.email.key()).collect();
        let slots = self.slots(plan.uuid, &emails).await?;

        let returned = reserved.returned.iter().map(|license| Seat { license: license.clone(), is_item: true });
        let untouched = (reserved.from..reserved.upto).map(|sequence| {
            let id = plan.seats.prefix.license(Ordinal { bucket: reserved.bucket, sequence });
            Seat { license: License::unassigned(id, plan.uuid, plan.created), is_item: false }
        });
        let mut seats = returned.chain(untouched);

        let mut assigned = Vec::with_capacity(wanted.len());
        let mut changes = Vec::with_capacity(wanted.len());
        for (assignment, email) in wanted.iter().zip(&emails).filter(|(one, _)| is_fresh(one, &slots)) {
            let seat = seats.next().ok_or_else(|| corrupt(run, "fewer seats than learners"))?;
            let license = self.hand_out(&seat.license, assignment, change.at);
            let slot = occupy(&license, slots.get(email), portfolio.agreement.uuid, &plan.seats, change)?;
            transaction.when(Failed::Slot, slot);
            if seat.is_item {
                let item = Write::Delete { key: at.free(license.uuid), condition: Some(Expression::present()) };
                transaction.when(Failed::Seat(license.uuid), [item]);
            }
            changes.push(LicenseChange::new(&seat.license, &license));
            assigned.push((assignment.email.clone(), license.uuid));
        }
        let mut unneeded = 0;
        for seat in seats {
            unneeded += 1;
            if !seat.is_item {
                transaction.write([Write::put(rows::free_seat(&seat.license, at)?)]);
            }
        }
        let counts = BucketChange { assigned: signed(assigned.len()), free: unneeded, ..BucketChange::default() };
        if counts.assigned != 0 || counts.free != 0 {
            transaction.write([counts.write(at)]);
        }
        if !changes.is_empty() {
            let mail = AssignmentMail::of_run(run);
            transaction.license_event(&self.assigned_event((portfolio, plan), &mail, changes, change), plan)?;
        }
        let already_associated = to_u64(wanted.len() - assigned.len());
        let results = Assigned { assigned, already_associated }.of_rows(&JobRows::new(rows));
        transaction.record(&change.clone().recording(&results), Step::Whole)?;
        Ok(results)
    }

    /// Replaces items that another transaction took by others.
    async fn replace(
        &self,
        plan: PlanId,
        seats: &mut ReservedSeats,
        gone: &HashSet<LicenseId>,
    ) -> Result<(), StoreError> {
        if gone.is_empty() {
            return Ok(());
        }
        let at = BucketKeys { plan, bucket: seats.bucket };
        // If too few are found, the next attempt fails and reads again: by the counter, there are enough.
        let Some(found) = self.returned_seats(at, to_u64(seats.returned.len() + gone.len())).await? else {
            return Ok(());
        };
        seats.returned.retain(|seat| !gone.contains(&seat.uuid));
        let kept: HashSet<LicenseId> = seats.returned.iter().map(|seat| seat.uuid).collect();
        let others = found.into_iter().filter(|seat| !kept.contains(&seat.uuid) && !gone.contains(&seat.uuid));
        seats.returned.extend(others.take(gone.len()));
        Ok(())
    }
}

fn plan_of<'a>(portfolio: &'a Portfolio, run: &Job) -> Option<&'a SubscriptionPlan> {
    run.subscription_plan.and_then(|plan| portfolio.plan(plan))
}

fn corrupt(run: &Job, cause: &str) -> StoreError {
    StoreError::Corrupt { key: format!("run {}", run.uuid), cause: cause.to_owned() }
}
