//! Reads a plan's list from its blocks and the changes since.

use std::{ops::Range, sync::Arc};

use futures::{Stream, StreamExt, TryStreamExt, stream};
use license_domain::{
    License, LicenseFilter, LicenseId, LicenseStatus, SeatPrefix,
    number::{to_u64, to_usize},
};

use crate::{
    Block, BlockSource, Counts, Delta, FreeChanges, Manifest, RosterError, RowKey, SeatSums,
    decode::{Rows, Words},
    delta::Op,
    segment::{Segment, Step, admitted, changed, segments},
};

/// The most blocks that are read at the same time.
pub(crate) const PARALLEL: usize = 8;

/// A range of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many rows to skip.
    pub offset: u64,
    /// How many rows to return at most.
    pub limit: usize,
}

/// A window of the rows that a filter admits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many rows the filter admits, by status.
    pub counts: Counts,
    /// The rows within the window.
    pub rows: Vec<License>,
}

/// A plan's licenses that have or had a person, with all changes that were added.
pub struct View<S> {
    manifest: Arc<Manifest>,
    pub(crate) ops: Vec<(RowKey, Op)>,
    segments: Vec<Segment>,
    /// How often seats became free, minus how often they were taken.
    free: Vec<(LicenseId, i64)>,
    source: S,
}

/// A segment whose block was read.
pub(crate) struct Loaded<'a> {
    /// The number of the segment.
    pub(crate) number: usize,
    segment: &'a Segment,
    block: Option<Arc<Block>>,
}

impl Loaded<'_> {
    pub(crate) fn block(&self) -> Option<&Block> {
        self.block.as_deref()
    }
}

impl<S: BlockSource> View<S> {
    /// The blocks of the manifest with the changes since [`Manifest::complete_to`].
    pub fn new(manifest: Arc<Manifest>, delta: &Delta, source: S) -> Result<Self, RosterError> {
        let ops = delta.ops()?;
        let segments = segments(&manifest, &ops)?;
        Ok(Self { manifest, ops, segments, free: delta.free_nets().collect(), source })
    }

    /// A free seat at or before the one of that number, with its own number, if the roster's marks and the changes since
    /// explain what the buckets say.
    pub fn free_start(&self, (prefix, sums): (SeatPrefix, SeatSums), number: u64) -> Option<(LicenseId, u64)> {
        let marks = self.manifest.free.as_ref()?;
        marks.start(&FreeChanges::of(self.free.iter().copied(), prefix), (prefix, sums), number)
    }

    /// How many rows a filter admits, by status, from the manifest alone. The filter's search is ignored.
    pub fn counts(&self, filter: &LicenseFilter) -> Counts {
        self.segments.iter().map(|segment| segment.admitted(filter)).sum()
    }

    /// A page of the default order, for a filter without a search. Reads only the blocks that hold it.
    pub async fn page(&self, filter: &LicenseFilter, window: Window) -> Result<Vec<License>, S::Error> {
        let mut found = Vec::new();
        let mut skip = window.offset;
        for number in 0..self.segments.len() {
            let count = self.segments[number].admitted(filter).total();
            if skip >= count {
                skip -= count;
                continue;
            }
            if found.len() >= window.limit {
                break;
            }
            let loaded = self.load(number).await?;
            let steps = self.steps(&loaded, filter)?;
            self.take(&loaded, steps.into_iter().map(|(_, step)| step), to_usize(skip), window.limit, &mut found)?;
            skip = 0;
        }
        Ok(found)
    }

    /// The rows after a key in the default order, for a filter without a search. Reads only the blocks that hold them.
    pub async fn after(&self, filter: &LicenseFilter, key: &RowKey, limit: usize) -> Result<Vec<License>, S::Error> {
        let first = self.manifest.blocks.partition_point(|block| block.first <= *key).saturating_sub(1);
        let mut found = Vec::new();
        for number in first..self.segments.len() {
            if found.len() >= limit {
                break;
            }
            if self.segments[number].admitted(filter).total() == 0 {
                continue;
            }
            let loaded = self.load(number).await?;
            let steps = self.steps(&loaded, filter)?;
            let steps: Vec<Step> = if number == first {
                self.behind(&loaded, steps, key)?
            } else {
                steps.into_iter().map(|(_, step)| step).collect()
            };
            self.take(&loaded, steps, 0, limit, &mut found)?;
        }
        Ok(found)
    }

