//! The settings of queues and bus.

use std::collections::HashMap;

use license_settings::{Setting, text, url};

use crate::message::Queue;

pub(crate) const SQS_ENDPOINT: &str = "SQS_ENDPOINT";
const EVENT_BUS_NAME: &str = "EVENT_BUS_NAME";
const EVENTBRIDGE_ENDPOINT: &str = "EVENTBRIDGE_ENDPOINT";

/// The settings of queues. A missing one is an error only for the calls that need it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueSettings {
    /// The URLs: `MAIL_QUEUE_URL`, `BULK_QUEUE_URL`, `WEBHOOK_QUEUE_URL`.
    pub queues: HashMap<Queue, String>,
    /// `SQS_ENDPOINT`: the base URL of SQS, if it is not AWS itself.
    pub endpoint: Option<String>,
}

impl QueueSettings {
    /// The settings for the queue of mails.
    pub const MAIL: &[Setting] = &[Setting::plain(Queue::Mail.setting()), Setting::plain(SQS_ENDPOINT).url()];
    /// The settings for the queue of jobs and calls.
    pub const BULK: &[Setting] = &[Setting::plain(Queue::Bulk.setting()), Setting::plain(SQS_ENDPOINT).url()];
    /// The settings for the queue of webhooks.
    pub const WEBHOOKS: &[Setting] = &[Setting::plain(Queue::Webhooks.setting()), Setting::plain(SQS_ENDPOINT).url()];

    /// The settings for watching all queues, and for sending again what was given up.
    pub const WATCHED: &[Setting] = &[
        Setting::plain(Queue::Mail.setting()),
        Setting::plain(Queue::Bulk.setting()),
        Setting::plain(Queue::Webhooks.setting()),
        Setting::plain(Queue::Mail.dead_letters()),
        Setting::plain(Queue::Bulk.dead_letters()),
        Setting::plain(Queue::Webhooks.dead_letters()),
        Setting::plain(SQS_ENDPOINT).url(),
    ];

    /// Reads the settings of these queues by `lookup`. An empty value counts as not set.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>, queues: &[Queue]) -> Self {
        Self {
            queues: queues.iter().filter_map(|queue| Some((*queue, text(&lookup, queue.setting())?))).collect(),
            endpoint: url(&lookup, SQS_ENDPOINT),
        }
    }
}

/// The settings of the bus. A missing one is an error only for the calls that need it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BusSettings {
    /// `EVENT_BUS_NAME`: the bus.
    pub bus: Option<String>,
    /// `EVENTBRIDGE_ENDPOINT`: the base URL of `EventBridge`, if it is not AWS itself.
    pub endpoint: Option<String>,
}

impl BusSettings {
    /// The settings that are read here.
    pub const DECLARED: &[Setting] = &[Setting::plain(EVENT_BUS_NAME), Setting::plain(EVENTBRIDGE_ENDPOINT).url()];

    /// Reads the settings by `lookup`. An empty value counts as not set.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        Self { bus: text(&lookup, EVENT_BUS_NAME), endpoint: url(&lookup, EVENTBRIDGE_ENDPOINT) }
    }
}
