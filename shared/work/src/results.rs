//! The outcomes of a run's rows.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use license_clients::FileWriter;
use license_csv::CsvTable;
use license_domain::{EmailAddress, Job, JobCounts, JobKind, Row, RowOutcome, RowResult};
use license_storage::{Jobs, StoreError};

use crate::WorkError;

/// How many chunks are read at once: their outcomes may have 300 KB each.
const CHUNKS_AT_ONCE: u64 = 20;

/// How many such reads run at the same time while a CSV is written.
const READS_AT_ONCE: usize = 2;

/// The known outcomes of some chunks' rows: the last round of each row.
#[derive(Debug, Default)]
pub(crate) struct Known {
    rows: BTreeMap<(u64, Option<String>), RowResult>,
    rounds: u64,
}

impl Known {
    /// From the stored results.
    pub(crate) fn of(results: Vec<(u64, u64, Vec<RowResult>)>) -> Self {
        let mut known = Self::default();
        for (_, round, rows) in results {
            known.rounds = known.rounds.max(round + 1);
            known.insert(rows);
        }
        known
    }

    /// Adds a round.
    pub(crate) fn add(&mut self, rows: Vec<RowResult>) {
        self.rounds += 1;
        self.insert(rows);
    }

    fn insert(&mut self, rows: Vec<RowResult>) {
        self.rows.extend(rows.into_iter().map(|row| ((row.row, row.course_run_key.clone()), row)));
    }

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

/// The learners whose licenses a transfer moved: the rows of a transfer back.
pub async fn transferred(jobs: &dyn Jobs, job: &Job) -> Result<Vec<Row>, StoreError> {
    let mut rows: Vec<Row> = Vec::new();
    let mut from = 0;
    while from < job.chunks {
        let to = job.chunks.min(from + CHUNKS_AT_ONCE);
        let moved = results(jobs, job, from, to).await?.into_iter();
        let moved = moved.filter(|row| row.outcome == RowOutcome::Transferred);
        rows.extend(moved.map(|row| Row { user_email: row.user_email, ..Row::default() }));
        from = to;
    }
    for (n, row) in (0..).zip(&mut rows) {
        row.row = n;
    }
    Ok(rows)
}

/// The columns of results as CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultsTable {
    /// All fields of each row.
    Rows,
    /// The columns that readers of bulk enrollments' results expect: the address, the course, and whether it succeeded.
    Enrollments,
}

impl ResultsTable {
    /// The columns of a run's own file.
    pub(crate) fn of(run: &Job) -> Self {
        if run.kind == JobKind::Enroll { Self::Enrollments } else { Self::Rows }
    }
}

fn email_and_course(result: &RowResult) -> (&str, &str) {
    let email = result.user_email.as_ref().map_or("", EmailAddress::as_given);
    (email, result.course_run_key.as_deref().unwrap_or(""))
}

/// All fields of a row.
fn row(result: &RowResult) -> [String; 6] {
    let (email, course) = email_and_course(result);
    let license = result.license.map(|id| id.to_string()).unwrap_or_default();
    let (outcome, detail) = (result.outcome.as_str(), result.detail.as_deref().unwrap_or(""));
    [&result.row.to_string(), email, course, &license, outcome, detail].map(str::to_owned)
}

/// An enrollment, in the words that readers of these files expect.
fn enrollment(result: &RowResult) -> [String; 4] {
    let (email, course) = email_and_course(result);
    let status = match result.outcome {
        RowOutcome::Enrolled => "success",
        RowOutcome::Pending => "pending",
        _ => "failed",
    };
    let reason = if status == "failed" { result.outcome.as_str().replace('_', " ") } else { String::new() };
    [email, course, status, result.detail.as_deref().unwrap_or(&reason)].map(str::to_owned)
}

/// Writes all results as CSV while they are read. An address that would be a formula gets an apostrophe; the JSON has
/// it unchanged.
pub async fn write_results(
    jobs: &dyn Jobs,
    run: &Job,
    shape: ResultsTable,
    file: &mut FileWriter<'_>,
) -> Result<(), WorkError> {
    match shape {
        ResultsTable::Rows => {
            let columns = ["row", "user_email", "course_run_key", "license", "outcome", "detail"];
            write_table(jobs, run, columns, row, file).await
        }
        ResultsTable::Enrollments => {
            let columns = ["email address", "course key", "enrollment status", "notes"];
            write_table(jobs, run, columns, enrollment, file).await
        }
    }
}

async fn write_table<const COLUMNS: usize>(
    jobs: &dyn Jobs,
    run: &Job,
    columns: [&str; COLUMNS],
    cells: fn(&RowResult) -> [String; COLUMNS],
    file: &mut FileWriter<'_>,
) -> Result<(), WorkError> {
    let mut table = CsvTable::new(Vec::new(), columns).expect("a vector takes every byte");
    let firsts = (0..run.chunks.div_ceil(CHUNKS_AT_ONCE)).map(|page| page * CHUNKS_AT_ONCE);
    let pages = firsts.map(|from| results(jobs, run, from, run.chunks.min(from + CHUNKS_AT_ONCE)));
    let mut pages = stream::iter(pages).buffered(READS_AT_ONCE);
    while let Some(page) = pages.try_next().await? {
        for result in &page {
            table.row(cells(result).each_ref().map(String::as_str)).expect("a vector takes every byte");
        }
        file.write(&table.take()).await?;
    }
    // The header, if there are no rows.
    Ok(file.write(&table.take()).await?)
}
