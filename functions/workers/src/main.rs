//! The Lambda function `workers`.

use std::process::ExitCode;

use function_workers::{SETTINGS, compose, handle};

fn main() -> ExitCode {
    license_runtime::events(SETTINGS, compose, async |context, event| Ok(handle(context, event.payload).await))
}
