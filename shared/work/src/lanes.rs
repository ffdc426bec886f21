//! Lanes: how a run begins, continues and ends.

use futures::future::join_all;
use license_domain::{Consequence, EventKind, Job, JobCounts, JobId, JobState, Lane, Portfolio, Timestamp};
use license_messaging::Outgoing;
use license_telemetry::metrics;

use crate::{
    ALL_LANES, Kinds, Runs, Turn, WorkError,
    chunk::At,
    lane_message,
    rows::{RowsRead, RowsWriter},
    waiting_message,
};

/// How the work on one chunk ended.
#[derive(Clone, Copy, Debug)]
pub enum ChunkEnd {
    Done(JobCounts),
    /// It made progress, and the time ended first.
    Unfinished(JobCounts),
}

/// A run, when a turn is about to work on it.
enum Rows {
    /// Its rows are stored.
    Stored(Job),
    /// Its rows are being read: another turn continues.
    BeingRead(Job),
    /// Another attempt reads its rows, or there is no such run.
    Unavailable,
}

/// How a turn of a lane ended.
enum LaneEnd {
    /// The lane has reached its end.
    Over,
    /// It continues by this message.
    Continues(Outgoing),
    /// The run was canceled, or another attempt works on the lane.
    Stopped,
}

impl<K: Kinds> Runs<K> {
    /// Begins a run, or resumes it; returns the messages by which its lanes continue. Its rows are stored first, if
    /// they are not. It may be repeated: each attempt writes the rows as a generation of its own, or as that of the
    /// file's content, and one of them becomes the run's.
    pub async fn begin(&self, run: JobId) -> Result<Vec<Outgoing>, WorkError> {
        let run = match self.with_stored_rows(run).await? {
            Rows::Stored(run) => run,
            Rows::BeingRead(run) => return Ok(vec![lane_message(&run, ALL_LANES, 0)]),
            Rows::Unavailable => return Ok(Vec::new()),
        };
        match run.state {
            JobState::Running if run.chunks == 0 => {
                self.finish(run.uuid).await?;
                Ok(Vec::new())
            }
            JobState::Running => {
                let lanes = self.jobs.lanes(run.uuid).await?;
                Ok((0..run.lanes).map(|lane| lane_message(&run, lane, step_of(&lanes, lane))).collect())
            }
            JobState::Waiting => Ok(vec![waiting_message(&run)]),
            _ => Ok(Vec::new()),
        }
    }

    /// The run, with stored rows.
    async fn with_stored_rows(&self, run: JobId) -> Result<Rows, WorkError> {
        match self.jobs.job(run).await? {
            Some(run) if run.state == JobState::Pending => self.write_rows(run).await,
            run => Ok(run.map_or(Rows::Unavailable, Rows::Stored)),
        }
    }

    async fn write_rows(&self, mut run: Job) -> Result<Rows, WorkError> {
        let portfolio = self.records.portfolio_of(&run).await?;
        let (rows, chunks, generation) = if let Some(rows) = run.rows {
            (rows, run.chunks, run.generation)
        } else {
            let below = self.random.below(u64::from(u32::MAX));
            run.generation = u32::try_from(below).expect("it is below the largest u32") + 1;
            match self.kinds.read_rows(&run, &portfolio, RowsWriter::new(self.jobs.as_ref(), &run)).await {
                Ok(RowsRead::All { rows, chunks, generation }) => (rows, chunks, generation),
                Ok(RowsRead::Unfinished) => return Ok(Rows::BeingRead(run)),
                Ok(RowsRead::Overtaken) => return Ok(Rows::Unavailable),
                // Another attempt may have read the file, and deleted it.
                Err(error) => {
                    let begun = self.jobs.job(run.uuid).await?.filter(|now| now.state != JobState::Pending);
                    return begun.map_or(Err(error), |begun| Ok(Rows::Stored(begun)));
                }
            }
        };
        let lanes = if run.dry_run { 1 } else { run.kind.lanes(chunks) };
        let after = Job {
            state: JobState::Running,
            rows: Some(rows),
            chunks,
            generation,
            lanes,
            modified: self.clock.now(),
            ..run.clone()
        };
        let (event, change) = ((EventKind::JobChanged, Vec::new()), self.records.stamp(&run).into());
        if self.jobs.change_job(&portfolio, (&run, &after), event, &change).await? {
            // A file that remains expires by itself.
            if let Err(error) = self.kinds.forget_upload(&after).await {
                tracing::warn!(run = %run.uuid, %error, "an upload that was read is not deleted");
            }
            return Ok(Rows::Stored(Job { version: run.version + 1, ..after }));
        }
        // Another attempt began it, or an admin canceled it.
        Ok(self.jobs.job(run.uuid).await?.map_or(Rows::Unavailable, Rows::Stored))
    }

    /// Works on a lane for one turn; returns the message by which it continues, if something is left.
    ///
    /// 1. Read the run and the lane. If the run is not running, or another message continues the lane: nothing to do. A
    ///    message that is delivered again continues its turn where it was interrupted.
    /// 2. Each chunk: `chunk`. Its effect commits with its outcome, which the next attempt finds.
    /// 3. Move the lane on (as it was seen). If another attempt has moved it, that one works on it, and this one stops.
    /// 4. When the turn ends: a message to continue. At the lane's end: the last lane ends the run.
    pub async fn lane(&self, run: JobId, lane: u16, step: u64, turn: Turn) -> Result<Vec<Outgoing>, WorkError> {
        let Some(run) = self.jobs.job(run).await? else { return Ok(Vec::new()) };
        let seen = self.jobs.lanes(run.uuid).await?.into_iter().find(|known| known.lane == lane);
        let at = seen.unwrap_or_else(|| Lane::new(lane));
        let is_over = at.is_over(&run);
        if run.state != JobState::Running || (!at.is_continued_by(step) && !is_over) {
            return Ok(Vec::new());
        }
        if !is_over {
            let portfolio = self.records.portfolio_of(&run).await?;
            match self.lane_turn(run.clone(), &portfolio, (seen, at), step, turn).await? {
                LaneEnd::Stopped => return Ok(Vec::new()),
                LaneEnd::Continues(message) => return Ok(vec![message]),
                LaneEnd::Over => {}
            }
        }
        self.finish(run.uuid).await?;
        Ok(Vec::new())
    }

