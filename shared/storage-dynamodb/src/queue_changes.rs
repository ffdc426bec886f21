//! The records of what operators did to the queues: one item each.

use async_trait::async_trait;

use crate::{Store, keys, rows, table::Range};
use license_storage::{QueueChange, QueueChanges, StoreError};

#[async_trait]
impl QueueChanges for Store {
    /// One put of a new item.
    async fn record_queue_change(&self, change: &QueueChange) -> Result<(), StoreError> {
        let mut item = rows::to_item(change)?;
        item.extend(keys::queue_change(change.at, self.random.uuid()).attributes());
        self.table.write_all(vec![item]).await
    }

    async fn queue_changes(&self, limit: usize) -> Result<Vec<QueueChange>, StoreError> {
        let range = Range {
            partition: keys::QUEUE_CHANGES.to_owned(),
            descending: true,
            limit: Some(limit),
            consistent: true,
            ..Range::default()
        };
        self.read_all(self.table.query(range).await?).await
    }
}
