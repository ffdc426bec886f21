//! The records of runs, for every function that reads or changes runs, whether it works on them or not.

use std::{fmt, sync::Arc};

use license_domain::{Clock, EventKind, Job, JobId, JobState, Portfolio, Stamp, Timestamp};
use license_storage::{Jobs, Portfolios};
use license_telemetry::metrics;

use crate::WorkError;

/// Runs on record.
#[derive(Clone)]
pub struct RunRecords {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) jobs: Arc<dyn Jobs>,
    pub(crate) portfolios: Arc<dyn Portfolios>,
}

impl fmt::Debug for RunRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RunRecords")
    }
}

impl RunRecords {
    /// The records in that store.
    pub fn new<S: Jobs + Portfolios + 'static>(store: &Arc<S>, clock: Arc<dyn Clock>) -> Self {
        Self { clock, jobs: store.clone(), portfolios: store.clone() }
    }

    pub(crate) async fn portfolio_of(&self, run: &Job) -> Result<Portfolio, WorkError> {
        self.portfolios.portfolio(run.customer_agreement).await?.ok_or(WorkError::Gone("agreement"))
    }

    /// The stamp of a run's changes, with its requester as the actor.
    pub(crate) fn stamp(&self, run: &Job) -> Stamp {
        Stamp {
            actor: run.requested_by.clone(),
            actor_lms_user_id: run.lms_user_id,
            reason: run.reason.clone().unwrap_or_else(|| format!("job {}", run.kind.as_str())),
            request_id: run.request_id.clone(),
            at: self.clock.now(),
        }
    }

    /// Records that a run failed. An internal run is not ended: its request has reserved what it needs, or can only be
    /// repeated when it is done.
    pub async fn fail(&self, run: JobId, problem: &str) -> Result<(), WorkError> {
        let Some(run) = self.jobs.job(run).await? else { return Ok(()) };
        if run.is_internal || !matches!(run.state, JobState::Pending | JobState::Running) {
            return Ok(());
        }
        let portfolio = self.portfolio_of(&run).await?;
        let after = Job {
            state: JobState::Failed,
            problem: Some(problem.to_owned()),
            modified: self.clock.now(),
            ..run.clone()
        };
        let event = (EventKind::JobChanged, Vec::new());
        self.jobs.change_job(&portfolio, (&run, &after), event, &self.stamp(&run).into()).await?;
        metrics::count("JobsEnded", &[("State", after.state.as_str())]);
        if run.kind.is_for_provisioners() {
            metrics::by_each("OperationFailed", ("Kind", run.kind.as_str()));
        }
        Ok(())
    }

    /// The open runs whose record and lanes have not changed since then, among the first `limit` open runs.
    pub async fn without_progress(&self, since: Timestamp, limit: usize) -> Result<Vec<JobId>, WorkError> {
        let mut found = Vec::new();
        for id in self.jobs.open_jobs(limit).await? {
            let Some(run) = self.jobs.job(id).await? else { continue };
            if !matches!(run.state, JobState::Pending | JobState::Running) || run.modified > since {
                continue;
            }
            let moved = self.jobs.lanes(id).await?.iter().filter_map(|lane| lane.moved).max();
            if moved.is_none_or(|moved| moved <= since) {
                found.push(id);
            }
        }
        Ok(found)
    }
}
