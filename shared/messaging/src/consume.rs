//! Receiving messages of a queue. Each message succeeds or fails by itself, so that a failed one does not cause the
//! others of its batch to be delivered again.

use std::panic::AssertUnwindSafe;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures::{FutureExt, StreamExt, stream};

use crate::{
    message::{Message, Queue},
    queues::Queues,
};

/// The most messages of a batch that are handled at the same time.
const PARALLEL: usize = 10;

/// The wait before a failed message is delivered again, in seconds; it doubles with each attempt.
const FIRST_BACK_OFF: u32 = 60;

/// The longest wait, in seconds.
const MAX_BACK_OFF: u32 = 3600;

#[derive(Clone, Debug)]
pub struct Received {
    pub message: Message,
    /// How many times it was received, including this time.
    pub tries: u32,
    /// The id that SQS gave it.
    pub id: String,
}

/// The outcome of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done and is deleted.
    Done,
    /// It is delivered again after a wait that grows with each attempt.
    Later,
    /// It is delivered again after so many seconds.
    After(u32),
}

/// Calls `handle` with each message of a batch; the response names those that are to be delivered again. A message that
/// cannot be parsed is delivered again until it goes to the dead-letter queue. `jitter` returns a random number below
/// its argument.
pub async fn consume<F, R>(
    event: SqsEvent,
    (queue, queues): (Queue, &dyn Queues),
    jitter: impl Fn(u32) -> u32,
    handle: F,
) -> SqsBatchResponse
where
    F: Fn(Received) -> R,
    R: Future<Output = Outcome>,
{
    let (handle, jitter) = (&handle, &jitter);
    let each = event.records.into_iter().map(|record| async move {
        // SQS gives every message an id. Lambda takes a response with an empty one for a failure of the whole batch, so
        // that no message is lost.
        let id = record.message_id.clone().unwrap_or_default();
        let tries = tries(&record);
        let outcome = if let Some(Ok(message)) = record.body.as_deref().map(serde_json::from_str) {
            // A panic affects this message only: the context holds clients and caches and no unfinished changes.
            let handled = AssertUnwindSafe(handle(Received { message, tries, id: id.clone() })).catch_unwind().await;
            handled.unwrap_or_else(|_| {
                tracing::error!(message = id, tries, "a message's handler panicked, will retry the message");
                Outcome::Later
            })
        } else {
            tracing::error!(message = id, "message could not be parsed");
            Outcome::Later
        };
        let seconds = match outcome {
            Outcome::Done => return None,
            Outcome::Later => back_off(tries, jitter),
            Outcome::After(seconds) => seconds,
        };
        // Without a receipt the call fails, and the queue's own wait applies.
        if let Err(error) = queues.back_off(queue, record.receipt_handle.as_deref().unwrap_or_default(), seconds).await
        {
            tracing::warn!(message = id, %error, "back-off was not set, the queue's default applies");
        }
        Some(id)
    });
    let again: Vec<Option<String>> = stream::iter(each.collect::<Vec<_>>()).buffer_unordered(PARALLEL).collect().await;
    let mut response = SqsBatchResponse::default();
    for id in again.into_iter().flatten() {
        response.add_failure(id);
    }
    response
}

/// Without a number, the wait is the first one; the queue itself counts for its dead-letter queue.
fn tries(record: &SqsMessage) -> u32 {
    record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// A random time in the upper half of a bound that doubles with each attempt.
fn back_off(tries: u32, jitter: impl Fn(u32) -> u32) -> u32 {
    let most = FIRST_BACK_OFF.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1))).min(MAX_BACK_OFF);
    most / 2 + jitter(most / 2 + 1)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use license_domain::{EventId, WebhookId};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::{MessagingError, Outgoing};

    /// Records the receipts of the messages that are to be delivered again.
    #[derive(Default)]
    struct Kept(Mutex<Vec<String>>);

    #[async_trait]
    impl Queues for Kept {
        async fn send(&self, _: Vec<Outgoing>) -> Result<(), MessagingError> {
            Ok(())
        }

        async fn back_off(&self, _: Queue, receipt: &str, _: u32) -> Result<(), MessagingError> {
            self.0.lock().expect("not poisoned").push(receipt.to_owned());
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_panic_fails_only_its_message() {
        let event = EventId::from(Uuid::from_u128(1));
        let body = |webhook| {
            let message = Message::Webhook { event, webhook: WebhookId::from(Uuid::from_u128(webhook)) };
            serde_json::to_string(&message).expect("JSON")
        };
        let record = |n: u128| json!({"messageId": format!("m{n}"), "receiptHandle": format!("r{n}"), "body": body(n)});
        let event: SqsEvent =
            serde_json::from_value(json!({"Records": [record(1), record(2), record(3)]})).expect("an event");
        let queues = Kept::default();
        let response = consume(
            event,
            (Queue::Webhooks, &queues),
            |_| 0,
            |received| async move {
                assert_ne!(received.id, "m2", "this one cannot be parsed");
                Outcome::Done
            },
        )
        .await;
        let failed: Vec<&str> = response.batch_item_failures.iter().map(|failure| &*failure.item_identifier).collect();
        assert_eq!(failed, ["m2"]);
        assert_eq!(*queues.0.lock().expect("not poisoned"), ["r2"]);
    }

    #[test]
    fn waits_grow_and_stay_within_bounds() {
        let least = |tries| back_off(tries, |_| 0);
        let most = |tries| back_off(tries, |below| below - 1);
        assert_eq!([1, 2, 3, 20].map(least), [30, 60, 120, 1800]);
        assert_eq!([1, 2, 3, 20].map(most), [60, 120, 240, 3600]);
    }
}
