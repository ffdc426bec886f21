//! Reminds learners of licenses that they have not activated.

use std::collections::HashMap;

use async_trait::async_trait;
use license_domain::{
    Consequence, EmailAddress, EmailKey, EventKind, LicenseChange, PlanId, Portfolio, SubscriptionPlan,
};

use crate::{
    Store,
    attempts::Attempt,
    idempotency::Step,
    keys::{Item, Key, LearnerKeys},
    prefetch::ReadAhead,
    write::{change_in_place, slots_in},
};
use license_storage::{Remind, RemindRequest, StoreError};

#[async_trait]
impl Remind for Store {
    /// 1. Read the slots, strongly (perhaps prefetched). Learners who have activated or lost the license meanwhile are
    ///    left out.
    /// 2. One transaction: each slot (license and status as seen) with the time of the reminder; the event, which
    ///    requests the mail; the record.
    /// 3. A condition failed or the transaction conflicted: repeat from 1 after a random wait.
    async fn remind(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        mut request: RemindRequest,
    ) -> Result<usize, StoreError> {
        let Some(plan) = portfolio.plan(plan) else {
            self.record_step(&request.change, Step::Whole).await?;
            return Ok(0);
        };
        let ahead: ReadAhead = std::mem::take(&mut request.prefetch).into_inner();
        let keys: Vec<EmailKey> = request.emails.iter().map(EmailAddress::key).collect();
        self.remind_chunk(portfolio, plan, &keys, ahead.slots, &request).await
    }
}

/// The condition of a reminder.
#[derive(Clone, Copy, Debug)]
enum Failed {
    /// The learner's license is not as it was read.
    Slot,
}

impl Store {
    async fn remind_chunk(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        keys: &[EmailKey],
        prefetched: Option<HashMap<Key, Item>>,
        request: &RemindRequest,
    ) -> Result<usize, StoreError> {
        let change = &request.change;
        self.transact("remind", prefetched, |mut transaction, prefetched| async move {
            let slots = match prefetched {
                Some(items) => slots_in(plan.uuid, keys, items)?,
                None => self.slots(plan.uuid, keys).await?,
            };
            let mut changes = Vec::new();
            for (key, slot) in keys.iter().filter_map(|key| Some((key, slots.get(key)?))) {
                let Ok(reminded) = slot.license.remind(change.at) else { continue };
                let slot_key = LearnerKeys(key).slot(plan.uuid);
                let marked = change_in_place(slot_key, &slot.license, &reminded, &plan.seats, change)?;
                transaction.when(Failed::Slot, [marked]);
                changes.push(LicenseChange::new(&slot.license, &reminded));
            }
            if changes.is_empty() {
                self.record_step(change, Step::Whole).await?;
                return Ok(Attempt::Done(0));
            }
            let reminded = changes.len();
            let mail =
                Consequence::MailReminder { greeting: request.greeting.clone(), closing: request.closing.clone() };
            let event =
                self.license_event(EventKind::LearnersReminded, portfolio, plan.uuid, changes, vec![mail], change);
            transaction.add_license_events(&event, plan, change)?;
            Ok(self.commit(transaction).await?.or_retry(reminded))
        })
        .await
    }
}
