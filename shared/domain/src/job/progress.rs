//! The progress of a job: the counts of its rows' outcomes, and the positions of its lanes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Job, RowOutcome, RowResult};
use crate::clock::Timestamp;

/// How many rows ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobCounts {
    /// Rows that were looked at.
    pub processed: u64,
    /// Of these: done as requested.
    pub succeeded: u64,
    /// Of these: there was nothing to do.
    pub unchanged: u64,
    /// Of these: it could not be done.
    pub failed: u64,
    /// Of these: they wait for seats.
    pub waiting: u64,
}

impl JobCounts {
    pub fn of(results: &[RowResult]) -> Self {
        results.iter().map(|result| Self::one(result.outcome)).fold(Self::default(), Self::plus)
    }

    const fn one(outcome: RowOutcome) -> Self {
        let nothing = Self { processed: 1, succeeded: 0, unchanged: 0, failed: 0, waiting: 0 };
        match outcome {
            RowOutcome::Assigned
            | RowOutcome::Revoked
            | RowOutcome::Reminded
            | RowOutcome::Transferred
            | RowOutcome::Enrolled
            | RowOutcome::Pending
            | RowOutcome::Grown
            | RowOutcome::Frozen
            | RowOutcome::Deleted
            | RowOutcome::Reverted
            | RowOutcome::Synced
            | RowOutcome::Expired
            | RowOutcome::Unlinked
            | RowOutcome::Purged
            | RowOutcome::Notified => Self { succeeded: 1, ..nothing },
            RowOutcome::AlreadyAssociated | RowOutcome::Unchanged => Self { unchanged: 1, ..nothing },
            RowOutcome::Waiting => Self { waiting: 1, ..nothing },
            RowOutcome::NoSeat
            | RowOutcome::NotFound
            | RowOutcome::CapReached
            | RowOutcome::NotInCatalog
            | RowOutcome::Refused
            | RowOutcome::Invalid => Self { failed: 1, ..nothing },
        }
    }

    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            processed: self.processed + other.processed,
            succeeded: self.succeeded + other.succeeded,
            unchanged: self.unchanged + other.unchanged,
            failed: self.failed + other.failed,
            waiting: self.waiting + other.waiting,
        }
    }
}

/// One of a job's lanes. With n lanes it takes every n-th chunk, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    pub lane: u16,
    /// The number of the next chunk.
    pub next: u64,
    /// The chunk with which the turn began; a message that is delivered again is recognized by it.
    #[serde(default)]
    pub from: u64,
    /// The number of the pass over the chunks, if there are several: the job's version at the beginning of the pass.
    #[serde(default)]
    pub walk: u64,
    /// The generation of the uploaded file, for the lane that reads rows.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generation: u32,
    /// When it last moved to the next chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<Timestamp>,
    /// The outcomes of its rows so far.
    pub counts: JobCounts,
    /// How many times its record was written.
    #[serde(default)]
    pub version: u64,
}

impl Lane {
    /// A lane that has not begun.
    pub fn new(lane: u16) -> Self {
        let first = u64::from(lane);
        Self {
            lane,
            next: first,
            from: first,
            walk: 0,
            generation: 0,
            moved: None,
            counts: JobCounts::default(),
            version: 0,
        }
    }

    /// The lane after a chunk, in the turn that began with `from`.
    #[must_use]
    pub fn after(self, counts: JobCounts, lanes: u16, (from, now): (u64, Timestamp)) -> Self {
        let next = self.next + u64::from(lanes.max(1));
        Self { next, from, moved: Some(now), counts: self.counts.plus(counts), ..self }
    }

    /// Whether a message that names that chunk may continue the lane: the lane is at that chunk, or the turn that this
    /// message began was interrupted. If not, another message continues it.
    pub const fn is_continued_by(&self, step: u64) -> bool {
        self.next == step || self.from == step
    }

    /// Whether it has passed the job's last chunk.
    pub const fn is_over(&self, job: &Job) -> bool {
        self.next >= job.chunks
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}
