//! The queues, and the functions that read them or the table's stream.

use serde_yaml_ng::{Mapping, Value};

use crate::{
    TemplateError,
    read::{Resource, list, tagged_text, text, texts, unexpected},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSpec {
    pub name: String,
    /// The visibility timeout: for so long a received message is hidden.
    pub visibility_seconds: u32,
    /// The dead-letter queue, and the number of receives after which messages go there.
    pub dead_letters: Option<(String, u32)>,
}

/// A queue that a function reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSource {
    pub queue: String,
    /// The most messages of one invocation.
    pub batch: usize,
}

/// The table's stream as the event source of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSource {
    /// The most changes of one invocation.
    pub batch: usize,
    /// The most retries of a batch; `None` if only its age limits them.
    pub attempts: Option<u32>,
    /// The age at which a batch is given up, in seconds.
    pub age_seconds: u32,
    /// The queue for batches that are given up: its logical id.
    pub failures: Option<String>,
    /// Only these kinds of changes.
    pub kinds: Vec<String>,
    /// Only items whose partition key has this prefix.
    pub prefix: String,
}

impl StreamSource {
    /// Whether the function gets such a change.
    pub fn admits(&self, kind: &str, partition: &str) -> bool {
        self.kinds.iter().any(|admitted| admitted == kind) && partition.starts_with(&self.prefix)
    }
}

pub(crate) fn read(resources: &[Resource<'_>]) -> Result<Vec<QueueSpec>, TemplateError> {
    resources.iter().filter(|resource| resource.kind == "AWS::SQS::Queue").map(read_one).collect()
}

fn read_one(queue: &Resource<'_>) -> Result<QueueSpec, TemplateError> {
    let seconds = queue.properties.get("VisibilityTimeout").and_then(Value::as_u64).unwrap_or(30);
    let dead_letters = match queue.properties.get("RedrivePolicy") {
        None => None,
        Some(policy) => {
            let target = policy.get("deadLetterTargetArn").and_then(referred);
            let most = policy.get("maxReceiveCount").and_then(number);
            let both = target.zip(most);
            Some(both.ok_or_else(|| unexpected(queue.id, "has a redrive policy that is not understood"))?)
        }
    };
    let visibility_seconds = u32::try_from(seconds).map_err(|_| unexpected(queue.id, "hides messages for too long"))?;
    Ok(QueueSpec { name: queue.id.to_owned(), visibility_seconds, dead_letters })
}

pub(crate) fn queue_source(place: &str, properties: &Value) -> Result<QueueSource, TemplateError> {
    let queue = properties.get("Queue").and_then(referred);
    let batch = properties.get("BatchSize").and_then(number);
    match (queue, batch.and_then(|batch| usize::try_from(batch).ok())) {
        (Some(queue), Some(batch)) if reports(properties) => Ok(QueueSource { queue, batch }),
        _ => Err(unexpected(place, "has no queue, no batch size, or does not report failures one by one")),
    }
}

pub(crate) fn stream_source(place: &str, properties: &Value) -> Result<StreamSource, TemplateError> {
    let pattern = || {
        let filters = properties.get("FilterCriteria")?.get("Filters")?.as_sequence()?;
        serde_yaml_ng::from_str::<Value>(text(filters.first()?, "Pattern")?).ok()
    };
    let pattern = pattern().ok_or_else(|| unexpected(place, "has no filter that is understood"))?;
    let partition = || pattern.get("dynamodb")?.get("Keys")?.get("pk")?.get("S")?.get(0);
    let prefix = partition().and_then(|partition| text(partition, "prefix")).map(str::to_owned);
    let failures = || referred(properties.get("DestinationConfig")?.get("OnFailure")?.get("Destination")?);
    let batch = properties.get("BatchSize").and_then(number).and_then(|batch| usize::try_from(batch).ok());
    let attempts = properties.get("MaximumRetryAttempts").and_then(Value::as_i64);
    let age = properties.get("MaximumRecordAgeInSeconds").and_then(number);
    match (batch, attempts, age, prefix) {
        (Some(batch), Some(attempts), Some(age_seconds), Some(prefix)) if reports(properties) => Ok(StreamSource {
            batch,
            attempts: u32::try_from(attempts).ok(),
            age_seconds,
            failures: failures(),
            kinds: pattern.get("eventName").map(texts).unwrap_or_default(),
            prefix,
        }),
        _ => Err(unexpected(place, "has a stream that is not understood")),
    }
}

fn reports(properties: &Value) -> bool {
    let properties: Option<&Mapping> = properties.as_mapping();
    let kinds = properties.map(|properties| list(properties, "FunctionResponseTypes")).unwrap_or_default();
    kinds.iter().any(|kind| kind.as_str() == Some("ReportBatchItemFailures"))
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|number| u32::try_from(number).ok())
}

/// The logical id in `!GetAtt Queue.Arn` or `!Ref Queue`.
fn referred(value: &Value) -> Option<String> {
    tagged_text(value)?.split('.').next().map(str::to_owned)
}
