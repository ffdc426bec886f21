//! Partitions of the table or of an index, as DynamoDB documents them: each takes 1,000 write and 3,000 read units a
//! second and accumulates unused units for a while; one that stays hot is split, unless a single key makes it hot.

use std::collections::HashMap;

/// Write units of a partition in a second.
pub const WRITES: f64 = 1_000.0;
/// Read units of a partition in a second.
pub const READS: f64 = 3_000.0;

/// Microseconds of simulated time.
pub type Micros = u64;

pub const SECOND: Micros = 1_000_000;

/// Units that refill with time.
#[derive(Clone, Copy, Debug)]
struct Allowance {
    rate: f64,
    most: f64,
    left: f64,
    at: Micros,
}

impl Allowance {
    fn new(rate: f64, burst_seconds: f64, at: Micros) -> Self {
        let most = rate * burst_seconds.max(1.0);
        Self { rate, most, left: most, at }
    }

    #[expect(clippy::cast_precision_loss, reason = "a simulated time span is far below 2^52 microseconds")]
    fn take(&mut self, units: f64, now: Micros) -> bool {
        let seconds = now.saturating_sub(self.at) as f64 / SECOND as f64;
        self.left = (self.left + seconds * self.rate).min(self.most);
        self.at = now;
        if self.left <= 0.0 {
            return false;
        }
        // The last request before the units are used up may exceed them, as in DynamoDB.
        self.left -= units;
        true
    }
}

#[derive(Clone, Debug)]
struct Partition {
    /// The first hash of the partition's range.
    start: u64,
    writes: Allowance,
    reads: Allowance,
    /// The units of this window, by the hash of the key.
    heat: HashMap<u64, f64>,
}

/// How partitions behave.
#[derive(Clone, Copy, Debug)]
pub struct Behavior {
    /// For how many seconds unused units accumulate.
    pub burst_seconds: f64,
    /// After how long a hot partition is split.
    pub split_after: Micros,
}

#[derive(Clone, Debug)]
pub struct Partitions {
    behavior: Behavior,
    list: Vec<Partition>,
    window: Micros,
    /// Splits so far.
    pub splits: usize,
}

impl Partitions {
    /// So many equal partitions.
    pub fn new(count: u32, behavior: Behavior) -> Self {
        let width = u64::MAX / u64::from(count.max(1));
        let list = (0..count.max(1)).map(|n| Partition::new(u64::from(n) * width, behavior, 0)).collect();
        Self { behavior, list, window: 0, splits: 0 }
    }

    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// Takes units from the partition of that key; returns whether it had them.
    pub fn take(&mut self, hash: u64, units: f64, is_write: bool, now: Micros) -> bool {
        if now >= self.window + self.behavior.split_after {
            self.split(now);
        }
        let at = self.list.partition_point(|partition| partition.start <= hash) - 1;
        let partition = &mut self.list[at];
        let share = if is_write { units / WRITES } else { units / READS };
        *partition.heat.entry(hash).or_default() += share;
        if is_write { partition.writes.take(units, now) } else { partition.reads.take(units, now) }
    }

    /// At the end of a window each partition that used most of its units is split in the middle of its heat.
    #[expect(clippy::cast_precision_loss, reason = "a window is a few minutes")]
    fn split(&mut self, now: Micros) {
        let seconds = (now - self.window) as f64 / SECOND as f64;
        let mut next = Vec::with_capacity(self.list.len());
        for mut partition in std::mem::take(&mut self.list) {
            let heat: f64 = partition.heat.values().sum();
            let point = (heat > 0.8 * seconds).then(|| middle(&partition.heat, heat)).flatten();
            partition.heat.clear();
            if let Some(point) = point.filter(|point| *point > partition.start) {
                self.splits += 1;
                next.push(partition);
                next.push(Partition::new(point, self.behavior, now));
            } else {
                next.push(partition);
            }
        }
        self.list = next;
        self.window = now;
    }
}

impl Partition {
    fn new(start: u64, behavior: Behavior, now: Micros) -> Self {
        Self {
            start,
            writes: Allowance::new(WRITES, behavior.burst_seconds, now),
            reads: Allowance::new(READS, behavior.burst_seconds, now),
            heat: HashMap::new(),
        }
    }
}

/// The hash in the middle of the heat; none if a single key has most of it.
fn middle(heat: &HashMap<u64, f64>, total: f64) -> Option<u64> {
    let mut keys: Vec<(u64, f64)> = heat.iter().map(|(hash, units)| (*hash, *units)).collect();
    keys.sort_unstable_by_key(|(hash, _)| *hash);
    let mut before = 0.0;
    for (hash, units) in keys {
        if units > 0.8 * total {
            return None;
        }
        before += units;
        if before >= total / 2.0 {
            return hash.checked_add(1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEHAVIOR: Behavior = Behavior { burst_seconds: 1.0, split_after: 10 * SECOND };

    #[test]
    fn a_partition_takes_its_units_and_no_more() {
        let mut partitions = Partitions::new(1, BEHAVIOR);
        let taken = (0..2_000).filter(|n| partitions.take(*n, 1.0, true, n * 500)).count();
        assert!((1_990..=2_000).contains(&taken), "1,000 saved and 1,000 in that second: {taken}");
        let taken = (0..1_000).filter(|n| partitions.take(*n, 1.0, true, SECOND + n)).count();
        assert!(taken < 10, "{taken}");
    }

    #[test]
    fn a_hot_partition_is_split_and_a_hot_key_is_not() {
        let mut spread = Partitions::new(1, BEHAVIOR);
        let mut single = Partitions::new(1, BEHAVIOR);
        for n in 0..30_000_u64 {
            let now = n * SECOND / 1_000;
            spread.take(n.wrapping_mul(0x9e37_79b9_7f4a_7c15), 1.0, true, now);
            single.take(42, 1.0, true, now);
        }
        assert!(spread.count() > 1);
        assert_eq!(single.count(), 1);
    }
}
