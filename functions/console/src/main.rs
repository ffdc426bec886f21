//! The Lambda function `console`.

use std::process::ExitCode;

use function_console::{SETTINGS, compose, router};

fn main() -> ExitCode {
    license_runtime::http(SETTINGS, |parts| compose(parts).map(router))
}
