//! Records of mail deliveries: each is one item, and each change requires the version that was read.

use async_trait::async_trait;
use license_domain::{Consequence, Delivery, DeliveryId, DeliveryState, Event, EventKind, Portfolio};

use crate::{
    Store,
    audit_trails::version_is,
    keys::{self, Item, Key, TTL},
    rows::{self, number},
    table::{Expression, Range, Write},
};
use license_storage::{Change, Deliveries, StoreError};

/// How long a record is kept: longer than a message about it can be delivered again.
const LIFETIME_SECONDS: i64 = 30 * 24 * 60 * 60;

#[async_trait]
impl Deliveries for Store {
    async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>, StoreError> {
        match self.table.get(&keys::delivery(id)).await? {
            Some(item) => self.read(item).await.map(Some),
            None => Ok(None),
        }
    }

    /// One put, on condition that there is no record yet, or still the version that was seen.
    async fn put_delivery(&self, seen: Option<&Delivery>, after: &Delivery) -> Result<bool, StoreError> {
        let condition = seen.map_or_else(Expression::absent, |seen| version_is(seen.version));
        let write = Write::Put { item: item(after, seen)?, condition: Some(condition) };
        self.write_if("record a mail", write).await
    }

    async fn unsettled(&self, limit: usize) -> Result<Vec<Delivery>, StoreError> {
        let range = Range {
            index: Some(keys::GSI3),
            partition: keys::UNSETTLED_MAILS.to_owned(),
            limit: Some(limit),
            ..Range::default()
        };
        let keys: Vec<Key> = self.table.query(range).await?.iter().filter_map(Key::of).collect();
        let mut found = self.table.batch_get(&keys).await?;
        let mails: Vec<Delivery> = self.read_all(keys.iter().filter_map(|key| found.remove(key)).collect()).await?;
        // The index may still show one that was settled just now.
        Ok(mails.into_iter().filter(is_unsettled).collect())
    }

    /// One transaction: the record (its version as seen) leaves the list; the event that requests a new mail. The
    /// transaction conflicted: again after a random wait.
    async fn resend(&self, portfolio: &Portfolio, seen: &Delivery, change: &Change) -> Result<bool, StoreError> {
        let after = Delivery { state: DeliveryState::Resent, at: change.at, ..seen.clone() };
        let event = Event {
            plan: seen.plan,
            consequences: vec![Consequence::ResendMail { delivery: seen.id }],
            ..self.new_event(EventKind::MailResent, &portfolio.agreement, change)
        };
        let write = Write::Put { item: item(&after, Some(seen))?, condition: Some(version_is(seen.version)) };
        self.write_with_event("resend mail", write, &event, change).await
    }
}

fn item(delivery: &Delivery, seen: Option<&Delivery>) -> Result<Item, StoreError> {
    let version = seen.map_or(0, |seen| seen.version) + 1;
    let mut item = rows::to_item(&Delivery { version, ..delivery.clone() })?;
    item.extend(keys::delivery(&delivery.id).attributes());
    if is_unsettled(delivery) {
        keys::unsettled_mail(&delivery.id, delivery.at).put(&mut item);
    }
    item.insert(TTL.to_owned(), number(delivery.at.timestamp() + LIFETIME_SECONDS));
    Ok(item)
}

const fn is_unsettled(delivery: &Delivery) -> bool {
    matches!(delivery.state, DeliveryState::Unknown | DeliveryState::Refused)
}
