//! Runs that must make progress, and the health of the table.

use async_trait::async_trait;
use license_domain::{Due, Timestamp, sweep::LastSweep};

use crate::StoreError;

/// Open runs, by the time at which they are due to be examined.
#[async_trait]
pub trait Sweep: Send + Sync {
    /// Due runs, the one that is overdue longest first.
    async fn due(&self, limit: usize) -> Result<Vec<Due>, StoreError>;

    /// Postpones a due run to that time, with that number of attempts; `None` if it is no longer due as it was seen. Of
    /// several simultaneous callers one postpones it, and has it until then. The expiration of its chunks is postponed
    /// as long as it needs them.
    async fn postpone(&self, seen: &Due, at: Timestamp, attempts: u32) -> Result<Option<Due>, StoreError>;
}

/// The record of the sweeper's last run.
#[async_trait]
pub trait SweepRecords: Send + Sync {
    /// Puts a run on record in the place of the last one.
    async fn record_sweep(&self, sweep: &LastSweep) -> Result<(), StoreError>;

    /// The last run that came to its end.
    async fn last_sweep(&self) -> Result<Option<LastSweep>, StoreError>;
}

/// Erases retired learners from items that stay.
#[async_trait]
pub trait Erasure: Send + Sync {
    /// Continues the pass that rewrites items with retired learners, until about that time; returns how many items were
    /// rewritten. Does nothing unless a learner was retired since the last pass.
    async fn erase_retired(&self, until: Timestamp) -> Result<usize, StoreError>;
}

/// Checks whether the table responds.
#[async_trait]
pub trait Health: Send + Sync {
    /// One cheap read.
    async fn check(&self) -> Result<(), StoreError>;
}
