//! The Lambda function `enrollments`.

use std::process::ExitCode;

use function_enrollments::{SETTINGS, compose, router};

fn main() -> ExitCode {
    license_runtime::http(SETTINGS, |parts| compose(parts).map(router))
}
