//! The Lambda function `relay`.

use std::process::ExitCode;

use function_relay::{SETTINGS, compose, handle};

fn main() -> ExitCode {
    license_runtime::events(SETTINGS, compose, async |context, event| {
        Ok(handle(context, event.payload, &event.context.request_id).await?)
    })
}
