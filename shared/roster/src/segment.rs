//! A block with the changes of its part of the list.

use std::ops::Range;

use license_domain::{License, LicenseFilter, LicenseStatus, number::to_usize};

use crate::{Block, BlockEntry, Counts, Manifest, RosterError, RowKey, counts::STATUSES, delta::Op};

/// A part of the list: from a block's first key to the next block's.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// The number of its block; `None` if the roster has no block yet.
    pub(crate) block: Option<usize>,
    /// The range of its changes.
    pub(crate) ops: Range<usize>,
    /// How many rows it has after its changes.
    pub(crate) rows: Counts,
    /// How many of these name no learner.
    pub(crate) without_learner: Counts,
}

/// A range of rows: some of the block's, or one that a change adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Block(Range<usize>),
    Changed(usize),
}

impl Step {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Block(rows) => rows.len(),
            Self::Changed(_) => 1,
        }
    }
}

/// Divides the changes among the blocks.
pub(crate) fn segments(manifest: &Manifest, ops: &[(RowKey, Op)]) -> Result<Vec<Segment>, RosterError> {
    if manifest.blocks.is_empty() {
        let none =
            Segment { block: None, ops: 0..ops.len(), rows: Counts::default(), without_learner: Counts::default() };
        return Ok(vec![none.counted(ops)?]);
    }
    let mut from = 0;
    let mut segments = Vec::with_capacity(manifest.blocks.len());
    for (block, entry) in manifest.blocks.iter().enumerate() {
        let upto = match manifest.blocks.get(block + 1) {
            Some(next) => from + ops[from..].partition_point(|(key, _)| *key < next.first),
            None => ops.len(),
        };
        let (rows, without_learner) = (entry.rows, entry.without_learner);
        segments.push(Segment { block: Some(block), ops: from..upto, rows, without_learner }.counted(ops)?);
        from = upto;
    }
    Ok(segments)
}

impl Segment {
    fn counted(mut self, ops: &[(RowKey, Op)]) -> Result<Self, RosterError> {
        for (key, op) in &ops[self.ops.clone()] {
            let status = key.status();
            let without_learner = key.sort_key().is_empty();
            for counts in [Some(&mut self.rows), Some(&mut self.without_learner).filter(|_| without_learner)] {
                let Some(count) = counts.and_then(|counts| counts.of_mut(status)) else { continue };
                match op {
                    Op::Insert(_) => *count += 1,
                    Op::Remove => *count = count.checked_sub(1).ok_or(RosterError::Inconsistent)?,
                    // Only a correction has these operations; their effect on the counts is known when the block is
                    // read.
                    Op::Replace(_) | Op::Discard | Op::Ensure(_) => {}
                }
            }
        }
        Ok(self)
    }

    /// How many of its rows a filter admits, by status. The filter's search is ignored.
    pub(crate) fn admitted(&self, filter: &LicenseFilter) -> Counts {
        let mut counts = Counts::default();
        for status in STATUSES.into_iter().filter(|status| filter.admits(*status)) {
            let hidden = if filter.ignore_null_emails { self.without_learner.of(status) } else { 0 };
            counts.add(status, self.rows.of(status).saturating_sub(hidden));
        }
        counts
    }

    /// Its rows in order.
    pub(crate) fn steps(&self, block: Option<&Block>, ops: &[(RowKey, Op)]) -> Result<Vec<Step>, RosterError> {
        let rows = block.map_or(0, Block::len);
        let mut steps = Vec::new();
        let mut push = |step: Step| {
            if step.len() > 0 {
                steps.push(step);
            }
        };
        let mut at = 0;
        if !self.ops.is_empty() {
            let keys = block.map(Block::keys).transpose()?;
            for (n, (key, op)) in self.ops.clone().zip(&ops[self.ops.clone()]) {
                let (place, is_there) = keys.as_ref().map_or((0, false), |keys| keys.find(key, at..rows));
                let (takes, puts) = match (op, is_there) {
                    (Op::Remove, false) | (Op::Insert(_), true) => return Err(RosterError::Inconsistent),
                    (Op::Remove | Op::Discard, true) => (true, false),
                    (Op::Replace(_), true) => (true, true),
                    (Op::Insert(_) | Op::Ensure(_), false) => (false, true),
                    (Op::Replace(_) | Op::Discard, false) | (Op::Ensure(_), true) => continue,
                };
                push(Step::Block(at..place));
                if puts {
                    push(Step::Changed(n));
                }
                at = place + usize::from(takes);
            }
        }
        push(Step::Block(at..rows));
        Ok(steps)
    }
}

/// The rows of a block that a filter admits, ignoring its search: within a status, those that name no learner come
/// first.
pub(crate) fn admitted(entry: &BlockEntry, filter: &LicenseFilter) -> Vec<(LicenseStatus, Range<usize>)> {
    let mut from = 0;
    let mut ranges = Vec::with_capacity(STATUSES.len());
    for status in STATUSES {
        let upto = from + to_usize(entry.rows.of(status));
        let hidden = if filter.ignore_null_emails { to_usize(entry.without_learner.of(status)) } else { 0 };
        if filter.admits(status) {
            ranges.push((status, from + hidden..upto));
        }
        from = upto;
    }
    ranges
}

/// The row that a change adds.
pub(crate) fn changed(op: &Op) -> Option<&License> {
    match op {
        Op::Insert(row) | Op::Replace(row) | Op::Ensure(row) => Some(row),
        Op::Remove | Op::Discard => None,
    }
}
