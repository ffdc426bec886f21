//! Sessions of the console. Each is one item, which DynamoDB deletes some time after its end.

use async_trait::async_trait;
use license_domain::Timestamp;
use license_storage::{Session, Sessions, StoreError};

use crate::{
    Store,
    keys::{self, Item, Key, SessionKeys},
    rows,
    table::{Expression, Range},
};

/// The attribute of a session that was revoked.
const REVOKED: &str = "revoked";

#[async_trait]
impl Sessions for Store {
    /// One write of a new item.
    async fn create_session(&self, session: &Session) -> Result<(), StoreError> {
        let keys = SessionKeys(&session.digest);
        let mut item = rows::to_item(session)?;
        item.extend(keys.session().attributes());
        keys.listing(&session.username, session.created).put(&mut item);
        keys.listing_of_all(&session.username).put(&mut item);
        item.insert(keys::TTL.to_owned(), rows::number(session.ends.timestamp()));
        self.table.write_all(vec![item]).await
    }

    async fn session(&self, digest: &str) -> Result<Option<Session>, StoreError> {
        self.table.get(&SessionKeys(digest).session()).await?.map_or(Ok(None), live)
    }

    /// One update of the item. Its condition failed: the session was deleted or revoked, which the next request
    /// notices.
    async fn touch_session(&self, digest: &str, at: Timestamp) -> Result<(), StoreError> {
        let terms = Expression::new("attribute_exists(pk) AND attribute_not_exists(#revoked)")
            .name(REVOKED)
            .name("seen")
            .value("seen", rows::text(keys::time(at)));
        self.table.update(&SessionKeys(digest).session(), "SET #seen = :seen", terms).await.map(|_| ())
    }

    /// One update of the item. Its condition failed: the session does not exist, or belongs to another user.
    async fn revoke_session(&self, username: &str, digest: &str, at: Timestamp) -> Result<bool, StoreError> {
        let terms = Expression::new("#username = :username")
            .name(REVOKED)
            .name("username")
            .value("username", rows::text(username))
            .value("revoked", rows::text(keys::time(at)));
        let update = "SET #revoked = :revoked";
        Ok(self.table.update(&SessionKeys(digest).session(), update, terms).await?.is_some())
    }

    /// Queries the index of the list, then reads the items themselves, because an index shows a write with a delay.
    async fn sessions_of(&self, username: &str) -> Result<Vec<Session>, StoreError> {
        let range = Range {
            index: Some(keys::GSI2),
            partition: keys::sessions_of(username),
            descending: true,
            ..Range::default()
        };
        let found: Vec<Key> = self.table.query(range).await?.iter().filter_map(Key::of).collect();
        let mut items = self.table.batch_get(&found).await?;
        let sessions = found.iter().filter_map(|key| items.remove(key)).map(live).filter_map(Result::transpose);
        sessions.collect()
    }
}

fn live(item: Item) -> Result<Option<Session>, StoreError> {
    if item.contains_key(REVOKED) { Ok(None) } else { rows::from_item(item).map(Some) }
}
