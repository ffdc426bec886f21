//! Runs that should make progress, and whether the table is well.

use async_trait::async_trait;
use license_domain::{Due, Timestamp};

use crate::StoreError;

/// Runs under way, by the time at which they are due to be examined.
#[async_trait]
pub trait Sweep: Send + Sync {
    /// Runs that are due, the longest first.
    async fn due(&self, limit: usize) -> Result<Vec<Due>, StoreError>;

    /// Lets a run be due at that time, after so many attempts, if it is still due as it was seen; `None` if not. Of
    /// several callers one postpones it, and has it until then. Its chunks are kept for as long as it needs.
    async fn postpone(&self, seen: &Due, at: Timestamp, attempts: u32) -> Result<Option<Due>, StoreError>;
}

/// Erasing those who have retired from what stays.
#[async_trait]
pub trait Erasure: Send + Sync {
    /// Goes on to rewrite what names someone retired, until about that time; how many items were rewritten. Nothing is
    /// done unless someone retired since the last pass.
    async fn erase_retired(&self, until: Timestamp) -> Result<usize, StoreError>;
}

/// Whether the table answers.
#[async_trait]
pub trait Health: Send + Sync {
    /// One cheap read.
    async fn check(&self) -> Result<(), StoreError>;
}
