//! Writing many items that do not depend on each other.

use async_trait::async_trait;
use license_store::{Store, StoreError, keys::Item};

/// Puts items, whatever was there, without order.
#[async_trait]
pub trait Bulk: Send + Sync {
    /// Writes all of them; no two have the same key.
    async fn write(&self, items: Vec<Item>) -> Result<(), StoreError>;
}

/// Any DynamoDB, in calls of 25 items.
#[async_trait]
impl Bulk for Store {
    async fn write(&self, items: Vec<Item>) -> Result<(), StoreError> {
        self.table().write_all(items).await
    }
}
