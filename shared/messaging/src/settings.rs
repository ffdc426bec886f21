//! Where queues and bus are.

use std::collections::HashMap;

use license_settings::{Setting, text, url};

use crate::message::Queue;

const SQS_ENDPOINT: &str = "SQS_ENDPOINT";
const EVENT_BUS_NAME: &str = "EVENT_BUS_NAME";
const EVENTBRIDGE_ENDPOINT: &str = "EVENTBRIDGE_ENDPOINT";

/// Where queues are. What is absent is missed only by the call that needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueSettings {
    /// `MAIL_QUEUE_URL`, `BULK_QUEUE_URL`, `WEBHOOK_QUEUE_URL`.
    pub queues: HashMap<Queue, String>,
    /// `SQS_ENDPOINT`: where SQS is served, if it is not AWS itself.
    pub endpoint: Option<String>,
}

impl QueueSettings {
    /// What is read here for the queue of mails.
    pub const MAIL: &[Setting] = &[Setting::plain(Queue::Mail.setting()), Setting::plain(SQS_ENDPOINT).url()];
    /// What is read here for the queue of jobs and calls.
    pub const BULK: &[Setting] = &[Setting::plain(Queue::Bulk.setting()), Setting::plain(SQS_ENDPOINT).url()];
    /// What is read here for the queue of webhooks.
    pub const WEBHOOKS: &[Setting] = &[Setting::plain(Queue::Webhooks.setting()), Setting::plain(SQS_ENDPOINT).url()];

    /// The settings of these queues that `lookup` knows. An empty value is the same as none.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>, queues: &[Queue]) -> Self {
        Self {
            queues: queues.iter().filter_map(|queue| Some((*queue, text(&lookup, queue.setting())?))).collect(),
            endpoint: url(&lookup, SQS_ENDPOINT),
        }
    }
}

/// Where the bus is. What is absent is missed only by the call that needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BusSettings {
    /// `EVENT_BUS_NAME`.
    pub bus: Option<String>,
    /// `EVENTBRIDGE_ENDPOINT`: where `EventBridge` is served, if it is not AWS itself.
    pub endpoint: Option<String>,
}

impl BusSettings {
    /// What is read here.
    pub const DECLARED: &[Setting] = &[Setting::plain(EVENT_BUS_NAME), Setting::plain(EVENTBRIDGE_ENDPOINT).url()];

    /// The settings that `lookup` knows. An empty value is the same as none.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        Self { bus: text(&lookup, EVENT_BUS_NAME), endpoint: url(&lookup, EVENTBRIDGE_ENDPOINT) }
    }
}
