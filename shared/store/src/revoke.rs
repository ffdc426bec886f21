//! Taking seats back, under the plan's cap.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use license_domain::{
    Begun, Consequence, EmailAddress, EmailKey, EventKind, LicenseChange, LicenseStatus, PlanId, Portfolio,
    RevocationCap, Stamp, SubscriptionPlan,
};

use crate::{
    Store, StoreError,
    keys::{AgreementKeys, Item, Key, LearnerKeys},
    once,
    ports::{Answering, Revocation, Revocations, Revoke, RevokeRequest},
    rows::{self, number},
    table::{ATTEMPTS, Cancelled, Expression, Write},
    write::{BucketChange, Slot, change_in_place, signed, slots_in},
};

/// The most licences that one transaction revokes: each is one item, beside bucket, plan and event.
const CHUNK: usize = 90;

/// What goes on record of the request with a transaction's effect.
#[derive(Clone, Copy)]
enum Telling<'a> {
    /// The answer: it is all of the request.
    All(&'a Answering<Revocations>),
    /// The outcome of this part.
    Part(usize),
}

#[async_trait]
impl Revoke for Store {
    /// Up to 90 learners are one transaction, more are several, one after the other: each is whole, and the
    /// answer says what became of every learner, so that a request that dies half-way can be made again.
    ///
    /// 1. With a cap, and more than one transaction: read all slots first and refuse the whole request if the
    ///    cap does not allow all of it. Each transaction takes its own part of the cap, so that a crash leaves
    ///    no part taken for nothing; a race for the last of it may end a long request early, never above the cap.
    /// 2. Each transaction: read slots (perhaps done ahead) and, if capped, the plan; refuse above the cap.
    /// 3. Write: each slot (licence and status as seen), any one bucket (statuses; one more seat at the end for
    ///    each revoked licence), the plan (applied + activated ones, on condition that they still fit and that
    ///    total, percentage and cap are as seen), the event.
    /// 4. A condition failed or the transaction met another one: from 2 after a random wait.
    /// 5. Of a request that carries a key and takes several transactions, each has its outcome on record beside it;
    ///    another attempt at it begins where that ends.
    async fn revoke(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        request: RevokeRequest,
    ) -> Result<Revocations, StoreError> {
        let RevokeRequest { mut emails, mut glance, answering, stamp } = request;
        let Some(plan) = portfolio.plan(plan) else {
            return Ok(emails.into_iter().map(|email| (email, Revocation::NotFound)).collect());
        };
        let parts: Vec<Revocations> = self.parts(&stamp).await?;
        let (done, is_begun) = (parts.len(), stamp.begun().is_some());
        let mut outcome: Revocations = parts.into_iter().flatten().collect();
        if stamp.begun() == Some(Begun::AllParts) {
            return Ok(outcome);
        }
        let known: HashSet<EmailKey> = outcome.iter().map(|(email, _)| email.key()).collect();
        emails.retain(|email| !known.contains(&email.key()));
        if plan.is_revocation_cap_enabled && emails.len() > CHUNK && !is_begun {
            let keys: Vec<EmailKey> = emails.iter().map(EmailAddress::key).collect();
            let slots = self.slots(plan.uuid, &keys).await?;
            if exceeds(plan, activated(slots.values())) {
                return Ok(refuse(&emails, &slots));
            }
        }
        let is_parted = stamp.once.is_some() && (done > 0 || emails.len() > CHUNK);
        for (n, chunk) in emails.chunks(CHUNK).enumerate() {
            let glanced = glance.slots.take();
            let part = if is_parted { Telling::Part(done + n) } else { Telling::All(&answering) };
            outcome.extend(self.revoke_chunk(portfolio, plan, chunk, glanced, part, &stamp).await?);
        }
        Ok(outcome)
    }
}

