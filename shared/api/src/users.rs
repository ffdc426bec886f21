//! What the store knows of requesters, cached for a minute. So a role that was withdrawn works for up to a minute
//! longer, which is short compared to the life of a token, and a warm process reads nothing.

use std::sync::Arc;

use chrono::TimeDelta;
use license_cache::ExpiringCache;
use license_domain::Timestamp;
use license_storage::{RequesterRecords, StoreError, StoredUser};

const LIFETIME: TimeDelta = TimeDelta::seconds(60);

pub(crate) struct KnownUsers {
    users: Arc<dyn RequesterRecords>,
    known: ExpiringCache<String, StoredUser>,
}

impl KnownUsers {
    pub(crate) fn new(users: Arc<dyn RequesterRecords>) -> Self {
        Self { users, known: ExpiringCache::default() }
    }

    pub(crate) async fn user(&self, name: &str, now: Timestamp) -> Result<StoredUser, StoreError> {
        if let Some(user) = self.known.get(name, now) {
            return Ok(user);
        }
        let user = self.users.user(name).await?;
        self.known.put(name.to_owned(), user.clone(), now, now + LIFETIME);
        Ok(user)
    }
}
