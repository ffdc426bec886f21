//! Customers, plans and learners, and the values of a shape's placeholders.

use std::hash::{DefaultHasher, Hash, Hasher};

use license_domain::seats::{buckets_for, list_shards_for};
use rand::{Rng, RngExt, rngs::StdRng};

/// The number of partitions for the events of one hour, as in the store.
const EVENT_SHARDS: u64 = 16;

/// The number of copies of retirements, as in the store.
const RETIRED_COPIES: u64 = 16;

/// The plan of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Its number; a customer has one plan.
    pub number: u32,
    /// How many licenses it has.
    pub licenses: u64,
}

/// All plans, as running totals of their licenses, so that one can be chosen at random by its size.
#[derive(Clone, Debug)]
pub struct World {
    sums: Vec<u64>,
}

impl World {
    /// So many customers with so many licenses in total: few are large, most are small.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sizes are rough"
    )]
    pub fn new(customers: u32, licenses: u64) -> Self {
        let weights: Vec<f64> = (1..=customers).map(|rank| 1.0 / f64::from(rank).powf(0.8)).collect();
        let total: f64 = weights.iter().sum();
        let mut sum = 0;
        let sums = weights.iter().map(|weight| {
            sum += (weight / total * licenses as f64) as u64 + 1;
            sum
        });
        Self { sums: sums.collect() }
    }

    /// A random plan; larger ones are more likely.
    pub fn any_plan(&self, random: &mut StdRng) -> Plan {
        let last = self.sums.last().copied().unwrap_or(1);
        let at = random.random_range(0..last);
        self.plan(self.sums.partition_point(|sum| *sum <= at))
    }

    pub fn largest(&self) -> Plan {
        self.plan(0)
    }

    fn plan(&self, number: usize) -> Plan {
        let before = number.checked_sub(1).map_or(0, |before| self.sums[before]);
        Plan { number: u32::try_from(number).expect("some thousand customers"), licenses: self.sums[number] - before }
    }
}

/// The plan and the learner of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    pub plan: Plan,
    /// The learner's number.
    pub learner: u64,
    /// The event's partition.
    event: u64,
    bucket: u64,
    /// The list shard.
    list: u64,
}

impl Subject {
    /// A random learner of that plan.
    pub fn of(plan: Plan, random: &mut StdRng) -> Self {
        Self {
            plan,
            learner: random.random_range(0..plan.licenses.max(1)),
            event: random.random_range(0..EVENT_SHARDS),
            bucket: random.random_range(0..u64::from(buckets_for(plan.licenses))),
            list: random.random_range(0..u64::from(list_shards_for(plan.licenses))),
        }
    }

    /// The hash of a key after replacing its placeholders.
    pub fn hash(&self, key: &str, random: &mut StdRng) -> u64 {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        if key.contains("{random}") {
            random.next_u64().hash(&mut hasher);
        }
        if key.contains("{copy}") {
            random.random_range(0..RETIRED_COPIES).hash(&mut hasher);
        }
        let names = [
            ("{plan}", u64::from(self.plan.number)),
            ("{agreement}", u64::from(self.plan.number)),
            ("{enterprise}", u64::from(self.plan.number)),
            ("{learner}", u64::from(self.plan.number) << 32 | self.learner),
            ("{event}", self.event),
            ("{bucket}", self.bucket),
            ("{list}", self.list),
        ];
        for (name, value) in names {
            if key.contains(name) {
                value.hash(&mut hasher);
            }
        }
        hasher.finish()
    }
}
