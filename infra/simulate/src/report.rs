//! Prints the results, as tables of plain text.

use std::collections::BTreeMap;

use crate::{
    shape::{CallShape, Shape},
    simulation::{Found, Load},
    space::{Micros, SECOND},
};

/// The price of a million units, in dollars, in the region where prices are lowest, on demand.
const WRITE_PRICE: f64 = 0.625;
const READ_PRICE: f64 = 0.125;

/// Prints the calls of each operation.
pub fn print_shapes(shapes: &BTreeMap<&'static str, Shape>) {
    println!("Recorded from the store: units of the request, and of what follows it");
    for (operation, shape) in shapes {
        let units = |calls: &mut dyn Iterator<Item = &CallShape>| {
            calls.map(CallShape::units).fold(0.0, |sum, units| sum + units)
        };
        let (request, after) = (units(&mut shape.steps.iter().flatten()), units(&mut shape.after.iter()));
        println!("  {operation:<24} {} steps {request:>8.1} units, {after:>7.1} after", shape.steps.len());
    }
}

/// Prints the results of a load.
pub fn print_found(activations: f64, load: &Load, found: &Found) {
    println!(
        "\n{activations} activations a second for {} s, a job of {} seats beside them",
        load.length / SECOND,
        load.job_seats
    );
    println!(
        "  {:<24} {:>9} {:>8} {:>8} {:>9} {:>10} {:>10} {:>9}",
        "operation", "done", "p50 ms", "p99 ms", "p99.9 ms", "throttles", "conflicts", "given up"
    );
    for (operation, outcome) in &found.outcomes {
        let mut latencies = outcome.latencies.clone();
        latencies.sort_unstable();
        println!(
            "  {operation:<24} {:>9} {:>8} {:>8} {:>9} {:>10} {:>10} {:>9}",
            latencies.len(),
            milliseconds(&latencies, 500),
            milliseconds(&latencies, 990),
            milliseconds(&latencies, 999),
            outcome.throttles,
            outcome.conflicts,
            outcome.failures
        );
    }
    for (space, (before, after)) in &found.partitions {
        println!("  {}: {before} partitions before, {after} after", space.name());
    }
    let mut throttled: Vec<_> = found.throttled_keys.iter().collect();
    throttled.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for ((space, key), count) in throttled.iter().take(10) {
        println!("  throttled most: {} {key}: {count}", space.name());
    }
    let mut conflicting: Vec<_> = found.conflicting_items.iter().collect();
    conflicting.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (item, count) in conflicting.iter().take(5) {
        println!("  conflicts most: {item}: {count}");
    }
    let dollars = found.write_units / 1e6 * WRITE_PRICE + found.read_units / 1e6 * READ_PRICE;
    println!(
        "  {:.0} write units, {:.0} read units, {dollars:.2} dollars on demand; the last ended after {} s",
        found.write_units,
        found.read_units,
        found.end / SECOND
    );
    println!("  {}", first_limit(found));
}

/// Names the limit that most of the refused calls met.
fn first_limit(found: &Found) -> String {
    if !is_bound(found) {
        return "no limit is reached".to_owned();
    }
    let hottest_key = found.throttled_keys.iter().max_by_key(|(_, count)| **count);
    let hottest_item = found.conflicting_items.iter().max_by_key(|(_, count)| **count);
    let (throttles, conflicts): (u64, u64) =
        (found.throttled_keys.values().sum(), found.conflicting_items.values().sum());
    match (hottest_key, hottest_item) {
        (Some(((space, key), _)), _) if throttles >= conflicts => {
            format!("what is reached first: units of a partition of {}, most often at {key}", space.name())
        }
        (_, Some((item, _))) => format!("what is reached first: transactions that conflict at {item}"),
        _ => "what is reached first: operations are given up without throttles and conflicts".to_owned(),
    }
}

/// Whether more calls were throttled than a hundredth of the operations of their kind, or an operation was given up.
pub fn is_bound(found: &Found) -> bool {
    found.outcomes.values().any(|outcome| {
        let done = u64::try_from(outcome.latencies.len()).expect("a count");
        outcome.failures > 0 || outcome.throttles * 100 > done
    })
}

fn milliseconds(sorted: &[Micros], thousandth: usize) -> Micros {
    sorted.get(sorted.len().saturating_sub(1) * thousandth / 1_000).map_or(0, |micros| micros / 1_000)
}
