//! Where queues and bus are.

use std::collections::HashMap;

use crate::message::Queue;

/// Where queues and bus are. What is absent is missed only by the call that needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessagingSettings {
    /// `MAIL_QUEUE_URL`, `BULK_QUEUE_URL`, `WEBHOOK_QUEUE_URL`.
    pub queues: HashMap<Queue, String>,
    /// `EVENT_BUS_NAME`.
    pub bus: Option<String>,
    /// `SQS_ENDPOINT`: where SQS is served, if it is not AWS itself.
    pub sqs_endpoint: Option<String>,
    /// `EVENTBRIDGE_ENDPOINT`: the same of `EventBridge`.
    pub eventbridge_endpoint: Option<String>,
}

impl MessagingSettings {
    /// The settings that `lookup` knows. An empty value is the same as none.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let text = |name: &str| lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        Self {
            queues: Queue::ALL.into_iter().filter_map(|queue| Some((queue, text(queue.setting())?))).collect(),
            bus: text("EVENT_BUS_NAME"),
            sqs_endpoint: text("SQS_ENDPOINT"),
            eventbridge_endpoint: text("EVENTBRIDGE_ENDPOINT"),
        }
    }
}
