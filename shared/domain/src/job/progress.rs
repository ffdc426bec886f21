//! How far a job is: how many rows ended how, and where its lanes are.

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
    /// The counts of these rows.
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
            | RowOutcome::Expired
            | RowOutcome::Unlinked
            | RowOutcome::Purged => Self { succeeded: 1, ..nothing },
            RowOutcome::AlreadyAssociated => Self { unchanged: 1, ..nothing },
            RowOutcome::Waiting => Self { waiting: 1, ..nothing },
            RowOutcome::NoSeat
            | RowOutcome::NotFound
            | RowOutcome::CapReached
            | RowOutcome::NotInCatalog
            | RowOutcome::Refused
            | RowOutcome::Invalid => Self { failed: 1, ..nothing },
        }
    }

    /// The sum.
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

/// One of the lanes on which a job is carried out: it takes every so many-th chunk, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// Its number.
    pub lane: u16,
    /// The chunk that is next.
    pub next: u64,
    /// The chunk with which its turn began, by which a message is known that came again.
    #[serde(default)]
    pub from: u64,
    /// Which walk over the chunks it is, where there are several: the job's version at the beginning.
    #[serde(default)]
    pub walk: u64,
    /// Which content of the uploaded file it reads, if it is the lane on which rows are read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generation: u32,
    /// When it moved last.
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

    /// The lane after a chunk of the turn that began with `from`.
    #[must_use]
    pub fn after(self, counts: JobCounts, lanes: u16, (from, now): (u64, Timestamp)) -> Self {
        let next = self.next + u64::from(lanes.max(1));
        Self { next, from, moved: Some(now), counts: self.counts.plus(counts), ..self }
    }

    /// Whether the message that names that chunk may continue the lane: the lane is just there, or the turn that this
    /// message began was ended. Otherwise another message continues it.
    pub const fn is_continued_by(&self, step: u64) -> bool {
        self.next == step || self.from == step
    }

    /// Whether it has come to the job's end.
    pub const fn is_over(&self, job: &Job) -> bool {
        self.next >= job.chunks
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}
