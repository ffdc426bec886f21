//! A run's rows, if its request does not contain them: they are stored in chunks while they are read.

use std::{fmt, time::Duration};

use license_domain::number::{to_u64, to_usize};
use license_domain::{
    EmailAddress, Job, JobKind, License, Portfolio, Row, SubscriptionPlan,
    job::chunks::Chunks,
    plan_work::{LicenseNotice, is_of_run},
    purge,
};
use license_storage::{Jobs, LicenseFilter, LicenseQuery, Licenses, StoreError};

use crate::{WorkError, named::Named};

/// How often a list is read that shows fewer licenses than there are, and the pause between two reads.
const MAX_READS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);

/// How many licenses one read returns.
const PAGE: usize = 500;

/// How many chunks are written at the same time.
const CHUNKS_AT_ONCE: usize = 25;

/// How the reading of a run's rows ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsRead {
    /// All are stored.
    All {
        /// How many rows.
        rows: u64,
        chunks: u64,
        /// The chunks' generation.
        generation: u32,
    },
    /// The turn ended first: another one continues.
    Unfinished,
    /// Another attempt has taken over.
    Overtaken,
}

/// Writes rows as chunks while they arrive, so that a million of them are never in memory.
pub struct RowsWriter<'a> {
    pub(crate) jobs: &'a dyn Jobs,
    run: &'a Job,
    /// The run's generation, or that of a file's content.
    generation: u32,
    rows: u64,
    chunks: u64,
    /// The first chunks are stored already: they are only counted.
    known: u64,
    full: Vec<Vec<Row>>,
    open: Chunks,
}

impl fmt::Debug for RowsWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowsWriter").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl<'a> RowsWriter<'a> {
    /// A writer that begins with the run's first chunk.
    pub(crate) fn new(jobs: &'a dyn Jobs, run: &'a Job) -> Self {
        let open = Chunks::new(run.kind, &run.params.course_run_keys);
        Self { jobs, run, generation: run.generation, rows: 0, chunks: 0, known: 0, full: Vec::new(), open }
    }

    /// A copy for chunks of that generation, of which the first ones are stored.
    pub(crate) fn continuing(self, generation: u32, known: u64) -> Self {
        Self { generation, known, ..self }
    }

    /// The run, with the generation of what is written.
    pub(crate) fn run(&self) -> Job {
        Job { generation: self.generation, ..self.run.clone() }
    }

    /// How many chunks are stored.
    pub(crate) const fn chunks(&self) -> u64 {
        self.chunks
    }

    /// How many rows it has taken.
    pub(crate) const fn rows(&self) -> u64 {
        self.rows
    }

    /// Begins anew: what was written is replaced.
    fn restart(&mut self) {
        *self = Self::new(self.jobs, self.run);
    }

    /// Adds a row, with the next number.
    pub(crate) async fn push(&mut self, row: Row) -> Result<(), WorkError> {
        self.full.extend(self.open.push(Row { row: self.rows, ..row }));
        self.rows += 1;
        if self.full.len() >= CHUNKS_AT_ONCE { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), WorkError> {
        let known = to_usize(self.known.saturating_sub(self.chunks)).min(self.full.len());
        let new = &self.full[known..];
        if !new.is_empty() {
            self.jobs.put_chunks(&self.run(), self.chunks + to_u64(known), new).await?;
        }
        self.chunks += to_u64(self.full.len());
        self.full.clear();
        Ok(())
    }

    /// Writes a single row: the run is about its plan, and not about single licenses.
    pub(crate) async fn one_row(mut self) -> Result<RowsRead, WorkError> {
        self.push(Row::default()).await?;
        self.finish().await
    }

    /// Writes the remaining rows.
    pub(crate) async fn finish(mut self) -> Result<RowsRead, WorkError> {
        self.full.extend(self.open.finish());
        self.flush().await?;
        Ok(RowsRead::All { rows: self.rows, chunks: self.chunks, generation: self.generation })
    }
}

/// Writes a row for each learner whose license matches the run's filter, or for each of their licenses.
pub(crate) async fn read_licenses(
    licenses: &dyn Licenses,
    run: &Job,
    portfolio: &Portfolio,
    mut writer: RowsWriter<'_>,
) -> Result<RowsRead, WorkError> {
    let wanted = run.params.filter.clone().ok_or(WorkError::Gone("rows"))?;
    let plans: Vec<&SubscriptionPlan> = match run.subscription_plan {
        Some(plan) => portfolio.plan(plan).into_iter().collect(),
        None => portfolio.plans.iter().collect(),
    };
    // What a license paid for ends also where the license names no learner any more.
    let ignore_null_emails = !matches!(run.kind, JobKind::Expire | JobKind::DeleteRevoked | JobKind::Revert);
    let filter = LicenseFilter { statuses: Some(wanted.statuses), search: wanted.search, ignore_null_emails };
    for _ in 0..MAX_READS {
        if read_all(licenses, &plans, (&filter, run, portfolio), &mut writer).await? {
            return writer.finish().await;
        }
        writer.restart();
        tokio::time::sleep(PAUSE).await;
    }
    Err(StoreError::Unavailable { operation: "list licenses", cause: "the index lags behind".to_owned() }.into())
}

/// Reads the plans' licenses; returns whether they are complete. The counters are exact, but the list is an index that
/// may lag behind them, and no license may be left out. The results of a search cannot be counted.
async fn read_all(
    licenses: &dyn Licenses,
    plans: &[&SubscriptionPlan],
    (filter, run, portfolio): (&LicenseFilter, &Job, &Portfolio),
    writer: &mut RowsWriter<'_>,
) -> Result<bool, WorkError> {
    let is_of_licenses = run.kind.is_of_licenses();
    // Of what is to be purged, or announced, only that whose time has come.
    let is_wanted = |plan: &SubscriptionPlan, license: &License| match LicenseNotice::of(run.kind, plan) {
        Some(notice) => {
            notice.concerns(license, run.created) && is_of_run(run.kind, license, run.params.since, run.created)
        }
        None => run.kind != JobKind::Purge || purge::purged(&portfolio.agreement, plan, license, run.created).is_some(),
    };
    let mut named = Named::default();
    for plan in plans {
        let expected = count(licenses, plan, filter).await?;
        let mut found = 0;
        let mut query = LicenseQuery { filter: filter.clone(), limit: PAGE, ..LicenseQuery::default() };
        loop {
            let page = licenses.list(plan, &query).await?;
            let Some(last) = page.last() else { break };
            query.after = Some(licenses.position_behind(last));
            found += u64::try_from(page.len()).expect("it fits 64 bits");
            let is_last = page.len() < PAGE;
            for license in page.into_iter().filter(|license| is_wanted(plan, license)) {
                let is_first = |email: &EmailAddress| named.insert(&email.key());
                if is_of_licenses || license.user_email.as_ref().is_some_and(is_first) {
                    let (user_email, license) = (license.user_email, is_of_licenses.then_some(license.uuid));
                    writer.push(Row { user_email, license, ..Row::default() }).await?;
                }
            }
            if is_last {
                break;
            }
        }
        // There may be fewer by now.
        if filter.search.is_empty() && found < expected && found < count(licenses, plan, filter).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn count(licenses: &dyn Licenses, plan: &SubscriptionPlan, filter: &LicenseFilter) -> Result<u64, WorkError> {
    Ok(licenses.count(plan, filter).await?.iter().map(|(_, count)| count).sum())
}
