//! A learner takes a seat without an invitation.

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
    /// 1. Read the learner's slot and one bucket, together. A live license is the answer; a revoked one refuses.
    /// 2. If the bucket is empty, read all buckets strongly; none left: a not-assigned event, and refused.
    /// 3. One transaction: the slot (absent), the bucket (as in assigning; activated + 1), a returned seat's row
    ///    (still there), the alias, the event.
    /// 4. A condition failed or the transaction met another one: from 1 after a random wait. A learner who asks
    ///    twice at once thus finds the license of the first request.
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
        let share = shares.first().expect("one seat comes from one bucket");
        let Some((seats, deletes)) = self.seats(plan, share, Vec::new()).await? else {
            return Ok(Attempt::Retry(()));
        };
        let seat = seats.first().expect("the bucket gave one seat");
        let applied = seat.auto_apply(email.clone(), lms_user_id, self.random.activation_key(), change.at);
        let license = applied.expect("a free seat is unassigned, and such a license can be applied");

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
        transaction.tell_licenses(&event, plan, &change.clone().recording(&license))?;
        Ok(self.commit(transaction).await?.or_retry(license))
    }

    /// Puts on record that a learner found no seat: the customer may want to know.
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
