//! How far the rows of an upload are stored, so that the next attempt does not write them again.

use license_domain::{Job, Lane, Timestamp};
use license_storage::{Jobs, StoreError};
use sha2::{Digest, Sha256};

use crate::READING_LANE;

/// The position is stored each time after so many chunks.
pub(crate) const EVERY: u64 = 500;

/// Must change whenever the rule changes by which rows become chunks: what another release began is then begun anew.
const CUT: &str = "1";

/// The generation of the chunks of a file with this content. Every attempt to read the same content writes the same
/// chunks, so that several may run at the same time.
pub(crate) fn generation_of(tag: &str) -> u32 {
    let digest = Sha256::digest(format!("{CUT} {tag}"));
    let (first, _) = digest.split_first_chunk::<4>().expect("a digest has 32 bytes");
    // 0 means chunks that a request wrote.
    u32::from_be_bytes(*first).max(1)
}

/// The stored position in one content of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checkpoint {
    seen: Option<Lane>,
    at: Lane,
}

impl Checkpoint {
    /// The position of the run's generation.
    pub(crate) async fn of(jobs: &dyn Jobs, run: &Job) -> Result<Self, StoreError> {
        let seen = jobs.lanes(run.uuid).await?.into_iter().find(|lane| lane.lane == READING_LANE);
        let first = Lane { next: 0, from: 0, generation: run.generation, ..Lane::new(READING_LANE) };
        let at = seen.filter(|lane| lane.generation == run.generation).unwrap_or(first);
        Ok(Self { seen, at })
    }

    /// How many chunks are stored.
    pub(crate) const fn chunks(&self) -> u64 {
        self.at.next
    }

    /// Stores that so many chunks are written; false if another attempt has taken over the reading, so that this one
    /// must end.
    pub(crate) async fn reach(
        &mut self,
        jobs: &dyn Jobs,
        run: &Job,
        (chunks, now): (u64, Timestamp),
    ) -> Result<bool, StoreError> {
        let after = Lane { next: chunks, moved: Some(now), ..self.at };
        if !jobs.advance(run.uuid, self.seen.as_ref(), &after).await? {
            return Ok(false);
        }
        let version = self.seen.map_or(0, |seen| seen.version) + 1;
        self.at = Lane { version, ..after };
        self.seen = Some(self.at);
        Ok(true)
    }
}
