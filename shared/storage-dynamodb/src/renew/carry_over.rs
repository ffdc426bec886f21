//! Changes of the prior plan after its renewal was processed, which are carried over into the future plan.

use license_domain::{
    EmailKey, Event, EventKind, License, LicenseChange, LicenseStatus, Portfolio, Stamp, SubscriptionPlanRenewal,
    number::{to_u64, to_usize},
    renewing::{self, CarryOver},
};
use license_storage::{CarriedOver, StoreError};

use crate::{
    Store,
    attempts::Attempt,
    keys::{Key, LearnerKeys},
    write::{BucketChange, Slot, change_in_place, occupy, slots_in},
};

/// The conditions of carrying over.
#[derive(Clone, Copy, Debug)]
enum Failed {
    /// A license, or what is in the learner's slot of the future plan, is not as it was read.
    License,
    /// A bucket of the future plan, or one of its returned seats, is not as it was read.
    Seats,
}

impl Store {
    /// 1. Read the learners' slots in both plans, strongly, and decide by [`renewing::carry_over`].
    /// 2. Allocate seats for the new copies; the last learners are left out if there are too few.
    /// 3. One transaction: each original (as seen) names its new copy; each copy is made, or changed (as seen); buckets
    ///    and returned seats as in assigning; an event about copies and activations, and one about revocations.
    /// 4. A condition failed or the transaction conflicted: repeat from 1 after a random wait.
    pub(super) async fn carry_over_changes(
        &self,
        portfolio: &Portfolio,
        renewal: &SubscriptionPlanRenewal,
        learners: &[EmailKey],
        stamp: &Stamp,
    ) -> Result<CarriedOver, StoreError> {
        let future = renewal.renewed_subscription_plan.and_then(|plan| portfolio.plan(plan));
        let (Some(prior), Some(future)) = (portfolio.plan(renewal.prior_subscription_plan), future) else {
            return Ok(CarriedOver::default());
        };
        let slot = |email: &EmailKey, plan| LearnerKeys(email).slot(plan);
        let keys: &Vec<Key> =
            &learners.iter().flat_map(|email| [prior, future].map(|plan| slot(email, plan.uuid))).collect();
        self.transact("carry over", (), |mut transaction, ()| async move {
            let items = self.table.batch_get(keys).await?;
            let originals = slots_in(prior.uuid, learners, items.clone())?;
            let there = slots_in(future.uuid, learners, items)?;
            let mut counts = BucketChange::default();
            let mut wanting: Vec<(&EmailKey, &License, Option<&Slot>)> = Vec::new();
            let (mut changes, mut revoked) = (Vec::new(), Vec::new());
            for email in learners {
                let (Some(original), copy) = (originals.get(email), there.get(email)) else { continue };
                let original = &original.license;
                let decided = renewing::carry_over(renewal, original, copy.map(|copy| &copy.license), stamp.at);
                match (decided, copy) {
                    (Some(CarryOver::Copy), copy) => wanting.push((email, original, copy)),
                    (Some(CarryOver::Change(after)), Some(Slot { license: before, .. })) => {
                        let key = slot(email, future.uuid);
                        let change = change_in_place(key, before, &after, &future.seats, stamp)?;
                        transaction.when(Failed::License, [change]);
                        counts.count(before.status, -1);
                        counts.count(after.status, 1);
                        let is_revoked = after.status == LicenseStatus::Revoked;
                        // As with every revocation, another learner can have the seat.
                        counts.grown += u64::from(is_revoked);
                        let list = if is_revoked { &mut revoked } else { &mut changes };
                        list.push(LicenseChange::new(before, &after));
                    }
                    _ => {}
                }
            }
            let mut outcome = CarriedOver { changed: changes.len() + revoked.len(), ..CarriedOver::default() };
            let shares = match self.allocate(future, to_u64(wanting.len()), None).await? {
                Ok(shares) => shares,
                Err(few) => {
                    outcome.without_seat = wanting.len() - to_usize(few.available);
                    wanting.truncate(to_usize(few.available));
                    let Ok(shares) = self.allocate(future, few.available, None).await? else {
                        return Ok(Attempt::Retry(()));
                    };
                    shares
                }
            };
            outcome.copied = wanting.len();
            if outcome.copied + outcome.changed == 0 {
                return Ok(Attempt::Done(outcome));
            }
            for (_, original, _) in &wanting {
                counts.count(original.status, 1);
            }
            let at = shares.first().map_or_else(|| self.any_bucket(future.uuid, &future.seats), |share| share.at);
            let seats = self.take_seats(&mut transaction, Failed::Seats, (future, &shares[..], (at, counts))).await?;
            let Some(seats) = seats else { return Ok(Attempt::Retry(())) };
            let mut originals_after = Vec::with_capacity(wanting.len());
            for ((email, original, taken), seat) in wanting.into_iter().zip(&seats) {
                let copy = original.carried_over(seat, future.start_date, stamp.at);
                let renewed = original.carried_on_by(copy.uuid, stamp.at);
                let key = slot(email, prior.uuid);
                transaction.when(Failed::License, [change_in_place(key, original, &renewed, &prior.seats, stamp)?]);
                let agreement = portfolio.agreement.uuid;
                transaction.when(Failed::License, occupy(&copy, taken, agreement, &future.seats, stamp)?);
                originals_after.push(LicenseChange::of_prior_plan(original, &renewed));
                changes.push(LicenseChange::carried_over(original.uuid, seat, &copy));
            }
            let of_renewal = |kind, licenses| Event {
                renewal: Some(renewal.id),
                ..self.license_event(kind, portfolio, future.uuid, licenses, Vec::new(), stamp)
            };
            if !changes.is_empty() {
                changes.extend(originals_after.iter().cloned());
                let event = of_renewal(EventKind::LicensesRenewed, changes);
                transaction.log_beside(event.id, stamp, prior, &originals_after)?;
                transaction.license_event(&event, future)?;
            }
            if !revoked.is_empty() {
                transaction.license_event(&of_renewal(EventKind::LicensesRevoked, revoked), future)?;
            }
            Ok(self.commit(transaction).await?.or_retry(outcome))
        })
        .await
    }
}