impl Store {
    async fn revoke_chunk(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        emails: &[EmailAddress],
        mut glanced: Option<HashMap<Key, Item>>,
        telling: Telling<'_>,
        stamp: &Stamp,
    ) -> Result<Revocations, StoreError> {
        let keys: Vec<EmailKey> = emails.iter().map(EmailAddress::key).collect();
        let plan_key = AgreementKeys(plan.customer_agreement).plan(plan.uuid);
        let mut plan = plan.clone();
        for attempt in 0..ATTEMPTS {
            let slots = if let Some(items) = glanced.take() {
                slots_in(plan.uuid, &keys, items)?
            } else {
                let mut wanted: Vec<Key> = keys.iter().map(|key| LearnerKeys(key).slot(plan.uuid)).collect();
                if plan.is_revocation_cap_enabled {
                    wanted.push(plan_key.clone());
                }
                let mut items = self.table.batch_get(&wanted).await?;
                if let Some(item) = items.remove(&plan_key) {
                    plan = rows::from_item(item)?;
                }
                slots_in(plan.uuid, &keys, items)?
            };
            let live: Vec<&Slot> =
                keys.iter().filter_map(|key| slots.get(key)).filter(|slot| slot.license.status.is_live()).collect();
            let counted = activated(live.iter().copied());
            if plan.is_revocation_cap_enabled && exceeds(&plan, counted) {
                return Ok(refuse(emails, &slots));
            }
            let outcome = outcome_of(emails, &slots);
            let (stamp, part) = match telling {
                Telling::All(answering) => (stamp.clone().answering(|| answering.answer(&outcome)), Vec::new()),
                Telling::Part(n) => (stamp.aside(), once::part(stamp, n, &outcome)?),
            };
            let mut writes = match live.as_slice() {
                [] => Vec::new(),
                live => self.revocation(portfolio, &plan, &plan_key, live, counted, &stamp)?,
            };
            writes.extend(part);
            if writes.is_empty() {
                return Ok(outcome);
            }
            match self.table.transact(writes, self.token()).await {
                Ok(()) => return Ok(outcome),
                Err(Cancelled::Conditions(_) | Cancelled::Conflict) => self.table.wait(attempt).await,
                Err(Cancelled::Store(error)) => return Err(error),
            }
        }
        Err(StoreError::Contention { operation: "revoke", attempts: ATTEMPTS })
    }

    fn revocation(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        plan_key: &Key,
        live: &[&Slot],
        counted: u64,
        stamp: &Stamp,
    ) -> Result<Vec<Write>, StoreError> {
        let mut writes = Vec::with_capacity(live.len() + 3);
        let mut changes = Vec::with_capacity(live.len());
        for slot in live {
            // Only live licences are here; the state machine cannot refuse.
            let Ok(revoked) = slot.license.revoke(stamp.at) else {
                continue;
            };
            let Some(email) = revoked.user_email.as_ref().map(EmailAddress::key) else {
                continue;
            };
            let key = LearnerKeys(&email).slot(plan.uuid);
            writes.push(change_in_place(key, &slot.license, &revoked, &plan.seats, stamp)?);
            changes.push(LicenseChange::new(&slot.license, &revoked));
        }
        let activated = i64::try_from(counted).unwrap_or(i64::MAX);
        let bucket = BucketChange {
            activated: -activated,
            assigned: activated - signed(writes.len()),
            revoked: signed(writes.len()),
            grown: crate::assign::to_u64(writes.len()),
            ..BucketChange::default()
        };
        writes.push(bucket.write(self.any_bucket(plan.uuid, &plan.seats)));

        let mut consequences = Vec::new();
        if counted > 0 {
            consequences.push(Consequence::RevokeEnrollments);
        }
        if plan.is_revocation_cap_enabled && counted > 0 {
            let cap = cap_of(plan);
            writes.push(take_of_cap(plan, plan_key.clone(), cap, counted));
            if cap.applied + counted == cap.allowed {
                consequences.push(Consequence::MailRevocationCapReached);
            }
        }
        let event = self.license_event(EventKind::LicensesRevoked, portfolio, plan.uuid, changes, consequences, stamp);
        writes.extend(Self::told(&event)?);
        Ok(writes)
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

/// The answer of a transaction that went through on these slots.
fn outcome_of(emails: &[EmailAddress], slots: &HashMap<EmailKey, Slot>) -> Revocations {
    let outcome = |email: &EmailAddress| match live_in(slots, email) {
        Some(slot) => Revocation::Revoked { license: slot.license.uuid, original_status: slot.license.status },
        None => Revocation::NotFound,
    };
    emails.iter().map(|email| (email.clone(), outcome(email))).collect()
}

/// The answer where the cap does not allow it.
fn refuse(emails: &[EmailAddress], slots: &HashMap<EmailKey, Slot>) -> Revocations {
    let outcome = |email: &EmailAddress| match live_in(slots, email) {
        Some(_) => Revocation::CapReached,
        None => Revocation::NotFound,
    };
    emails.iter().map(|email| (email.clone(), outcome(email))).collect()
}
