//! The sizes and start times of the functions: printed, and compared with the template.

use std::collections::BTreeMap;

use license_lambda_tests::{Build, Stack};

/// The largest zip file of a function.
const MAX_ZIP_BYTES: u64 = 6_144 * 1024;
/// Lambda's limit for a start is ten seconds. A debug build on a busy machine needs less, too.
const MAX_INIT_MS: u128 = 5_000;

#[expect(clippy::cast_precision_loss, reason = "figures are shown with one decimal")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

pub fn check(build: &Build, stack: &Stack) {
    let mut functions: Vec<_> = stack.functions().iter().collect();
    functions.sort_by_key(|(id, _)| id.as_str());
    println!("| function | invocations | zip KB | init ms | high-water MB | memory MB |\n|---|---|---|---|---|---|");
    for (id, function) in functions {
        let spec = function.spec();
        let zip = build.zip_bytes(&spec.binary);
        let high_water = function.high_water().expect("it still runs");
        println!(
            "| {id} | {} | {} | {} | {:.1} | {}{} |",
            function.invocations(),
            zip.map_or_else(|| "-".to_owned(), |bytes| (bytes / 1024).to_string()),
            function.init().as_millis(),
            megabytes(high_water),
            spec.memory_mb,
            if function.is_limited() { " (enforced)" } else { "" },
        );
        assert!(function.invocations() > 0, "{id} was never invoked");
        assert!(zip.is_none_or(|bytes| bytes <= MAX_ZIP_BYTES), "{id}: the zip is too large: {zip:?}");
        assert!(function.init().as_millis() <= MAX_INIT_MS, "{id} took {:?} to start", function.init());
        assert!(high_water < spec.memory_mb * 1024 * 1024, "{id}: {} MB of memory", megabytes(high_water));
    }
}

/// Permissions that no call in these tests needed: printed, for a reader to judge.
pub fn unused(stack: &Stack) {
    let used = stack.used();
    let mut unused: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (function, policy) in stack.roles() {
        for statement in policy.statements.iter().filter(|statement| !statement.is_managed) {
            for action in &statement.actions {
                let one = statement.only(action);
                let is_used = used.iter().any(|(user, access)| {
                    // Conditions were checked when the access was permitted.
                    user == function && one.fits(access)
                });
                if !is_used {
                    unused.entry(function).or_default().push(format!("{action} on {}", statement.resources.join(", ")));
                }
            }
        }
    }
    for (function, actions) in unused {
        println!("{function} may, and did not: {}", actions.join("; "));
    }
}
