//! Rosters, from which the list of a larger plan is read instead of the index.

use async_trait::async_trait;
use license_domain::{PlanId, SubscriptionPlan};

use crate::StoreError;

/// Stores immutable objects by name.
#[async_trait]
pub trait Objects: Send + Sync {
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Stores an object under that name.
    async fn put(&self, name: &str, object: Vec<u8>) -> Result<(), StoreError>;

    /// Deletes the object of that name, if there is one.
    async fn delete(&self, name: &str) -> Result<(), StoreError>;

    /// The names that begin with the prefix, a thousand at most.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError>;
}

/// When a plan's roster is to be updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RosterUpdate {
    /// Soon: many licenses changed.
    Soon,
    /// As soon as the change that was just made can be included, with all older blocks rewritten: a learner was
    /// retired.
    Forgetting,
}

/// Requests updates of rosters.
#[async_trait]
pub trait RosterMarks: Send + Sync {
    /// Requests an update of a plan's roster, if the plan is large enough for one; repeating it changes nothing.
    async fn mark(&self, plan: &SubscriptionPlan, update: RosterUpdate) -> Result<(), StoreError>;
}

/// A roster that is due to be updated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueRoster {
    pub plan: PlanId,
    /// Its position among the due rosters. The text is opaque outside the adapter.
    pub place: String,
}

/// The outcome of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RosterOutcome {
    /// Another sweeper is updating it.
    Taken,
    /// The plan was deleted, or is too small for a roster.
    Removed,
    Built,
    /// The roster has the latest changes.
    Compacted,
    /// Unused objects were deleted, and nothing else was to be done.
    Kept,
    /// The roster did not agree with the plan's counts and is not used.
    Refused,
}

/// Builds and updates rosters.
#[async_trait]
pub trait Rosters: Send + Sync {
    /// Due rosters, the one that is overdue longest first.
    async fn due_rosters(&self, limit: usize) -> Result<Vec<DueRoster>, StoreError>;

    /// Updates a due roster. Of several simultaneous callers one does it.
    async fn update_roster(&self, due: &DueRoster) -> Result<RosterOutcome, StoreError>;
}
