//! The Lambda function `subscriptions`.

use std::process::ExitCode;

use function_subscriptions::{SETTINGS, compose, router};

fn main() -> ExitCode {
    license_runtime::http(SETTINGS, |parts| compose(parts).map(router))
}
