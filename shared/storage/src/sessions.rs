//! Sessions of the console: who signed in, and since when.

use async_trait::async_trait;
use license_domain::{LmsUserId, RoleGrant, Timestamp};
use serde::{Deserialize, Serialize};

use crate::StoreError;

/// A session. The browser has its id; on record is only the id's digest, so that who reads the table cannot use it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The digest of its id, as hexadecimal digits.
    pub digest: String,
    /// Who signed in.
    pub username: String,
    /// The number in the LMS.
    pub lms_user_id: Option<LmsUserId>,
    /// What the claims said at sign-in: whether the user belongs to the company's staff.
    pub is_staff: bool,
    /// Whether the user passes every check.
    pub is_superuser: bool,
    /// The roles of the token.
    pub grants: Vec<RoleGrant>,
    /// When the user signed in.
    pub created: Timestamp,
    /// When the session was last used.
    pub seen: Timestamp,
    /// After that time it is over, however much it is used.
    pub ends: Timestamp,
}

/// Sessions on record.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Puts a new session on record.
    async fn create_session(&self, session: &Session) -> Result<(), StoreError>;

    /// The session with that digest, unless it was revoked. The caller checks its times.
    async fn session(&self, digest: &str) -> Result<Option<Session>, StoreError>;

    /// Records that the session is used.
    async fn touch_session(&self, digest: &str, at: Timestamp) -> Result<(), StoreError>;

    /// Ends the session; whether there was one of that user.
    async fn revoke_session(&self, username: &str, digest: &str, at: Timestamp) -> Result<bool, StoreError>;

    /// The sessions of that user that were not revoked, the newest first.
    async fn sessions_of(&self, username: &str) -> Result<Vec<Session>, StoreError>;
}
