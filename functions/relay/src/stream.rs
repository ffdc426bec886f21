//! Handles a batch of the table's stream.

use aws_lambda_events::event::{
    dynamodb,
    streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse},
};
use futures::{StreamExt, stream};
use license_storage::StreamedEvent;
use license_telemetry::metrics;

use crate::{Context, RelayError, counters, relay};

/// The most events that are relayed at the same time.
const PARALLEL: usize = 8;

/// Relays the batch's new events. The response names the first one that failed, from which the stream begins again.
/// Later ones that succeeded are relayed twice, which is harmless.
pub(crate) async fn handle(context: &Context, batch: dynamodb::Event, request_id: &str) -> DynamoDbEventResponse {
    let each = batch.records.into_iter().map(|record| async move {
        let sequence = record.change.sequence_number.clone();
        let StreamedEvent { id, event } = context.stream.event_of(record)?;
        let relayed = async {
            let event = context.events.without_retired(event?).await?;
            relay::relay(context, &event).await?;
            counters::count(&event);
            Ok::<(), RelayError>(())
        };
        match relayed.await {
            Ok(()) => None,
            Err(error) => {
                tracing::error!(request_id, event = %id, %error, "an event was not relayed, will retry");
                metrics::failure("RelayFailed", error.metric());
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