    /// Steps 2 to 4 of [`Self::lane`], from where the lane was seen.
    async fn lane_turn(
        &self,
        mut run: Job,
        portfolio: &Portfolio,
        (mut seen, mut at): (Option<Lane>, Lane),
        step: u64,
        turn: Turn,
    ) -> Result<LaneEnd, WorkError> {
        let until: Timestamp = self.clock.now() + turn.time;
        let mut chunks = 0;
        while !at.is_over(&run) {
            if run.state != JobState::Running {
                return Ok(LaneEnd::Stopped);
            }
            if chunks == turn.chunks || self.clock.now() >= until {
                return Ok(LaneEnd::Continues(lane_message(&run, at.lane, at.next)));
            }
            let here = At { chunk: at.next, so_far: at.counts, may_be_done: chunks == 0, until };
            let end = self.chunk(&run, portfolio, here).await?;
            let now = self.clock.now();
            let after = match end {
                ChunkEnd::Done(counts) => at.after(counts, run.lanes, (step, now)),
                ChunkEnd::Unfinished(counts) => Lane { moved: Some(now), counts: at.counts.plus(counts), ..at },
            };
            if !self.jobs.advance(run.uuid, seen.as_ref(), &after).await? {
                return Ok(LaneEnd::Stopped);
            }
            at = Lane { version: at.version + 1, ..after };
            if matches!(end, ChunkEnd::Unfinished(_)) {
                return Ok(LaneEnd::Continues(lane_message(&run, at.lane, at.next)));
            }
            seen = Some(at);
            chunks += 1;
            // An admin may have canceled a job. An internal run cannot be canceled.
            if !run.is_internal {
                let Some(now) = self.jobs.job(run.uuid).await? else { return Ok(LaneEnd::Stopped) };
                run = now;
            }
        }
        Ok(LaneEnd::Over)
    }

    /// Begins a run and works on all of its lanes at the same time for one turn. The rest continues by the messages of
    /// its event, or by those of the sweeper.
    pub async fn run_lanes(&self, run: JobId, turn: Turn) -> Result<(), WorkError> {
        let run = match self.with_stored_rows(run).await? {
            Rows::Stored(run) if run.state == JobState::Running => run,
            _ => return Ok(()),
        };
        let lanes = self.jobs.lanes(run.uuid).await?;
        let portfolio = self.records.portfolio_of(&run).await?;
        let turns = (0..run.lanes).map(|lane| {
            let seen = lanes.iter().find(|known| known.lane == lane).copied();
            let at = seen.unwrap_or_else(|| Lane::new(lane));
            self.lane_turn(run.clone(), &portfolio, (seen, at), at.next, turn)
        });
        // All of them are awaited, even if one fails: there are MAX_LANES at most.
        let ends = join_all(turns.collect::<Vec<_>>()).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        if ends.iter().all(|end| matches!(end, LaneEnd::Over)) {
            self.finish(run.uuid).await?;
        }
        Ok(())
    }

    /// Ends the run if all lanes have reached their ends: its results are stored in a file, and its requester gets a
    /// mail.
    async fn finish(&self, run: JobId) -> Result<(), WorkError> {
        let Some(run) = &self.jobs.job(run).await? else { return Ok(()) };
        let lanes = self.jobs.lanes(run.uuid).await?;
        let is_over = (0..run.lanes).all(|lane| {
            lanes.iter().any(|known| known.lane == lane && known.is_over(run)) || u64::from(lane) >= run.chunks
        });
        if run.state != JobState::Running || !is_over {
            return Ok(());
        }
        let counts = run.counts_of(&lanes);
        let portfolio = self.records.portfolio_of(run).await?;
        self.kinds.complete(run, &portfolio, self.records.stamp(run).into()).await?;
        let results = self.kinds.publish_results(self.jobs.as_ref(), run).await?;
        let consequences = match results {
            Some(_) if run.requester_email.is_some() => vec![Consequence::MailEnrollmentResults { job: run.uuid }],
            _ => Vec::new(),
        };
        let state = if counts.waiting > 0 && !run.dry_run { JobState::Waiting } else { JobState::Done };
        let after = Job { state, counts: Some(counts), results, modified: self.clock.now(), ..run.clone() };
        let event = (EventKind::JobChanged, consequences);
        // If another attempt changed the job first, it has ended.
        self.jobs.change_job(&portfolio, (run, &after), event, &self.records.stamp(run).into()).await?;
        let (kind, rows) = (run.kind.as_str(), counts.processed);
        tracing::info!(job = %run.uuid, kind, state = state.as_str(), rows, "run {} ended", run.uuid);
        metrics::count("JobsEnded", &[("State", state.as_str())]);
        Ok(())
    }
}

/// The number of a lane's next chunk.
pub(crate) fn step_of(lanes: &[Lane], lane: u16) -> u64 {
    lanes.iter().find(|known| known.lane == lane).map_or(u64::from(lane), |lane| lane.next)
}
