//! Operators' operations on a plan's licenses: their single transactions.

use async_trait::async_trait;
use license_domain::{EmailKey, LicenseId, PlanId, Portfolio, Row, RowResult, SubscriptionPlan, Timestamp};

use crate::{Change, StoreError};

/// The most revoked licenses that one transaction deletes: each is one item and may have a mark beside it.
pub const MAX_DELETED: usize = 40;

/// The most licenses that one transaction reverts: each may be three items, and its seat one more.
pub const MAX_REVERTED: usize = 20;

/// A request to revert licenses of a plan, [`MAX_REVERTED`] at most.
#[derive(Clone, Debug)]
pub struct RevertRequest<'a> {
    /// A row for each license, with its learner's address if it has one.
    pub rows: &'a [Row],
    /// The time to which they are reverted.
    pub to: Timestamp,
    /// Whether those that others have changed since then are reverted, too.
    pub is_forced: bool,
    /// Whether nothing is written.
    pub is_dry_run: bool,
    pub change: Change,
}

/// Deletes unassigned seats, and licenses that are revoked; reverts licenses.
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

    /// Reverts licenses of the plan to what they were; returns the outcome of each row. Unless it is a dry run, the
    /// outcomes commit with the effect.
    async fn revert(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        request: RevertRequest<'_>,
    ) -> Result<Vec<RowResult>, StoreError>;
}
