//! Random changes of a plan's licenses.

use std::collections::{BTreeMap, HashMap};

use license_domain::{
    ActivationKey, EmailAddress, EventId, License, LicenseId, LicenseSource, LicenseStatus, LmsUserId, Ordinal, PlanId,
    SeatPrefix, Timestamp,
};
use uuid::Uuid;

use super::list::List;
use crate::{Delta, RowChange, RowKey};

pub const PLAN: PlanId = PlanId(Uuid::from_u128(42));

/// Numbers computed from a seed (`SplitMix64`).
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.next() % bound as u64) as usize }
    }

    pub fn uuid(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.next(), self.next())
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for n in (1..items.len()).rev() {
            items.swap(n, self.below(n + 1));
        }
    }
}

pub fn at(micros: i64) -> Timestamp {
    Timestamp::from_timestamp_micros(1_795_430_768_000_000 + micros).expect("a moment")
}

pub fn seat(id: LicenseId) -> License {
    License::unassigned(id, PLAN, at(-1))
}

pub fn event(n: u128) -> EventId {
    EventId(Uuid::from_u128(n))
}

/// One committed transaction.
struct Transaction {
    time: Timestamp,
    event: EventId,
    /// Licenses before and after.
    changes: Vec<(License, License)>,
}

#[derive(Default)]
pub struct History {
    licenses: BTreeMap<LicenseId, License>,
    transactions: Vec<Transaction>,
    pub micros: i64,
}

impl History {
    pub fn list(&self) -> List {
        List::of(self.licenses.values().cloned())
    }

    /// Adds so many transactions.
    pub fn go_on(&mut self, dice: &mut Dice, transactions: usize) {
        for _ in 0..transactions {
            self.micros += 1 + dice.below(3_000_000) as i64;
            let time = at(self.micros);
            let mut changes: BTreeMap<LicenseId, (License, License)> = BTreeMap::new();
            for _ in 0..=dice.below(4) {
                let before = self.some_license(dice);
                let after = changed(&before, dice, time);
                changes.entry(before.uuid).or_insert((before, after));
            }
            for (before, after) in changes.values() {
                assert_eq!(before.uuid, after.uuid);
                self.licenses.insert(after.uuid, after.clone());
            }
            let event = EventId(dice.uuid());
            self.transactions.push(Transaction { time, event, changes: changes.into_values().collect() });
        }
        self.micros += 1;
    }

    fn some_license(&self, dice: &mut Dice) -> License {
        if !self.licenses.is_empty() && dice.below(3) > 0 {
            let n = dice.below(self.licenses.len());
            return self.licenses.values().nth(n).expect("one of them").clone();
        }
        let ordinal = Ordinal { bucket: dice.below(4) as u16, sequence: dice.below(1_000) as u64 };
        let seats = SeatPrefix::from_bits(99).license(ordinal);
        let id = if dice.below(3) == 0 { LicenseId(dice.uuid()) } else { seats };
        let source = (dice.below(10) == 0)
            .then(|| LicenseSource { source_id: "006000000000000012".to_owned(), source_type: "AMT".to_owned() });
        self.licenses.get(&id).cloned().unwrap_or_else(|| License { source, ..seat(id) })
    }

    /// The changes of those times, in random order, some of them twice.
    pub fn delta(&self, dice: &mut Dice, times: impl Fn(Timestamp) -> bool) -> Delta {
        let mut events: Vec<&Transaction> = self.transactions.iter().filter(|t| times(t.time)).collect();
        for _ in 0..dice.below(5).min(events.len()) {
            events.push(events[dice.below(events.len())]);
        }
        dice.shuffle(&mut events);
        let mut delta = Delta::default();
        for Transaction { time, event, changes } in events {
            let changes = changes.iter().map(|(before, after)| RowChange {
                before: RowKey::of(before),
                after: Some(after.clone()),
                was_free: before.status == LicenseStatus::Unassigned,
            });
            delta.add(*time, *event, changes);
        }
        delta
    }

    /// Some time between `since` and now.
    pub fn some_moment(&self, dice: &mut Dice, since: Timestamp) -> Timestamp {
        let span = (at(self.micros) - since).num_microseconds().expect("a short history");
        since + chrono::TimeDelta::microseconds(dice.below(span as usize + 1) as i64)
    }

    /// What a scan of the index may see that began at that time: of each license one, several or none of the rows that
    /// it had since then.
    pub fn walk(&self, dice: &mut Dice, since: Timestamp) -> Vec<License> {
        let mut states: HashMap<LicenseId, Vec<License>> = HashMap::new();
        for (before, after) in self.transactions.iter().filter(|t| t.time >= since).flat_map(|t| &t.changes) {
            let states = states.entry(before.uuid).or_default();
            if states.is_empty() {
                states.push(before.clone());
            }
            states.push(after.clone());
        }
        let mut seen: BTreeMap<RowKey, License> = BTreeMap::new();
        for (id, license) in &self.licenses {
            match states.get(id) {
                None => seen.extend(RowKey::of(license).map(|key| (key, license.clone()))),
                Some(states) => {
                    for state in states {
                        if dice.below(2) == 0 {
                            seen.extend(RowKey::of(state).map(|key| (key, state.clone())));
                        }
                    }
                }
            }
        }
        seen.into_values().collect()
    }
}

fn email(dice: &mut Dice) -> EmailAddress {
    let n = dice.below(40);
    let names = [
        format!("user{n}@example.com"),
        format!("User{n}@Example.com"),
        format!("ann_{n}.smith+x@b.co"),
        format!("ann-{n}@b.co"),
        format!("j\u{f6}rg{n}@exempel.de"),
        format!("\u{130}{n}@example.com"),
        format!(" spaced{n}@example.com"),
        format!("ann{n}@b.company"),
        format!("ann{n}@b.com"),
    ];
    let given = dice.below(names.len());
    EmailAddress::on_record(names[given].as_str())
}

fn changed(before: &License, dice: &mut Dice, now: Timestamp) -> License {
    let choice = dice.below(8);
    let next = match before.status {
        LicenseStatus::Unassigned if choice < 5 => before.assign(email(dice), ActivationKey(dice.uuid()), now),
        LicenseStatus::Unassigned => before.auto_apply(email(dice), None, ActivationKey(dice.uuid()), now),
        LicenseStatus::Assigned if choice < 3 => {
            before.activate(Some(LmsUserId(dice.below(1_000) as i64)), now).map(|after| after.expect("it was assigned"))
        }
        LicenseStatus::Assigned if choice < 5 => before.remind(now),
        LicenseStatus::Assigned | LicenseStatus::Activated if choice == 5 => before.reset(now),
        LicenseStatus::Assigned | LicenseStatus::Activated if choice == 6 => before.revoke(now),
        LicenseStatus::Assigned | LicenseStatus::Activated => Ok(before.with_email(email(dice), now)),
        LicenseStatus::Revoked if choice < 4 => Ok(before.anonymous(now)),
        LicenseStatus::Revoked => {
            Ok(License { renewed_to: Some(LicenseId(dice.uuid())), modified: now, ..before.clone() })
        }
    };
    next.expect("the state allows it")
}
