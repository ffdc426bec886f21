//! Who changed something, why, and in which request: stamped on every write.

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, ids::LmsUserId};

/// What every change carries: actor, request, time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The caller's user name, or the name of the function that acts by itself.
    pub actor: String,
    /// The caller's number in the LMS, when the token says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_lms_user_id: Option<LmsUserId>,
    /// Why: the operation, or the change reason that was given.
    pub reason: String,
    /// The request (or invocation) that made the change.
    pub request_id: String,
    /// When.
    pub at: Timestamp,
}
