//! The functions of stream, queues and schedule, built as in their own processes.

use std::{collections::HashMap, sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use license_runtime::{Error, Parts, Rotating};
use license_settings::Declared;
use license_storage_dynamodb::Store;

use crate::{
    StartError,
    pollers::{Handlers, QueueHandler, StreamHandler},
    settings::Settings,
};

/// The parts of a function: the runner's settings that it declares.
pub fn parts(declared: Declared, settings: &Settings, store: &Arc<Store>) -> Result<Parts, StartError> {
    let settings = license_settings::Settings::read(declared, settings.lookup());
    settings.check_urls()?;
    Ok(Parts { settings, aws: aws_config(), store: store.clone() })
}

/// A function's context, put together as in its own process, and again when a secret has changed.
async fn context<C: Clone>(
    declared: Declared,
    compose: impl Fn(&Parts) -> Result<C, Error> + Send + Sync + 'static,
    settings: &Settings,
    store: &Arc<Store>,
) -> Result<Arc<Rotating<C>>, StartError> {
    let context = Rotating::start(parts(declared, settings, store)?, compose).await;
    context.map(Arc::new).map_err(StartError::Compose)
}

/// The functions of the stream and of the queues.
pub async fn handlers(settings: &Settings, store: &Arc<Store>) -> Result<Handlers, StartError> {
    let relay = relay(settings, store).await?;
    let relay: StreamHandler = Arc::new(move |event, id: String| {
        let relay = relay.clone();
        Box::pin(async move { function_relay::handle_stream(&relay.current().await, event, &id).await })
    });
    let mail = context(function_mail::SETTINGS, function_mail::compose, settings, store).await?;
    let mail: QueueHandler = Arc::new(move |event| {
        let mail = mail.clone();
        Box::pin(async move { function_mail::handle(&mail.current().await, event).await })
    });
    let bulk = context(function_workers::SETTINGS, function_workers::compose, settings, store).await?;
    let bulk: QueueHandler = Arc::new(move |event| {
        let bulk = bulk.clone();
        Box::pin(async move { function_workers::handle(&bulk.current().await, event).await })
    });
    let webhooks = context(function_webhooks::SETTINGS, function_webhooks::compose, settings, store).await?;
    let webhooks: QueueHandler = Arc::new(move |event| {
        let webhooks = webhooks.clone();
        Box::pin(async move { function_webhooks::handle(&webhooks.current().await, event).await })
    });
    Ok(Handlers {
        stream: HashMap::from([("function-relay", relay)]),
        queues: HashMap::from([("function-workers", bulk), ("function-mail", mail), ("function-webhooks", webhooks)]),
    })
}

/// The function of the stream.
pub async fn relay(
    settings: &Settings,
    store: &Arc<Store>,
) -> Result<Arc<Rotating<function_relay::Context>>, StartError> {
    context(function_relay::SETTINGS, function_relay::compose, settings, store).await
}

/// The function of the schedule.
pub async fn sweeper(
    settings: &Settings,
    store: &Arc<Store>,
) -> Result<Arc<Rotating<function_sweeper::Context>>, StartError> {
    context(function_sweeper::SETTINGS, function_sweeper::compose, settings, store).await
}

/// The first wait of the SDK's retries. What is on this machine has recovered long before AWS would have: by default, the
/// first wait is up to a second. The number of attempts stays that of the functions.
const FIRST_WAIT: Duration = Duration::from_millis(20);

pub(crate) fn retries() -> RetryConfig {
    RetryConfig::standard().with_initial_backoff(FIRST_WAIT)
}

/// A configuration for stand-ins on this machine: plain HTTP, and credentials that are not checked.
pub fn aws_config() -> SdkConfig {
    let credentials = Credentials::new("local", "local", None, None, "the local runner");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("local"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(retries())
        .build()
}
