//! The Lambda function `support`.

use std::process::ExitCode;

use function_support::{SETTINGS, compose, router};

fn main() -> ExitCode {
    license_runtime::http(SETTINGS, |parts| compose(parts).map(router))
}
