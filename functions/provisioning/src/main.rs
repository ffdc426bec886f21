//! The Lambda function `provisioning`.

use std::sync::Arc;

use license_clients::{CatalogClient, ClientSettings, ServiceClient};
use license_domain::{Clock, Random};
use license_store::Store;
use license_telemetry::{SystemClock, SystemRandom};
use license_web::{Settings, Web};

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    license_telemetry::init();
    let lookup = license_clients::environment().await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let store = Arc::new(Store::from_env(clock.clone(), random.clone()).await);
    let client = ServiceClient::new(ClientSettings::from_lookup(&lookup), clock.clone(), random.clone())?;
    let web = Web::new(&Settings::from_lookup(&lookup)?, store.clone(), clock, random)?;
    let context = function_provisioning::context(web, &store, Arc::new(CatalogClient::new(client)));
    lambda_http::run(function_provisioning::router(context)).await
}
