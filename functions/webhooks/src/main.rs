//! The Lambda function `webhooks`.

use std::process::ExitCode;

use function_webhooks::{SETTINGS, compose, handle};

fn main() -> ExitCode {
    license_runtime::events(SETTINGS, compose, async |context, event| Ok(handle(context, event.payload).await))
}
