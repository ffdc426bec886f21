//! Orders other than the list's own: the fields of each row become numbers, and the rows of the window are selected by
//! them.

use std::{cmp::Ordering, ops::Range};

use futures::TryStreamExt;
use license_domain::{
    License, LicenseFilter, LicenseId, LicenseStatus, OrderBy, OrderField, Timestamp,
    number::{to_u64, to_usize},
};
use uuid::Uuid;

use crate::{
    Block, BlockSource, Counts, RosterError, View, Window,
    block::Column,
    decode::{NO_DATE, Words},
    ranks::place_of,
    segment::Step,
    view::{PARALLEL, Place},
};

/// A window of the rows in another order, and where the free seats belong among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ordered {
    /// How many rows the filter admits, by status.
    pub counts: Counts,
    /// The rows of the window that come before all free seats.
    pub before: Vec<License>,
    /// The part of the window where free seats belong, if the window reaches it.
    pub among: Option<Among>,
    /// The rows of the window that come after all free seats.
    pub behind: Vec<License>,
}

/// Free seats and rows that compare equal to them: together they are ordered by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Among {
    /// The ids of these rows, ascending.
    pub rows: Vec<LicenseId>,
    places: Vec<Place>,
    /// How many licenses to skip, from the least id on.
    pub skip: u64,
    pub limit: usize,
    /// Whether the result must then be reversed, because the order is descending.
    pub reversed: bool,
}

/// A row in an order: its values, then its id, and its position.
type Entry<const N: usize> = ([u64; N], Tie, Place);

impl<S: BlockSource> View<S> {
    /// The rows that a filter admits, in another order: by the fields of `order`, then by id in the direction of the
    /// last field. `seats` is the number of free seats among the results. Reads all blocks of the filter's statuses.
    pub async fn ordered(
        &self,
        filter: &LicenseFilter,
        order: &[OrderBy],
        seats: u64,
        window: Window,
    ) -> Result<Ordered, S::Error> {
        let mut steps: Vec<OrderBy> = Vec::new();
        for step in order {
            // A second step by the same field has no effect.
            if steps.iter().all(|earlier| earlier.field != step.field) {
                steps.push(*step);
            }
        }
        let reversed = order.last().is_some_and(|step| step.descending);
        let order = Order { steps, reversed };
        match order.steps.len() {
            0..=1 => self.selected::<1>(filter, &order, seats, window).await,
            2 => self.selected::<2>(filter, &order, seats, window).await,
            _ => self.selected::<4>(filter, &order, seats, window).await,
        }
    }

    /// The rows that compare equal to free seats, in the order of `ids`; others are left out.
    pub async fn rows_among(&self, among: &Among, ids: &[LicenseId]) -> Result<Vec<License>, S::Error> {
        let places = ids.iter().filter_map(|id| among.rows.binary_search(id).ok().map(|at| among.places[at]));
        self.fetch(&places.collect::<Vec<_>>()).await
    }

    async fn selected<const N: usize>(
        &self,
        filter: &LicenseFilter,
        order: &Order,
        seats: u64,
        window: Window,
    ) -> Result<Ordered, S::Error> {
        let words = Words::of(&filter.search);
        let mut ranks = if order.has(OrderField::UserEmail) {
            Some(self.ranks(filter, words.as_ref()).await?.map(Vec::into_iter))
        } else {
            None
        };
        let seat: [u64; N] = order.values(LicenseStatus::Unassigned, 0, [NO_DATE; 2]);
        let upto = to_usize(window.offset).saturating_add(window.limit);
        let mut counts = Counts::default();
        let mut before = Selection::new(upto);
        // At least the free seats come before these rows.
        let mut behind = Selection::new(upto.saturating_sub(to_usize(seats)));
        let mut equal: Vec<(Tie, Place)> = Vec::new();
        let mut lesser = 0_u64;

        let mut loads = self.loaded(filter, PARALLEL);
        while let Some(loaded) = loads.try_next().await? {
            let columns = order.columns(loaded.block())?;
            self.matching(&loaded, filter, words.as_ref(), |status, step| {
                counts.add(status, to_u64(step.len()));
                for offset in 0..step.len() {
                    let rank = ranks.as_mut().and_then(|ranks| ranks[place_of(status)].next()).unwrap_or_default();
                    let (id, dates) = match &step {
                        Step::Block(rows) => columns.get(rows.start + offset),
                        Step::Changed(n) => self.changed(*n).map_or((0, [NO_DATE; 2]), of_license),
                    };
                    let entry = (
                        order.values(status, rank, dates),
                        tie(order.id(id)),
                        Place::new(loaded.number, &step, offset),
                    );
                    match if seats == 0 { Ordering::Less } else { entry.0.cmp(&seat) } {
                        Ordering::Less => {
                            lesser += 1;
                            before.push(entry);
                        }
                        Ordering::Equal => {
                            equal.push((entry.1, entry.2));
                        }
                        Ordering::Greater => behind.push(entry),
                    }
                }
            })?;
        }

        let block = lesser..lesser + to_u64(equal.len()) + seats;
        let end = window.offset.saturating_add(to_u64(window.limit));
        let within = window.offset.clamp(block.start, block.end)..end.clamp(block.start, block.end);
        let places = |entries: Vec<Entry<N>>| entries.into_iter().map(|(_, _, place)| place).collect::<Vec<Place>>();
        let taken = to_usize(end.min(block.start).saturating_sub(window.offset));
        let first_behind = window.offset.saturating_sub(block.end);
        let left = to_usize(end.saturating_sub(block.end.max(window.offset)));
        Ok(Ordered {
            counts,
            before: self.fetch(&places(before.window(to_usize(window.offset), taken))).await?,
            among: (!within.is_empty()).then(|| {
                order.among(equal, block.end - block.start, within.start - block.start..within.end - block.start)
            }),
            behind: self.fetch(&places(behind.window(to_usize(first_behind), left))).await?,
        })
    }
}

