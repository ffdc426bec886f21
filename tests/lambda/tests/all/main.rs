//! The built functions as Lambda runs them. Without built functions each test prints that it is skipped.

mod figures;
mod large_plan;
mod refused;
mod routes;
mod samples;
mod story;
mod variants;
mod workers;

use license_lambda_tests::{Build, Options, Stack, sources};

/// A CSV that is larger than this becomes a file.
const CSV_LIMIT: &str = "1000";

/// One stack for all tests: at the end, the accesses of the functions to AWS are compared with their policies.
#[tokio::test(flavor = "multi_thread")]
async fn the_functions_run_as_lambda_runs_them() {
    let Some(build) = Build::find() else { return };
    let settings = [("CSV_LIMIT_BYTES".to_owned(), CSV_LIMIT.to_owned())];
    let stack = Stack::start(&build, Options { settings: settings.into(), ..Options::default() }).await;
    assert_eq!(sources::missing_permissions(stack.template()), Vec::<String>::new());
    story::play(&stack).await;
    workers::work(&stack).await;
    routes::call_all(&stack).await;
    samples::invoke_all(&stack).await;
    stack.drain().await;
    stack.check();
    figures::check(&build, &stack);
    figures::unused(&stack);
}
