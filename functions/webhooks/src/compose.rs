//! How the function is put together from its settings.

use std::sync::Arc;

use license_clients::{WebhookClient, WebhookSettings};
use license_messaging::{Queue, QueueSettings, SqsQueues};
use license_runtime::{self as runtime, Error, Parts};
use license_settings::Declared;
use license_storage_dynamodb::StoreSettings;

use crate::Context;

/// The settings that this function reads.
pub const SETTINGS: Declared =
    &[runtime::SETTINGS, StoreSettings::DECLARED, QueueSettings::WEBHOOKS, WebhookSettings::DECLARED];

/// The context that the settings describe.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let queues = QueueSettings::from_lookup(parts.lookup(), &[Queue::Webhooks]);
    let client = WebhookClient::new(WebhookSettings::from_lookup(parts.lookup()))?;
    Ok(crate::context(&parts.store, client, Arc::new(SqsQueues::new(&queues, &parts.aws))))
}
