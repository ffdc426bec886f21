//! The Lambda function `batches`.

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use license_store::Store;
use license_telemetry::{SystemClock, SystemRandom};

#[tokio::main]
async fn main() -> Result<(), Error> {
    license_telemetry::init();
    let store = Arc::new(Store::from_env(Arc::new(SystemClock), Arc::new(SystemRandom)).await);
    let context = function_batches::context(&store);
    let handler = |event: LambdaEvent<_>| async { Ok::<_, Error>(function_batches::handle(&context, event).await?) };
    lambda_runtime::run(service_fn(handler)).await
}
