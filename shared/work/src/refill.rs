//! Rows that wait for seats: tried again where seats have appeared.

use std::collections::{BTreeMap, HashSet};

use license_domain::{EventKind, Job, JobCounts, JobId, JobState, Lane, RowOutcome, Timestamp};

use crate::{Engine, JobError, Pace, Progress, REFILL, refill_message, results::Known};

/// How many chunks' results are read at once.
const CHUNKS_AT_ONCE: u64 = 25;

impl Engine {
    /// Tries the rows again that wait, chunk by chunk, until there are no seats again.
    ///
    /// 1. Read the job and the lane of such walks. The job does not wait, or was changed since the message was sent:
    ///    nothing. The lane is of an earlier walk: this one begins at the first chunk.
    /// 2. Some chunks: rows that wait are tried again, while there are seats. Each try of a chunk is another round, with
    ///    an outcome of its own; a round that was begun before is finished first.
    /// 3. The lane goes on (as it was seen). Somebody else let it go on: they do this, not this one.
    /// 4. After a while: a message to go on. At the end: the job, with what the walk has counted.
    pub async fn refill(&self, job: JobId, version: u64, pace: Pace) -> Result<Progress, JobError> {
        let Some(job) = self.jobs.job(job).await? else { return Ok(Progress::Over) };
        if job.state != JobState::Waiting || job.version != version {
            return Ok(Progress::Over);
        }
        let until: Timestamp = self.clock.now() + pace.time;
        let mut seen = self.jobs.lanes(job.uuid).await?.into_iter().find(|lane| lane.lane == REFILL);
        let begins = Lane { next: 0, from: 0, walk: version, ..Lane::new(REFILL) };
        let mut at = seen.filter(|lane| lane.walk == version).unwrap_or(begins);
        while !at.is_over(&job) {
            if self.clock.now() >= until {
                return Ok(Progress::On(vec![refill_message(&job)]));
            }
            let to = job.chunks.min(at.next + CHUNKS_AT_ONCE);
            let counts = self.refill_chunks(&job, at.next, to).await?;
            let after = Lane { next: to, moved: Some(self.clock.now()), counts: at.counts.plus(counts), ..at };
            if !self.jobs.advance(job.uuid, seen.as_ref(), &after).await? {
                return Ok(Progress::Over);
            }
            at = Lane { version: seen.map_or(0, |seen| seen.version) + 1, ..after };
            seen = Some(at);
        }
        let state = if at.counts.waiting > 0 { JobState::Waiting } else { JobState::Done };
        let after = Job { state, counts: Some(at.counts), modified: self.clock.now(), ..job.clone() };
        let portfolio = self.portfolio_of(&job).await?;
        let event = (EventKind::JobChanged, Vec::new());
        self.jobs.change_job(&portfolio, (&job, &after), event, &self.stamp(&job).into()).await?;
        Ok(Progress::Over)
    }

    async fn refill_chunks(&self, job: &Job, from: u64, to: u64) -> Result<JobCounts, JobError> {
        let mut chunks: BTreeMap<u64, Vec<_>> = BTreeMap::new();
        for result in self.jobs.results(job.uuid, from, to).await? {
            chunks.entry(result.0).or_default().push(result);
        }
        let (mut counts, mut is_full) = (JobCounts::default(), false);
        for (chunk, results) in chunks {
            let mut known = Known::of(results);
            let waiting: HashSet<u64> =
                known.rows().filter(|row| row.outcome == RowOutcome::Waiting).map(|row| row.row).collect();
            if !waiting.is_empty() && !is_full {
                // The rows themselves, with all that was asked for: results name learners only.
                let mut rows = self.jobs.chunk(job, chunk).await?;
                rows.retain(|row| waiting.contains(&row.row));
                let again = self.rows(job, (chunk, known.rounds()), rows, JobCounts::default()).await?;
                is_full = again.iter().any(|row| row.outcome == RowOutcome::Waiting);
                known.add(again);
            }
            counts = counts.plus(known.counts());
        }
        Ok(counts)
    }
}
