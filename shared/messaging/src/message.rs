//! The messages on queues. A message names the event that caused the work, and the part of it to do. No message
//! contains personal data.

use license_domain::{DeliveryId, EnterpriseId, EventId, JobId, WebhookId};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    Mail,
    /// Calls of other services, and the turns of runs.
    Bulk,
    /// Deliveries to webhooks.
    Webhooks,
}

impl Queue {
    pub const ALL: [Self; 3] = [Self::Mail, Self::Bulk, Self::Webhooks];

    /// The setting with its URL.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Mail => "MAIL_QUEUE_URL",
            Self::Bulk => "BULK_QUEUE_URL",
            Self::Webhooks => "WEBHOOK_QUEUE_URL",
        }
    }

    /// The setting with the URL of its dead-letter queue.
    pub const fn dead_letters(self) -> &'static str {
        match self {
            Self::Mail => "MAIL_DEAD_LETTERS_URL",
            Self::Bulk => "BULK_DEAD_LETTERS_URL",
            Self::Webhooks => "WEBHOOK_DEAD_LETTERS_URL",
        }
    }
}

/// A message on a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Message {
    /// Send a mail that is a consequence of an event.
    Mail {
        event: EventId,
        /// The index of the event's consequence.
        consequence: usize,
        /// The index of the part of the recipients.
        part: usize,
    },
    /// Carry out a consequence of an event.
    Follow {
        event: EventId,
        /// The index of the event's consequence.
        consequence: usize,
    },
    /// Continue a job.
    Job {
        job: JobId,
        /// The number of the lane.
        lane: u16,
        /// The step of the lane that the message begins with: an outdated message is recognized by it.
        step: u64,
    },
    /// Deliver an event to a webhook.
    Webhook { event: EventId, webhook: WebhookId },
}

impl Message {
    /// The mail of this message, if it is about one.
    pub const fn delivery(&self) -> Option<DeliveryId> {
        match self {
            Self::Mail { event, consequence, part } => {
                Some(DeliveryId { event: *event, consequence: *consequence, part: *part })
            }
            _ => None,
        }
    }
}

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    pub queue: Queue,
    /// The customer that the message is for: queues serve customers in turns.
    pub enterprise: EnterpriseId,
    pub message: Message,
    /// The delay before it can be received, in seconds; 900 at most.
    pub delay_seconds: u16,
}

impl Outgoing {
    /// A message without delay.
    pub const fn now(queue: Queue, enterprise: EnterpriseId, message: Message) -> Self {
        Self { queue, enterprise, message, delay_seconds: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_short_and_read_back() {
        let mail = Message::Mail { event: EventId::from(uuid::Uuid::nil()), consequence: 0, part: 3 };
        let text = serde_json::to_string(&mail).expect("it serializes");
        let expected = r#"{"do":"mail","event":"00000000-0000-0000-0000-000000000000","consequence":0,"part":3}"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<Message>(&text).expect("it parses"), mail);
    }
}
