//! The table's stream: batch after batch, each tried until it is carried on or given up. How far it came is kept
//! beside the table, so that a process that is killed begins again where it was.

use std::{sync::Arc, time::Duration};

use aws_lambda_events::event::dynamodb;
use license_template::StreamSource;
use serde_json::{Value, json};

use super::{Pollers, StreamHandler};
use crate::faults::How;

/// Under which name it is kept how far it came.
pub(super) const CHECKPOINT: &str = "the table's stream";

/// How many changes are read at once.
const READ: usize = 1_000;

/// How often somebody looks for changes.
const LOOK: Duration = Duration::from_millis(25);

/// The first wait before a batch is tried again; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// The longest.
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
            match self.read(behind.as_deref()).await {
                Ok(changes) if changes.is_empty() => tokio::time::sleep(LOOK).await,
                Ok(changes) => {
                    let last = changes.last().map(sequence);
                    for batch in self.admitted(changes).chunks(self.source.batch) {
                        self.resume(batch.to_vec()).await;
                    }
                    if let Some(last) = last {
                        if let Err(error) = self.pollers.aws.state().set_checkpoint(CHECKPOINT, &last) {
                            tracing::error!(%error, "how far the stream was read cannot be kept");
                        }
                        behind = Some(last);
                    }
                }
                Err(error) => {
                    // The stream may have been cut off behind the place where this process left off.
                    tracing::warn!(error, "the stream is read from its beginning");
                    behind = None;
                    tokio::time::sleep(LAST_WAIT).await;
                }
            }
        }
    }

    async fn read(&self, behind: Option<&str>) -> Result<Vec<Value>, String> {
        self.pollers.stream.changes(behind, READ).await.map_err(|error| error.to_string())
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

    /// Hands a batch on until all of it is done. What fails too often, or for too long, goes to the queue for that.
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
            tracing::error!(%error, "changes that were given up were not put aside");
        }
    }

    /// Calls the function; how many of the batch are done, if it answered.
    async fn call(&self, batch: &[Value]) -> Option<usize> {
        let event: dynamodb::Event = match serde_json::from_value(json!({ "Records": batch })) {
            Ok(event) => event,
            Err(error) => {
                tracing::error!(%error, "a batch of the stream is not understood");
                return None;
            }
        };
        let fault = self.pollers.faults.of_worker(&self.function);
        if fault == Some(How::Before) {
            return None;
        }
        let call = tokio::spawn((self.handler)(event, self.pollers.id()));
        let answer = call.await.ok()?;
        if fault == Some(How::After) {
            return None;
        }
        let Some(failure) = answer.batch_item_failures.first() else { return Some(batch.len()) };
        let from = failure.item_identifier.as_deref()?;
        batch.iter().position(|change| sequence(change) == from)
    }
}

fn sequence(change: &Value) -> String {
    change["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default().to_owned()
}
