//! What a message on a queue says: which event asked for the work, and which part of it is meant. No
//! message names a person.

use license_domain::{DeliveryId, EnterpriseId, EventId, JobId, WebhookId};
use serde::{Deserialize, Serialize};

/// A queue of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Mails.
    Mail,
    /// Calls of other services, and work in many parts.
    Bulk,
    /// What customers' own systems are told.
    Webhooks,
}

impl Queue {
    /// Every queue.
    pub const ALL: [Self; 3] = [Self::Mail, Self::Bulk, Self::Webhooks];

    /// The setting that says where it is.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Mail => "MAIL_QUEUE_URL",
            Self::Bulk => "BULK_QUEUE_URL",
            Self::Webhooks => "WEBHOOK_QUEUE_URL",
        }
    }
}

/// Work that waits on a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Message {
    /// Send a mail that an event asks for.
    Mail {
        /// The event.
        event: EventId,
        /// Which of its consequences.
        consequence: usize,
        /// Which part of its people.
        part: usize,
    },
    /// Carry out what an event asks for.
    Follow {
        /// The event.
        event: EventId,
        /// Which of its consequences.
        consequence: usize,
    },
    /// Go on with a job.
    Job {
        /// The job.
        job: JobId,
        /// Which of its lanes.
        lane: u16,
        /// Which step of the lane is next: a message that was overtaken is recognized by it.
        step: u64,
    },
    /// Tell customers' own systems of an event.
    Webhook {
        /// The event.
        event: EventId,
        /// Whom to tell.
        webhook: WebhookId,
    },
}

impl Message {
    /// The mail that is meant, if one is.
    pub const fn delivery(&self) -> Option<DeliveryId> {
        match self {
            Self::Mail { event, consequence, part } => {
                Some(DeliveryId { event: *event, consequence: *consequence, part: *part })
            }
            _ => None,
        }
    }
}

/// A message on its way to a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub queue: Queue,
    /// The customer on whose behalf: queues serve customers in turns.
    pub enterprise: EnterpriseId,
    /// What it says.
    pub message: Message,
    /// Nobody sees it for so many seconds, 900 at most.
    pub delay_seconds: u16,
}

impl Outgoing {
    /// A message that may be taken up at once.
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
