//! Plans' counts by day.

use async_trait::async_trait;
use license_domain::{PlanId, Timestamp, utilization::PlanDay};

use crate::StoreError;

/// Stores plans' counts by day.
#[async_trait]
pub trait PlanDays: Send + Sync {
    /// The plan's newest day.
    async fn last_day(&self, plan: PlanId) -> Result<Option<PlanDay>, StoreError>;

    /// Stores a day, unless it is there.
    async fn put_day(&self, day: &PlanDay) -> Result<(), StoreError>;

    /// The plan's days between two times, by day, with both ends.
    async fn days(&self, plan: PlanId, from: Timestamp, to: Timestamp) -> Result<Vec<PlanDay>, StoreError>;
}
