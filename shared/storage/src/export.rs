//! Reads everything that an export writes, in parts.

use std::collections::BTreeMap;

use async_trait::async_trait;
use license_domain::{License, ProductCatalog, SubscriptionPlan};

use crate::{StoreError, StoredUser};

/// The position up to which a plan's licenses were read. The text is opaque outside the adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadPosition(String);

impl ReadPosition {
    /// A position from the adapter's text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn text(&self) -> &str {
        &self.0
    }
}

/// Reads whole tables.
#[async_trait]
pub trait BulkRead: Send + Sync {
    /// The current products and plan types.
    async fn catalog(&self) -> Result<ProductCatalog, StoreError>;

    /// The users who have explicit roles or are superusers. There are few: an import stores no others.
    async fn users(&self) -> Result<BTreeMap<String, StoredUser>, StoreError>;

    /// The next part of a plan's licenses including its free seats, and the position of the part after it. A part has
    /// about a thousand licenses. Two tables with the same licenses and the same seat layout return them in the same
    /// order. A license that changes during the export may be left out or read twice.
    async fn next_licenses(
        &self,
        plan: &SubscriptionPlan,
        after: Option<&ReadPosition>,
    ) -> Result<(Vec<License>, Option<ReadPosition>), StoreError>;
}
