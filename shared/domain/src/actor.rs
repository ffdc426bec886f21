//! Who changed something, why, and in which request: stamped on every write.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    idempotency::{Begun, Once, StoredAnswer},
    ids::LmsUserId,
};

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
    /// Where the request is to have its effect once: what makes it one of a kind.
    #[serde(skip)]
    pub once: Option<Box<Once>>,
}

impl Stamp {
    /// The same with the answer that goes on record with the effect.
    #[must_use]
    pub fn answering(mut self, answer: impl FnOnce() -> StoredAnswer) -> Self {
        if let Some(once) = &mut self.once {
            once.answer = Some(answer());
        }
        self
    }

    /// The same for what follows from the request, and is not its effect.
    #[must_use]
    pub fn aside(&self) -> Self {
        Self { once: None, ..self.clone() }
    }

    /// What an earlier attempt at the same request had begun.
    pub fn begun(&self) -> Option<Begun> {
        self.once.as_ref()?.begun
    }
}
