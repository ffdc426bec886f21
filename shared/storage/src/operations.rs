//! Operators' operations on a plan's licenses: their single transactions.

use async_trait::async_trait;
use license_domain::{EmailKey, LicenseId, PlanId, Portfolio, RowResult, SubscriptionPlan};

use crate::{Change, StoreError};

/// The most revoked licenses that one transaction deletes: each is one item and may have a mark beside it.
pub const MAX_DELETED: usize = 40;

/// Deletes unassigned seats, and licenses that are revoked.
#[async_trait]
pub trait Operations: Send + Sync {
    /// Deletes the unassigned licenses of a plan: all untouched seats, and as many returned ones as one transaction
    /// holds. `None`: returned seats are left, and the call is to be repeated. The last call marks the plan as frozen; its
    /// outcome is made from the number of licenses that the plan has then, and commits under the change's key.
    async fn freeze(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        change: &Change,
        outcome: fn(u64) -> Vec<RowResult>,
    ) -> Result<Option<Vec<RowResult>>, StoreError>;

    /// Deletes those of these licenses of the plan that are revoked, [`MAX_DELETED`] at most; returns which ones. The
    /// change's outcome commits with it.
    async fn delete_revoked(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        wanted: &[(Option<EmailKey>, LicenseId)],
        change: &Change,
    ) -> Result<usize, StoreError>;
}
