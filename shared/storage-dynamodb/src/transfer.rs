//! Transfers licenses to another plan of the same agreement, with their seats.

use async_trait::async_trait;
use license_domain::number::to_u64;
use license_domain::{
    EmailAddress, EmailKey, Event, EventKind, License, LicenseChange, LicenseStatus, Portfolio, SubscriptionPlan,
    audit_trail, change::FieldChange,
};
use serde_json::{Value, json};

use crate::{
    Store,
    attempts::Attempt,
    idempotency::Step,
    keys::{self, AgreementKeys, Key, LearnerKeys},
    learners::as_seen,
    rows::number,
    table::{Expression, Write},
    write::{BucketChange, Slot, occupy, signed, slots_in},
};
use license_storage::{StoreError, Transfer, TransferRequest, Transferred, Transfers};

/// The conditions of a transfer.
#[derive(Clone, Copy, Debug)]
enum Failed {
    /// One of a learner's slots is not as it was read.
    Slot,
    /// One of the plans was deleted.
    PlanGone,
}

#[async_trait]
impl Transfer for Store {
    /// 1. Read the learners' slots of both plans, strongly. A learner who holds no live license of the first plan, or
    ///    holds one of the other, is left out.
    /// 2. One transaction: each slot of the first plan is deleted (as seen), and that of the other is written (absent,
    ///    or that revoked license, which is archived); any one bucket of each plan counts them; the plans' totals, and
    ///    their versions, so that a change of terms that was based on the old totals fails; two events, one for each
    ///    plan.
    /// 3. A condition failed or the transaction conflicted: repeat from 1 after a random wait.
    async fn transfer(&self, portfolio: &Portfolio, request: TransferRequest) -> Result<Transfers, StoreError> {
        let TransferRequest { emails, from, to, change } = request;
        let (Some(from), Some(to)) = (portfolio.plan(from), portfolio.plan(to)) else {
            let outcomes = emails.into_iter().map(|email| (email, Transferred::NotFound)).collect();
            self.record_step(&change.recording_learners(&outcomes), Step::Whole).await?;
            return Ok(outcomes);
        };
        let keys: Vec<EmailKey> = emails.iter().map(EmailAddress::key).collect();
        let (emails, keys, change) = (&emails, &keys, &change);
        self.transact("transfer", (), |mut transaction, ()| async move {
            let both = |email: &EmailKey| [from, to].map(|plan| LearnerKeys(email).slot(plan.uuid));
            let wanted: Vec<Key> = keys.iter().flat_map(both).collect();
            let items = self.table.batch_get(&wanted).await?;
            let held = slots_in(from.uuid, keys, items.clone())?;
            let there = slots_in(to.uuid, keys, items)?;
            let outcome = |email: &EmailKey| match (held.get(email), there.get(email)) {
                (Some(slot), _) if !slot.license.status.is_live() => Transferred::NotFound,
                (None, _) => Transferred::NotFound,
                (Some(_), Some(other)) if other.license.status.is_live() => Transferred::Taken,
                (Some(slot), _) => Transferred::Moved(slot.license.uuid),
            };
            let outcomes: Transfers =
                emails.iter().zip(keys).map(|(email, key)| (email.clone(), outcome(key))).collect();
            let moving: Vec<(&EmailKey, &Slot)> = keys
                .iter()
                .filter(|key| matches!(outcome(key), Transferred::Moved(_)))
                .filter_map(|key| Some((key, held.get(key)?)))
                .collect();
            let change = change.clone().recording_learners(&outcomes);
            if moving.is_empty() {
                self.record_step(&change, Step::Whole).await?;
                return Ok(Attempt::Done(outcomes));
            }
            let (mut changes, mut left) = (Vec::new(), Vec::new());
            for (email, slot) in &moving {
                let moved = License { subscription_plan: to.uuid, modified: change.at, ..slot.license.clone() };
                let old = LearnerKeys(email).slot(from.uuid);
                transaction.when(Failed::Slot, [Write::Delete { key: old, condition: Some(as_seen(slot)) }]);
                let arrival = occupy(&moved, there.get(email), portfolio.agreement.uuid, &to.seats, &change)?;
                transaction.when(Failed::Slot, arrival);
                changes.push(LicenseChange::new(&slot.license, &moved));
                left.push(keys::list_key(&slot.license));
            }
            let n = signed(moving.len());
            let activated =
                signed(moving.iter().filter(|(_, slot)| slot.license.status == LicenseStatus::Activated).count());
            let counts = |sign: i64| BucketChange {
                activated: sign * activated,
                assigned: sign * (n - activated),
                ..BucketChange::default()
            };
            transaction.write([
                counts(-1).write(self.any_bucket(from.uuid, &from.seats)),
                counts(1).write(self.any_bucket(to.uuid, &to.seats)),
            ]);
            transaction.when(Failed::PlanGone, [resized(from, -n), resized(to, n)]);

            // The event of the first plan contains no licenses, so their statuses are recorded as changes.
            let standing = |n: i64| FieldChange { before: Value::Null, after: json!(n) };
            let moved = [
                (audit_trail::PLAN.to_owned(), FieldChange { before: json!(from.uuid), after: json!(to.uuid) }),
                (LicenseStatus::Activated.to_string(), standing(activated)),
                (LicenseStatus::Assigned.to_string(), standing(n - activated)),
            ];
            let count = Some(to_u64(moving.len()));
            let kind = EventKind::LicensesTransferred;
            let leaving = Event {
                plan: Some(from.uuid),
                count,
                changes: moved.clone().into(),
                ..self.new_event(kind, &portfolio.agreement, &change)
            };
            transaction.logged_event(&leaving, from, left)?;
            // The renewal of the other plan may have been processed: its future plan gets them, too.
            let arriving = Event {
                count,
                changes: moved.into(),
                ..self.license_event(kind, portfolio, to.uuid, changes, Vec::new(), &change)
            };
            // They were not in the list of the other plan.
            let nowhere = vec![String::new(); arriving.licenses.len()];
            transaction.logged_event(&arriving, to, nowhere)?;
            transaction.record(&change, Step::Whole)?;
            Ok(self.commit(transaction).await?.or_retry(outcomes))
        })
        .await
    }
}

/// The write of the plan with so many more seats, and with as many list shards as a plan of that size has. The
/// condition keeps a larger number of shards that another request wrote: the portfolio may be older than the plan's
/// item.
pub(crate) fn resized(plan: &SubscriptionPlan, seats: i64) -> Write {
    let mut terms = Expression::default()
        .name("seats")
        .name("total")
        .name("version")
        .value("seats", number(seats))
        .value("one", number(1));
    let mut update = "SET #seats.#total = #seats.#total + :seats, #version = #version + :one".to_owned();
    let mut condition = "attribute_exists(pk)".to_owned();
    let shards = plan.seats.grown_to(plan.seats.total.saturating_add_signed(seats)).list_shards;
    if shards > plan.seats.list_shards {
        update.push_str(", #seats.#list_shards = :shards");
        condition.push_str(" AND #seats.#list_shards <= :shards");
        terms = terms.name("list_shards").value("shards", number(shards));
    }
    let key = AgreementKeys(plan.customer_agreement).plan(plan.uuid);
    Write::Update { key, update, condition: Some(condition), terms }
}