/// The steps of an order, each by another field, and whether equal rows are in descending order of their ids.
struct Order {
    steps: Vec<OrderBy>,
    reversed: bool,
}

impl Order {
    fn has(&self, field: OrderField) -> bool {
        self.steps.iter().any(|step| step.field == field)
    }

    /// Numbers that compare as the order does; a missing value comes first.
    fn values<const N: usize>(&self, status: LicenseStatus, rank: u32, [activated, reminded]: [i64; 2]) -> [u64; N] {
        // The least signed number, which means a missing date, becomes 0.
        let date = |micros: i64| micros.cast_unsigned() ^ (1 << 63);
        let mut values = [0; N];
        for (value, step) in values.iter_mut().zip(&self.steps) {
            *value = match step.field {
                OrderField::UserEmail => u64::from(rank),
                OrderField::Status => to_u64(LicenseStatus::ALL.partition_point(|listed| *listed < status)),
                OrderField::ActivationDate => date(activated),
                OrderField::LastRemindDate => date(reminded),
            };
            if step.descending {
                *value = !*value;
            }
        }
        values
    }

    /// A number that compares as the id does in this direction. Applied twice, it gives the id again.
    const fn id(&self, id: u128) -> u128 {
        if self.reversed { !id } else { id }
    }

    fn columns(&self, block: Option<&Block>) -> Result<Columns, RosterError> {
        let Some(block) = block else { return Ok(Columns::default()) };
        let dates = |field: OrderField, column: Column| {
            if self.has(field) { block.dates(column) } else { Ok(Vec::new()) }
        };
        Ok(Columns {
            ids: block.ids()?,
            activated: dates(OrderField::ActivationDate, Column::Activated)?,
            reminded: dates(OrderField::LastRemindDate, Column::Reminded)?,
        })
    }

    /// The part of `total` licenses that compare equal to free seats which is within the window.
    fn among(&self, rows: Vec<(Tie, Place)>, total: u64, within: Range<u64>) -> Among {
        let mut rows: Vec<(LicenseId, Place)> =
            rows.into_iter().map(|(tie, place)| (LicenseId(Uuid::from_u128(self.id(number(tie)))), place)).collect();
        rows.sort_unstable_by_key(|(id, _)| *id);
        let skip = if self.reversed { total - within.end } else { within.start };
        let limit = to_usize(within.end - within.start);
        let (rows, places) = rows.into_iter().unzip();
        Among { rows, places, skip, limit, reversed: self.reversed }
    }
}

/// The columns of a block that the order needs.
#[derive(Default)]
struct Columns {
    ids: Vec<u128>,
    activated: Vec<i64>,
    reminded: Vec<i64>,
}

impl Columns {
    fn get(&self, row: usize) -> (u128, [i64; 2]) {
        let date = |dates: &[i64]| dates.get(row).copied().unwrap_or(NO_DATE);
        (self.ids[row], [date(&self.activated), date(&self.reminded)])
    }
}

fn of_license(row: &License) -> (u128, [i64; 2]) {
    let micros = |date: Option<Timestamp>| date.map_or(NO_DATE, |date| date.timestamp_micros());
    (row.uuid.0.as_u128(), [micros(row.activation_date), micros(row.last_remind_date)])
}

/// An id in two halves, which take less memory in an entry than one number.
type Tie = [u64; 2];

fn tie(id: u128) -> Tie {
    let (high, low) = uuid::Uuid::from_u128(id).as_u64_pair();
    [high, low]
}

fn number([high, low]: Tie) -> u128 {
    u128::from(high) << 64 | u128::from(low)
}

/// Selects the least of many entries, in little more memory than the selected ones take.
struct Selection<T> {
    keep: usize,
    entries: Vec<T>,
}

impl<T: Ord + Copy> Selection<T> {
    const fn new(keep: usize) -> Self {
        Self { keep, entries: Vec::new() }
    }

    fn push(&mut self, entry: T) {
        const SLACK: usize = 4_096;
        if self.keep == 0 {
            return;
        }
        self.entries.push(entry);
        if self.entries.len() >= self.keep.saturating_mul(2).saturating_add(SLACK) {
            self.entries.select_nth_unstable(self.keep - 1);
            self.entries.truncate(self.keep);
        }
    }

    /// The entries from `offset` on, sorted.
    fn window(mut self, offset: usize, limit: usize) -> Vec<T> {
        if offset >= self.entries.len() || limit == 0 {
            return Vec::new();
        }
        self.entries.select_nth_unstable(offset);
        let rest = &mut self.entries[offset..];
        if limit < rest.len() {
            rest.select_nth_unstable(limit);
        }
        let limit = limit.min(rest.len());
        let window = &mut rest[..limit];
        window.sort_unstable();
        window.to_vec()
    }
}
