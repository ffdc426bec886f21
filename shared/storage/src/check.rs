//! Recounting a table: whether its counters, pointers and keys say what its items say.

use async_trait::async_trait;
use serde::Serialize;

use crate::StoreError;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// A plan's counter of a status is not the number of its licenses in that status.
    Counter,
    /// Untouched, returned and held seats are not the plan's total.
    Total,
    /// A bucket is missing, or is of no plan.
    Bucket,
    /// A bucket's number of returned seats is not the number of its items.
    ReturnedSeats,
    /// A seat has a license, but its bucket says that it was never touched.
    UntouchedSeat,
    /// A license does not lie where its learner and plan, or its indexes, look for it.
    Misplaced,
    /// A unique name leads nowhere, though what it should lead to is there.
    MissingPointer,
    /// A unique name leads to something that is not there, or to something else.
    WrongPointer,
    /// A license or a renewal names a plan that is not there.
    Orphan,
    /// Several licenses have the same id.
    DuplicateId,
    /// A plan has no history.
    MissingTrail,
    /// A roster is of no plan, or is not brought up to date.
    Roster,
    /// An item cannot be read.
    Unreadable,
}

/// One thing that is wrong. It names no person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// What is wrong.
    pub kind: ProblemKind,
    /// With what: a plan, a license, a key.
    pub what: String,
    /// How it is, and how it should be.
    pub detail: String,
    /// Whether it was repaired.
    pub repaired: bool,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// How many items were read.
    pub items: u64,
    /// How many plans were recounted.
    pub plans: u64,
    /// How many licenses are items.
    pub licenses: u64,
    /// Plans whose counters changed meanwhile, or that a run is working on: nothing is said of their counts.
    pub busy_plans: u64,
    /// What is wrong, the first of them.
    pub problems: Vec<Problem>,
    /// How many problems are not listed.
    pub more_problems: u64,
}

/// How a table is checked.
#[derive(Clone, Copy, Debug)]
pub struct CheckOptions {
    /// How many segments are read in parallel.
    pub segments: u16,
    /// Whether to repair what can be repaired without a doubt: missing pointers.
    pub repair: bool,
    /// How many problems are listed at most.
    pub limit: usize,
}

/// Checking a whole table.
#[async_trait]
pub trait TableCheck: Send + Sync {
    /// Reads every item once. Memory depends on the number of plans; each license takes 16 bytes.
    async fn check_table(&self, options: CheckOptions) -> Result<CheckReport, StoreError>;
}
