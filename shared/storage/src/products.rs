//! Changes of the products and plan types, which no customer owns.

use async_trait::async_trait;
use license_domain::{Changes, ProductCatalog, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Change, StoreError};

/// A change of the products and plan types, as its record has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductChange {
    /// What was changed: `product 3` or `plan type 2`.
    pub subject: String,
    /// The fields, before and after.
    pub changes: Changes,
    /// Who did it.
    pub actor: String,
    pub reason: String,
    pub request_id: String,
    pub at: Timestamp,
}

/// Changes the products and plan types.
#[async_trait]
pub trait ChangeProducts: Send + Sync {
    /// They as they are stored, read past the cache.
    async fn stored_products(&self) -> Result<ProductCatalog, StoreError>;

    /// Replaces `before` by `after`, if they are stored as `before`; returns whether they were. A record of the change is
    /// kept.
    async fn change_products(
        &self,
        before: &ProductCatalog,
        after: &ProductCatalog,
        (subject, changes): (&str, Changes),
        change: &Change,
    ) -> Result<bool, StoreError>;

    /// The newest changes.
    async fn product_changes(&self, limit: usize) -> Result<Vec<ProductChange>, StoreError>;
}
