//! Estimates how the table's partitions behave under a load that no test can make: `cargo run --release -p
//! license-simulate`.
//!
//! The transactions are the store's own: the product runs once over the embedded engine, and its calls are recorded
//! with the units that they consumed. Partitions behave as DynamoDB documents them. The result is an estimate:
//! `docs/scale.md` explains its assumptions and the conclusions.

mod record;
mod report;
mod shape;
mod simulation;
mod space;
mod world;

use clap::Parser;

use crate::{
    simulation::{Load, Simulation},
    space::{Behavior, SECOND},
    world::World,
};

/// Simulates the table's partitions under the product's own transactions.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many customers there are.
    #[arg(long, default_value_t = 10_000)]
    customers: u32,
    /// How many licenses they have together.
    #[arg(long, default_value_t = 50_000_000)]
    licenses: u64,
    /// Activations a second in the storm.
    #[arg(long, default_value_t = 5_000.0)]
    activations: f64,
    /// Seats of one customer's job beside it.
    #[arg(long, default_value_t = 1_000_000)]
    job_seats: u64,
    /// Lanes of that job.
    #[arg(long, default_value_t = 8)]
    lanes: usize,
    /// Seconds that the storm lasts.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Partitions of the table and of each index at the beginning.
    #[arg(long, default_value_t = 40)]
    partitions: u32,
    /// Seconds for which a partition keeps what it does not use.
    #[arg(long, default_value_t = 0.0)]
    burst_seconds: f64,
    /// Seconds after which a hot partition is split.
    #[arg(long, default_value_t = 300)]
    split_after: u64,
    /// Doubles the storm until something binds.
    #[arg(long)]
    find_limit: bool,
    /// Where the random numbers begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let shapes = record::record().await;
    report::print_shapes(&shapes);
    let world = World::new(arguments.customers, arguments.licenses);
    let behavior = Behavior { burst_seconds: arguments.burst_seconds, split_after: arguments.split_after * SECOND };
    let mut activations = arguments.activations;
    loop {
        let load = Load {
            rates: vec![
                (record::ACTIVATION, activations),
                // Each of them opens the page before and after.
                (record::LEARNER, 2.0 * activations),
                (record::ASSIGN, activations / 50.0),
                (record::LIST, activations / 100.0),
                (record::OVERVIEW, activations / 50.0),
            ],
            job_seats: arguments.job_seats,
            lanes: arguments.lanes,
            length: arguments.seconds * SECOND,
        };
        let simulation = Simulation::new(&shapes, &world, arguments.partitions, behavior, arguments.seed);
        let found = simulation.run(&load);
        report::print_found(activations, &load, &found);
        if !arguments.find_limit || report::is_bound(&found) {
            return;
        }
        activations *= 2.0;
    }
}
