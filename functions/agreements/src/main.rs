//! The Lambda function `agreements`.

use std::sync::Arc;

use license_clients::WebhookSettings;
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
    let web = Web::new(&Settings::from_lookup(&lookup)?, store.clone(), clock, random)?;
    let targets = WebhookSettings::from_lookup(&lookup);
    lambda_http::run(function_agreements::router(function_agreements::context(web, &store, targets))).await
}
