//! One transaction of a batch.

use std::collections::HashSet;

use license_domain::{BatchId, EmailAddress, EmailKey, License, LicenseChange, LicenseId, Ordinal};

use super::record::{Chunk, State};
use crate::{
    Store,
    assign::{Wishes, is_fresh},
    attempts::Attempt,
    keys::{BatchKeys, BucketKeys},
    rows,
    table::{Expression, Write},
    transaction::{Commit, Transaction},
    write::{BucketChange, occupy, signed},
};
use license_storage::{Assignment, StoreError};

/// The conditions of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failed {
    /// A learner's slot was taken.
    Slot,
    /// Somebody took the row of this returned seat.
    Seat(LicenseId),
    /// The chunk was done before.
    Done,
}

/// A seat to hand out.
struct Seat {
    license: License,
    /// Whether it lies in the bucket as a row.
    is_row: bool,
}

impl Store {
    /// Hands out a chunk's seats; what it handed out, now or before.
    ///
    /// 1. Read the learners' slots. Those who hold a live license by now drop out.
    /// 2. One transaction: each slot (absent, or still that revoked license, which is archived beside it); rows
    ///    of returned seats that are handed out (still there); untouched seats that nobody needs become rows;
    ///    the bucket (assigned, and what came back of the draw); the chunk (pending → done, with its result);
    ///    the event.
    /// 3. The chunk's condition failed: it was done before; its result is on record.
    /// 4. A slot's or row's condition failed: from 1, with other rows in place of those that are gone. There
    ///    are enough: the bucket's counter was lowered for them when the batch was opened.
    /// 5. The transaction met another one: from 1, after a random wait.
    pub(super) async fn run_chunk(
        &self,
        wishes: &Wishes<'_>,
        batch: BatchId,
        chunk: Chunk,
    ) -> Result<Vec<(EmailAddress, LicenseId)>, StoreError> {
        self.transact("run a batch's chunk", chunk, |mut transaction, mut chunk| async move {
            let assigned = self.build_chunk(&mut transaction, wishes, batch, &chunk).await?;
            match self.commit(transaction).await? {
                Commit::Done => return Ok(Attempt::Done(assigned)),
                Commit::Conflict => {}
                Commit::Failed(failures) => {
                    if let Some(done) = self.done_before(batch, chunk.number).await? {
                        return Ok(Attempt::Done(done));
                    }
                    let gone = |failed| if let Failed::Seat(seat) = failed { Some(seat) } else { None };
                    let gone: HashSet<LicenseId> = failures.names().filter_map(gone).collect();
                    self.replace(wishes, &mut chunk, &gone).await?;
                }
            }
            Ok(Attempt::Retry(chunk))
        })
        .await
    }

    async fn build_chunk(
        &self,
        transaction: &mut Transaction<Failed>,
        wishes: &Wishes<'_>,
        batch: BatchId,
        chunk: &Chunk,
    ) -> Result<Vec<(EmailAddress, LicenseId)>, StoreError> {
        let Wishes { portfolio, plan, request } = *wishes;
        let at = BucketKeys { plan: plan.uuid, bucket: chunk.bucket };
        let asked: Vec<Assignment> = chunk
            .wishes
            .iter()
            .map(|wish| Assignment { email: wish.email.clone(), source_id: wish.source_id.clone() })
            .collect();
        let emails: Vec<EmailKey> = asked.iter().map(|wish| wish.email.key()).collect();
        let slots = self.slots(plan.uuid, &emails).await?;

        let rows = chunk.returned.iter().map(|license| Seat { license: license.clone(), is_row: true });
        let untouched = (chunk.from..chunk.upto).map(|sequence| {
            let id = plan.seats.prefix.license(Ordinal { bucket: chunk.bucket, sequence });
            Seat { license: License::unassigned(id, plan.uuid, plan.created), is_row: false }
        });
        let mut seats = rows.chain(untouched);

        let mut assigned = Vec::with_capacity(asked.len());
        let mut changes = Vec::with_capacity(asked.len());
        for (wish, email) in asked.iter().zip(&emails).filter(|(wish, _)| is_fresh(wish, &slots)) {
            let Some(seat) = seats.next() else { break };
            let license = self.hand_out(&seat.license, wish, request);
            let before = slots.get(email);
            let slot = occupy(&license, before, portfolio.agreement.uuid, &plan.seats, &request.change)?;
            transaction.when(Failed::Slot, slot);
            if seat.is_row {
                let row = Write::Delete { key: at.free(license.uuid), condition: Some(Expression::present()) };
                transaction.when(Failed::Seat(license.uuid), [row]);
            }
            changes.push(LicenseChange::new(&seat.license, &license));
            assigned.push((wish.email.clone(), license.uuid));
        }
        let mut came_back = 0;
        for seat in seats {
            came_back += 1;
            if !seat.is_row {
                transaction.write([Write::put(rows::free_seat(&seat.license, at)?)]);
            }
        }
        let change = BucketChange { assigned: signed(assigned.len()), free: came_back, ..BucketChange::default() };
        if change.assigned != 0 || change.free != 0 {
            transaction.write([change.write(at)]);
        }
        let done = Chunk { state: State::Done, assigned: assigned.clone(), ..chunk.clone() };
        let pending =
            Expression::new("#state = :pending").name("state").value("pending", rows::text(State::Pending.as_str()));
        let done = Write::Put { item: done.item(batch, request.change.at)?, condition: Some(pending) };
        transaction.when(Failed::Done, [done]);
        if !changes.is_empty() {
            transaction.event(&self.assigned_event(wishes, changes, &request.change))?;
        }
        Ok(assigned)
    }

    /// The result of a chunk that is done.
    async fn done_before(
        &self,
        batch: BatchId,
        number: usize,
    ) -> Result<Option<Vec<(EmailAddress, LicenseId)>>, StoreError> {
        let Some(item) = self.table.get(&BatchKeys(batch).chunk(number)).await? else {
            return Ok(None);
        };
        let chunk: Chunk = rows::from_item(item)?;
        Ok((chunk.state == State::Done).then_some(chunk.assigned))
    }

    /// Takes other rows in place of those that somebody else took.
    async fn replace(
        &self,
        wishes: &Wishes<'_>,
        chunk: &mut Chunk,
        gone: &HashSet<LicenseId>,
    ) -> Result<(), StoreError> {
        if gone.is_empty() {
            return Ok(());
        }
        chunk.returned.retain(|seat| !gone.contains(&seat.uuid));
        let at = BucketKeys { plan: wishes.plan.uuid, bucket: chunk.bucket };
        let wanted = chunk.returned.len() + gone.len();
        let Some(rows) = self.returned_seats(at, crate::assign::to_u64(wanted)).await? else {
            return Ok(());
        };
        let kept: HashSet<LicenseId> = chunk.returned.iter().map(|seat| seat.uuid).collect();
        let others = rows.into_iter().filter(|row| !kept.contains(&row.uuid));
        chunk.returned.extend(others.take(gone.len()));
        Ok(())
    }
}
