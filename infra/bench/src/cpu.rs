//! What the process has used, as Linux counts it: processor time by the name of the thread, and memory.

use std::{fs, time::Duration};

/// Names of threads, by which their work is assigned. Linux keeps 15 characters.
pub const PRODUCT: &str = "product";
/// What stands in for AWS's queues, bus and files, and for other services.
pub const STAND_INS: &str = "stand-ins";
/// The embedded engine, which replaces AWS's DynamoDB here.
pub const ENGINE: &str = "engine";

/// The processor time that live threads of that name have used.
pub fn used_by(name: &str) -> Duration {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanoseconds = tasks.filter_map(|task| {
        let path = task.path();
        let thread = fs::read_to_string(path.join("comm")).ok()?;
        if thread.trim() != name {
            return None;
        }
        fs::read_to_string(path.join("schedstat")).ok()?.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// Resident memory, in megabytes.
pub fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1024
}
