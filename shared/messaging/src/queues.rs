//! Queues: SQS.

use std::{collections::HashMap, fmt};

use async_trait::async_trait;
use aws_sdk_sqs::{Client, error::DisplayErrorContext, types::SendMessageBatchRequestEntry};
use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    error::MessagingError,
    message::{Outgoing, Queue},
    settings::QueueSettings,
};

/// The longest time for which SQS hides a message: twelve hours.
const MAX_HIDDEN_SECONDS: u32 = 12 * 60 * 60;

/// The most messages of one call.
const AT_ONCE: usize = 10;

/// How many calls are under way at once at most.
const PARALLEL: usize = 8;

/// Queues.
#[async_trait]
pub trait Queues: Send + Sync {
    /// Sends all of these messages. After an error some may have been sent: sending all of them again must be harmless.
    async fn send(&self, messages: Vec<Outgoing>) -> Result<(), MessagingError>;

    /// Lets a message that was received come again after so many seconds.
    async fn back_off(&self, queue: Queue, receipt: &str, seconds: u32) -> Result<(), MessagingError>;
}

/// SQS.
#[derive(Clone)]
pub struct SqsQueues {
    client: Client,
    urls: HashMap<Queue, String>,
}

impl fmt::Debug for SqsQueues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqsQueues").field("urls", &self.urls).finish_non_exhaustive()
    }
}

impl SqsQueues {
    /// The queues that the settings name.
    pub fn new(settings: &QueueSettings, config: &aws_config::SdkConfig) -> Self {
        let mut builder = aws_sdk_sqs::config::Builder::from(config);
        if let Some(endpoint) = &settings.endpoint {
            builder.set_endpoint_url(Some(endpoint.clone()));
        }
        Self { client: Client::from_conf(builder.build()), urls: settings.queues.clone() }
    }

    fn url(&self, queue: Queue) -> Result<&str, MessagingError> {
        self.urls.get(&queue).map(String::as_str).ok_or(MessagingError::NotConfigured(queue.setting()))
    }

    async fn send_some(&self, queue: Queue, messages: &[Outgoing]) -> Result<(), MessagingError> {
        const OPERATION: &str = "SendMessageBatch";
        let failed =
            |error: &dyn fmt::Display| MessagingError::Unavailable { operation: OPERATION, cause: error.to_string() };
        let mut call = self.client.send_message_batch().queue_url(self.url(queue)?);
        for (n, message) in messages.iter().enumerate() {
            let body = serde_json::to_string(&message.message).map_err(|error| failed(&error))?;
            let entry = SendMessageBatchRequestEntry::builder()
                .id(n.to_string())
                .message_body(body)
                .message_group_id(message.enterprise.to_string())
                .set_delay_seconds((message.delay_seconds > 0).then(|| i32::from(message.delay_seconds)))
                .build()
                .map_err(|error| failed(&error))?;
            call = call.entries(entry);
        }
        let answer = call.send().await.map_err(|error| failed(&DisplayErrorContext(&error)))?;
        match answer.failed.first() {
            None => Ok(()),
            Some(first) => Err(MessagingError::Partly {
                operation: OPERATION,
                refused: answer.failed.len(),
                sent: messages.len(),
                cause: first.code.clone(),
            }),
        }
    }
}

#[async_trait]
impl Queues for SqsQueues {
    async fn send(&self, messages: Vec<Outgoing>) -> Result<(), MessagingError> {
        let of = |queue| messages.iter().filter(move |message| message.queue == queue).cloned().collect::<Vec<_>>();
        let sorted: Vec<(Queue, Vec<Outgoing>)> = Queue::ALL.into_iter().map(|queue| (queue, of(queue))).collect();
        let calls = sorted.iter().flat_map(|(queue, messages)| messages.chunks(AT_ONCE).map(|some| (*queue, some)));
        let calls: Vec<_> = calls.map(|(queue, some)| self.send_some(queue, some)).collect();
        stream::iter(calls).buffer_unordered(PARALLEL).try_collect::<Vec<()>>().await.map(|_| ())
    }

    async fn back_off(&self, queue: Queue, receipt: &str, seconds: u32) -> Result<(), MessagingError> {
        let call = self.client.change_message_visibility().queue_url(self.url(queue)?).receipt_handle(receipt);
        let call = call.visibility_timeout(i32::try_from(seconds.min(MAX_HIDDEN_SECONDS)).expect("twelve hours"));
        call.send().await.map(|_| ()).map_err(|error| MessagingError::Unavailable {
            operation: "ChangeMessageVisibility",
            cause: DisplayErrorContext(&error).to_string(),
        })
    }
}
