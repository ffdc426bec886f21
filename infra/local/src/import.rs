//! Imports at the start, and into a table elsewhere.

use std::{path::PathBuf, sync::Arc};

use license_importer::{ImportError, Importer, Progress, Report};
use license_storage_dynamodb::{BulkWriter, PutItems, Store, StoreSettings};
use license_telemetry::{SystemClock, SystemRandom};

/// Imports into the table of an engine, by the engine's own bulk write.
pub fn into_engine(store: &Arc<Store>, items: Arc<dyn PutItems>) -> Importer {
    over(store, BulkWriter::through(store.clone(), items))
}

/// Imports these files into a table of AWS, or of another DynamoDB at `endpoint`, with the credentials and the region
/// that the SDK finds. The table must exist.
pub async fn into_table(
    table: &str,
    endpoint: Option<&str>,
    files: &[PathBuf],
    progress: Progress<'_>,
) -> Result<Report, ImportError> {
    let store = connect(table, endpoint).await;
    over(&store, BulkWriter::new(store.clone())).import(files, progress).await
}

/// A table of AWS, or of another DynamoDB at `endpoint`.
pub(crate) async fn connect(table: &str, endpoint: Option<&str>) -> Arc<Store> {
    let settings = StoreSettings { table: table.to_owned(), endpoint: endpoint.map(str::to_owned) };
    let aws = aws_config::load_from_env().await;
    Arc::new(Store::connect(&settings, &aws, Arc::new(SystemClock), Arc::new(SystemRandom)))
}

fn over(store: &Arc<Store>, bulk: BulkWriter) -> Importer {
    Importer { portfolios: store.clone(), bulk: Arc::new(bulk), clock: store.clock().clone() }
}
