//! Reading a plan's list from its blocks and from what changed since.

use std::sync::Arc;

use futures::{Stream, stream};
use license_domain::{License, LicenseFilter, LicenseId, OrderBy};

use crate::{BlockSource, Counts, Delta, Manifest, RosterError, RowKey};

/// A stretch of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many rows to skip.
    pub offset: u64,
    /// How many rows to return at most.
    pub limit: usize,
}

/// A stretch of what a filter admits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many rows the filter admits, by status.
    pub counts: Counts,
    /// The rows within the window.
    pub rows: Vec<License>,
}

/// A stretch of the rows in another order, with the block of free seats in its place among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ordered {
    /// How many rows the filter admits, by status.
    pub counts: Counts,
    /// The rows of the window that come before all free seats.
    pub before: Vec<License>,
    /// The part of the window where free seats are, if it reaches there.
    pub among: Option<Among>,
    /// The rows of the window that come behind all free seats.
    pub behind: Vec<License>,
}

/// Free seats, and the rows that compare like them: together they are ordered by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Among {
    /// The ids of these rows, ascending.
    pub rows: Vec<LicenseId>,
    /// Where each of these rows lies.
    pub(crate) places: Vec<u64>,
    /// How many licenses, counted from the least id, to skip.
    pub skip: u64,
    /// How many to return.
    pub limit: usize,
    /// Whether these are then to be reversed: the order is descending.
    pub reversed: bool,
}

/// A plan's licenses that have or had a person, as of all changes that were added.
pub struct View<S> {
    _manifest: Arc<Manifest>,
    _source: S,
}

impl<S: BlockSource> View<S> {
    /// The blocks of the manifest with the changes since [`Manifest::complete_to`].
    pub fn new(_manifest: Arc<Manifest>, _delta: &Delta, _source: S) -> Result<Self, RosterError> {
        todo!()
    }

    /// How many rows a filter admits, by status, from the manifest alone; its search is left out of account.
    pub fn counts(&self, _filter: &LicenseFilter) -> Counts {
        todo!()
    }

    /// A page of the default order, for a filter without a search. Reads only the blocks that hold it.
    pub async fn page(&self, _filter: &LicenseFilter, _window: Window) -> Result<Vec<License>, S::Error> {
        todo!()
    }

    /// The rows behind a key in the default order, for a filter without a search. Reads only the blocks that hold them.
    pub async fn after(&self, _filter: &LicenseFilter, _key: &RowKey, _limit: usize) -> Result<Vec<License>, S::Error> {
        todo!()
    }

    /// What a filter with a search admits, in the default order. Reads all blocks of its statuses.
    pub async fn search(&self, _filter: &LicenseFilter, _window: Window) -> Result<Found, S::Error> {
        todo!()
    }

    /// What a filter admits, in another order: the steps of `order`, then by id in the direction of the last step.
    /// `seats` is how many free seats there are among the results. Reads all blocks of the filter's statuses.
    pub async fn ordered(
        &self,
        _filter: &LicenseFilter,
        _order: &[OrderBy],
        _seats: u64,
        _window: Window,
    ) -> Result<Ordered, S::Error> {
        todo!()
    }

    /// Those of the rows that compare like free seats, in the order of `ids`; others are left out.
    pub async fn rows_among(&self, _among: &Among, _ids: &[LicenseId]) -> Result<Vec<License>, S::Error> {
        todo!()
    }

    /// Everything that a filter admits, in the default order, block by block.
    pub fn rows<'a>(
        &'a self,
        _filter: &'a LicenseFilter,
    ) -> impl Stream<Item = Result<Vec<License>, S::Error>> + Send + 'a {
        stream::empty()
    }
}
