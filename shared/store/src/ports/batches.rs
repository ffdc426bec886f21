//! Work in several transactions, and whether the table is well.

use async_trait::async_trait;
use license_domain::{BatchId, Portfolio, RenewalId, Stamp, SubscriptionPlanRenewal, Timestamp, renewing::Refusal};

use crate::StoreError;

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
    /// Makes the future plan, or takes the given one, and carries the licences over; all of it once.
    async fn renew(&self, renewal: RenewalId, stamp: &Stamp) -> Result<Renewed, RenewError>;
}

/// Batches whose request died half-way.
#[async_trait]
pub trait Batches: Send + Sync {
    /// The batches that should be done by now.
    async fn overdue(&self, limit: usize) -> Result<Vec<BatchId>, StoreError>;

    /// The batches that should have been done by then, and are not: the oldest first.
    async fn overdue_since(&self, before: Timestamp, limit: usize) -> Result<Vec<BatchId>, StoreError>;

    /// Runs what is left of a batch; how many licences it handed out.
    async fn resume(&self, batch: BatchId) -> Result<usize, StoreError>;
}

/// Whether the table answers.
#[async_trait]
pub trait Health: Send + Sync {
    /// One cheap read.
    async fn check(&self) -> Result<(), StoreError>;
}
