use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use async_trait::async_trait;
use aws_sdk_sqs::{Client, error::DisplayErrorContext, types::SendMessageBatchRequestEntry};
use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    error::MessagingError,
    message::{Outgoing, Queue},
    settings::QueueSettings,
};

/// The longest visibility timeout of SQS: twelve hours.
const MAX_HIDDEN_SECONDS: u32 = 12 * 60 * 60;

/// The most messages of one call.
const AT_ONCE: usize = 10;

/// The most calls at the same time.
const PARALLEL: usize = 8;

#[async_trait]
pub trait Queues: Send + Sync {
    /// Sends all of these messages. After an error some may have been sent: sending all of them again must be harmless.
    async fn send(&self, messages: Vec<Outgoing>) -> Result<(), MessagingError>;

    /// Delivers a received message again after so many seconds.
    async fn back_off(&self, queue: Queue, receipt: &str, seconds: u32) -> Result<(), MessagingError>;
}

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
    /// A client with these settings.
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
        let response = call.send().await.map_err(|error| failed(&DisplayErrorContext(&error)))?;
        // A message counts as sent if the response lists it as sent, and as not sent if the response does not list it
        // at all.
        let named: HashSet<&str> = response.successful.iter().map(|sent| sent.id.as_str()).collect();
        let refused = (0..messages.len()).filter(|n| !named.contains(n.to_string().as_str())).count();
        if refused == 0 && response.failed.is_empty() {
            return Ok(());
        }
        let cause = response.failed.first().map_or("the response does not name them", |first| first.code.as_str());
        Err(MessagingError::Partly {
            operation: OPERATION,
            refused: refused.max(response.failed.len()),
            sent: messages.len(),
            cause: cause.to_owned(),
        })
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
    use license_domain::{EnterpriseId, EventId};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };
    use uuid::Uuid;

    use super::*;
    use crate::Message;

    /// A queue that sends this body in response to every call.
    async fn queue(response: &'static str) -> SqsQueues {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = String::new();
                let mut part = [0; 4096];
                while !is_whole(&request) {
                    let read = stream.read(&mut part).await.expect("a request of the client");
                    assert!(read > 0, "the client sends a whole request");
                    request.push_str(std::str::from_utf8(&part[..read]).expect("ASCII"));
                }
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\nconnection: close\r\n";
                let response = format!("{head}content-length: {}\r\n\r\n{response}", response.len());
                stream.write_all(response.as_bytes()).await.expect("the client reads");
            }
        });
        let config = aws_config::SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "test")))
            .build();
        let queues = HashMap::from([(Queue::Mail, format!("{endpoint}/1/mail"))]);
        SqsQueues::new(&QueueSettings { queues, endpoint: Some(endpoint) }, &config)
    }

    fn is_whole(request: &str) -> bool {
        let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        length == Some(body.len())
    }

    fn mails(count: usize) -> Vec<Outgoing> {
        let mail = |part| Message::Mail { event: EventId::from(Uuid::nil()), consequence: 0, part };
        (0..count).map(|part| Outgoing::now(Queue::Mail, EnterpriseId(Uuid::nil()), mail(part))).collect()
    }

    const ONE: &str = r#"{"Successful": [{"Id": "1", "MessageId": "b", "MD5OfMessageBody": "x"}]}"#;
    const OTHER: &str = r#"{"Successful": [{"Id": "1", "MessageId": "b", "MD5OfMessageBody": "x"}],
        "Failed": [{"Id": "0", "SenderFault": false, "Code": "InternalError"}]}"#;
    const TWICE: &str = r#"{"Successful": [{"Id": "1", "MessageId": "b", "MD5OfMessageBody": "x"},
        {"Id": "1", "MessageId": "b", "MD5OfMessageBody": "x"}], "Failed": []}"#;

    #[tokio::test]
    async fn a_message_counts_as_sent_if_the_response_lists_it_as_sent() {
        const BOTH: &str = r#"{"Successful": [{"Id": "0", "MessageId": "a", "MD5OfMessageBody": "x"},
            {"Id": "1", "MessageId": "b", "MD5OfMessageBody": "x"}], "Failed": []}"#;
        queue(BOTH).await.send(mails(2)).await.expect("both were sent");
        for (response, unsent) in
            [(ONE, 1), (OTHER, 1), (TWICE, 1), ("{}", 2), (r#"{"Successful": [], "Failed": []}"#, 2)]
        {
            let error = queue(response).await.send(mails(2)).await.expect_err(response);
            assert!(
                matches!(error, MessagingError::Partly { refused, sent: 2, .. } if refused == unsent),
                "{response}: {error}"
            );
            assert!(error.is_retryable());
        }
    }
}
