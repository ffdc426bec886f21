//! Revokes licenses, limited by the plan's cap.

use std::collections::HashMap;

use async_trait::async_trait;
use license_domain::{
    Consequence, EmailAddress, EmailKey, Event, EventKind, LicenseChange, LicenseStatus, PlanId, Portfolio,
    RevocationCap, Stamp, SubscriptionPlan,
};

use crate::{
    Store,
    attempts::Attempt,
    idempotency::Step,
    keys::{AgreementKeys, Item, Key, LearnerKeys},
    prefetch::ReadAhead,
    rows::{self, number},
    table::{Expression, Write},
    transaction::{Commit, Transaction},
    write::{BucketChange, Slot, change_in_place, signed, slots_in},
};
use license_storage::{Change, IdempotencyKey, Revocation, Revocations, Revoke, RevokeRequest, StoreError};

/// The conditions of a revocation.
#[derive(Clone, Copy, Debug)]
enum Failed {
    /// A learner's license is not as it was read.
    Slot,
    /// The plan's terms changed, or its cap has no room left.
    Cap,
}

#[async_trait]
impl Revoke for Store {
    /// 1. Read the slots (perhaps prefetched) and, if the plan is capped, the plan; refuse above the cap.
    /// 2. One transaction: each slot (license and status as seen), any one bucket (statuses; one more seat at the end
    ///    for each revoked license), the plan (applied + activated ones, on condition that they still fit and that
    ///    total, percentage and cap are as seen), the event, the record.
    /// 3. A condition failed or the transaction conflicted: repeat from 1 after a random wait.
    async fn revoke(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        request: RevokeRequest,
    ) -> Result<Revocations, StoreError> {
        let RevokeRequest { emails, prefetch, change } = request;
        let Some(plan) = portfolio.plan(plan).filter(|_| !emails.is_empty()) else {
            let outcome = emails.into_iter().map(|email| (email, Revocation::NotFound)).collect();
            return self.without_effect(&change, outcome).await;
        };
        let ahead: ReadAhead = prefetch.into_inner();
        self.revoke_chunk(portfolio, plan, &emails, ahead.slots, &change).await
    }

    async fn beyond_cap(
        &self,
        plan: &SubscriptionPlan,
        emails: &[EmailAddress],
    ) -> Result<Option<Revocations>, StoreError> {
        if !plan.is_revocation_cap_enabled {
            return Ok(None);
        }
        let keys: Vec<EmailKey> = emails.iter().map(EmailAddress::key).collect();
        let slots = self.slots(plan.uuid, &keys).await?;
        Ok(exceeds(plan, activated(slots.values())).then(|| refuse(emails, &slots)))
    }
}

impl Store {
    async fn revoke_chunk(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        emails: &[EmailAddress],
        prefetched: Option<HashMap<Key, Item>>,
        change: &Change,
    ) -> Result<Revocations, StoreError> {
        let keys: Vec<EmailKey> = emails.iter().map(EmailAddress::key).collect();
        let plan_key = AgreementKeys(plan.customer_agreement).plan(plan.uuid);
        let (keys, plan_key) = (&keys, &plan_key);
        let first = (prefetched, plan.clone());
        self.transact("revoke", first, |mut transaction, (prefetched, mut plan)| async move {
            let slots = if let Some(items) = prefetched {
                slots_in(plan.uuid, keys, items)?
            } else {
                let mut wanted: Vec<Key> = keys.iter().map(|key| LearnerKeys(key).slot(plan.uuid)).collect();
                if plan.is_revocation_cap_enabled {
                    wanted.push(plan_key.clone());
                }
                let mut items = self.table.batch_get(&wanted).await?;
                if let Some(item) = items.remove(plan_key) {
                    plan = rows::from_item(item)?;
                }
                slots_in(plan.uuid, keys, items)?
            };
            let live: Vec<&Slot> =
                keys.iter().filter_map(|key| slots.get(key)).filter(|slot| slot.license.status.is_live()).collect();
            let counted = activated(live.iter().copied());
            let is_refused = plan.is_revocation_cap_enabled && exceeds(&plan, counted);
            let outcome = if is_refused { refuse(emails, &slots) } else { outcome_of(emails, &slots) };
            if !live.is_empty() && !is_refused {
                let event =
                    self.revocation(&mut transaction, portfolio, (&plan, plan_key), (&live, counted), change)?;
                transaction.add_license_events(&event, &plan, &change.clone().recording_learners(&outcome))?;
            }
            if transaction.is_empty() {
                return Ok(Attempt::Done(self.without_effect(change, outcome).await?));
            }
            Ok(match self.commit(transaction).await? {
                Commit::Done => Attempt::Done(outcome),
                Commit::Conflict | Commit::Failed(_) => Attempt::Retry((None, plan)),
            })
        })
        .await
    }

