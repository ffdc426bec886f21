//! How the function is put together from its settings.

use std::sync::Arc;

use license_messaging::{BusSettings, EventBus, Queue, QueueSettings, SqsQueues};
use license_runtime::{self as runtime, Error, Parts};
use license_settings::Declared;
use license_storage_dynamodb::StoreSettings;

use crate::Context;

/// The settings that this function reads.
pub const SETTINGS: Declared = &[
    runtime::SETTINGS,
    StoreSettings::DECLARED,
    QueueSettings::MAIL,
    QueueSettings::BULK,
    QueueSettings::WEBHOOKS,
    BusSettings::DECLARED,
];

/// The context that the settings describe.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let queues = QueueSettings::from_lookup(parts.lookup(), &Queue::ALL);
    let bus = BusSettings::from_lookup(parts.lookup());
    let (queues, bus) = (SqsQueues::new(&queues, &parts.aws), EventBus::new(&bus, &parts.aws));
    Ok(crate::context(&parts.store, Arc::new(queues), Arc::new(bus)))
}
