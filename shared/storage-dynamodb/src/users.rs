//! Explicit role assignments, request counts, and the read of the health check.

use async_trait::async_trait;
use license_domain::{RoleGrant, Timestamp};

use crate::{
    Store,
    keys::{self, Item, Key, ROLE_PREFIX, UserKeys},
    rows,
    table::Range,
};
use license_storage::{Health, RequestCount, RequestCounts, StoreError, StoredUser, Users};

#[async_trait]
impl Users for Store {
    async fn user(&self, username: &str) -> Result<StoredUser, StoreError> {
        let partition = UserKeys(username).partition();
        let mut user = StoredUser::default();
        for item in self.table.query(Range { partition, consistent: true, ..Range::default() }).await? {
            add(&mut user, item)?;
        }
        Ok(user)
    }
}

/// Adds the data of an item of a user's partition.
pub(crate) fn add(user: &mut StoredUser, item: Item) -> Result<(), StoreError> {
    if Key::of(&item).is_some_and(|key| key.sk.starts_with(ROLE_PREFIX)) {
        user.grants.push(rows::from_item::<RoleGrant>(item)?);
    } else {
        // An item without a flag gives no rights.
        let flag = item.get("is_superuser").and_then(|value| value.as_bool().ok());
        user.is_superuser = flag.copied().unwrap_or_default();
    }
    Ok(())
}

/// How long a minute's count is kept, in seconds.
const COUNT_LIFETIME_SECONDS: i64 = 10 * 60;

#[async_trait]
impl RequestCounts for Store {
    /// One update of the minute's item, which counts the minute and each of its seconds.
    async fn count(&self, caller: &str, at: Timestamp) -> Result<RequestCount, StoreError> {
        let second = format!("s{:02}", at.timestamp().rem_euclid(60));
        let ttl = at.timestamp() + COUNT_LIFETIME_SECONDS;
        let [in_minute, in_second] = self.table.count(&keys::throttle(caller, at), ["requests", &second], ttl).await?;
        Ok(RequestCount { in_minute, in_second })
    }
}

#[async_trait]
impl Health for Store {
    async fn check(&self) -> Result<(), StoreError> {
        self.table.get(&keys::health()).await.map(|_| ())
    }
}
