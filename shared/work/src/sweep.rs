//! Jobs that are due: what has not got on since they were looked at last is set in motion again, whatever ended it.

use license_domain::{Job, JobId, JobState, LicenseStatus, Waits};
use license_messaging::Outgoing;

use crate::{BEGIN, Engine, JobError, lane_message, lanes::step_of, refill_message};

/// After so many looks without progress (about a day) a job is given up; it may be resumed.
const MAX_READS: u32 = 28;

/// What a look at a job found.
#[derive(Debug)]
pub enum Look {
    /// There is nothing to be done any more.
    Settled,
    /// It gets on.
    GetsOn,
    /// It waits for seats, of which there are none.
    Waits,
    /// It stands still; these messages let it go on.
    StandsStill(Vec<Outgoing>),
    /// It stood still for so long that it has been given up.
    GivenUp,
}

impl Engine {
    /// Looks at a job that was postponed so many times before.
    pub async fn look(&self, job: JobId, attempts: u32) -> Result<Look, JobError> {
        let Some(job) = self.jobs.job(job).await? else { return Ok(Look::Settled) };
        let found = match job.state {
            JobState::Pending => Look::StandsStill(vec![lane_message(&job, BEGIN, 0)]),
            JobState::Running => self.look_at_lanes(&job).await?,
            JobState::Waiting if self.has_seats(&job).await? => Look::StandsStill(vec![refill_message(&job)]),
            JobState::Waiting => Look::Waits,
            _ => Look::Settled,
        };
        if matches!((&found, job.state), (Look::StandsStill(_), JobState::Pending | JobState::Running))
            && attempts >= MAX_READS
        {
            self.fail(job.uuid, "JobStandsStill").await?;
            return Ok(Look::GivenUp);
        }
        Ok(found)
    }

    async fn look_at_lanes(&self, job: &Job) -> Result<Look, JobError> {
        let lanes = self.jobs.lanes(job.uuid).await?;
        let long_ago = self.clock.now() - Waits::JOB.after(0);
        let mut messages = Vec::new();
        for lane in 0..job.lanes {
            let known = lanes.iter().find(|known| known.lane == lane);
            let got_on = known.and_then(|lane| lane.moved).unwrap_or(job.modified).max(job.modified);
            if known.is_none_or(|lane| !lane.is_over(job)) && got_on <= long_ago {
                messages.push(lane_message(job, lane, step_of(&lanes, lane)));
            }
        }
        let is_over = (0..job.lanes).all(|lane| step_of(&lanes, lane) >= job.chunks);
        if is_over {
            // Whoever was to finish it did not.
            messages.push(lane_message(job, BEGIN, 0));
        }
        Ok(if messages.is_empty() { Look::GetsOn } else { Look::StandsStill(messages) })
    }

    async fn has_seats(&self, job: &Job) -> Result<bool, JobError> {
        let Some(portfolio) = self.portfolios.portfolio(job.customer_agreement).await? else { return Ok(false) };
        let Some(plan) = job.subscription_plan.and_then(|plan| portfolio.plan(plan)) else { return Ok(false) };
        let counts = self.portfolios.seat_counts(&[plan]).await?;
        Ok(counts.get(&plan.uuid).is_some_and(|counts| counts.of(LicenseStatus::Unassigned) > 0))
    }
}
