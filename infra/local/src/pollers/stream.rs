//! Polls the table's stream: batch after batch, each retried until it succeeds or is given up. The position is stored
//! next to the table, so that a killed process continues there.

use std::{sync::Arc, time::Duration};

use aws_lambda_events::event::dynamodb;
use license_template::StreamSource;
use serde_json::{Value, json};

use super::{Pollers, StreamHandler};
use crate::faults::How;

/// The name under which the position is stored.
pub(super) const CHECKPOINT: &str = "the table's stream";

/// How many changes one read returns.
const READ: usize = 1_000;

/// The interval of checks for changes.
const LOOK: Duration = Duration::from_millis(25);

/// The first wait before a batch is retried; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// The longest wait.
const LAST_WAIT: Duration = Duration::from_secs(2);

pub(super) struct Poller {
    pollers: Arc<Pollers>,
    function: String,
    source: StreamSource,
    handler: StreamHandler,
}

impl Poller {
    pub(super) fn new(pollers: Arc<Pollers>, function: &str, source: StreamSource, handler: StreamHandler) -> Self {
        Self { pollers, function: function.to_owned(), source, handler }
    }

    pub(super) async fn run(self) {
        let mut behind = self.pollers.aws.state().checkpoint(CHECKPOINT).ok().flatten();
        loop {
            let news = self.pollers.aws.news();
            match self.read(behind.as_deref()).await {
                // Who waits for everything to be done wakes all pollers. The timeout is no error.
                Ok(changes) if changes.is_empty() => drop(tokio::time::timeout(LOOK, news).await),
                Ok(changes) => {
                    let last = changes.last().map(sequence);
                    for batch in self.admitted(changes).chunks(self.source.batch) {
                        self.resume(batch.to_vec()).await;
                    }
                    if let Some(last) = last {
                        if let Err(error) = self.pollers.aws.state().set_checkpoint(CHECKPOINT, &last) {
                            tracing::error!(%error, "position in the stream could not be stored");
                        }
                        behind = Some(last);
                    }
                }
                Err(error) => {
                    // The stream may have been trimmed after the position where this process stopped.
                    tracing::warn!(error, "the stream is read from its beginning");
                    behind = None;
                    tokio::time::sleep(LAST_WAIT).await;
                }
            }
        }
    }

    async fn read(&self, behind: Option<&str>) -> Result<Vec<Value>, String> {
        let is_read = |kind: &str, partition: &str| self.source.admits(kind, partition);
        self.pollers.stream.changes(behind, READ, &is_read).await.map_err(|error| error.to_string())
    }

    fn longest_millis(&self) -> i64 {
        i64::from(self.source.age_seconds) * 1_000
    }

    fn admitted(&self, changes: Vec<Value>) -> Vec<Value> {
        let is_admitted = |change: &Value| {
            let partition = change["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap_or_default();
            self.source.admits(change["eventName"].as_str().unwrap_or_default(), partition)
        };
        changes.into_iter().filter(is_admitted).collect()
    }

    /// Delivers a batch until all of it is done. What fails too often, or for too long, goes to the dead-letter queue.
    async fn resume(&self, mut batch: Vec<Value>) {
        let mut wait = FIRST_WAIT;
        let begun = self.pollers.aws.now_millis();
        let mut failures = 0;
        loop {
            match self.call(&batch).await {
                Some(from) if from < batch.len() => {
                    batch.drain(..from);
                }
                Some(_) => return,
                None => {}
            }
            failures += 1;
            let age = self.pollers.aws.now_millis() - begun;
            if self.source.attempts.is_some_and(|retries| failures > retries) || age > self.longest_millis() {
                break;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LAST_WAIT);
        }
        let Some(queue) = &self.source.failures else { return };
        let about = json!({
            "requestContext": { "functionArn": self.function, "condition": "RecordAgeExceeded" },
            "DDBStreamBatchInfo": {
                "startSequenceNumber": batch.first().map(sequence), "endSequenceNumber": batch.last().map(sequence),
                "batchSize": batch.len(),
            },
        });
        tracing::error!(function = self.function, changes = batch.len(), "changes of the stream were given up");
        if let Err(error) = self.pollers.aws.send(queue, &about.to_string(), None, 0) {
            tracing::error!(%error, "changes that were given up could not be sent to the dead-letter queue");
        }
    }

    /// Calls the function; returns how many changes of the batch are done, if it responded.
    async fn call(&self, batch: &[Value]) -> Option<usize> {
        let event: dynamodb::Event = match serde_json::from_value(json!({ "Records": batch })) {
            Ok(event) => event,
            Err(error) => {
                tracing::error!(%error, "a batch of the stream could not be parsed");
                return None;
            }
        };
        let fault = self.pollers.faults.of_worker(&self.function);
        if fault == Some(How::Before) {
            return None;
        }
        let call = tokio::spawn((self.handler)(event, self.pollers.id()));
        let response = call.await.ok()?;
        if fault == Some(How::After) {
            return None;
        }
        let Some(failure) = response.batch_item_failures.first() else { return Some(batch.len()) };
        let from = failure.item_identifier.as_deref()?;
        batch.iter().position(|change| sequence(change) == from)
    }
}

fn sequence(change: &Value) -> String {
    change["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default().to_owned()
}
