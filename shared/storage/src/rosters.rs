//! Rosters: what a larger plan's list is read from in place of the index.

use async_trait::async_trait;
use license_domain::{PlanId, SubscriptionPlan};

use crate::StoreError;

/// Objects that never change, by their names.
#[async_trait]
pub trait Objects: Send + Sync {
    /// The object of that name, if there is one.
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Keeps an object under that name.
    async fn put(&self, name: &str, object: Vec<u8>) -> Result<(), StoreError>;

    /// Deletes the object of that name, if there is one.
    async fn delete(&self, name: &str) -> Result<(), StoreError>;

    /// The names that begin so, a thousand at most.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError>;
}

/// When a plan's roster is to be brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RosterUpdate {
    /// Soon: many licenses changed.
    Soon,
    /// As soon as it can have what was just changed, and then without a trace of what was there: a learner was retired.
    Forgetting,
}

/// Asking for rosters to be brought up to date.
#[async_trait]
pub trait RosterMarks: Send + Sync {
    /// Lets a plan's roster be brought up to date, if it is to have one; again changes nothing.
    async fn mark(&self, plan: &SubscriptionPlan, update: RosterUpdate) -> Result<(), StoreError>;
}

/// A roster that is due to be brought up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueRoster {
    /// Its plan.
    pub plan: PlanId,
    /// Its place among those that are due. Only the adapter knows what the text means.
    pub place: String,
}

/// What was done for a roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RosterOutcome {
    /// Another sweeper has it.
    Taken,
    /// The plan is gone, or too small to need one.
    Removed,
    /// It was made.
    Built,
    /// It has the latest changes.
    Compacted,
    /// What it does not use any more was deleted, and nothing else was to be done.
    Kept,
    /// It did not agree with the plan's counts, and is not used.
    Refused,
}

/// Making rosters and bringing them up to date.
#[async_trait]
pub trait Rosters: Send + Sync {
    /// Rosters that are due, the longest first.
    async fn due_rosters(&self, limit: usize) -> Result<Vec<DueRoster>, StoreError>;

    /// Does what is to be done for a roster that is due. Of several callers one does it.
    async fn update_roster(&self, due: &DueRoster) -> Result<RosterOutcome, StoreError>;
}
