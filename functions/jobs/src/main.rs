//! The Lambda function `jobs`.

use std::sync::Arc;

use license_clients::ExportClient;
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
    let exports = Arc::new(ExportClient::from_env(clock.clone()).await?);
    let web = Web::new(&Settings::from_lookup(&lookup)?, store.clone(), clock, random)?;
    lambda_http::run(function_jobs::router(function_jobs::context(web, &store, exports))).await
}