    /// The rows that a filter with a search admits, in the default order. Reads all blocks of its statuses.
    pub async fn search(&self, filter: &LicenseFilter, window: Window) -> Result<Found, S::Error> {
        let words = Words::of(&filter.search);
        let mut found = Found::default();
        let mut index = 0;
        let mut loaded = self.loaded(filter, PARALLEL);
        while let Some(loaded) = loaded.try_next().await? {
            let mut steps = Vec::new();
            self.matching(&loaded, filter, words.as_ref(), |status, step| {
                found.counts.add(status, to_u64(step.len()));
                let (from, upto) = (index, index + to_u64(step.len()));
                index = upto;
                let within = from.max(window.offset)..upto.min(window.offset.saturating_add(to_u64(window.limit)));
                if within.is_empty() {
                    return;
                }
                steps.push(match step {
                    Step::Block(rows) => {
                        let start = rows.start + to_usize(within.start - from);
                        Step::Block(start..start + to_usize(within.end - within.start))
                    }
                    Step::Changed(_) => step,
                });
            })?;
            self.take(&loaded, steps, 0, window.limit, &mut found.rows)?;
        }
        Ok(found)
    }

    /// All rows that a filter admits, in the default order, block by block.
    pub fn rows<'a>(
        &'a self,
        filter: &'a LicenseFilter,
    ) -> impl Stream<Item = Result<Vec<License>, S::Error>> + Send + 'a {
        self.loaded(filter, PARALLEL / 2).map(move |loaded| {
            let loaded = loaded?;
            let mut steps = Vec::new();
            let words = Words::of(&filter.search);
            self.matching(&loaded, filter, words.as_ref(), |_, step| steps.push(step))?;
            let mut rows = Vec::new();
            self.take(&loaded, steps, 0, usize::MAX, &mut rows)?;
            Ok(rows)
        })
    }

    /// The segments that have rows for the filter, in order, with their blocks.
    pub(crate) fn loaded<'a>(
        &'a self,
        filter: &LicenseFilter,
        parallel: usize,
    ) -> impl Stream<Item = Result<Loaded<'a>, S::Error>> + Send + Unpin + use<'a, S> {
        let wanted = (0..self.segments.len()).filter(|number| self.segments[*number].admitted(filter).total() > 0);
        let loads: Vec<_> = wanted.map(|number| self.load(number)).collect();
        stream::iter(loads).buffered(parallel)
    }

    pub(crate) async fn load(&self, number: usize) -> Result<Loaded<'_>, S::Error> {
        let segment = &self.segments[number];
        let block = match segment.block {
            Some(block) => {
                let entry = &self.manifest.blocks[block];
                let block = self.source.block(&entry.name).await?;
                if block.counts() != entry.rows || block.plan() != self.manifest.plan {
                    return Err(RosterError::Malformed("a block of another manifest").into());
                }
                Some(block)
            }
            None => None,
        };
        Ok(Loaded { number, segment, block })
    }

    /// The rows of a segment that the filter admits, ignoring its search.
    fn steps(&self, loaded: &Loaded<'_>, filter: &LicenseFilter) -> Result<Vec<(LicenseStatus, Step)>, RosterError> {
        let ranges = match loaded.segment.block {
            Some(block) => admitted(&self.manifest.blocks[block], filter),
            None => Vec::new(),
        };
        let mut steps = Vec::new();
        for step in loaded.segment.steps(loaded.block(), &self.ops)? {
            match step {
                Step::Block(rows) => {
                    let parts = ranges.iter().map(|(status, range)| (*status, common(range, &rows)));
                    steps.extend(
                        parts.filter(|(_, part)| !part.is_empty()).map(|(status, part)| (status, Step::Block(part))),
                    );
                }
                Step::Changed(n) => {
                    let key = &self.ops[n].0;
                    if filter.admits(key.status()) && !(filter.ignore_null_emails && key.sort_key().is_empty()) {
                        steps.push((key.status(), step));
                    }
                }
            }
        }
        Ok(steps)
    }

    /// Calls `found` with the rows of a segment that the filter with its search admits, in order.
    pub(crate) fn matching(
        &self,
        loaded: &Loaded<'_>,
        filter: &LicenseFilter,
        words: Option<&Words<'_>>,
        mut found: impl FnMut(LicenseStatus, Step),
    ) -> Result<(), RosterError> {
        let steps = self.steps(loaded, filter)?;
        let Some(words) = words else {
            for (status, step) in steps {
                found(status, step);
            }
            return Ok(());
        };
        let addresses = loaded.block().map(Block::addresses).transpose()?;
        for (status, step) in steps {
            match (step, &addresses) {
                (Step::Block(rows), Some(addresses)) => {
                    addresses.matching(words, rows, |row| found(status, Step::Block(row..row + 1)));
                }
                (Step::Block(_), None) => {}
                (Step::Changed(n), _) => {
                    if self.changed(n).is_some_and(|row| filter.matches(row)) {
                        found(status, Step::Changed(n));
                    }
                }
            }
        }
        Ok(())
    }

    pub(crate) fn changed(&self, n: usize) -> Option<&License> {
        changed(&self.ops[n].1)
    }

    /// The part of the steps after the key.
    fn behind(
        &self,
        loaded: &Loaded<'_>,
        steps: Vec<(LicenseStatus, Step)>,
        key: &RowKey,
    ) -> Result<Vec<Step>, RosterError> {
        let rows = match loaded.block() {
            Some(block) => {
                let (place, is_there) = block.keys()?.find(key, 0..block.len());
                place + usize::from(is_there)..block.len()
            }
            None => 0..0,
        };
        let behind = steps.into_iter().filter_map(|(_, step)| match step {
            Step::Block(range) => Some(common(&rows, &range)).filter(|part| !part.is_empty()).map(Step::Block),
            Step::Changed(n) => (self.ops[n].0 > *key).then_some(step),
        });
        Ok(behind.collect())
    }

    /// Adds rows of these steps to `found`, without the first `skip` rows, until it has `limit` rows.
    fn take(
        &self,
        loaded: &Loaded<'_>,
        steps: impl IntoIterator<Item = Step>,
        mut skip: usize,
        limit: usize,
        found: &mut Vec<License>,
    ) -> Result<(), RosterError> {
        let mut decoded: Option<Rows<'_>> = None;
        for step in steps {
            let left = limit.saturating_sub(found.len());
            if left == 0 {
                break;
            }
            if skip >= step.len() {
                skip -= step.len();
                continue;
            }
            match (step, loaded.block()) {
                (Step::Block(rows), Some(block)) => {
                    let decoded = match &mut decoded {
                        Some(decoded) => decoded,
                        none => none.insert(block.rows()?),
                    };
                    for row in (rows.start + skip..rows.end).take(left) {
                        found.push(decoded.get(row)?);
                    }
                }
                (Step::Block(_), None) => {}
                (Step::Changed(n), _) => found.extend(self.changed(n).cloned()),
            }
            skip = 0;
        }
        Ok(())
    }

    /// The rows at these positions, in the order given.
    pub(crate) async fn fetch(&self, places: &[Place]) -> Result<Vec<License>, S::Error> {
        let mut sorted: Vec<(Place, usize)> = places.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        let groups: Vec<&[(Place, usize)]> = sorted.chunk_by(|(a, _), (b, _)| a.segment == b.segment).collect();
        let loads: Vec<_> = groups.iter().map(|group| self.load(to_usize(group[0].0.segment.into()))).collect();
        let mut loaded = stream::iter(loads).buffered(PARALLEL);
        let mut found: Vec<(usize, License)> = Vec::with_capacity(places.len());
        for group in groups {
            let Some(loaded) = loaded.try_next().await? else { break };
            let mut rows = Vec::with_capacity(group.len());
            self.take(&loaded, group.iter().map(|(place, _)| place.step()), 0, usize::MAX, &mut rows)?;
            found.extend(group.iter().map(|(_, index)| *index).zip(rows));
        }
        found.sort_unstable_by_key(|(index, _)| *index);
        Ok(found.into_iter().map(|(_, row)| row).collect())
    }
}

/// The position of a row: in a segment, in its block or among the changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    segment: u32,
    /// The index of the block's row; indexes after the last row mean changes.
    row: u32,
}

const FIRST_CHANGED: u32 = 1 << 24;

impl Place {
    pub(crate) fn new(segment: usize, step: &Step, offset: usize) -> Self {
        const FITS: &str = "a roster has fewer blocks, a block fewer rows and a view fewer changes";
        let number = |length: usize| u32::try_from(length).expect(FITS);
        let row = match step {
            Step::Block(rows) => number(rows.start + offset),
            Step::Changed(n) => number(*n).checked_add(FIRST_CHANGED).expect(FITS),
        };
        Self { segment: number(segment), row }
    }

    fn step(self) -> Step {
        let index = |row: u32| to_usize(row.into());
        match self.row.checked_sub(FIRST_CHANGED) {
            Some(n) => Step::Changed(index(n)),
            None => Step::Block(index(self.row)..index(self.row) + 1),
        }
    }
}

fn common(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    a.start.max(b.start)..a.end.min(b.end)
}
