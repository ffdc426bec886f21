//! Due runs: a run without progress since its last examination gets its messages again, whatever interrupted it.

use license_domain::{Job, JobId, JobState, LicenseStatus, Waits};
use license_messaging::Outgoing;

use crate::{ALL_LANES, READING_LANE, RunRecords, WorkError, lane_message, lanes::step_of, waiting_message};

/// A job that was examined so often without progress (for about a day) is given up; it may be resumed.
const MAX_ATTEMPTS: u32 = 28;

/// The state of a run, as the sweeper finds it.
#[derive(Debug)]
pub enum RunStatus {
    /// Nothing is left to be done.
    Ended,
    /// It makes progress.
    Moving,
    /// It waits for seats, and none is free.
    WaitsForSeats,
    /// It makes no progress; these messages resume it.
    StandsStill(Vec<Outgoing>),
    /// It made no progress for so long that it was given up.
    GivenUp,
}

/// The result of an examination.
#[derive(Debug)]
pub struct Examined {
    /// The run's state.
    pub status: RunStatus,
    /// The waits until the next examination.
    pub waits: Waits,
}

impl RunRecords {
    /// Examines a run that was postponed so many times since its last progress.
    pub async fn examine(&self, run: JobId, attempts: u32) -> Result<Examined, WorkError> {
        match self.jobs.job(run).await? {
            Some(run) => Ok(Examined { status: self.status(&run, attempts).await?, waits: run.waits() }),
            None => Ok(Examined { status: RunStatus::Ended, waits: Waits::JOB }),
        }
    }

    async fn status(&self, run: &Job, attempts: u32) -> Result<RunStatus, WorkError> {
        let found = match run.state {
            JobState::Pending if self.is_being_read(run).await? => RunStatus::Moving,
            JobState::Pending => RunStatus::StandsStill(vec![lane_message(run, ALL_LANES, 0)]),
            JobState::Running => self.examine_lanes(run).await?,
            JobState::Waiting if self.has_seats(run).await? => RunStatus::StandsStill(vec![waiting_message(run)]),
            JobState::Waiting => RunStatus::WaitsForSeats,
            JobState::Uploading | JobState::Done | JobState::Canceled | JobState::Failed => RunStatus::Ended,
        };
        let may_be_given_up = matches!(run.state, JobState::Pending | JobState::Running) && !run.is_internal;
        if matches!(found, RunStatus::StandsStill(_)) && may_be_given_up && attempts >= MAX_ATTEMPTS {
            self.fail(run.uuid, "JobStandsStill").await?;
            return Ok(RunStatus::GivenUp);
        }
        Ok(found)
    }

    /// Whether rows of its upload were stored a moment ago.
    async fn is_being_read(&self, run: &Job) -> Result<bool, WorkError> {
        let long_ago = self.clock.now() - run.waits().after(0);
        let lanes = self.jobs.lanes(run.uuid).await?;
        Ok(lanes.iter().any(|lane| lane.lane == READING_LANE && lane.moved > Some(long_ago)))
    }

    async fn examine_lanes(&self, run: &Job) -> Result<RunStatus, WorkError> {
        let lanes = self.jobs.lanes(run.uuid).await?;
        let long_ago = self.clock.now() - run.waits().after(0);
        let mut messages = Vec::new();
        for lane in 0..run.lanes {
            let known = lanes.iter().find(|known| known.lane == lane);
            let moved = known.and_then(|lane| lane.moved).unwrap_or(run.modified).max(run.modified);
            if known.is_none_or(|lane| !lane.is_over(run)) && moved <= long_ago {
                messages.push(lane_message(run, lane, step_of(&lanes, lane)));
            }
        }
        let is_over = (0..run.lanes).all(|lane| step_of(&lanes, lane) >= run.chunks);
        if is_over {
            // The lane that should have ended the run was interrupted before.
            messages.push(lane_message(run, ALL_LANES, 0));
        }
        Ok(if messages.is_empty() { RunStatus::Moving } else { RunStatus::StandsStill(messages) })
    }

    async fn has_seats(&self, run: &Job) -> Result<bool, WorkError> {
        let Some(portfolio) = self.portfolios.portfolio(run.customer_agreement).await? else { return Ok(false) };
        let Some(plan) = run.subscription_plan.and_then(|plan| portfolio.plan(plan)) else { return Ok(false) };
        let counts = self.portfolios.seat_counts(&[plan]).await?;
        Ok(counts.get(&plan.uuid).is_some_and(|counts| counts.of(LicenseStatus::Unassigned) > 0))
    }
}
