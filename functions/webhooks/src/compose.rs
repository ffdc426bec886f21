//! Builds the function's context from its settings.

use std::sync::Arc;

use license_clients::{WebhookClient, WebhookSettings};
use license_messaging::{Queue, QueueSettings, SqsQueues};
use license_runtime::{self as runtime, Error, Parts};
use license_settings::Declared;

use crate::Context;

/// The settings that this function reads.
pub const SETTINGS: Declared = &[runtime::SETTINGS, QueueSettings::WEBHOOKS, WebhookSettings::DECLARED];

/// Builds the context from the settings.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let queues = QueueSettings::from_lookup(parts.lookup(), &[Queue::Webhooks]);
    Ok(Context {
        clock: parts.clock(),
        random: parts.random(),
        events: parts.store.clone(),
        portfolios: parts.store.clone(),
        webhooks: parts.store.clone(),
        client: WebhookClient::new(WebhookSettings::from_lookup(parts.lookup()))?,
        queues: Arc::new(SqsQueues::new(&queues, &parts.aws)),
    })
}
