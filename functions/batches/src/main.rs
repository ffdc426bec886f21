//! The Lambda function `batches`.

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use license_messaging::{MessagingSettings, SqsQueues};
use license_store::Store;
use license_telemetry::{SystemClock, SystemRandom};

#[tokio::main]
async fn main() -> Result<(), Error> {
    license_telemetry::init();
    let store = Arc::new(Store::from_env(Arc::new(SystemClock), Arc::new(SystemRandom)).await);
    let config = aws_config::load_from_env().await;
    let settings = MessagingSettings::from_lookup(|name| std::env::var(name).ok());
    let context = function_batches::context(&store, Arc::new(SqsQueues::new(&settings, &config)));
    let handler = |event: LambdaEvent<_>| async { Ok::<_, Error>(function_batches::handle(&context, event).await?) };
    lambda_runtime::run(service_fn(handler)).await
}
