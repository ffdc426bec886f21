//! Stored webhooks.

use async_trait::async_trait;
use license_domain::{AgreementId, Consequence, Portfolio, Webhook, webhook::DeliveryAttempt};

use crate::{Change, StoreError};

#[async_trait]
pub trait Webhooks: Send + Sync {
    /// The agreement's webhooks, the oldest first.
    async fn webhooks(&self, agreement: AgreementId) -> Result<Vec<Webhook>, StoreError>;

    /// Creates a webhook; `false` if the agreement has the most webhooks already.
    async fn create_webhook(
        &self,
        portfolio: &Portfolio,
        webhook: &Webhook,
        change: &Change,
    ) -> Result<bool, StoreError>;

    /// Replaces the seen webhook by `after`, with an event. `false` if the webhook has changed since it was seen.
    async fn change_webhook(
        &self,
        portfolio: &Portfolio,
        (seen, after): (&Webhook, &Webhook),
        consequences: Vec<Consequence>,
        change: &Change,
    ) -> Result<bool, StoreError>;

    /// Deletes the seen webhook. `false` if it has changed since it was seen.
    async fn delete_webhook(&self, portfolio: &Portfolio, seen: &Webhook, change: &Change) -> Result<bool, StoreError>;

    /// Stores the outcome of an attempt, if it changes the webhook. An event is written only if it disables the
    /// webhook; returns whether it did.
    async fn note_try(
        &self,
        portfolio: &Portfolio,
        seen: &Webhook,
        tried: &DeliveryAttempt,
    ) -> Result<bool, StoreError>;
}
