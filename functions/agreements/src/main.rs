//! The Lambda function `agreements`.

use std::process::ExitCode;

use function_agreements::{SETTINGS, compose, router};

fn main() -> ExitCode {
    license_runtime::http(SETTINGS, |parts| compose(parts).map(router))
}
