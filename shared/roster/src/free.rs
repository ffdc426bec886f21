//! Imported free seats, whose ids are not those of numbered seats: some of their ids with their ranks, so that the page
//! of a number is read from near its first seat.
//!
//! The ids of a plan's numbered seats are one interval, because they have one prefix: all imported seats are before or
//! after it. How many numbered seats are free is known from the plan's buckets, wherever they are stored.

use std::collections::HashMap;

use license_domain::{
    LicenseId, Ordinal, SeatPrefix,
    number::{to_i64, to_u64},
};
use serde::{Deserialize, Serialize};

use crate::Delta;

/// Every n-th seat is marked.
const EVERY: usize = if cfg!(test) { 4 } else { 256 };

/// With more seats between two marks, the seats are read again.
const MAX_GAP: u64 = if cfg!(test) { 12 } else { 2_048 };

/// What a plan's buckets say of its seats: the sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeatSums {
    /// Seats with items that are free.
    pub stored: u64,
    /// Numbered seats without items that are free.
    pub untouched: u64,
    /// Numbered seats that were allocated at least once.
    pub allocated: u64,
    /// How often seats were deleted by freezing the plan.
    pub epochs: u64,
}

/// The imported free seats as they were at some time, in the order of their ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreeSeats {
    epochs: u64,
    /// How many there were.
    total: u64,
    /// What [`SeatSums::stored`] is more than the imported free seats and the allocated numbered ones. Only changes in
    /// the log change it.
    excess: i64,
    /// Ids, and how many imported free seats are before them.
    marks: Vec<(LicenseId, u64)>,
}

/// What changes did to free seats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FreeChanges {
    /// Imported seats that are free now and were not before, sorted.
    returned: Vec<LicenseId>,
    /// Imported seats that were free, sorted.
    taken: Vec<LicenseId>,
    /// How many more numbered seats returned than were taken.
    numbered: i64,
}

impl FreeChanges {
    /// The changes of these seats of a plan with that prefix: how often each became free, minus how often it was taken.
    pub(crate) fn of(nets: impl Iterator<Item = (LicenseId, i64)>, prefix: SeatPrefix) -> Self {
        let mut changes = Self::default();
        for (license, net) in nets {
            match (prefix.ordinal(license), net) {
                (Some(_), net) => changes.numbered += net,
                (None, 0) => {}
                (None, 1..) => changes.returned.push(license),
                (None, _) => changes.taken.push(license),
            }
        }
        changes.returned.sort_unstable();
        changes.taken.sort_unstable();
        changes
    }

    /// The number of imported free seats that fulfill `is_first`, as the first ones do, if there were `before`.
    fn now(&self, before: u64, is_first: impl Fn(&LicenseId) -> bool) -> Option<u64> {
        let returned = to_u64(self.returned.partition_point(&is_first));
        (before + returned).checked_sub(to_u64(self.taken.partition_point(&is_first)))
    }
}

impl FreeSeats {
    /// The marks of the free seats with these ids, which are sorted. `changes` are those between the marks' time and
    /// the reading of the sums.
    pub fn new(ids: &[LicenseId], sums: SeatSums, changes: &FreeChanges) -> Option<Self> {
        let marks = ids.iter().zip(0..).step_by(EVERY).map(|(id, rank)| (*id, rank)).collect();
        let seats = Self { epochs: sums.epochs, total: to_u64(ids.len()), excess: 0, marks };
        let excess = seats.excess_by(sums, changes)?;
        Some(Self { excess, ..seats })
    }

    /// The excess at the marks' time, by what the buckets say after these changes.
    fn excess_by(&self, sums: SeatSums, changes: &FreeChanges) -> Option<i64> {
        let imported = changes.now(self.total, |_| true)?;
        Some(to_i64(sums.stored) - to_i64(imported) - to_i64(sums.allocated) - changes.numbered)
    }

    /// The marks after these changes; `None` if they are too far apart, or if the changes do not fit.
    #[must_use]
    pub fn after(&self, changes: &FreeChanges) -> Option<Self> {
        let ranked = self.marks.iter().map(|(id, rank)| Some((*id, changes.now(*rank, |other| other < id)?)));
        let marks: Vec<(LicenseId, u64)> = ranked.collect::<Option<_>>()?;
        let total = changes.now(self.total, |_| true)?;
        let ranks: Vec<u64> = std::iter::once(0).chain(marks.iter().map(|(_, rank)| *rank)).chain([total]).collect();
        let gaps = ranks.windows(2).map(|pair| pair[1].checked_sub(pair[0]));
        let is_even = gaps.into_iter().all(|gap| gap.is_some_and(|gap| gap <= MAX_GAP));
        is_even.then_some(Self { epochs: self.epochs, total, excess: self.excess + changes.numbered, marks })
    }

