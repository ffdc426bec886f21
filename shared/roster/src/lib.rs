//! A plan's roster: the licenses that have or had a person, in the list's default order, in immutable compressed
//! blocks, and the changes since. Pages by number, searches, every ordering and whole files are read from it without an
//! index.
//!
//! The caller stores blocks, manifests and changes: [`BlockSource`], [`BlockSink`], [`Delta::add`].

mod block;
mod columns;
mod compact;
mod counts;
mod decode;
mod delta;
mod encode;
mod free;
mod key;
mod manifest;
mod order;
mod ports;
mod ranks;
mod segment;
mod view;
mod write;

pub use self::{
    block::Block,
    compact::{Builder, Compacted, compact, correct},
    counts::Counts,
    decode::Rows,
    delta::{Delta, RowChange},
    free::{FreeChanges, FreeSeats, SeatSums},
    key::RowKey,
    manifest::{BlockEntry, Manifest},
    order::{Among, Ordered},
    ports::{BlockSink, BlockSource},
    view::{Found, View, Window},
};

/// Why a roster cannot be used. Its reader uses the index instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    /// An object is damaged, or has an unknown version.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// The changes do not fit the blocks: some changes are missing (an index can show an event later than the next
    /// one), or the blocks are wrong.
    #[error("the changes do not fit the blocks")]
    Inconsistent,
}

#[cfg(test)]
mod tests;
