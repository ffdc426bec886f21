//! Webhooks on record.

use async_trait::async_trait;
use license_domain::{AgreementId, Consequence, Portfolio, Webhook, webhook::DeliveryAttempt};

use crate::{Change, StoreError};

/// Webhooks on record.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// The agreement's webhooks, the oldest first.
    async fn webhooks(&self, agreement: AgreementId) -> Result<Vec<Webhook>, StoreError>;

    /// Puts a new webhook on record; whether there was room for one more.
    async fn create_webhook(
        &self,
        portfolio: &Portfolio,
        webhook: &Webhook,
        change: &Change,
    ) -> Result<bool, StoreError>;

    /// Puts `after` in the place of the webhook that was seen, if it is still that one, and tells of it; whether it was.
    async fn change_webhook(
        &self,
        portfolio: &Portfolio,
        (seen, after): (&Webhook, &Webhook),
        consequences: Vec<Consequence>,
        change: &Change,
    ) -> Result<bool, StoreError>;

    /// Deletes the webhook that was seen, if it is still that one; whether it was.
    async fn delete_webhook(&self, portfolio: &Portfolio, seen: &Webhook, change: &Change) -> Result<bool, StoreError>;

    /// Puts what became of a try on record, if that is anything new. Others are told only where it disables the webhook;
    /// whether it did.
    async fn note_try(
        &self,
        portfolio: &Portfolio,
        seen: &Webhook,
        tried: &DeliveryAttempt,
    ) -> Result<bool, StoreError>;
}
