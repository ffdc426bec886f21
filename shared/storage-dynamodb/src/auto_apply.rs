//! Auto-apply: a learner takes a seat without an invitation.

use async_trait::async_trait;
use license_domain::{
    Consequence, EmailAddress, EventKind, License, LicenseChange, LicenseStatus, LmsUserId, PlanId, Portfolio, Stamp,
    SubscriptionPlan,
};

use crate::{
    Store,
    activate::alias,
    assign::Failed,
    attempts::Attempt,
    idempotency::Step,
    keys::LearnerKeys,
    rows,
    transaction::Transaction,
    write::{occupy, slots_in},
};
use license_storage::{AutoApply, AutoApplyError, Change, StoreError};

#[async_trait]
impl AutoApply for Store {
    /// 1. Read the learner's slot and one bucket, together. A live license is the result; a revoked one is a refusal.
    /// 2. If the bucket is empty, read all buckets strongly. If none has a seat: write a not-assigned event, and
    ///    refuse.
    /// 3. One transaction: the slot (absent), the bucket (as in assigning; activated + 1), a returned seat's item
    ///    (still there), the alias, the event.
    /// 4. A condition failed or the transaction conflicted: repeat from 1 after a random wait. A learner whose two
    ///    requests arrive at the same time thus gets the license of the first one.
    async fn auto_apply(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        email: &EmailAddress,
        lms_user_id: Option<LmsUserId>,
        change: &Change,
    ) -> Result<License, AutoApplyError> {
        let Some(plan) = portfolio.plan(plan) else {
            return Err(AutoApplyError::NoSeat);
        };
        let learner = (email, lms_user_id);
        let attempt = |transaction, ()| self.try_auto_apply(transaction, portfolio, plan, learner, change);
        self.transact("auto-apply", (), attempt).await
    }
}

impl Store {
    async fn try_auto_apply(
        &self,
        mut transaction: Transaction<Failed>,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        (email, lms_user_id): (&EmailAddress, Option<LmsUserId>),
        change: &Change,
    ) -> Result<Attempt<License>, AutoApplyError> {
        let key = email.key();
        let at = self.any_bucket(plan.uuid, &plan.seats);
        let mut items = self.table.batch_get(&[LearnerKeys(&key).slot(plan.uuid), at.bucket()]).await?;
        let bucket = items.remove(&at.bucket()).map(rows::from_item).transpose()?;
        if let Some(slot) = slots_in(plan.uuid, std::slice::from_ref(&key), items)?.remove(&key) {
            if slot.license.status == LicenseStatus::Revoked {
                return Err(AutoApplyError::Revoked);
            }
            self.record_step(&change.clone().recording(&slot.license), Step::Whole).await?;
            return Ok(Attempt::Done(slot.license));
        }
        let Ok(shares) = self.allocate(plan, 1, bucket.map(|seen| (at, seen))).await? else {
            self.not_assigned(portfolio, plan.uuid, email, lms_user_id, change).await?;
            return Err(AutoApplyError::NoSeat);
        };
        let share = shares.first().expect("one seat is allocated from one bucket");
        let Some((seats, deletes)) = self.seats(plan, share, Vec::new()).await? else {
            return Ok(Attempt::Retry(()));
        };
        let seat = seats.first().expect("the bucket gave one seat");
        let applied = seat.auto_apply(email.clone(), lms_user_id, self.random.activation_key(), change.at);
        let license = applied.expect("a free seat is unassigned, which can be activated by auto-apply");

        let mut counts = share.change();
        counts.activated = 1;
        transaction.when(Failed::Bucket, [counts.write(share.at)]);
        transaction.when(Failed::Seat, deletes);
        transaction.when(Failed::Slot, occupy(&license, None, portfolio.agreement.uuid, &plan.seats, change)?);
        transaction.write(lms_user_id.map(|user| alias(user, email, change.at)));
        let event = self.license_event(
            EventKind::LicenseAutoApplied,
            portfolio,
            plan.uuid,
            vec![LicenseChange::new(seat, &license)],
            vec![Consequence::MailAutoApplied, Consequence::CheckUtilization],
            change,
        );
        transaction.add_license_events(&event, plan, &change.clone().recording(&license))?;
        Ok(self.commit(transaction).await?.or_retry(license))
    }

    /// Records that a learner found no seat, so that the customer can be informed.
    async fn not_assigned(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        email: &EmailAddress,
        lms_user_id: Option<LmsUserId>,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let mut event =
            self.license_event(EventKind::LicenseNotAssigned, portfolio, plan, Vec::new(), Vec::new(), stamp);
        event.learner = Some(license_domain::event::Learner { email: email.clone(), lms_user_id });
        let event = &event;
        self.transact("not-assigned event", (), |mut transaction: Transaction<Failed>, ()| async move {
            transaction.event(event)?;
            Ok(self.commit(transaction).await?.or_retry(()))
        })
        .await
    }
}
