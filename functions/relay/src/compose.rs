//! Builds the function's context from its settings.

use std::sync::Arc;

use license_messaging::{BusSettings, EventBus, Queue, QueueSettings, SqsQueues};
use license_runtime::{self as runtime, Error, Parts};
use license_settings::Declared;

use crate::Context;

/// The settings that this function reads.
pub const SETTINGS: Declared =
    &[runtime::SETTINGS, QueueSettings::MAIL, QueueSettings::BULK, QueueSettings::WEBHOOKS, BusSettings::DECLARED];

/// Builds the context from the settings.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let queues = QueueSettings::from_lookup(parts.lookup(), &Queue::ALL);
    let bus = BusSettings::from_lookup(parts.lookup());
    Ok(Context {
        clock: parts.clock(),
        stream: parts.store.clone(),
        portfolios: parts.store.clone(),
        events: parts.store.clone(),
        webhooks: parts.store.clone(),
        rosters: parts.store.clone(),
        audit_trails: parts.store.clone(),
        plan_works: parts.store.clone(),
        queues: Arc::new(SqsQueues::new(&queues, &parts.aws)),
        bus: Arc::new(EventBus::new(&bus, &parts.aws)),
    })
}
