//! The outcomes of a run's rows.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use license_clients::FileWriter;
use license_csv::CsvTable;
use license_domain::{EmailAddress, Job, JobCounts, RowResult};
use license_storage::{Jobs, StoreError};

use crate::WorkError;

/// How many chunks are read at once: their outcomes may have 300 KB each.
const CHUNKS_AT_ONCE: u64 = 20;

/// How many such reads are under way while a table is written.
const READS_AT_ONCE: usize = 2;

/// What is known of some chunks' rows: the last round of each row.
#[derive(Debug, Default)]
pub(crate) struct Known {
    rows: BTreeMap<(u64, Option<String>), RowResult>,
    rounds: u64,
}

impl Known {
    /// Out of what was read.
    pub(crate) fn of(results: Vec<(u64, u64, Vec<RowResult>)>) -> Self {
        let mut known = Self::default();
        for (_, round, rows) in results {
            known.rounds = known.rounds.max(round + 1);
            known.insert(rows);
        }
        known
    }

    /// One more round.
    pub(crate) fn add(&mut self, rows: Vec<RowResult>) {
        self.rounds += 1;
        self.insert(rows);
    }

    fn insert(&mut self, rows: Vec<RowResult>) {
        self.rows.extend(rows.into_iter().map(|row| ((row.row, row.course_run_key.clone()), row)));
    }

    /// The rows, in order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &RowResult> {
        self.rows.values()
    }

    /// How many rounds there were.
    pub(crate) const fn rounds(&self) -> u64 {
        self.rounds
    }

    /// How many rows ended how.
    pub(crate) fn counts(&self) -> JobCounts {
        let rows: Vec<RowResult> = self.rows.values().cloned().collect();
        JobCounts::of(&rows)
    }
}

/// The results of these chunks, in order.
pub async fn results(jobs: &dyn Jobs, job: &Job, from: u64, to: u64) -> Result<Vec<RowResult>, StoreError> {
    Ok(Known::of(jobs.results(job.uuid, from, to).await?).rows.into_values().collect())
}

/// Writes all results as CSV, as they are read. An address that would be a formula stands there with an apostrophe; the JSON
/// has it as it is.
pub async fn write_results(jobs: &dyn Jobs, run: &Job, file: &mut FileWriter<'_>) -> Result<(), WorkError> {
    let columns = ["row", "user_email", "course_run_key", "license", "outcome", "detail"];
    let mut table = CsvTable::new(Vec::new(), columns).expect("a vector takes every byte");
    let firsts = (0..run.chunks.div_ceil(CHUNKS_AT_ONCE)).map(|page| page * CHUNKS_AT_ONCE);
    let pages = firsts.map(|from| results(jobs, run, from, run.chunks.min(from + CHUNKS_AT_ONCE)));
    let mut pages = stream::iter(pages).buffered(READS_AT_ONCE);
    while let Some(page) = pages.try_next().await? {
        for result in &page {
            let (row, license) = (result.row.to_string(), result.license.map(|id| id.to_string()));
            let cells = [
                row.as_str(),
                result.user_email.as_ref().map_or("", EmailAddress::as_given),
                result.course_run_key.as_deref().unwrap_or(""),
                license.as_deref().unwrap_or(""),
                result.outcome.as_str(),
                result.detail.as_deref().unwrap_or(""),
            ];
            table.row(cells).expect("a vector takes every byte");
        }
        file.write(&table.take()).await?;
    }
    // The header, where there are no rows.
    Ok(file.write(&table.take()).await?)
}
