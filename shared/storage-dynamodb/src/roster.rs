//! A plan's roster: blocks of its list as immutable objects, and the head that names the current manifest.
//!
//! 1. The head (`ROSTER#p`) names the manifest's object, which names the blocks, and the moment up to which they are
//!    complete. Objects never change; a new manifest has another name.
//! 2. A reader reads head, the log of changes since that moment, the manifest, and the blocks that it needs (`view.rs`).
//!    Whatever is missing or does not fit lets it read the index.
//! 3. The relay marks the head due for one in 500 changes, and for each retirement. The sweeper takes it up (`keep.rs`),
//!    makes a first roster from the index (`build.rs`), or writes the blocks anew that changes touched.
//! 4. The moment up to which a roster is complete is always [`MARGIN`] ago: whatever was written before it is committed,
//!    and shown by the index.

mod build;
mod head;
mod keep;
mod objects;
mod view;

use chrono::TimeDelta;
use license_roster::RosterError;
use license_storage::StoreError;

pub(crate) use self::{head::of_import, objects::RosterCache, view::fell_back};

/// No attempt at a transaction takes so long from reading the clock to its commit: a function behind the API ends after
/// half a minute, the SDK makes three attempts of some seconds each, a token lets a repetition be without effect. The
/// index lag is seconds.
pub(crate) const MARGIN: TimeDelta = TimeDelta::minutes(3);

/// A plan with fewer licenses that have or had a person needs no roster.
pub(crate) const MIN_ROWS: u64 = 2_000;

/// Why a roster was not read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RosterFault {
    /// It is damaged, or the changes do not fit it.
    #[error(transparent)]
    Roster(#[from] RosterError),
    /// The table, or the objects.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An object is gone: another roster is there by now.
    #[error("the object {0} is missing")]
    Missing(String),
    /// More changed since then than a reader adds up.
    #[error("too many changes")]
    TooManyChanges,
    /// It is so old that the log does not reach back to it.
    #[error("too old")]
    TooOld,
}

impl RosterFault {
    /// The error of a caller who cannot do without the roster.
    pub(crate) fn into_store(self) -> StoreError {
        match self {
            Self::Store(error) => error,
            other => StoreError::Unavailable { operation: "roster", cause: other.to_string() },
        }
    }
}
