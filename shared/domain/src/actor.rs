//! Who makes a change, why, and in which request. Every write carries it.

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, ids::LmsUserId};

/// What every change carries: actor, request, time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The requester's user name, or the name of a function that acts by itself.
    pub actor: String,
    /// The requester's id in the LMS, if the token has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_lms_user_id: Option<LmsUserId>,
    /// The operation, or the reason that the requester gave.
    pub reason: String,
    /// The request (or invocation) that made the change.
    pub request_id: String,
    pub at: Timestamp,
}
