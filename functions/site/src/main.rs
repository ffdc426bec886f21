//! The Lambda function `site`.

use std::process::ExitCode;

use function_site::{SETTINGS, compose, router};

fn main() -> ExitCode {
    license_runtime::http(SETTINGS, |parts| compose(parts).map(router))
}
