//! The Lambda function `webhooks`.

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use license_clients::{WebhookClient, WebhookSettings};
use license_messaging::{MessagingSettings, SqsQueues};
use license_store::Store;
use license_telemetry::{SystemClock, SystemRandom};

#[tokio::main]
async fn main() -> Result<(), Error> {
    license_telemetry::init();
    let store = Arc::new(Store::from_env(Arc::new(SystemClock), Arc::new(SystemRandom)).await);
    let config = aws_config::load_from_env().await;
    let lookup = |name: &str| std::env::var(name).ok();
    let queues = Arc::new(SqsQueues::new(&MessagingSettings::from_lookup(lookup), &config));
    let client = WebhookClient::new(WebhookSettings::from_lookup(lookup))?;
    let context = function_webhooks::context(&store, client, queues);
    let handler =
        |event: LambdaEvent<_>| async { Ok::<_, Error>(function_webhooks::handle(&context, event.payload).await) };
    lambda_runtime::run(service_fn(handler)).await
}
