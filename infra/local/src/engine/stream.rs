//! The table's stream in the embedded engine.

use std::fmt::Debug;

use async_trait::async_trait;
use dynoxide::{
    Database,
    actions::{get_records::GetRecordsRequest, get_shard_iterator::GetShardIteratorRequest},
    streams::{shard_id, stream_arn},
};
use license_template::{StreamSource, Template};
use serde_json::Value;
use tokio::runtime::Handle;

use crate::{StartError, table};

/// The engine numbers each record of its stream by a scan of all records: without an index, each change of a table
/// makes the next one slower.
const INDEX: &str = "CREATE INDEX IF NOT EXISTS _stream_records_in_order
    ON _stream_records (table_name, CAST(sequence_number AS INTEGER), shard_id);";

/// The engine keeps its stream's records permanently. DynamoDB keeps them for a day; so does this, by deleting the two
/// oldest ones, if they are older, whenever one is added.
const TRIM: &str = "CREATE TRIGGER IF NOT EXISTS _stream_records_trim AFTER INSERT ON _stream_records BEGIN
    DELETE FROM _stream_records WHERE created_at < NEW.created_at - 86400
        AND id IN (SELECT id FROM _stream_records ORDER BY id LIMIT 2);
    END;";

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

/// Lets the engine find its stream's last record quickly, and keep only the records that a function reads, for a day.
/// Records have the item before and after the change: without this, most of a busy table's memory would be its stream.
pub(super) fn keep_short(name: &str) -> Result<(), StartError> {
    let failed = |error: &dyn std::fmt::Display| StartError::Engine(error.to_string());
    let template = Template::embedded().map_err(|error| failed(&error))?;
    let read: Vec<String> =
        template.functions().iter().filter_map(|function| function.stream.as_ref()).map(condition).collect();
    // The functions that read the stream may be others than when the file was made.
    let skip = format!(
        "DROP TRIGGER IF EXISTS _stream_records_skip;
         CREATE TRIGGER _stream_records_skip BEFORE INSERT ON _stream_records WHEN NOT ({})
         BEGIN SELECT RAISE(IGNORE); END;",
        read.join(" OR ")
    );
    let connection = rusqlite::Connection::open(name).map_err(|error| failed(&error))?;
    [INDEX, TRIM, &skip].into_iter().try_for_each(|sql| connection.execute_batch(sql)).map_err(|error| failed(&error))
}

/// The condition, in SQL, that a function reads a new record.
fn condition(source: &StreamSource) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let kinds: Vec<String> = source.kinds.iter().map(|kind| quoted(kind)).collect();
    let partition = format!("json_extract(NEW.keys_json, '$.{PARTITION_KEY}.S')");
    format!(
        "NEW.event_name IN ({}) AND substr({partition}, 1, {}) = {}",
        kinds.join(", "),
        source.prefix.chars().count(),
        quoted(&source.prefix)
    )
}

/// The stream of the embedded engine.
pub(super) struct EngineStream {
    pub(super) database: Database,
    /// The engine's threads, which read it.
    pub(super) threads: Handle,
}

impl std::fmt::Debug for EngineStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EngineStream")
    }
}

#[async_trait]
impl TableStream for EngineStream {
    /// The engine keeps only changes that a function reads.
    async fn changes(&self, after: Option<&str>, most: usize, _: IsRead<'_>) -> Result<Vec<Value>, StartError> {
        let (database, after) = (self.database.clone(), after.map(str::to_owned));
        let read = self.threads.spawn_blocking(move || read(&database, after, most));
        read.await.map_err(|error| failed(&error))?
    }
}

fn read(database: &Database, after: Option<String>, most: usize) -> Result<Vec<Value>, StartError> {
    let kind = if after.is_some() { "AFTER_SEQUENCE_NUMBER" } else { "TRIM_HORIZON" };
    let at = GetShardIteratorRequest {
        stream_arn: stream_arn(table::NAME, "local"),
        shard_id: shard_id(table::NAME),
        shard_iterator_type: kind.to_owned(),
        sequence_number: after,
    };
    let at = database.get_shard_iterator(at).map_err(|error| failed(&error))?;
    let read = GetRecordsRequest { shard_iterator: at.shard_iterator.unwrap_or_default(), limit: Some(most) };
    let read = database.get_records(read).map_err(|error| failed(&error))?;
    read.records.into_iter().map(|record| serde_json::to_value(record).map_err(|error| failed(&error))).collect()
}

fn failed(error: &dyn std::fmt::Display) -> StartError {
    StartError::Engine(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    #[test]
    fn what_no_function_reads_is_not_kept_and_the_rest_for_a_day() {
        let name = "file:stream-kept?mode=memory&cache=shared";
        let _engine = Database::new(name).expect("an engine");
        keep_short(name).expect("it is set up");
        keep_short(name).expect("it may be repeated");
        let connection = rusqlite::Connection::open(name).expect("a second connection");
        let add = |kind: &str, partition: &str, number: i64, at: i64| {
            let keys = format!(r#"{{"sk":{{"S":"x"}},"pk":{{"S":"{partition}"}}}}"#);
            let number = number.to_string();
            connection
                .execute(
                    "INSERT INTO _stream_records (table_name, event_name, keys_json, sequence_number, shard_id, created_at)
                     VALUES ('t', ?1, ?2, ?3, 's', ?4)",
                    rusqlite::params![kind, keys, number, at],
                )
                .expect("it is accepted")
        };
        let kept = || -> Vec<String> {
            let mut rows = connection.prepare("SELECT sequence_number FROM _stream_records ORDER BY id").expect("SQL");
            let rows = rows.query_map([], |row| row.get(0)).expect("rows");
            rows.collect::<Result<_, _>>().expect("texts")
        };
        assert_eq!(add("INSERT", "EVENT#2026-11-24T03#1", 1, 0), 1);
        assert_eq!(add("INSERT", "LEARNER#x", 2, 0), 0);
        assert_eq!(add("REMOVE", "EVENT#2026-11-24T03#1", 2, 0), 0);
        add("INSERT", "EVENT#2026-11-24T03#2", 2, 10);
        add("INSERT", "EVENT#2026-11-25T03#1", 3, DAY);
        assert_eq!(kept(), ["1", "2", "3"]);
        add("INSERT", "EVENT#2026-11-25T03#2", 4, DAY + 5);
        assert_eq!(kept(), ["2", "3", "4"]);
    }
}
