//! Checking a table: whether its counters, pointers and keys agree with its items.

use async_trait::async_trait;
use serde::Serialize;

use crate::StoreError;

/// The kinds of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// A plan's counter of a status is not the number of its licenses in that status.
    Counter,
    /// The sum of untouched, returned and held seats is not the plan's total.
    Total,
    /// A bucket is missing, or belongs to no plan.
    Bucket,
    /// A bucket's number of returned seats is not the number of its items.
    ReturnedSeats,
    /// A seat has a license, but its bucket counts it as untouched.
    UntouchedSeat,
    /// A license is not at the key where its learner and plan, or its indexes, are looked up.
    Misplaced,
    /// A unique name has no pointer, although the thing with that name exists.
    MissingPointer,
    /// A unique name's pointer leads to a missing or another thing.
    WrongPointer,
    /// A license or a renewal names a missing plan.
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

/// One problem. It contains no personal data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    pub kind: ProblemKind,
    /// The thing with the problem: a plan, a license, a key.
    pub what: String,
    /// The stored and the expected state.
    pub detail: String,
    pub repaired: bool,
}

/// The result of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// How many items were read.
    pub items: u64,
    /// How many plans were recounted.
    pub plans: u64,
    /// How many licenses are items.
    pub licenses: u64,
    /// Plans whose counters changed during the check, or on which a run works: their counts are not checked.
    pub busy_plans: u64,
    /// The first problems.
    pub problems: Vec<Problem>,
    /// How many problems are not listed.
    pub more_problems: u64,
}

/// The options of a check.
#[derive(Clone, Copy, Debug)]
pub struct CheckOptions {
    /// How many segments of the table are read in parallel.
    pub segments: u16,
    /// Whether to repair missing pointers, the one problem whose repair is certain.
    pub repair: bool,
    /// The most problems that are listed.
    pub limit: usize,
}

/// Checks a whole table.
#[async_trait]
pub trait TableCheck: Send + Sync {
    /// Reads every item once. Memory depends on the number of plans; each license takes 16 bytes.
    async fn check_table(&self, options: CheckOptions) -> Result<CheckReport, StoreError>;
}