    /// A mark at or before the free seat of that number, with its own number, among all free seats of the plan. `None`
    /// if what the buckets say is not explained by these changes.
    pub(crate) fn start(
        &self,
        changes: &FreeChanges,
        (prefix, sums): (SeatPrefix, SeatSums),
        number: u64,
    ) -> Option<(LicenseId, u64)> {
        if self.epochs != sums.epochs || self.excess_by(sums, changes)? != self.excess {
            return None;
        }
        let imported = changes.now(self.total, |_| true)?;
        let numbered = (sums.stored + sums.untouched).checked_sub(imported)?;
        let first_numbered = prefix.license(Ordinal { bucket: 0, sequence: 0 });
        let place = |(id, rank): &(LicenseId, u64)| {
            let rank = changes.now(*rank, |other| other < id)?;
            Some(if *id > first_numbered { rank + numbered } else { rank })
        };
        let behind = self.marks.partition_point(|mark| place(mark).is_some_and(|place| place <= number));
        let mark = self.marks.get(behind.checked_sub(1)?)?;
        Some((mark.0, place(mark)?))
    }
}

impl Delta {
    /// What the changes did to the free seats of a plan with that prefix.
    pub fn free_changes(&self, prefix: SeatPrefix) -> FreeChanges {
        FreeChanges::of(self.free_nets(), prefix)
    }

    /// Makes imported free seats that were read while these changes were made those that were free before the first of
    /// them.
    pub fn undo_in(&self, free: &mut Vec<LicenseId>, prefix: SeatPrefix) {
        let changed: HashMap<LicenseId, i64> = self.free_nets().collect();
        free.retain(|license| !changed.contains_key(license));
        let was_free = |(license, net): &(&LicenseId, &i64)| match net {
            0 => self.is_free_first(**license),
            net => **net < 0,
        };
        let before = changed.iter().filter(was_free).map(|(license, _)| *license);
        free.extend(before.filter(|license| prefix.ordinal(*license).is_none()));
        free.sort_unstable();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const PREFIX: SeatPrefix = SeatPrefix::from_bits(7);

    /// Ids of which those from 200 on are after the numbered ones.
    fn ids(numbers: impl IntoIterator<Item = u128>) -> Vec<LicenseId> {
        let id = |number: u128| LicenseId(Uuid::from_u128(if number < 200 { number } else { number << 96 }));
        numbers.into_iter().map(id).collect()
    }

    fn numbered(sequences: std::ops::Range<u64>) -> Vec<LicenseId> {
        sequences.map(|sequence| PREFIX.license(Ordinal { bucket: 0, sequence })).collect()
    }

    #[test]
    fn a_page_begins_at_a_mark_that_is_near_it_whatever_has_changed() {
        // Forty imported seats; of the numbered ones three are stored and ten untouched.
        let sums = SeatSums { stored: 43, untouched: 10, allocated: 5, epochs: 1 };
        let free = FreeSeats::new(&ids((0..40).map(|n| n * 10)), sums, &FreeChanges::default()).expect("sums that fit");
        let (returned, taken) = (ids([5, 7, 203, 399]), ids([0, 10, 110, 120, 300]));
        let mut now: Vec<LicenseId> = ids((0..40).map(|n| n * 10));
        now.retain(|id| !taken.contains(id));
        now.extend(&returned);
        // Two untouched seats were taken, and one stored seat returned.
        now.extend(numbered(0..12));
        now.sort_unstable();
        let changes = FreeChanges { returned, taken, numbered: 1 - 2 };
        let sums = SeatSums { stored: 39 + 4, untouched: 8, allocated: 7, epochs: 1 };
        let after = free.after(&changes).expect("few changes");
        for (seats, changes) in [(&free, &changes), (&after, &FreeChanges::default())] {
            for number in 0..now.len() {
                let Some((mark, place)) = seats.start(changes, (PREFIX, sums), to_u64(number)) else {
                    assert!(number < 4, "{number}");
                    continue;
                };
                let before = now.iter().filter(|id| **id < mark).count();
                assert_eq!(to_u64(before), place, "{number}");
                assert!(place <= to_u64(number) && to_u64(number) - place < 20, "{number} from {place}");
            }
        }
        let start = |sums| free.start(&changes, (PREFIX, sums), 9);
        assert!(start(sums).is_some());
        assert_eq!(start(SeatSums { epochs: 2, ..sums }), None, "frozen since");
        assert_eq!(start(SeatSums { stored: 42, ..sums }), None, "nothing explains the seat that is gone");
        assert_eq!(free.start(&FreeChanges::default(), (PREFIX, sums), 9), None, "changes are missing");
    }

    #[test]
    fn marks_that_are_too_far_apart_are_not_kept() {
        let of = |ids: &[LicenseId]| FreeSeats::new(ids, SeatSums::default(), &FreeChanges::default());
        let free = of(&ids((0..40).map(|n| n * 100))).expect("sums");
        let changed = |returned, taken| free.after(&FreeChanges { returned, taken, numbered: 0 });
        assert!(changed(ids(401..405), Vec::new()).is_some());
        assert_eq!(changed(ids(401..410), Vec::new()), None);
        assert_eq!(changed(ids(3_901..3_910), Vec::new()), None, "after the last mark");
        assert_eq!(changed(Vec::new(), ids((0..40).map(|n| n * 100).chain([3_950]))), None, "more than there were");
    }
}
