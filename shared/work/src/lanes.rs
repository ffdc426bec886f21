//! Lanes: how a job begins, goes on and ends.

use chrono::TimeDelta;
use license_domain::{Consequence, EventKind, Job, JobCounts, JobId, JobKind, JobState, Lane, Timestamp};
use license_messaging::{Message, Outgoing};
use license_telemetry::metrics;

use license_storage::Change;

use crate::{Engine, JobError, lane_message, refill_message, results_file};

/// How long a lane works before another one's turn comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// At most so many chunks.
    pub chunks: usize,
    /// About so long.
    pub time: TimeDelta,
}

impl Pace {
    /// In a queue's turn.
    pub const IN_TURN: Self = Self { chunks: 20, time: TimeDelta::seconds(20) };
    /// Before a request is answered.
    pub const IN_REQUEST: Self = Self { chunks: 50, time: TimeDelta::seconds(10) };
}

/// How far it came.
#[derive(Debug)]
pub enum Progress {
    /// There is nothing left to do here.
    Over,
    /// These messages let it go on.
    On(Vec<Outgoing>),
}

impl Engine {
    /// Begins a job, or lets it go on where it is: its rows are put on record, where they are not, and each lane gets
    /// its message. It may be done twice: each attempt writes the rows as a generation of its own, and one of them
    /// becomes the job's.
    pub async fn begin(&self, job: JobId) -> Result<Progress, JobError> {
        let Some(mut job) = self.jobs.job(job).await? else { return Ok(Progress::Over) };
        if job.state == JobState::Pending {
            let portfolio = self.portfolio_of(&job).await?;
            if job.rows.is_none() {
                job.generation = u32::try_from(self.random.below(u64::from(u32::MAX))).unwrap_or(0) + 1;
            }
            let (rows, chunks) = self.expand(&job, &portfolio).await?;
            let lanes = if job.dry_run { 1 } else { job.kind.lanes(chunks) };
            let after = Job {
                state: JobState::Running,
                rows: Some(rows),
                chunks,
                lanes,
                modified: self.clock.now(),
                ..job.clone()
            };
            let (event, change) = ((EventKind::JobChanged, Vec::new()), Change::from(self.stamp(&job)));
            if self.jobs.change_job(&portfolio, (&job, &after), event, &change).await? {
                job = Job { version: job.version + 1, ..after };
            } else {
                // Somebody began it, or stopped it.
                let Some(changed) = self.jobs.job(job.uuid).await? else { return Ok(Progress::Over) };
                job = changed;
            }
        }
        match job.state {
            JobState::Running if job.chunks == 0 => {
                self.finish(&job).await?;
                Ok(Progress::Over)
            }
            JobState::Running => {
                let lanes = self.jobs.lanes(job.uuid).await?;
                Ok(Progress::On((0..job.lanes).map(|lane| lane_message(&job, lane, step_of(&lanes, lane))).collect()))
            }
            JobState::Waiting => Ok(Progress::On(vec![refill_message(&job)])),
            _ => Ok(Progress::Over),
        }
    }

    /// Begins a job and works on all of its lanes for a while, one after the other. Whatever is left goes on by the
    /// messages that its event sets in motion.
    pub async fn run(&self, job: JobId, pace: Pace) -> Result<(), JobError> {
        let until = self.clock.now() + pace.time;
        let Progress::On(messages) = self.begin(job).await? else { return Ok(()) };
        for message in messages {
            if let (Message::Job { job, lane, step }, true) = (message.message, self.clock.now() < until) {
                self.lane(job, lane, step, Pace { time: until - self.clock.now(), ..pace }).await?;
            }
        }
        Ok(())
    }

