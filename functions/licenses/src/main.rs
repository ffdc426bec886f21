//! The Lambda function `licenses`.

use std::process::ExitCode;

use function_licenses::{SETTINGS, compose, router};

fn main() -> ExitCode {
    license_runtime::http(SETTINGS, |parts| compose(parts).map(router))
}
