//! A batch of the table's stream.

use aws_lambda_events::event::{
    dynamodb,
    streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse},
};
use futures::{StreamExt, stream};
use license_domain::{Event, EventId};
use license_storage_dynamodb::keys::{self, Key, PK, SK};
use license_telemetry::metrics;

use crate::{Context, counters, relay};

/// How many events are carried on at once at most.
const PARALLEL: usize = 8;

/// Carries the batch's new events on. The answer names the first one that was not, where the stream begins again;
/// those behind it that were are carried on twice, which is harmless.
pub(crate) async fn handle(context: &Context, batch: dynamodb::Event, request_id: &str) -> DynamoDbEventResponse {
    let each = batch.records.into_iter().map(|record| async move {
        let sequence = record.change.sequence_number.clone();
        let event = of(&record)?;
        match resume(context, record).await {
            Ok(()) => None,
            Err((metric, cause)) => {
                tracing::error!(request_id, %event, cause, "an event was not carried on, and comes again");
                metrics::failure("RelayFailed", metric);
                Some(sequence)
            }
        }
    });
    let failed: Vec<Option<Option<String>>> = stream::iter(each.collect::<Vec<_>>()).buffered(PARALLEL).collect().await;
    let mut response = DynamoDbEventResponse::default();
    if let Some(first) = failed.into_iter().flatten().next() {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = first;
        response.batch_item_failures.push(failure);
    }
    response
}

/// The event that the record is about, if it is about a new one.
fn of(record: &dynamodb::EventRecord) -> Option<EventId> {
    if record.event_name != "INSERT" {
        return None;
    }
    let keys = record.change.keys.as_ref();
    let text = |name: &str| match keys.get(name)? {
        serde_dynamo::AttributeValue::S(text) => Some(text.clone()),
        _ => None,
    };
    keys::event_at(&Key { pk: text(PK)?, sk: text(SK)? })
}

async fn resume(context: &Context, record: dynamodb::EventRecord) -> Result<(), (&'static str, String)> {
    let event: Event =
        serde_dynamo::from_item(record.change.new_image).map_err(|error| ("EventUnreadable", error.to_string()))?;
    relay::relay(context, &event).await.map_err(|error| (error.metric(), error.to_string()))?;
    counters::count(&event);
    Ok(())
}
