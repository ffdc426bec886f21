//! Sessions of the console.

use async_trait::async_trait;
use license_domain::{LmsUserId, RoleGrant, Timestamp};
use serde::{Deserialize, Serialize};

use crate::StoreError;

/// A session. The browser has its id; only the id's digest is stored, so that a reader of the table cannot use the
/// session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The digest of its id, as hexadecimal digits.
    pub digest: String,
    /// The user who signed in.
    pub username: String,
    /// The user's id in the LMS.
    pub lms_user_id: Option<LmsUserId>,
    /// Whether the user is staff, by the claims at sign-in.
    pub is_staff: bool,
    /// Whether the user is a superuser, by the claims at sign-in.
    pub is_superuser: bool,
    /// The roles of the token.
    pub grants: Vec<RoleGrant>,
    /// When the user signed in.
    pub created: Timestamp,
    /// When the session was last used.
    pub seen: Timestamp,
    /// The latest end of the session, however much it is used.
    pub ends: Timestamp,
}

#[async_trait]
pub trait Sessions: Send + Sync {
    async fn create_session(&self, session: &Session) -> Result<(), StoreError>;

    /// The session with that digest, unless it was revoked. The caller checks its times.
    async fn session(&self, digest: &str) -> Result<Option<Session>, StoreError>;

    /// Records that the session is used.
    async fn touch_session(&self, digest: &str, at: Timestamp) -> Result<(), StoreError>;

    /// Ends the session; `false` if the user has no such session.
    async fn revoke_session(&self, username: &str, digest: &str, at: Timestamp) -> Result<bool, StoreError>;

    /// The sessions of that user that were not revoked, the newest first.
    async fn sessions_of(&self, username: &str) -> Result<Vec<Session>, StoreError>;
}
