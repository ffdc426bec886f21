//! What the store knows of callers, remembered for a minute: a role that is taken back works that much longer,
//! which is little beside the life of a token, and a warm process asks for nothing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use license_domain::Timestamp;
use license_storage::{RequesterRecords, StoreError, StoredUser};

/// How long an answer is remembered, in seconds.
const LIFETIME_SECONDS: i64 = 60;

/// How many users are remembered; a process that saw more starts over.
const CAPACITY: usize = 10_000;

/// The users of the store.
pub(crate) struct KnownUsers {
    users: Arc<dyn RequesterRecords>,
    known: Mutex<HashMap<String, (Timestamp, StoredUser)>>,
}

impl KnownUsers {
    pub(crate) fn new(users: Arc<dyn RequesterRecords>) -> Self {
        Self { users, known: Mutex::default() }
    }

    pub(crate) async fn user(&self, name: &str, now: Timestamp) -> Result<StoredUser, StoreError> {
        if let Some(user) = self.recall(name, now) {
            return Ok(user);
        }
        let user = self.users.user(name).await?;
        if let Ok(mut known) = self.known.lock() {
            if known.len() >= CAPACITY {
                known.clear();
            }
            known.insert(name.to_owned(), (now, user.clone()));
        }
        Ok(user)
    }

    fn recall(&self, name: &str, now: Timestamp) -> Option<StoredUser> {
        let known = self.known.lock().ok()?;
        let (read, user) = known.get(name)?;
        (0..LIFETIME_SECONDS).contains(&(now - *read).num_seconds()).then(|| user.clone())
    }
}
