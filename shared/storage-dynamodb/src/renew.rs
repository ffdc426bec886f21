//! Processing a renewal: work in several transactions, which once it is begun only goes forward.

mod close;
mod copy;
mod open;
mod pages;
mod record;
mod snapshot;

use async_trait::async_trait;
use license_domain::{AgreementId, RenewalId, Stamp};

pub(crate) use self::record::{Renewing, is_renewal};
use self::snapshot::AgreementSnapshot;
use crate::{
    Store,
    attempts::Attempt,
    batch::record::State,
    idempotency::Step,
    keys::{self, BatchKeys},
    rows,
};
use license_storage::{Change, Renew, RenewError, Renewed, StoreError};

#[async_trait]
impl Renew for Store {
    /// 1. Read the renewal's agreement, strongly, hidden plans included. Processed already: that is the answer.
    /// 2. Nobody has begun: open, which alone may refuse (`open_renewal`). A condition failed, or the
    ///    transaction met another one: from 1, after a random wait.
    /// 3. Begun, by this call or by another one: copy what is not copied yet (`copy_all`).
    /// 4. Close (`close_renewal`). Of all who come here one closes it; for the others it was processed
    ///    already.
    /// 5. For a request with a key, opening says on record that it is under way, and the end has the outcome.
    /// 6. After a crash the batch is found overdue, or the route is called again: 3 and 4 for what is left.
    async fn renew(&self, renewal: RenewalId, change: &Change) -> Result<Renewed, RenewError> {
        let pointer = self.table.get(&keys::renewal(renewal)).await?;
        let agreement: AgreementId = pointer.as_ref().and_then(rows::target).ok_or(RenewError::Missing)?;
        let mut renewed = self
            .table
            .attempts("process renewal", (), |()| async move {
                let sight = self.sight(agreement, renewal).await?.ok_or(RenewError::Missing)?;
                if sight.renewal.processed {
                    let AgreementSnapshot { portfolio, renewal, .. } = sight;
                    return Ok(Attempt::Done(Renewed { portfolio, renewal, is_new: false }));
                }
                let begun = match sight.batch {
                    Some(batch) => self.renewing(batch).await?,
                    None => self.open_renewal(&sight, change).await?,
                };
                let Some(batch) = begun else { return Ok(Attempt::Retry(())) };
                let batch = Renewing { stamp: change.stamp.clone(), ..batch };
                Ok::<_, RenewError>(Attempt::Done(self.carry_out(&batch).await?.0))
            })
            .await?;
        // An earlier attempt at this very request began it.
        renewed.is_new |= change.resume().is_some();
        self.record_step(&change.clone().recording(&renewed.outcome()), Step::Whole).await?;
        Ok(renewed)
    }
}

impl Store {
    /// Does what is left of a renewal that was begun; how many licenses this call copied.
    pub(crate) async fn resume_renewal(&self, batch: &Renewing) -> Result<usize, StoreError> {
        if batch.state == State::Done {
            return Ok(0);
        }
        let now = self.clock.now();
        let batch = Renewing { stamp: Stamp { at: now, ..batch.stamp.clone() }, ..batch.clone() };
        Ok(self.carry_out(&batch).await?.1)
    }

    async fn carry_out(&self, batch: &Renewing) -> Result<(Renewed, usize), StoreError> {
        let copied = self.copy_all(batch).await?;
        Ok((self.close_renewal(batch).await?, copied))
    }

    /// The batch as it is now.
    async fn renewing(&self, batch: license_domain::BatchId) -> Result<Option<Renewing>, StoreError> {
        self.table.get(&BatchKeys(batch).batch()).await?.map(rows::from_item).transpose()
    }
}
