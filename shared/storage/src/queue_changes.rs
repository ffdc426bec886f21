//! What operators did to the queues, which no customer owns.

use async_trait::async_trait;
use license_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::StoreError;

/// Messages that were given up and sent again by an operator, as the record has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueChange {
    /// The queue's name on pages.
    pub subject: String,
    /// How many messages were sent again.
    pub count: usize,
    /// Who did it.
    pub actor: String,
    pub reason: String,
    pub request_id: String,
    pub at: Timestamp,
}

/// The records of what was done to queues.
#[async_trait]
pub trait QueueChanges: Send + Sync {
    /// Puts it on record.
    async fn record_queue_change(&self, change: &QueueChange) -> Result<(), StoreError>;

    /// The newest ones.
    async fn queue_changes(&self, limit: usize) -> Result<Vec<QueueChange>, StoreError>;
}
