//! Webhooks: an agreement has a fixed number of slots for them, so that simultaneous requests cannot create more.

use async_trait::async_trait;
use license_domain::{
    AgreementId, Consequence, Event, EventKind, Portfolio, Stamp, Timestamp, Webhook,
    webhook::{DeliveryAttempt, MAX_WEBHOOKS, webhook_changes},
};

use crate::{
    Store,
    attempts::Attempt,
    keys::{self, AgreementKeys, Item},
    rows,
    table::{Expression, Range, Write},
};
use license_storage::{Change, StoreError, Webhooks};

/// The conditions of a webhook's transactions.
#[derive(Clone, Copy, Debug)]
enum Failed {
    /// Another webhook took the slot.
    PlaceTaken,
    /// It was changed since it was read.
    Changed,
}

/// The actor that disables failing webhooks.
const SYSTEM: &str = "license-manager";

#[async_trait]
impl Webhooks for Store {
    async fn webhooks(&self, agreement: AgreementId) -> Result<Vec<Webhook>, StoreError> {
        let range = Range {
            partition: AgreementKeys(agreement).partition(),
            prefix: Some(keys::WEBHOOK_PREFIX.to_owned()),
            consistent: true,
            ..Range::default()
        };
        let found = self.table.query(range).await?.into_iter().map(rows::from_item);
        let mut found: Vec<Webhook> = found.collect::<Result<_, _>>()?;
        found.sort_by_key(|webhook| (webhook.created, webhook.uuid));
        Ok(found)
    }

    /// 1. Read which slots are free. If none is: there is no room.
    /// 2. One transaction: the webhook in the first of them (absent), the event. Its condition failed: another request
    ///    took the slot; repeat from 1.
    async fn create_webhook(
        &self,
        portfolio: &Portfolio,
        webhook: &Webhook,
        change: &Change,
    ) -> Result<bool, StoreError> {
        let agreement = webhook.customer_agreement;
        self.transact("create webhook", (), |mut transaction, ()| async move {
            let taken: Vec<u8> = self.webhooks(agreement).await?.iter().map(|webhook| webhook.slot).collect();
            let Some(slot) = (0..MAX_WEBHOOKS).find(|slot| !taken.contains(slot)) else {
                return Ok(Attempt::Done(false));
            };
            let webhook = Webhook { slot, version: 1, ..webhook.clone() };
            transaction.when(Failed::PlaceTaken, [Write::create(item(&webhook)?)]);
            let event = self.about(portfolio, EventKind::WebhookCreated, (None, Some(&webhook)), change);
            transaction.add_event(&event, change)?;
            Ok(self.commit(transaction).await?.or_retry(true))
        })
        .await
    }

    /// One transaction: the webhook (its version as seen), the event. Its condition failed: it was changed. The
    /// transaction conflicted: again after a random wait.
    async fn change_webhook(
        &self,
        portfolio: &Portfolio,
        (seen, after): (&Webhook, &Webhook),
        consequences: Vec<Consequence>,
        change: &Change,
    ) -> Result<bool, StoreError> {
        let about = self.about(portfolio, EventKind::WebhookUpdated, (Some(seen), Some(after)), change);
        self.write_with_event("change webhook", put(seen, after)?, &Event { consequences, ..about }, change).await
    }

    /// One transaction: the webhook is deleted (its version as seen), the event. Its condition failed: it was changed.
    /// The transaction conflicted: again after a random wait.
    async fn delete_webhook(&self, portfolio: &Portfolio, seen: &Webhook, change: &Change) -> Result<bool, StoreError> {
        let key = AgreementKeys(seen.customer_agreement).webhook(seen.slot);
        let event = self.about(portfolio, EventKind::WebhookDeleted, (Some(seen), None), change);
        self.write_with_event("delete webhook", Write::Delete { key, condition: Some(is_seen(seen)) }, &event, change)
            .await
    }

    /// 1. If the attempt changes nothing, nothing is written.
    /// 2. One put of the webhook (its version as seen), in one transaction with an event if it is disabled. The
    ///    condition failed, because another delivery or a request changed it: after a random wait repeat from 1.
    async fn note_try(
        &self,
        portfolio: &Portfolio,
        seen: &Webhook,
        tried: &DeliveryAttempt,
    ) -> Result<bool, StoreError> {
        let (agreement, id) = (seen.customer_agreement, seen.uuid);
        self.transact("record a webhook's delivery", Some(seen.clone()), |mut transaction, seen| async move {
            let seen = match seen {
                Some(seen) => Some(seen),
                None => self.webhooks(agreement).await?.into_iter().find(|known| known.uuid == id),
            };
            let Some((seen, after)) = seen.and_then(|seen| seen.after(tried).map(|after| (seen, after))) else {
                return Ok(Attempt::Done(false));
            };
            let is_disabled = seen.is_active && !after.is_active;
            transaction.when(Failed::Changed, [put(&seen, &after)?]);
            if is_disabled {
                let (kind, stamp) = (EventKind::WebhookDisabled, disabling(tried.at));
                transaction.event(&self.about(portfolio, kind, (Some(&seen), Some(&after)), &stamp))?;
            }
            Ok(self.commit(transaction).await?.or_retry(is_disabled))
        })
        .await
    }
}

/// The stamp of a change that no user and no request made.
fn disabling(at: Timestamp) -> Stamp {
    Stamp {
        actor: SYSTEM.to_owned(),
        actor_lms_user_id: None,
        reason: "webhook disabled".to_owned(),
        request_id: String::new(),
        at,
    }
}

impl Store {
    fn about(
        &self,
        portfolio: &Portfolio,
        kind: EventKind,
        (before, after): (Option<&Webhook>, Option<&Webhook>),
        stamp: &Stamp,
    ) -> Event {
        Event { changes: webhook_changes(before, after), ..self.new_event(kind, &portfolio.agreement, stamp) }
    }
}

fn put(seen: &Webhook, after: &Webhook) -> Result<Write, StoreError> {
    let item = item(&Webhook { version: seen.version + 1, ..after.clone() })?;
    Ok(Write::Put { item, condition: Some(is_seen(seen)) })
}

/// The slot may have another webhook by now, with the same version.
fn is_seen(seen: &Webhook) -> Expression {
    Expression::new("#uuid = :uuid AND #version = :version")
        .name("uuid")
        .name("version")
        .value("uuid", rows::text(seen.uuid.to_string()))
        .value("version", rows::number(seen.version))
}

fn item(webhook: &Webhook) -> Result<Item, StoreError> {
    let mut item = rows::to_item(webhook)?;
    item.extend(AgreementKeys(webhook.customer_agreement).webhook(webhook.slot).attributes());
    Ok(item)
}
