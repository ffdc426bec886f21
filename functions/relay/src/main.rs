//! The Lambda function `relay`.

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use license_messaging::{EventBus, MessagingSettings, SqsQueues};
use license_store::Store;
use license_telemetry::{SystemClock, SystemRandom};

#[tokio::main]
async fn main() -> Result<(), Error> {
    license_telemetry::init();
    let store = Arc::new(Store::from_env(Arc::new(SystemClock), Arc::new(SystemRandom)).await);
    let config = aws_config::load_from_env().await;
    let settings = MessagingSettings::from_lookup(|name| std::env::var(name).ok());
    let queues = Arc::new(SqsQueues::new(&settings, &config));
    let bus = Arc::new(EventBus::new(&settings, &config));
    let context = function_relay::context(&store, queues, bus);
    let handler = |event: LambdaEvent<function_relay::Input>| async {
        let LambdaEvent { payload, context: call, .. } = event;
        Ok::<_, Error>(function_relay::handle(&context, payload, &call.request_id).await?)
    };
    lambda_runtime::run(service_fn(handler)).await
}
