//! Rows that wait for seats: retried when seats are free.

use std::collections::{BTreeMap, HashSet};

use license_domain::{EventKind, Job, JobCounts, JobId, JobState, Lane, RowOutcome, Timestamp};
use license_messaging::Outgoing;

use crate::{Kinds, Runs, Turn, WAITING_LANE, WorkError, results::Known, waiting_message};

/// How many chunks' results one read returns.
const CHUNKS_AT_ONCE: u64 = 25;

impl<K: Kinds> Runs<K> {
    /// Retries waiting rows, chunk by chunk, until no seats are left; returns the message that continues.
    ///
    /// 1. Read the run and its lane of waiting rows. If the run does not wait, or was changed since the message was
    ///    sent: nothing to do. If the lane belongs to an earlier pass: this one begins at the first chunk.
    /// 2. Some chunks: waiting rows are retried while there are seats. Each attempt at a chunk is another round, with
    ///    its own outcome; a round that was begun before is finished first.
    /// 3. Move the lane on (as it was seen). If another attempt has moved it, that one continues, and this one stops.
    /// 4. When the turn ends: a message to continue. At the end: the run, with the counts of this pass.
    pub async fn retry_waiting(&self, run: JobId, version: u64, turn: Turn) -> Result<Vec<Outgoing>, WorkError> {
        let Some(run) = self.jobs.job(run).await? else { return Ok(Vec::new()) };
        if run.state != JobState::Waiting || run.version != version {
            return Ok(Vec::new());
        }
        let until: Timestamp = self.clock.now() + turn.time;
        let mut seen = self.jobs.lanes(run.uuid).await?.into_iter().find(|lane| lane.lane == WAITING_LANE);
        let first = Lane { next: 0, from: 0, walk: version, ..Lane::new(WAITING_LANE) };
        let mut at = seen.filter(|lane| lane.walk == version).unwrap_or(first);
        while !at.is_over(&run) {
            if self.clock.now() >= until {
                return Ok(vec![waiting_message(&run)]);
            }
            let to = run.chunks.min(at.next + CHUNKS_AT_ONCE);
            let counts = self.retry_chunks(&run, at.next, to).await?;
            let after = Lane { next: to, moved: Some(self.clock.now()), counts: at.counts.plus(counts), ..at };
            if !self.jobs.advance(run.uuid, seen.as_ref(), &after).await? {
                return Ok(Vec::new());
            }
            at = Lane { version: seen.map_or(0, |seen| seen.version) + 1, ..after };
            seen = Some(at);
        }
        let state = if at.counts.waiting > 0 { JobState::Waiting } else { JobState::Done };
        let after = Job { state, counts: Some(at.counts), modified: self.clock.now(), ..run.clone() };
        let portfolio = self.records.portfolio_of(&run).await?;
        let event = (EventKind::JobChanged, Vec::new());
        self.jobs.change_job(&portfolio, (&run, &after), event, &self.records.stamp(&run).into()).await?;
        Ok(Vec::new())
    }

    async fn retry_chunks(&self, run: &Job, from: u64, to: u64) -> Result<JobCounts, WorkError> {
        let mut chunks: BTreeMap<u64, Vec<_>> = BTreeMap::new();
        for result in self.jobs.results(run.uuid, from, to).await? {
            chunks.entry(result.0).or_default().push(result);
        }
        let portfolio = self.records.portfolio_of(run).await?;
        let (mut counts, mut is_full) = (JobCounts::default(), false);
        for (chunk, results) in chunks {
            let mut known = Known::of(results);
            let waiting: HashSet<u64> =
                known.rows().filter(|row| row.outcome == RowOutcome::Waiting).map(|row| row.row).collect();
            if !waiting.is_empty() && !is_full {
                // The rows themselves, with their sources: results contain learners only.
                let mut rows = self.jobs.chunk(run, chunk).await?;
                rows.retain(|row| waiting.contains(&row.row));
                let again = self.rows(run, &portfolio, (chunk, known.rounds()), &rows, JobCounts::default()).await?;
                is_full = again.iter().any(|row| row.outcome == RowOutcome::Waiting);
                known.add(again);
            }
            counts = counts.plus(known.counts());
        }
        Ok(counts)
    }
}
