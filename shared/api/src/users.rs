//! What the store knows of requesters, remembered for a minute: a role that is taken back works that much longer, which is
//! little beside the life of a token, and a warm process reads nothing.

use std::sync::Arc;

use chrono::TimeDelta;
use license_cache::ExpiringCache;
use license_domain::Timestamp;
use license_storage::{RequesterRecords, StoreError, StoredUser};

/// How long a user is remembered.
const LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// The users of the store.
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
