//! Rows that wait for seats: tried again where seats have appeared.

use std::collections::HashSet;

use license_domain::{EventKind, Job, JobCounts, JobId, JobState, LicenseStatus, RowOutcome};

use crate::{Engine, JobError, results::Known};

impl Engine {
    /// Jobs with rows that wait, and a plan with seats for some of them.
    pub async fn ripe(&self, limit: usize) -> Result<Vec<Job>, JobError> {
        let mut ripe = Vec::new();
        for id in self.jobs.waiting_jobs(limit).await? {
            let Some(job) = self.jobs.job(id).await? else { continue };
            let Some(portfolio) = self.portfolios.portfolio(job.customer_agreement).await? else { continue };
            let Some(plan) = job.subscription_plan.and_then(|plan| portfolio.plan(plan)) else { continue };
            let counts = self.portfolios.seat_counts(&[plan]).await?;
            let is_free = counts.get(&plan.uuid).is_some_and(|counts| counts.of(LicenseStatus::Unassigned) > 0);
            if job.state == JobState::Waiting && is_free {
                ripe.push(job);
            }
        }
        Ok(ripe)
    }

    /// Tries the rows again that wait, chunk by chunk, until there are no seats again. Each try of a chunk is another
    /// round, with an outcome of its own; a round that was begun before is finished first.
    pub async fn refill(&self, job: JobId) -> Result<(), JobError> {
        let Some(job) = self.jobs.job(job).await? else { return Ok(()) };
        if job.state != JobState::Waiting {
            return Ok(());
        }
        let mut counts = JobCounts::default();
        let mut is_full = false;
        for chunk in 0..job.chunks {
            let mut known = Known::of(self.jobs.results(job.uuid, chunk, chunk + 1).await?);
            let waiting: HashSet<u64> =
                known.rows().filter(|row| row.outcome == RowOutcome::Waiting).map(|row| row.row).collect();
            if !waiting.is_empty() && !is_full && !job.dry_run {
                // The rows themselves, with all that was asked for: results name learners only.
                let mut rows = self.jobs.chunk(job.uuid, chunk).await?;
                rows.retain(|row| waiting.contains(&row.row));
                let again = self.rows(&job, (chunk, known.rounds()), rows, JobCounts::default()).await?;
                is_full = again.iter().any(|row| row.outcome == RowOutcome::Waiting);
                known.add(again);
            }
            counts = counts.plus(known.counts());
        }
        let state = if counts.waiting > 0 { JobState::Waiting } else { JobState::Done };
        let after = Job { state, counts: Some(counts), modified: self.clock.now(), ..job.clone() };
        let portfolio = self.portfolio_of(&job).await?;
        let event = (EventKind::JobChanged, Vec::new());
        self.jobs.change_job(&portfolio, (&job, &after), event, &self.stamp(&job)).await?;
        Ok(())
    }
}
