//! The table of results, in plain text.

use std::time::Duration;

/// The figures of one operation.
#[derive(Debug)]
pub struct Line {
    pub operation: String,
    /// The median of edx's license-manager on the machine where it was measured, in milliseconds.
    pub peer: Option<f64>,
    /// The goal for our median, in milliseconds.
    pub goal: Option<f64>,
    /// The median of the runs.
    pub median: Duration,
    /// The longest run.
    pub longest: Duration,
    /// Processor time of the product for each run.
    pub product: Duration,
    /// Processor time of the embedded engine for each run.
    pub engine: Duration,
    /// Processor time of the stand-ins for each run.
    pub stand_ins: Duration,
}

/// Prints the heads of the columns.
pub fn print_heads() {
    println!(
        "{:<46} {:>9} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "operation", "peer", "goal", "median", "longest", "product", "engine", "stand-ins"
    );
    println!(
        "{:<46} {:>9} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "", "ms", "ms", "ms", "ms", "CPU ms", "CPU ms", "CPU ms"
    );
}

pub fn print(line: &Line) {
    let number = |n: Option<f64>| n.map_or_else(|| "–".to_owned(), |n| format!("{n:.1}"));
    let time = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1_000.0);
    println!(
        "{:<46} {:>9} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9}",
        line.operation,
        number(line.peer),
        number(line.goal),
        time(line.median),
        time(line.longest),
        time(line.product),
        time(line.engine),
        time(line.stand_ins)
    );
}
