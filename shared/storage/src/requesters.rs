//! What is known of callers: their roles, their requests, how many of these.

use async_trait::async_trait;
use license_domain::{BatchId, Once, RoleGrant, StoredAnswer, Timestamp};

use crate::StoreError;

/// What the store knows of a user beside the token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredUser {
    /// Whether the user passes every check.
    pub is_superuser: bool,
    /// Roles that were assigned explicitly.
    pub grants: Vec<RoleGrant>,
}

/// Explicit role assignments.
#[async_trait]
pub trait Users: Send + Sync {
    /// What is on record of the user of that name; the default where nothing is.
    async fn user(&self, username: &str) -> Result<StoredUser, StoreError>;
}

/// What is on record of a request that carried the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// The request.
    pub fingerprint: String,
    /// The attempt that has the record.
    pub attempt: uuid::Uuid,
    /// When it wrote last.
    pub at: Timestamp,
    /// Whether it was answered.
    pub is_done: bool,
    /// The answer, where it is not made again from what is there.
    pub answer: Option<StoredAnswer>,
    /// The batch that has the answer.
    pub batch: Option<BatchId>,
    /// Whether parts have the answer.
    pub parts: bool,
}

/// Records of requests that carry a key.
#[async_trait]
pub trait Onces: Send + Sync {
    /// What is on record under that key.
    async fn earlier(&self, key: &str) -> Result<Option<Earlier>, StoreError>;

    /// Lets this attempt carry on what the one that was seen has begun; whether nobody else does.
    async fn take_over(&self, once: &Once, seen: &Earlier, at: Timestamp) -> Result<bool, StoreError>;

    /// Puts the answer on record, or nothing but that it can be made again from what was begun; whether no other
    /// attempt was faster.
    async fn answered(&self, once: &Once, answer: Option<&StoredAnswer>, at: Timestamp) -> Result<bool, StoreError>;
}

/// What the web layer asks of the store about callers.
pub trait RequesterRecords: Users + Onces + RequestCounts {}

impl<T: Users + Onces + RequestCounts> RequesterRecords for T {}

/// How many requests a caller has made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestCount {
    /// In this second.
    pub in_second: u64,
    /// In this minute.
    pub in_minute: u64,
}

/// Counting requests.
#[async_trait]
pub trait RequestCounts: Send + Sync {
    /// Counts one request of that caller.
    async fn count(&self, caller: &str, at: Timestamp) -> Result<RequestCount, StoreError>;
}
