//! The Lambda function `bulk`.

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use license_clients::{CatalogClient, ClientSettings, EnterpriseClient, ExportClient, ServiceClient};
use license_domain::{Clock, Random};
use license_jobs::Services;
use license_messaging::{MessagingSettings, SqsQueues};
use license_store::Store;
use license_telemetry::{SystemClock, SystemRandom};

#[tokio::main]
async fn main() -> Result<(), Error> {
    license_telemetry::init();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let store = Arc::new(Store::from_env(clock.clone(), random.clone()).await);
    let lookup = license_clients::environment().await?;
    let config = aws_config::load_from_env().await;
    let queues = Arc::new(SqsQueues::new(&MessagingSettings::from_lookup(&lookup), &config));
    let client = ServiceClient::new(ClientSettings::from_lookup(&lookup), clock.clone(), random)?;
    let services = Services {
        enterprises: Arc::new(EnterpriseClient::new(client.clone())),
        catalogs: Arc::new(CatalogClient::new(client)),
        exports: Arc::new(ExportClient::from_env(clock).await?),
    };
    let context = function_bulk::context(&store, services, queues);
    let handler =
        |event: LambdaEvent<_>| async { Ok::<_, Error>(function_bulk::handle(&context, event.payload).await) };
    lambda_runtime::run(service_fn(handler)).await
}
