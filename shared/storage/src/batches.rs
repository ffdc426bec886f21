//! Work in several transactions, and whether the table is well.

use async_trait::async_trait;
use license_domain::{BatchId, Due, Portfolio, RenewalId, SubscriptionPlanRenewal, Timestamp, renewing::Refusal};
use serde::{Deserialize, Serialize};

use crate::{Change, StoreError};

/// A renewal that is processed.
#[derive(Clone, Debug)]
pub struct Renewed {
    /// The agreement of its plans, the future one included.
    pub portfolio: Portfolio,
    /// The renewal.
    pub renewal: SubscriptionPlanRenewal,
    /// Whether it was not before this call.
    pub is_new: bool,
}

impl Renewed {
    /// What is recorded of it.
    pub fn outcome(&self) -> RenewalOutcome {
        RenewalOutcome { renewal: self.renewal.clone(), is_new: self.is_new }
    }
}

/// The outcome of processing a renewal, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewalOutcome {
    /// The renewal.
    pub renewal: SubscriptionPlanRenewal,
    /// Whether the request processed it.
    pub is_new: bool,
}

/// Why a renewal was not processed.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// There is no such renewal.
    #[error("no such renewal")]
    Missing,
    /// It cannot be; nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed. What was begun is carried on by the schedule, or by the next call.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Processing renewals.
#[async_trait]
pub trait Renew: Send + Sync {
    /// Makes the future plan, or takes the given one, and carries the licenses over; all of it once.
    async fn renew(&self, renewal: RenewalId, change: &Change) -> Result<Renewed, RenewError>;
}

/// Work on record that should have got on by now: what nobody else lets go on any more.
#[async_trait]
pub trait Sweep: Send + Sync {
    /// Work that is under way, due or not, what is looked at next first.
    async fn under_way(&self, limit: usize) -> Result<Vec<Due>, StoreError>;

    /// Some of it, what is due longest first.
    async fn due(&self, limit: usize) -> Result<Vec<Due>, StoreError>;

    /// Lets work be due at that time, after so many attempts, if it is still due as it was seen; `None` if not.
    /// Whoever postponed it has it to themselves until then. What it consists of is kept for as long as it needs.
    async fn postpone(&self, seen: &Due, at: Timestamp, attempts: u32) -> Result<Option<Due>, StoreError>;
}

/// Batches whose request died half-way.
#[async_trait]
pub trait Batches: Send + Sync {
    /// Runs what is left of a batch; how many licenses it handed out.
    async fn resume(&self, batch: BatchId) -> Result<usize, StoreError>;
}

/// Whether the table answers.
#[async_trait]
pub trait Health: Send + Sync {
    /// One cheap read.
    async fn check(&self) -> Result<(), StoreError>;
}