    /// Works on a lane for a while.
    ///
    /// 1. Read the job and the lane. The job is not running, or another message lets the lane go on: nothing. The turn of
    ///    a message that came again goes on where it was ended.
    /// 2. Each chunk: `chunk`. Its effect commits with its outcome, so that whoever comes twice finds it.
    /// 3. The lane goes on (as it was seen). Somebody else let it go on: they work on it, not this one.
    /// 4. After a while: a message to go on. At the end: the last lane finishes the job.
    pub async fn lane(&self, job: JobId, lane: u16, step: u64, pace: Pace) -> Result<Progress, JobError> {
        let Some(mut job) = self.jobs.job(job).await? else { return Ok(Progress::Over) };
        let mut seen = self.jobs.lanes(job.uuid).await?.into_iter().find(|known| known.lane == lane);
        let mut at = seen.unwrap_or_else(|| Lane::new(lane));
        if !at.is_let_go_on_by(step) && !at.is_over(&job) {
            return Ok(Progress::Over);
        }
        let until: Timestamp = self.clock.now() + pace.time;
        let mut chunks = 0;
        while !at.is_over(&job) {
            if job.state != JobState::Running {
                return Ok(Progress::Over);
            }
            if chunks == pace.chunks || self.clock.now() >= until {
                return Ok(Progress::On(vec![lane_message(&job, lane, at.next)]));
            }
            let results = self.chunk(&job, at.next, at.counts).await?;
            let after = at.after(JobCounts::of(&results), job.lanes, (step, self.clock.now()));
            if !self.jobs.advance(job.uuid, seen.as_ref(), &after).await? {
                return Ok(Progress::Over);
            }
            at = Lane { version: at.version + 1, ..after };
            seen = Some(at);
            chunks += 1;
            let Some(now) = self.jobs.job(job.uuid).await? else { return Ok(Progress::Over) };
            job = now;
        }
        self.finish(&job).await?;
        Ok(Progress::Over)
    }

    /// Ends the job, if all lanes have come to its end: its results are put where they can be fetched, whoever asked
    /// for it hears of it.
    async fn finish(&self, job: &Job) -> Result<(), JobError> {
        let lanes = self.jobs.lanes(job.uuid).await?;
        let is_over = (0..job.lanes).all(|lane| {
            lanes.iter().any(|known| known.lane == lane && known.is_over(job)) || u64::from(lane) >= job.chunks
        });
        if job.state != JobState::Running || !is_over {
            return Ok(());
        }
        let counts = job.counts_of(&lanes);
        let results = if job.kind == JobKind::Enroll && !job.dry_run { Some(self.publish(job).await?) } else { None };
        let consequences = match results {
            Some(_) if job.requester_email.is_some() => vec![Consequence::MailEnrollmentResults { job: job.uuid }],
            _ => Vec::new(),
        };
        let state = if counts.waiting > 0 && !job.dry_run { JobState::Waiting } else { JobState::Done };
        let after = Job { state, counts: Some(counts), results, modified: self.clock.now(), ..job.clone() };
        let portfolio = self.portfolio_of(job).await?;
        let event = (EventKind::JobChanged, consequences);
        // Where somebody else was faster, it is finished.
        self.jobs.change_job(&portfolio, (job, &after), event, &self.stamp(job).into()).await?;
        tracing::info!(job = %job.uuid, kind = job.kind.as_str(), state = state.as_str(), rows = counts.processed, "a job ended");
        metrics::count("JobsEnded", &[("State", state.as_str())]);
        Ok(())
    }

    /// The results as a file; its name.
    pub(crate) async fn publish(&self, job: &Job) -> Result<String, JobError> {
        let csv = self.all_results_csv(job).await?;
        let file = results_file(job.uuid);
        self.services()?.exports.put(&file, csv).await?;
        Ok(file)
    }

    /// Puts on record that a job stopped by itself.
    pub async fn fail(&self, job: JobId, problem: &str) -> Result<(), JobError> {
        let Some(job) = self.jobs.job(job).await? else { return Ok(()) };
        if !matches!(job.state, JobState::Pending | JobState::Running) {
            return Ok(());
        }
        let portfolio = self.portfolio_of(&job).await?;
        let after = Job {
            state: JobState::Failed,
            problem: Some(problem.to_owned()),
            modified: self.clock.now(),
            ..job.clone()
        };
        let event = (EventKind::JobChanged, Vec::new());
        self.jobs.change_job(&portfolio, (&job, &after), event, &self.stamp(&job).into()).await?;
        metrics::count("JobsEnded", &[("State", after.state.as_str())]);
        Ok(())
    }
}

/// The chunk that a lane is at.
pub(crate) fn step_of(lanes: &[Lane], lane: u16) -> u64 {
    lanes.iter().find(|known| known.lane == lane).map_or(u64::from(lane), |lane| lane.next)
}
