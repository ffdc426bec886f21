//! Records about requesters: their roles, and how many requests they make.

use async_trait::async_trait;
use license_domain::{RoleGrant, Timestamp};

use crate::{IdempotencyRecords, StoreError};

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

/// What the API asks of the storage for every request.
pub trait RequesterRecords: Users + IdempotencyRecords + RequestCounts {}

impl<T: Users + IdempotencyRecords + RequestCounts> RequesterRecords for T {}

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
