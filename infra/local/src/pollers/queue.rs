//! Polls a queue: batch after batch, several at the same time. Messages that the function does not name as failed are
//! deleted.

use std::{collections::HashMap, sync::Arc, time::Duration};

use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use license_template::QueueSource;
use tokio::sync::Semaphore;

use super::{Pollers, QueueHandler};
use crate::{aws::Held, faults::How};

/// The most simultaneous invocations.
const AT_ONCE: usize = 4;

/// The interval of checks without a notification.
const LOOK: Duration = Duration::from_millis(200);

pub(super) struct Poller {
    pollers: Arc<Pollers>,
    function: String,
    source: QueueSource,
    handler: QueueHandler,
}

impl Poller {
    pub(super) fn new(pollers: Arc<Pollers>, function: &str, source: QueueSource, handler: QueueHandler) -> Self {
        Self { pollers, function: function.to_owned(), source, handler }
    }

    pub(super) async fn run(self) {
        let (pump, free) = (Arc::new(self), Arc::new(Semaphore::new(AT_ONCE)));
        loop {
            let Ok(permit) = free.clone().acquire_owned().await else { return };
            let news = pump.pollers.aws.news();
            // Counted before anything is received, so that the queue does not look idle in between.
            let invocation = pump.pollers.invocation();
            let held = pump.pollers.aws.receive(&pump.source.queue, pump.source.batch);
            match held {
                Ok(held) if !held.is_empty() => {
                    let pump = pump.clone();
                    tokio::spawn(async move {
                        let _invocation = invocation;
                        pump.work(held).await;
                        drop(permit);
                    });
                }
                Ok(_) => {
                    drop(invocation);
                    let _ = tokio::time::timeout(LOOK, news).await;
                }
                Err(error) => {
                    drop(invocation);
                    tracing::error!(%error, queue = pump.source.queue, "a queue cannot be read");
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
    }

    async fn work(&self, held: Vec<Held>) {
        let fault = self.pollers.faults.of_worker(&self.function);
        if fault == Some(How::Before) {
            return;
        }
        let event = event(&self.source.queue, &held);
        // In a task of its own, so that a panic affects only this invocation.
        let call = tokio::spawn((self.handler)(event));
        let Ok(response) = call.await else {
            tracing::error!(function = self.function, "an invocation failed");
            return;
        };
        if fault == Some(How::After) {
            return;
        }
        let is_failed =
            |held: &Held| response.batch_item_failures.iter().any(|failed| failed.item_identifier == held.id);
        for done in held.iter().filter(|held| !is_failed(held)) {
            if let Err(error) = self.pollers.aws.delete(&self.source.queue, &done.receipt) {
                tracing::error!(%error, queue = self.source.queue, "a message cannot be deleted");
            }
        }
    }
}

/// The event that Lambda makes from messages.
fn event(queue: &str, held: &[Held]) -> SqsEvent {
    let message = |held: &Held| {
        let mut message = SqsMessage::default();
        message.message_id = Some(held.id.clone());
        message.receipt_handle = Some(held.receipt.clone());
        message.body = Some(held.body.clone());
        message.attributes = HashMap::from([
            ("ApproximateReceiveCount".to_owned(), held.receives.to_string()),
            ("SentTimestamp".to_owned(), held.sent.to_string()),
        ]);
        message.attributes.extend(held.group.clone().map(|group| ("MessageGroupId".to_owned(), group)));
        message.event_source = Some("aws:sqs".to_owned());
        message.event_source_arn = Some(format!("arn:aws:sqs:local:{}:{queue}", crate::aws::ACCOUNT));
        message.aws_region = Some("local".to_owned());
        message
    };
    let mut event = SqsEvent::default();
    event.records = held.iter().map(message).collect();
    event
}
