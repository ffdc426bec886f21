//! The sum of the changes since a time, independent of the order in which they are read.
//!
//! A change removes one row and adds one: `- key before, + row after`. In the sum, a chain of changes cancels out: of
//! `-k0 +k1` and `-k1 +k2` remains `-k0 +k2`. A repeated event is recognized by its id.

use std::collections::{BTreeMap, HashMap, HashSet};

use license_domain::{EmailAddress, EventId, License, LicenseId, LicenseStatus, PlanId, Timestamp};

use crate::{RosterError, RowKey};

/// When a change was written: the time of the attempt, and the event's id.
type Moment = (Timestamp, EventId);

/// The change of one license.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    /// Its key before; `None` if it was a free seat, or not in the plan.
    pub before: Option<RowKey>,
    /// Its row after; `None` if it is no longer in the plan. A free seat is no row.
    pub after: Option<License>,
    /// Whether it was one of the plan's free seats before.
    pub was_free: bool,
}

/// The sum of changes.
#[derive(Clone, Debug, Default)]
pub struct Delta {
    events: HashSet<EventId>,
    rows: HashMap<RowKey, Sum>,
    earliest: HashMap<LicenseId, (Moment, Option<RowKey>)>,
    free: HashMap<LicenseId, i64>,
    changes: usize,
}

/// How often a key was added, minus how often it was removed; and the newest row with that key.
#[derive(Clone, Debug, Default)]
struct Sum {
    net: i32,
    latest: Option<(Moment, License)>,
}

/// An operation on a row of the blocks.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Remove the row; it exists.
    Remove,
    /// Add the row; it does not exist.
    Insert(License),
    /// Replace the row if it exists.
    Replace(License),
    /// Remove the row if it exists.
    Discard,
    /// Add the row if it does not exist.
    Ensure(License),
}

impl Delta {
    /// Adds the changes of an event; an event that was added before is ignored.
    pub fn add(&mut self, time: Timestamp, event: EventId, changes: impl IntoIterator<Item = RowChange>) {
        if !self.events.insert(event) {
            return;
        }
        let moment = (time, event);
        for RowChange { before, after, was_free } in changes {
            if let Some(seat) = &after {
                let is_free = seat.status == LicenseStatus::Unassigned;
                if is_free || was_free {
                    *self.free.entry(seat.uuid).or_default() += i64::from(is_free) - i64::from(was_free);
                }
            }
            let after = after.and_then(|license| Some((RowKey::of(&license)?, license)));
            let license = after.as_ref().map(|(_, license)| license.uuid).or_else(|| Some(before.as_ref()?.license()));
            let Some(license) = license else { continue };
            self.changes += 1;
            let earliest = self.earliest.entry(license).or_insert_with(|| (moment, before.clone()));
            if moment < earliest.0 {
                *earliest = (moment, before.clone());
            }
            if let Some(key) = before {
                self.rows.entry(key).or_default().net -= 1;
            }
            if let Some((key, license)) = after {
                let sum = self.rows.entry(key).or_default();
                sum.net += 1;
                if sum.latest.as_ref().is_none_or(|(latest, _)| *latest < moment) {
                    sum.latest = Some((moment, license));
                }
            }
        }
    }

    /// How many changes of licenses were added, without repeated events.
    pub const fn changes(&self) -> usize {
        self.changes
    }

    /// The licenses that were or became free seats, and how often they became it, minus how often they were taken.
    pub(crate) fn free_nets(&self) -> impl Iterator<Item = (LicenseId, i64)> {
        self.free.iter().map(|(license, net)| (*license, *net))
    }

    /// Whether the license was a free seat before its first change.
    pub(crate) fn is_free_first(&self, license: LicenseId) -> bool {
        self.earliest.get(&license).is_some_and(|(_, before)| before.is_none())
    }

    /// The operations for blocks that are complete up to the first change, in the order of the list.
    pub(crate) fn ops(&self) -> Result<Vec<(RowKey, Op)>, RosterError> {
        let mut ops = Vec::with_capacity(self.rows.len());
        for (key, sum) in &self.rows {
            let op = match (sum.net, &sum.latest) {
                (-1, _) => Op::Remove,
                (1, Some((_, row))) => Op::Insert(row.clone()),
                // The key's sum is zero: its row changed without moving, or a license had this key for a while.
                (0, Some((_, row))) => Op::Replace(row.clone()),
                _ => return Err(RosterError::Inconsistent),
            };
            ops.push((key.clone(), op));
        }
        ops.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Ok(ops)
    }

    /// The operations that undo these changes in blocks that were copied from the index while they were made. The index
    /// may have shown a license at each of its keys since then, so all of them are removed except the first.
    pub(crate) fn corrections(&self, plan: PlanId) -> Result<Vec<(RowKey, Op)>, RosterError> {
        let mut taken: HashMap<LicenseId, &RowKey> = HashMap::new();
        let mut given: HashSet<LicenseId> = HashSet::new();
        for (key, sum) in &self.rows {
            let is_new = match sum.net {
                -1 => taken.insert(key.license(), key).is_none(),
                0 => true,
                1 => given.insert(key.license()),
                _ => false,
            };
            if !is_new {
                return Err(RosterError::Inconsistent);
            }
        }
        let first = |license: LicenseId| match taken.get(&license) {
            Some(key) => Some(*key),
            None if given.contains(&license) => None,
            // The license returned to its first key; only the times show which key that was.
            None => self.earliest.get(&license).and_then(|(_, before)| before.as_ref()),
        };
        let mut ops = BTreeMap::new();
        for key in self.rows.keys() {
            let is_first = first(key.license()) == Some(key);
            let op = if is_first { Op::Ensure(placeholder(plan, key)) } else { Op::Discard };
            ops.insert(key.clone(), op);
        }
        Ok(ops.into_iter().collect())
    }
}

/// A row with that key. Its other fields are unknown; the changes that made the correction necessary contain them.
fn placeholder(plan: PlanId, key: &RowKey) -> License {
    License {
        status: key.status(),
        user_email: key.email().map(|email| EmailAddress::on_record(email.as_str())),
        ..License::unassigned(key.license(), plan, Timestamp::UNIX_EPOCH)
    }
}
