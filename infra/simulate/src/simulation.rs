//! Simulates operations on partitions: each call takes units, a transaction conflicts with others on its items, and
//! refused calls are retried as the store and the SDK do.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    record,
    shape::{CallKind, CallShape, Shape, Space},
    space::{Behavior, Micros, Partitions, SECOND},
    world::{Subject, World},
};

/// The SDK's attempts at a throttled call, and the store's attempts at a transaction.
const SDK_ATTEMPTS: u32 = 3;
const STORE_ATTEMPTS: u32 = 24;
/// Upper bounds of the store's waits between attempts: the first, and the last one after doubling.
const WAITS: (Micros, Micros) = (10_000, 400_000);
/// The SDK waits up to a second, which doubles each time.
const SDK_WAIT: Micros = SECOND;

/// The load of each second.
#[derive(Clone, Debug)]
pub struct Load {
    /// Operations, and how many of them begin in a second.
    pub rates: Vec<(&'static str, f64)>,
    /// Seats of one customer's job; its lanes run at the same time as everything else.
    pub job_seats: u64,
    /// Lanes of the job.
    pub lanes: usize,
    /// How long requests are sent.
    pub length: Micros,
}

/// The results of one kind of operation.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How long each successful one took.
    pub latencies: Vec<Micros>,
    /// Calls that were throttled.
    pub throttles: u64,
    /// Transactions that conflicted.
    pub conflicts: u64,
    /// Operations that were given up.
    pub failures: u64,
}

/// The results of the simulation.
#[derive(Debug)]
pub struct Found {
    /// By operation.
    pub outcomes: BTreeMap<&'static str, Outcome>,
    /// Throttled calls, by space and kind of key.
    pub throttled_keys: BTreeMap<(Space, String), u64>,
    pub conflicting_items: BTreeMap<String, u64>,
    /// Partitions at the beginning and at the end.
    pub partitions: BTreeMap<Space, (usize, usize)>,
    /// Consumed read units.
    pub read_units: f64,
    /// Consumed write units.
    pub write_units: f64,
    /// When the last operation ended.
    pub end: Micros,
}

/// A running operation.
#[derive(Clone, Debug)]
struct Task {
    operation: &'static str,
    subject: Subject,
    began: Micros,
    /// The next step; after the last one come its consequences.
    step: usize,
    attempts: u32,
    is_consequence: bool,
    is_lane: bool,
}

/// The simulated table and the running operations.
pub struct Simulation<'a> {
    shapes: &'a BTreeMap<&'static str, Shape>,
    world: &'a World,
    spaces: BTreeMap<Space, Partitions>,
    random: StdRng,
    queue: BinaryHeap<Reverse<(Micros, u64)>>,
    tasks: HashMap<u64, Task>,
    numbers: u64,
    /// The time until which an item is part of a transaction.
    busy: HashMap<u64, Micros>,
    chunks_left: u64,
    found: Found,
}

impl<'a> Simulation<'a> {
    /// A table with so many partitions in each space.
    pub fn new(
        shapes: &'a BTreeMap<&'static str, Shape>,
        world: &'a World,
        partitions: u32,
        behavior: Behavior,
        seed: u64,
    ) -> Self {
        let spaces = Space::ALL.map(|space| (space, Partitions::new(partitions, behavior))).into();
        Self {
            shapes,
            world,
            spaces,
            random: StdRng::seed_from_u64(seed),
            queue: BinaryHeap::new(),
            tasks: HashMap::new(),
            numbers: 0,
            busy: HashMap::new(),
            chunks_left: 0,
            found: Found {
                outcomes: BTreeMap::new(),
                throttled_keys: BTreeMap::new(),
                conflicting_items: BTreeMap::new(),
                partitions: BTreeMap::new(),
                read_units: 0.0,
                write_units: 0.0,
                end: 0,
            },
        }
    }

    /// Simulates the load to its end.
    pub fn run(mut self, load: &Load) -> Found {
        let before: BTreeMap<Space, usize> =
            self.spaces.iter().map(|(space, partitions)| (*space, partitions.count())).collect();
        for (operation, rate) in &load.rates {
            self.arrivals(operation, *rate, load.length);
        }
        self.chunks_left = load.job_seats.div_ceil(u64::try_from(record::CHUNK).expect("90"));
        for _ in 0..load.lanes {
            self.next_chunk(0);
        }
        while let Some(Reverse((now, number))) = self.queue.pop() {
            let Some(task) = self.tasks.remove(&number) else { continue };
            self.found.end = self.found.end.max(now);
            self.advance(task, now);
            if self.busy.len() > 1_000_000 {
                self.busy.retain(|_, until| *until > now);
            }
        }
        for (space, partitions) in &self.spaces {
            self.found.partitions.insert(*space, (before[space], partitions.count()));
        }
        self.found
    }

