//! The Lambda function `jobs`.

use std::process::ExitCode;

use function_jobs::{SETTINGS, compose, router};

fn main() -> ExitCode {
    license_runtime::http(SETTINGS, |parts| compose(parts).map(router))
}
