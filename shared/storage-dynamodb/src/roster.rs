//! A plan's roster: blocks of its list as immutable objects, and the head that names the current manifest.
//!
//! 1. The head (`ROSTER#p`) names the manifest's object and the time up to which its blocks are complete; the manifest
//!    names the blocks. Objects never change; a new manifest has another name.
//! 2. A reader reads the head, the log of changes since that time, the manifest, and the blocks that it needs
//!    (`view.rs`). If anything is missing or does not fit, it reads the index instead.
//! 3. The relay marks the head due for one in 500 changes, and for each retirement. The sweeper updates it (`keep.rs`):
//!    it builds a first roster from the index (`build.rs`), or rewrites the blocks that changes touched.
//! 4. The time up to which a roster is complete is always [`MARGIN`] ago: everything that was written before is
//!    committed, and visible in the index.

mod build;
mod free;
mod head;
mod keep;
mod objects;
mod view;

use chrono::TimeDelta;
use license_roster::RosterError;
use license_storage::StoreError;

pub(crate) use self::{head::of_import, objects::RosterCache, view::fell_back};

/// No transaction takes that long from reading the clock to its commit: a function of the API times out after half a
/// minute, the SDK makes three attempts of some seconds each, and a token makes a repeated call harmless. The index lag
/// is a few seconds.
pub(crate) const MARGIN: TimeDelta = TimeDelta::minutes(3);

/// A plan with fewer licenses that have or had a person, or are free seats with items, gets no roster.
pub(crate) const MIN_ROWS: u64 = 2_000;

/// Why a roster could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RosterFault {
    /// The roster is damaged, or the changes do not fit it.
    #[error(transparent)]
    Roster(#[from] RosterError),
    /// The table or the store of objects failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An object was deleted: there is a newer roster.
    #[error("the object {0} is missing")]
    Missing(String),
    /// There are more changes since than a reader adds up.
    #[error("too many changes")]
    TooManyChanges,
    /// It is older than the log of changes.
    #[error("too old")]
    TooOld,
}

impl RosterFault {
    /// The error for a caller that needs the roster.
    pub(crate) fn into_store(self) -> StoreError {
        match self {
            Self::Store(error) => error,
            other => StoreError::Unavailable { operation: "roster", cause: other.to_string() },
        }
    }
}
