//! Reading everything that an export writes, piece by piece.

use std::collections::BTreeMap;

use async_trait::async_trait;
use license_domain::{License, LicenseId, PlanId, ProductCatalog, SubscriptionPlan};

use crate::{LicenseEvent, StoreError, StoredUser};

/// How far a plan's licenses were read. Only the adapter knows what the text means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadPosition(String);

impl ReadPosition {
    /// A position that an adapter has put into words.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The position as text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// Reading whole tables.
#[async_trait]
pub trait BulkRead: Send + Sync {
    /// The products and plan types as they are now.
    async fn catalog(&self) -> Result<ProductCatalog, StoreError>;

    /// The users who have explicit roles, or are superusers. They are few: an import puts no other ones on record.
    async fn users(&self) -> Result<BTreeMap<String, StoredUser>, StoreError>;

    /// The next part of a plan's licenses, the free seats among them, and where the part after that begins. Parts have
    /// about a thousand licenses. Two tables with the same licenses and the same layout of seats give them in the same
    /// order. What changes meanwhile may be left out, or be read twice.
    async fn next_licenses(
        &self,
        plan: &SubscriptionPlan,
        after: Option<&ReadPosition>,
    ) -> Result<(Vec<License>, Option<ReadPosition>), StoreError>;

    /// The next part of what was done once for a plan's licenses, and where the part after that begins.
    async fn next_license_events(
        &self,
        plan: PlanId,
        after: Option<&ReadPosition>,
    ) -> Result<(Vec<(LicenseId, LicenseEvent)>, Option<ReadPosition>), StoreError>;
}
