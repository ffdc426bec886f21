//! The Lambda function `provisioning`.

use std::process::ExitCode;

use function_provisioning::{SETTINGS, compose, router};

fn main() -> ExitCode {
    license_runtime::http(SETTINGS, |parts| compose(parts).map(router))
}
