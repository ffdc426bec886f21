//! Records of requesters: their roles, and their request counts.

use async_trait::async_trait;
use license_domain::{RoleGrant, RoleName, Scope, Stamp, Timestamp};
use serde::{Deserialize, Serialize};

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

/// What was done to a role assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleChangeKind {
    /// The user has the role from then on.
    Granted,
    /// The user no longer has the role.
    Revoked,
}

/// A change of a user's explicit role assignments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleChange {
    pub kind: RoleChangeKind,
    pub role: RoleName,
    /// For which customers.
    pub scope: Scope,
    pub actor: String,
    pub reason: String,
    pub request_id: String,
    pub at: Timestamp,
}

/// Changing explicit role assignments.
#[async_trait]
pub trait ChangeRoles: Send + Sync {
    /// Grants a role, or revokes it, and keeps a record of it; whether that changed anything.
    async fn change_role(
        &self,
        username: &str,
        grant: RoleGrant,
        kind: RoleChangeKind,
        stamp: &Stamp,
    ) -> Result<bool, StoreError>;

    /// The changes of a user's roles, the newest first, `limit` at most.
    async fn role_changes(&self, username: &str, limit: usize) -> Result<Vec<RoleChange>, StoreError>;
}

/// A user in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedUser {
    pub name: String,
    /// The place in the list.
    pub place: String,
}

/// The people of whom something is on record, by name. A person may have several places.
#[async_trait]
pub trait UserLists: Send + Sync {
    /// Those with an explicit role: one place for each assignment behind that place, `limit` at most.
    async fn users_with_roles(&self, after: Option<&str>, limit: usize) -> Result<Vec<ListedUser>, StoreError>;

    /// Those who have signed in to the console lately: one place for each session behind that place, `limit` at most.
    async fn users_with_sessions(&self, after: Option<&str>, limit: usize) -> Result<Vec<ListedUser>, StoreError>;
}

/// The ports that the API uses for every request.
pub trait RequesterRecords: Users + IdempotencyRecords + RequestCounts {}

impl<T: Users + IdempotencyRecords + RequestCounts> RequesterRecords for T {}

/// The request count of a requester.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestCount {
    pub in_second: u64,
    pub in_minute: u64,
}

#[async_trait]
pub trait RequestCounts: Send + Sync {
    /// Counts one request of that requester.
    async fn count(&self, caller: &str, at: Timestamp) -> Result<RequestCount, StoreError>;
}
