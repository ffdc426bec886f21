//! A job's rows, where it does not name them: from a file that was uploaded, or from the plan's licenses.

use std::{collections::HashSet, time::Duration};

use license_domain::{
    EmailAddress, EmailKey, Job, Portfolio, Row, SubscriptionPlan,
    job::{
        MAX_ROWS,
        chunks::{Chunks, MAX_INVALID_LENGTH},
    },
    maxima::MAX_SOURCE_ID,
};
use license_storage::{LicenseFilter, LicenseQuery, StoreError};

use crate::{Engine, JobError};

/// How often a list is looked at that shows fewer than there are, and how long is waited in between.
const MAX_READS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);

/// How many licenses are read at once.
const PAGE: usize = 500;

/// How many chunks are written at once.
const CHUNKS_AT_ONCE: usize = 25;

/// Columns that may hold the address.
const EMAIL_COLUMNS: [&str; 3] = ["user_email", "email", "email address"];

/// The column of the sale that a license comes from.
const SOURCE_COLUMN: &str = "user_sfid";

/// Writes rows as chunks as they come, so that a million of them do not lie in memory.
struct Cutting<'a> {
    engine: &'a Engine,
    job: &'a Job,
    rows: u64,
    chunks: u64,
    full: Vec<Vec<Row>>,
    open: Chunks,
}

impl<'a> Cutting<'a> {
    fn new(engine: &'a Engine, job: &'a Job) -> Self {
        let open = Chunks::new(job.kind, &job.params.course_run_keys);
        Self { engine, job, rows: 0, chunks: 0, full: Vec::new(), open }
    }

    async fn push(&mut self, row: Row) -> Result<(), JobError> {
        self.full.extend(self.open.push(Row { row: self.rows, ..row }));
        self.rows += 1;
        if self.full.len() >= CHUNKS_AT_ONCE { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), JobError> {
        self.engine.jobs.put_chunks(self.job, self.chunks, &self.full).await?;
        self.chunks += u64::try_from(self.full.len()).unwrap_or_default();
        self.full.clear();
        Ok(())
    }

    async fn finish(mut self) -> Result<(u64, u64), JobError> {
        self.full.extend(self.open.finish());
        self.flush().await?;
        Ok((self.rows, self.chunks))
    }
}

impl Engine {
    /// Writes the job's rows, where it does not have them yet; how many rows and chunks. Again it writes them anew.
    pub(crate) async fn expand(&self, job: &Job, portfolio: &Portfolio) -> Result<(u64, u64), JobError> {
        match (&job.upload, &job.params.filter, job.rows) {
            (_, _, Some(rows)) => Ok((rows, job.chunks)),
            (Some(file), ..) => self.read_upload(job, file).await,
            (None, Some(_), None) => self.read_licenses(job, portfolio).await,
            (None, None, None) => Err(JobError::Gone("rows")),
        }
    }

    async fn read_upload(&self, job: &Job, file: &str) -> Result<(u64, u64), JobError> {
        let text = self.services()?.exports.fetch(file).await?.ok_or(JobError::Unreadable("there is no file"))?;
        let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
        let headers = reader.headers().map_err(|_| JobError::Unreadable("it is no CSV"))?.clone();
        let column = |names: &[&str]| {
            headers.iter().position(|header| {
                names.iter().any(|name| header.trim_start_matches('\u{feff}').eq_ignore_ascii_case(name))
            })
        };
        let email = column(&EMAIL_COLUMNS).ok_or(JobError::Unreadable("no column is called user_email"))?;
        let source = column(&[SOURCE_COLUMN]);
        let mut chunks = Cutting::new(self, job);
        let mut named: HashSet<EmailKey> = HashSet::new();
        for record in reader.records() {
            let row = match record {
                Err(_) => Row { problem: Some("The row cannot be read.".to_owned()), ..Row::default() },
                Ok(record) => {
                    let text = record.get(email).unwrap_or_default();
                    match EmailAddress::parse(text) {
                        Ok(address) if named.insert(address.key()) => {
                            let source = source.and_then(|column| record.get(column)).filter(|id| !id.is_empty());
                            let is_long = source.is_some_and(|id| id.chars().nth(MAX_SOURCE_ID).is_some());
                            let problem = format!("Ensure user_sfid has no more than {MAX_SOURCE_ID} characters.");
                            Row {
                                user_email: Some(address),
                                source_id: source.filter(|_| !is_long).map(str::to_owned),
                                problem: is_long.then_some(problem),
                                ..Row::default()
                            }
                        }
                        // Named before.
                        Ok(_) => continue,
                        Err(_) => Row {
                            // Enough to tell which row it was: a column may hold anything of any length.
                            user_email: Some(EmailAddress::on_record(
                                text.chars().take(MAX_INVALID_LENGTH).collect::<String>(),
                            )),
                            problem: Some("Enter a valid email address.".to_owned()),
                            ..Row::default()
                        },
                    }
                }
            };
            if chunks.rows >= u64::try_from(MAX_ROWS).unwrap_or(u64::MAX) {
                return Err(JobError::Unreadable("there are too many rows"));
            }
            chunks.push(row).await?;
        }
        chunks.finish().await
    }

    async fn read_licenses(&self, job: &Job, portfolio: &Portfolio) -> Result<(u64, u64), JobError> {
        let plans: Vec<&SubscriptionPlan> = match job.subscription_plan {
            Some(plan) => portfolio.plan(plan).into_iter().collect(),
            None => portfolio.plans.iter().collect(),
        };
        let wanted = job.params.filter.clone().unwrap_or_default();
        let filter = LicenseFilter { statuses: Some(wanted.statuses), search: wanted.search, ignore_null_emails: true };
        for _ in 0..MAX_READS {
            // From the start: chunks that a look before has written are written over.
            let mut chunks = Cutting::new(self, job);
            if self.walk(&plans, &filter, &mut chunks).await? {
                return chunks.finish().await;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(StoreError::Unavailable { operation: "list licenses", cause: "the index lags behind".to_owned() }.into())
    }

    /// Reads the plans' licenses; whether that was all of them. The counters are exact, the list is an index that may
    /// lag behind them: nobody may be passed over. What is searched for cannot be counted.
    async fn walk(
        &self,
        plans: &[&SubscriptionPlan],
        filter: &LicenseFilter,
        chunks: &mut Cutting<'_>,
    ) -> Result<bool, JobError> {
        let mut named: HashSet<EmailKey> = HashSet::new();
        for plan in plans {
            let expected = self.count(plan, filter).await?;
            let mut found = 0;
            let mut query = LicenseQuery { filter: filter.clone(), limit: PAGE, ..LicenseQuery::default() };
            loop {
                let page = self.licenses.list(plan, &query).await?;
                let Some(last) = page.last() else { break };
                query.after = Some(self.licenses.position_behind(last));
                found += u64::try_from(page.len()).unwrap_or_default();
                let is_last = page.len() < PAGE;
                for license in page {
                    if let Some(email) = license.user_email.filter(|email| named.insert(email.key())) {
                        chunks.push(Row { user_email: Some(email), ..Row::default() }).await?;
                    }
                }
                if is_last {
                    break;
                }
            }
            // There may be fewer by now.
            if filter.search.is_empty() && found < expected && found < self.count(plan, filter).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn count(&self, plan: &SubscriptionPlan, filter: &LicenseFilter) -> Result<u64, JobError> {
        Ok(self.licenses.count(plan, filter).await?.iter().map(|(_, count)| count).sum())
    }
}
