//! Sending messages of a dead-letter queue back to their queue.

use std::{collections::HashMap, fmt, fmt::Display};

use async_trait::async_trait;
use aws_sdk_sqs::{
    Client,
    error::DisplayErrorContext,
    types::{MessageSystemAttributeName, QueueAttributeName},
};

use license_settings::{text, url};

use crate::{error::MessagingError, message::Queue};

/// The most messages of one call.
const AT_ONCE: usize = 10;

/// For how long a message is hidden while it is moved, in seconds.
const HIDDEN_SECONDS: i32 = 60;

/// Moves messages between queues.
#[derive(Clone, Debug)]
pub struct Redrive {
    client: Client,
}

fn failed(operation: &'static str) -> impl Fn(&dyn Display) -> MessagingError {
    move |error| MessagingError::Unavailable { operation, cause: error.to_string() }
}

impl Redrive {
    /// Over that configuration's SQS, or over what serves it at `endpoint`.
    pub fn new(config: &aws_config::SdkConfig, endpoint: Option<&str>) -> Self {
        let mut builder = aws_sdk_sqs::config::Builder::from(config);
        if let Some(endpoint) = endpoint {
            builder.set_endpoint_url(Some(endpoint.to_owned()));
        }
        Self { client: Client::from_conf(builder.build()) }
    }

    /// About how many messages may be received from a queue.
    pub async fn depth(&self, queue: &str) -> Result<u64, MessagingError> {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let call = self.client.get_queue_attributes().queue_url(queue).attribute_names(name.clone());
        let answer = call.send().await.map_err(|error| failed("GetQueueAttributes")(&DisplayErrorContext(&error)))?;
        let depth = answer.attributes().and_then(|attributes| attributes.get(&name)?.parse().ok());
        depth.ok_or_else(|| failed("GetQueueAttributes")(&"the answer has no number"))
    }

    /// Moves some messages, each with its group; how many. None are left where there were none.
    pub async fn move_some(&self, from: &str, to: &str, limit: usize) -> Result<usize, MessagingError> {
        let call = self
            .client
            .receive_message()
            .queue_url(from)
            .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId)
            .visibility_timeout(HIDDEN_SECONDS)
            .max_number_of_messages(i32::try_from(limit.min(AT_ONCE)).expect("ten"));
        let received = call.send().await.map_err(|error| failed("ReceiveMessage")(&DisplayErrorContext(&error)))?;
        let messages = received.messages.unwrap_or_default();
        for message in &messages {
            let group = message.attributes().and_then(|all| all.get(&MessageSystemAttributeName::MessageGroupId));
            let send = self.client.send_message().queue_url(to).set_message_body(message.body.clone());
            let outcome = send.set_message_group_id(group.cloned()).send().await;
            outcome.map_err(|error| failed("SendMessage")(&DisplayErrorContext(&error)))?;
            let delete = self.client.delete_message().queue_url(from);
            let deleted = delete.set_receipt_handle(message.receipt_handle.clone()).send().await;
            deleted.map_err(|error| failed("DeleteMessage")(&DisplayErrorContext(&error)))?;
        }
        Ok(messages.len())
    }
}

/// How many messages may be received from a queue, and from its dead-letter queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    pub waiting: u64,
    /// Messages that were given up.
    pub dead: u64,
}

/// Watches queues, and sends again what was given up.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// About how many messages a queue and its dead-letter queue have.
    async fn depth(&self, queue: Queue) -> Result<Depth, MessagingError>;

    /// Sends messages of the dead-letter queue to the queue again, `limit` at most; how many.
    async fn redrive(&self, queue: Queue, limit: usize) -> Result<usize, MessagingError>;
}

/// The queues of SQS with their dead-letter queues.
#[derive(Clone)]
pub struct SqsDeadLetters {
    redrive: Redrive,
    urls: HashMap<&'static str, String>,
}

impl fmt::Debug for SqsDeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqsDeadLetters").field("urls", &self.urls).finish_non_exhaustive()
    }
}

impl SqsDeadLetters {
    /// Over the queues of the settings.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>, config: &aws_config::SdkConfig) -> Self {
        let names = Queue::ALL.into_iter().flat_map(|queue| [queue.setting(), queue.dead_letters()]);
        let urls = names.filter_map(|name| Some((name, text(&lookup, name)?))).collect();
        Self { redrive: Redrive::new(config, url(&lookup, crate::settings::SQS_ENDPOINT).as_deref()), urls }
    }

    fn url(&self, setting: &'static str) -> Result<&str, MessagingError> {
        self.urls.get(setting).map(String::as_str).ok_or(MessagingError::NotConfigured(setting))
    }
}

#[async_trait]
impl DeadLetters for SqsDeadLetters {
    async fn depth(&self, queue: Queue) -> Result<Depth, MessagingError> {
        let (waiting, dead) = (self.url(queue.setting())?, self.url(queue.dead_letters())?);
        let (waiting, dead) = futures::try_join!(self.redrive.depth(waiting), self.redrive.depth(dead))?;
        Ok(Depth { waiting, dead })
    }

    async fn redrive(&self, queue: Queue, limit: usize) -> Result<usize, MessagingError> {
        let (from, to) = (self.url(queue.dead_letters())?, self.url(queue.setting())?);
        let mut moved = 0;
        while moved < limit {
            let some = self.redrive.move_some(from, to, limit - moved).await?;
            if some == 0 {
                break;
            }
            moved += some;
        }
        Ok(moved)
    }
}
