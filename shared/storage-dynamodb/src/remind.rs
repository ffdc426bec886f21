//! Reminding learners of licenses that they have not activated.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use license_domain::{
    Consequence, EmailAddress, EmailKey, EventKind, LicenseChange, PlanId, Portfolio, SubscriptionPlan,
};

use crate::{
    Store,
    attempts::Attempt,
    idempotency::{self, Step},
    keys::{Item, Key, LearnerKeys},
    prefetch::ReadAhead,
    write::{change_in_place, slots_in},
};
use license_storage::{Remind, RemindRequest, StoreError};

/// The most licenses that one transaction marks: each is one item, beside the event.
const CHUNK: usize = 90;

#[async_trait]
impl Remind for Store {
    /// Up to 90 learners are one transaction, more are several, one after the other. Each of them:
    ///
    /// 1. Read the slots, strongly (perhaps done ahead). Who has activated, or lost, the license meanwhile is passed over.
    /// 2. Write: each slot (license and status as seen) with the time of the reminder; the event, which asks for
    ///    the mail.
    /// 3. A condition failed or the transaction met another one: from 1 after a random wait.
    ///
    /// For a request with a key that takes several, each says on record for whom it was, and the end that all is done;
    /// another attempt passes these learners over.
    async fn remind(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        mut request: RemindRequest,
    ) -> Result<usize, StoreError> {
        let Some(plan) = portfolio.plan(plan) else {
            return Ok(0);
        };
        let parts: Vec<Vec<EmailAddress>> = self.parts(&request.change).await?;
        let done = parts.len();
        let known: HashSet<EmailKey> = parts.iter().flatten().map(EmailAddress::key).collect();
        request.emails.retain(|email| !known.contains(&email.key()));
        let is_parted = request.change.idempotency.is_some() && (done > 0 || request.emails.len() > CHUNK);
        let ahead: ReadAhead = std::mem::take(&mut request.prefetch).into_inner();
        let (mut reminded, mut prefetched) = (known.len(), ahead.slots);
        for (n, chunk) in request.emails.chunks(CHUNK).enumerate() {
            let keys: Vec<EmailKey> = chunk.iter().map(EmailAddress::key).collect();
            let slots = keys.iter().map(|key| LearnerKeys(key).slot(plan.uuid));
            let prefetched =
                prefetched.as_mut().map(|seen| slots.filter_map(|slot| seen.remove_entry(&slot)).collect());
            let part = is_parted.then_some((done + n, chunk));
            reminded += self.remind_chunk(portfolio, plan, &keys, prefetched, &request, part).await?;
        }
        if is_parted {
            self.record_step(&request.change, Step::Whole).await?;
        }
        Ok(reminded)
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
        part: Option<(usize, &[EmailAddress])>,
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
                if part.is_none() {
                    self.record_step(change, Step::Whole).await?;
                }
                return Ok(Attempt::Done(0));
            }
            let reminded = changes.len();
            let mail =
                Consequence::MailReminder { greeting: request.greeting.clone(), closing: request.closing.clone() };
            let event =
                self.license_event(EventKind::LearnersReminded, portfolio, plan.uuid, changes, vec![mail], change);
            match part {
                Some((n, emails)) => {
                    transaction.event(&event)?;
                    idempotency::add_part(&mut transaction, change, n, &emails)?;
                }
                None => transaction.tell(&event, change)?,
            }
            Ok(self.commit(transaction).await?.or_retry(reminded))
        })
        .await
    }
}
