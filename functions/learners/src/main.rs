//! The Lambda function `learners`.

use std::process::ExitCode;

use function_learners::{SETTINGS, compose, router};

fn main() -> ExitCode {
    license_runtime::http(SETTINGS, |parts| compose(parts).map(router))
}