    /// Requests arrive at random, independently of each other.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "times are rough"
    )]
    fn arrivals(&mut self, operation: &'static str, rate: f64, length: Micros) {
        let mut at = 0.0;
        loop {
            let wait: f64 = -(1.0 - self.random.random::<f64>()).ln() / rate;
            at += wait * SECOND as f64;
            if at as Micros >= length {
                return;
            }
            let subject = Subject::of(self.world.any_plan(&mut self.random), &mut self.random);
            let began = at as Micros;
            let task = Task { operation, subject, began, step: 0, attempts: 0, is_consequence: false, is_lane: false };
            self.schedule(task, began);
        }
    }

    fn next_chunk(&mut self, now: Micros) {
        if self.chunks_left == 0 {
            return;
        }
        self.chunks_left -= 1;
        let subject = Subject::of(self.world.largest(), &mut self.random);
        let operation = record::JOB_CHUNK;
        self.schedule(
            Task { operation, subject, began: now, step: 0, attempts: 0, is_consequence: false, is_lane: true },
            now,
        );
    }

    fn schedule(&mut self, task: Task, at: Micros) {
        self.numbers += 1;
        self.tasks.insert(self.numbers, task);
        self.queue.push(Reverse((at, self.numbers)));
    }

    /// Runs the next step of a task.
    fn advance(&mut self, mut task: Task, now: Micros) {
        let shapes = self.shapes;
        let shape = &shapes[task.operation];
        let calls: &[CallShape] = if task.is_consequence {
            shape.after.get(task.step).map(std::slice::from_ref).unwrap_or_default()
        } else {
            shape.steps.get(task.step).map(Vec::as_slice).unwrap_or_default()
        };
        if calls.is_empty() {
            self.end(&task, now);
            return;
        }
        let mut latest = now;
        for call in calls {
            match self.call(&task, call, now) {
                Ok(latency) => latest = latest.max(now + latency),
                Err(wait) => {
                    // The whole step is repeated, because what was read is outdated.
                    task.attempts += 1;
                    if task.attempts >= SDK_ATTEMPTS * STORE_ATTEMPTS {
                        self.found.outcomes.entry(task.operation).or_default().failures += 1;
                        if task.is_lane {
                            self.next_chunk(now + wait);
                        }
                    } else {
                        self.schedule(task, now + wait);
                    }
                    return;
                }
            }
        }
        task.step += 1;
        task.attempts = 0;
        self.schedule(task, latest);
    }

    fn end(&mut self, task: &Task, now: Micros) {
        if task.is_consequence {
            return;
        }
        self.found.outcomes.entry(task.operation).or_default().latencies.push(now - task.began);
        let after = Task { is_consequence: true, is_lane: false, step: 0, attempts: 0, ..task.clone() };
        // The stream delivers the event within a fraction of a second.
        let delay = self.random.random_range(100_000..600_000);
        self.schedule(after, now + delay);
        if task.is_lane {
            self.next_chunk(now);
        }
    }

    /// One call: its duration, or the wait before a retry.
    fn call(&mut self, task: &Task, call: &CallShape, now: Micros) -> Result<Micros, Micros> {
        let is_write = call.kind != CallKind::Read;
        let latency = self.latency(call);
        if is_write {
            let items: Vec<(u64, &str)> = call
                .touches
                .iter()
                .filter(|touch| touch.space == Space::Table)
                .map(|touch| (task.subject.hash(&touch.item, &mut self.random), touch.item.as_str()))
                .collect();
            let is_busy = |(hash, _): &&(u64, &str)| self.busy.get(hash).is_some_and(|until| *until > now);
            if let Some((_, item)) = items.iter().find(is_busy) {
                *self.found.conflicting_items.entry((*item).to_owned()).or_default() += 1;
                self.found.outcomes.entry(task.operation).or_default().conflicts += 1;
                return Err(latency / 2 + self.wait(task.attempts));
            }
            if call.kind == CallKind::Transaction {
                self.busy.extend(items.iter().map(|(hash, _)| (*hash, now + latency)));
            }
        }
        for touch in &call.touches {
            let hash = task.subject.hash(&touch.partition, &mut self.random);
            let partitions = self.spaces.get_mut(&touch.space).expect("every space has partitions");
            if !partitions.take(hash, touch.units, is_write, now) {
                *self.found.throttled_keys.entry((touch.space, touch.partition.clone())).or_default() += 1;
                self.found.outcomes.entry(task.operation).or_default().throttles += 1;
                let bound = SDK_WAIT << task.attempts.min(3);
                return Err(latency / 2 + self.random.random_range(0..bound));
            }
        }
        // A refused call costs nothing.
        let units = call.units();
        if is_write {
            self.found.write_units += units;
        } else {
            self.found.read_units += units;
        }
        Ok(latency)
    }

    fn wait(&mut self, attempt: u32) -> Micros {
        let (first, last) = WAITS;
        let bound = first.saturating_mul(1 << attempt.min(16)).min(last);
        self.random.random_range(0..bound)
    }

    /// A few milliseconds, sometimes many: reads 3, transactions 10 and a little for each item, with a long tail.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "latencies are rough")]
    fn latency(&mut self, call: &CallShape) -> Micros {
        let items = u32::try_from(call.touches.len()).expect("at most some hundred");
        let base = match call.kind {
            CallKind::Read => 3_000.0,
            CallKind::Write => 5_000.0,
            CallKind::Transaction => 10_000.0 + 150.0 * f64::from(items),
        };
        // The sum of some uniform numbers is nearly normal; its exponential has the tail that is measured.
        let normal: f64 = (0..6).map(|_| self.random.random::<f64>() - 0.5).sum::<f64>() * std::f64::consts::SQRT_2;
        (base * (0.4 * normal).exp()) as Micros
    }
}