    /// Records an outcome that changed nothing. A request whose learners were all refused is not recorded, so that it
    /// can be sent again; for a job's chunk the refusal is the outcome.
    async fn without_effect(&self, change: &Change, outcome: Revocations) -> Result<Revocations, StoreError> {
        let key = change.idempotency.as_ref().map(|idempotency| &idempotency.key);
        if outcome.is_empty() || matches!(key, Some(IdempotencyKey::Chunk { .. })) {
            self.record_step(&change.clone().recording_learners(&outcome), Step::Whole).await?;
        }
        Ok(outcome)
    }

    /// Adds the writes of the slots, the bucket and the plan, and the event.
    fn revocation(
        &self,
        transaction: &mut Transaction<Failed>,
        portfolio: &Portfolio,
        (plan, plan_key): (&SubscriptionPlan, &Key),
        (live, counted): (&[&Slot], u64),
        stamp: &Stamp,
    ) -> Result<Event, StoreError> {
        let mut changes = Vec::with_capacity(live.len());
        for slot in live {
            let revoked = slot.license.revoke(stamp.at).expect("only live licenses are here, and those can be revoked");
            let email = revoked.user_email.as_ref().expect("a license in a learner's slot has the learner").key();
            let key = LearnerKeys(&email).slot(plan.uuid);
            let revoke = change_in_place(key, &slot.license, &revoked, &plan.seats, stamp)?;
            transaction.when(Failed::Slot, [revoke]);
            changes.push(LicenseChange::new(&slot.license, &revoked));
        }
        let activated = i64::try_from(counted).expect("a transaction holds a hundred items");
        let bucket = BucketChange {
            activated: -activated,
            assigned: activated - signed(live.len()),
            revoked: signed(live.len()),
            grown: crate::assign::to_u64(live.len()),
            ..BucketChange::default()
        };
        transaction.write([bucket.write(self.any_bucket(plan.uuid, &plan.seats))]);

        let mut consequences = Vec::new();
        if counted > 0 {
            consequences.push(Consequence::RevokeEnrollments);
        }
        if plan.is_revocation_cap_enabled && counted > 0 {
            let cap = cap_of(plan);
            transaction.when(Failed::Cap, [take_of_cap(plan, plan_key.clone(), cap, counted)]);
            if cap.applied + counted == cap.allowed {
                consequences.push(Consequence::MailRevocationCapReached);
            }
        }
        Ok(self.license_event(EventKind::LicensesRevoked, portfolio, plan.uuid, changes, consequences, stamp))
    }
}

fn cap_of(plan: &SubscriptionPlan) -> RevocationCap {
    RevocationCap::new(plan.seats.total, plan.revoke_max_percentage, plan.num_revocations_applied)
}

fn exceeds(plan: &SubscriptionPlan, activated: u64) -> bool {
    let cap = cap_of(plan);
    activated > 0 && cap.applied + activated > cap.allowed
}

fn take_of_cap(plan: &SubscriptionPlan, key: Key, cap: RevocationCap, counted: u64) -> Write {
    let terms = Expression::default()
        .name("num_revocations_applied")
        .name("seats")
        .name("total")
        .name("revoke_max_percentage")
        .name("is_revocation_cap_enabled")
        .value("n", number(counted))
        .value("most", number(cap.allowed - counted))
        .value("total", number(plan.seats.total))
        .value("percentage", number(plan.revoke_max_percentage))
        .value("enabled", aws_sdk_dynamodb::types::AttributeValue::Bool(true));
    Write::Update {
        key,
        update: "SET #num_revocations_applied = #num_revocations_applied + :n".to_owned(),
        condition: Some(
            "#num_revocations_applied <= :most AND #seats.#total = :total \
             AND #revoke_max_percentage = :percentage AND #is_revocation_cap_enabled = :enabled"
                .to_owned(),
        ),
        terms,
    }
}

fn activated<'a>(slots: impl Iterator<Item = &'a Slot>) -> u64 {
    crate::assign::to_u64(slots.filter(|slot| slot.license.status == LicenseStatus::Activated).count())
}

fn live_in<'a>(slots: &'a HashMap<EmailKey, Slot>, email: &EmailAddress) -> Option<&'a Slot> {
    slots.get(&email.key()).filter(|slot| slot.license.status.is_live())
}

/// The outcome of a transaction that committed with these slots.
fn outcome_of(emails: &[EmailAddress], slots: &HashMap<EmailKey, Slot>) -> Revocations {
    let outcome = |email: &EmailAddress| match live_in(slots, email) {
        Some(slot) => Revocation::Revoked { license: slot.license.uuid, original_status: slot.license.status },
        None => Revocation::NotFound,
    };
    emails.iter().map(|email| (email.clone(), outcome(email))).collect()
}

/// The outcome if the cap does not allow the revocations.
fn refuse(emails: &[EmailAddress], slots: &HashMap<EmailKey, Slot>) -> Revocations {
    let outcome = |email: &EmailAddress| match live_in(slots, email) {
        Some(_) => Revocation::CapReached,
        None => Revocation::NotFound,
    };
    emails.iter().map(|email| (email.clone(), outcome(email))).collect()
}
