//! Reads the state of a real license-manager: files that Django's `dumpdata` wrote.
//!
//! 1. Every row of every file is checked, and whatever is in the table already is compared. Any bad row or
//!    conflict ends the import with a list of them, and nothing is written.
//! 2. Licenses are written, idempotently; nobody finds them, for their plans are not there yet.
//! 3. Products, users' roles and agreements follow, then one transaction for each plan with its pointers and
//!    counters, then renewals, and last the record that these files are done.
//!
//! After a crash the same import completes what is missing. A file that was imported already is left out.
//! Whatever the size of a file, only its licenses' ids, plans and digests of addresses are held in memory.

mod bulk;
mod dump;
mod existing;
mod fields;
mod placed;
mod report;
mod survey;
mod write;

use std::{path::PathBuf, sync::Arc};

use license_storage_dynamodb::{Store, keys, rows, table::Write};
use license_telemetry::{SystemClock, SystemRandom};

use self::{dump::Dump, survey::Survey};
pub use bulk::{Bulk, TableBulk};
pub use report::{BadRow, ImportError, Report};

/// Whoever is told how far the import is.
pub type Progress<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// Imports these files into a table of AWS, or of whatever serves DynamoDB at `endpoint`, with the credentials and the
/// region that the SDK finds. The table is there already.
pub async fn into_table(
    name: &str,
    endpoint: Option<&str>,
    files: &[PathBuf],
    progress: Progress<'_>,
) -> Result<Report, ImportError> {
    let shared = aws_config::load_from_env().await;
    let mut config = aws_sdk_dynamodb::config::Builder::from(&shared);
    if let Some(endpoint) = endpoint {
        config = config.endpoint_url(endpoint);
    }
    let client = aws_sdk_dynamodb::Client::from_conf(config.build());
    let store = Arc::new(Store::new(client, name, Arc::new(SystemClock), Arc::new(SystemRandom)));
    let bulk: Arc<dyn Bulk> = Arc::new(TableBulk(store.clone()));
    import(&store, &bulk, files, progress).await
}

/// Imports these files as one: all of them or nothing. `bulk` writes to the store's table.
pub async fn import(
    store: &Arc<Store>,
    bulk: &Arc<dyn Bulk>,
    files: &[PathBuf],
    progress: Progress<'_>,
) -> Result<Report, ImportError> {
    let mut report = Report::default();
    let mut dumps = Vec::new();
    for file in files {
        let dump = Dump::open(file).await?;
        let is_known = store.table().get(&keys::import(dump.digest())).await?.is_some();
        if is_known || dumps.iter().any(|other: &Dump| other.digest() == dump.digest()) {
            report.imported_before.push(dump.name().to_owned());
        } else {
            dumps.push(dump);
        }
    }
    if dumps.is_empty() {
        return Ok(report);
    }
    let mut survey = Survey::default();
    for dump in &dumps {
        survey.read(dump, progress).await?;
    }
    survey.finish();
    let existing = existing::compare(store, &dumps, &mut survey, progress).await?;
    if !survey.bad.is_empty() {
        return Err(ImportError::Bad(std::mem::take(&mut survey.bad)));
    }
    write::all(store, bulk, &dumps, survey, &existing, &mut report, progress).await?;
    for dump in &dumps {
        let record = rows::import(dump.digest(), dump.name(), store.clock().now());
        store
            .table()
            .transact(vec![Write::put(record)], dump.digest()[..36].to_owned())
            .await
            .map_err(write::failed)?;
    }
    Ok(report)
}
