//! The Lambda function `sweeper`.

use std::process::ExitCode;

use function_sweeper::{SETTINGS, compose, handle};

fn main() -> ExitCode {
    license_runtime::events(SETTINGS, compose, async |context, event| Ok(handle(context, event).await?))
}
