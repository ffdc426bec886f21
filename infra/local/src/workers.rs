//! The functions of stream, queues and schedule, built as in their own processes.

use std::{collections::HashMap, sync::Arc};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use license_runtime::Parts;
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

/// The functions of the stream and of the queues.
pub fn handlers(settings: &Settings, store: &Arc<Store>) -> Result<Handlers, StartError> {
    let relay = relay(settings, store)?;
    let relay: StreamHandler = Arc::new(move |event, id: String| {
        let relay = relay.clone();
        Box::pin(async move { function_relay::handle_stream(&relay, event, &id).await })
    });
    let mail =
        function_mail::compose(&parts(function_mail::SETTINGS, settings, store)?).map_err(StartError::Compose)?;
    let mail: QueueHandler = Arc::new(move |event| {
        let mail = mail.clone();
        Box::pin(async move { function_mail::handle(&mail, event).await })
    });
    let bulk =
        function_workers::compose(&parts(function_workers::SETTINGS, settings, store)?).map_err(StartError::Compose)?;
    let bulk: QueueHandler = Arc::new(move |event| {
        let bulk = bulk.clone();
        Box::pin(async move { function_workers::handle(&bulk, event).await })
    });
    let webhooks = parts(function_webhooks::SETTINGS, settings, store)?;
    let webhooks = function_webhooks::compose(&webhooks).map_err(StartError::Compose)?;
    let webhooks: QueueHandler = Arc::new(move |event| {
        let webhooks = webhooks.clone();
        Box::pin(async move { function_webhooks::handle(&webhooks, event).await })
    });
    Ok(Handlers {
        stream: HashMap::from([("function-relay", relay)]),
        queues: HashMap::from([("function-workers", bulk), ("function-mail", mail), ("function-webhooks", webhooks)]),
    })
}

/// The function of the stream.
pub fn relay(settings: &Settings, store: &Arc<Store>) -> Result<function_relay::Context, StartError> {
    function_relay::compose(&parts(function_relay::SETTINGS, settings, store)?).map_err(StartError::Compose)
}

/// The function of the schedule.
pub fn sweeper(settings: &Settings, store: &Arc<Store>) -> Result<function_sweeper::Context, StartError> {
    function_sweeper::compose(&parts(function_sweeper::SETTINGS, settings, store)?).map_err(StartError::Compose)
}

/// A configuration for stand-ins on this machine: plain HTTP, and credentials that are not checked.
pub fn aws_config() -> SdkConfig {
    let credentials = Credentials::new("local", "local", None, None, "the local runner");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("local"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build()
}
