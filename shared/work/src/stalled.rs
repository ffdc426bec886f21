//! Jobs that stand still: pending or running, and nothing of them has moved for too long.

use license_domain::{JobId, JobState, Timestamp};

use crate::{Engine, JobError};

impl Engine {
    /// The jobs of which neither the record nor a lane has moved since then; so much work is looked at, what is
    /// looked at next first.
    pub async fn stalled(&self, since: Timestamp, limit: usize) -> Result<Vec<JobId>, JobError> {
        let mut stalled = Vec::new();
        for id in self.jobs.open_jobs(limit).await? {
            let Some(job) = self.jobs.job(id).await? else { continue };
            if !matches!(job.state, JobState::Pending | JobState::Running) || job.modified > since {
                continue;
            }
            let moved = self.jobs.lanes(id).await?.iter().filter_map(|lane| lane.moved).max();
            if moved.is_none_or(|moved| moved <= since) {
                stalled.push(id);
            }
        }
        Ok(stalled)
    }
}
