//! Records of requesters: their roles, and their request counts.

use async_trait::async_trait;
use license_domain::{RoleGrant, Timestamp};

use crate::{IdempotencyRecords, StoreError};

/// What the store knows of a user beyond the token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredUser {
    /// Whether every check passes.
    pub is_superuser: bool,
    /// Roles that were assigned explicitly.
    pub grants: Vec<RoleGrant>,
}

/// Reads explicit role assignments.
#[async_trait]
pub trait Users: Send + Sync {
    /// The stored data of the user; the default if there is none.
    async fn user(&self, username: &str) -> Result<StoredUser, StoreError>;
}

/// The ports that the API uses for every request.
pub trait RequesterRecords: Users + IdempotencyRecords + RequestCounts {}

impl<T: Users + IdempotencyRecords + RequestCounts> RequesterRecords for T {}

/// The request count of a requester.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestCount {
    /// In this second.
    pub in_second: u64,
    /// In this minute.
    pub in_minute: u64,
}

/// Counts requests.
#[async_trait]
pub trait RequestCounts: Send + Sync {
    /// Counts one request of that requester.
    async fn count(&self, caller: &str, at: Timestamp) -> Result<RequestCount, StoreError>;
}
