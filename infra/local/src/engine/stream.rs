//! The table's stream in the embedded engine.

use std::fmt::Debug;

use async_trait::async_trait;
use dynoxide::{
    Database,
    actions::{get_records::GetRecordsRequest, get_shard_iterator::GetShardIteratorRequest},
    streams::{shard_id, stream_arn},
    types::AttributeValue,
};
use serde_json::Value;

use crate::{StartError, table};

/// The name of the table's partition key.
const PARTITION_KEY: &str = "pk";

/// Whether a function reads changes of that kind (`INSERT`) of items in that partition.
pub type IsRead<'a> = &'a (dyn Fn(&str, &str) -> bool + Send + Sync);

/// The changes of the table, in their order.
#[async_trait]
pub trait TableStream: Debug + Send + Sync {
    /// At most so many changes after the one with that sequence number (by default from the first that is kept), in the
    /// form of Lambda's events. Those that are not read may lack their items.
    async fn changes(&self, after: Option<&str>, most: usize, is_read: IsRead<'_>) -> Result<Vec<Value>, StartError>;
}

/// The stream of the embedded engine.
pub(super) struct EngineStream(pub(super) Database);

impl std::fmt::Debug for EngineStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EngineStream")
    }
}

#[async_trait]
impl TableStream for EngineStream {
    async fn changes(&self, after: Option<&str>, most: usize, is_read: IsRead<'_>) -> Result<Vec<Value>, StartError> {
        let failed = |error: &dyn std::fmt::Display| StartError::Engine(error.to_string());
        let kind = if after.is_some() { "AFTER_SEQUENCE_NUMBER" } else { "TRIM_HORIZON" };
        let at = GetShardIteratorRequest {
            stream_arn: stream_arn(table::NAME, "local"),
            shard_id: shard_id(table::NAME),
            shard_iterator_type: kind.to_owned(),
            sequence_number: after.map(str::to_owned),
        };
        let at = self.0.get_shard_iterator(at).map_err(|error| failed(&error))?;
        let read = GetRecordsRequest { shard_iterator: at.shard_iterator.unwrap_or_default(), limit: Some(most) };
        let read = self.0.get_records(read).map_err(|error| failed(&error))?;
        let changes = read.records.into_iter().map(|mut record| {
            let partition = match record.dynamodb.keys.get(PARTITION_KEY) {
                Some(AttributeValue::S(partition)) => partition.as_str(),
                _ => "",
            };
            // Most changes are read by no function; converting their items would be most of the work.
            if !is_read(&record.event_name, partition) {
                record.dynamodb.new_image = None;
                record.dynamodb.old_image = None;
            }
            serde_json::to_value(record).map_err(|error| failed(&error))
        });
        changes.collect()
    }
}
