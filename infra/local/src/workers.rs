//! The functions that nobody calls by HTTP, put together as their `main`s would.

use std::{collections::HashMap, sync::Arc};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use license_clients::{
    BrazeClient, BrazeSettings, CatalogClient, ClientSettings, EnterpriseClient, Enterprises, ExportClient,
    ExportSettings, ServiceClient, SesClient, SesSettings, WebhookClient, WebhookSettings,
};
use license_domain::{Clock, Random};
use license_jobs::Services;
use license_messaging::{Bus, EventBus, MessagingSettings, Queues, SqsQueues};
use license_store::Store;

use crate::{
    StartError,
    pumps::{Handlers, QueueHandler, StreamHandler},
    settings::Settings,
};

/// What functions send messages by.
#[derive(Clone)]
pub struct Messaging {
    /// Queues.
    pub queues: Arc<dyn Queues>,
    /// The bus.
    pub bus: Arc<dyn Bus>,
}

impl std::fmt::Debug for Messaging {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Messaging")
    }
}

impl Messaging {
    /// By the settings.
    pub fn new(settings: &Settings) -> Self {
        let config = aws_config();
        let settings = MessagingSettings::from_lookup(settings.lookup());
        Self { queues: Arc::new(SqsQueues::new(&settings, &config)), bus: Arc::new(EventBus::new(&settings, &config)) }
    }
}

/// The functions of the stream and of the queues.
pub fn handlers(
    settings: &Settings,
    store: &Arc<Store>,
    messaging: &Messaging,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn Random>,
) -> Result<Handlers, StartError> {
    let client = ServiceClient::new(ClientSettings::from_lookup(settings.lookup()), clock.clone(), random.clone())?;
    let enterprises: Arc<dyn Enterprises> = Arc::new(EnterpriseClient::new(client.clone()));

    let relay = function_relay::context(store, messaging.queues.clone(), messaging.bus.clone());
    let relay: StreamHandler = Arc::new(move |event, id: String| {
        let relay = relay.clone();
        Box::pin(async move { function_relay::handle_stream(&relay, event, &id).await })
    });

    let mail_settings = function_mail::MailSettings::from_lookup(settings.lookup());
    let transport: Arc<dyn function_mail::Transport> = match mail_settings.sender {
        Some(function_mail::Sender::Braze) => {
            let braze = BrazeClient::new(BrazeSettings::from_lookup(settings.lookup()), clock.clone(), random.clone())?;
            Arc::new(function_mail::BrazeTransport::new(Arc::new(braze), mail_settings.clone()))
        }
        Some(function_mail::Sender::Ses) => {
            let settings = SesSettings::from_lookup(settings.lookup());
            Arc::new(function_mail::SesTransport::new(Arc::new(SesClient::new(
                settings,
                credentials(),
                clock.clone(),
                random.clone(),
            )?)))
        }
        Some(function_mail::Sender::Log) | None => Arc::new(function_mail::LogTransport),
    };
    let mail = function_mail::context(store, enterprises.clone(), transport, messaging.queues.clone(), mail_settings);
    let mail: QueueHandler = Arc::new(move |event| {
        let mail = mail.clone();
        Box::pin(async move { function_mail::handle(&mail, event).await })
    });

    let exports = ExportSettings::from_lookup(settings.lookup());
    let services = Services {
        enterprises,
        catalogs: Arc::new(CatalogClient::new(client)),
        exports: Arc::new(ExportClient::new(exports, credentials(), clock.clone())?),
    };
    let bulk = function_bulk::context(store, services, messaging.queues.clone());
    let bulk: QueueHandler = Arc::new(move |event| {
        let bulk = bulk.clone();
        Box::pin(async move { function_bulk::handle(&bulk, event).await })
    });

    let webhooks = WebhookClient::new(WebhookSettings::from_lookup(settings.lookup()))?;
    let webhooks = function_webhooks::context(store, webhooks, messaging.queues.clone());
    let webhooks: QueueHandler = Arc::new(move |event| {
        let webhooks = webhooks.clone();
        Box::pin(async move { function_webhooks::handle(&webhooks, event).await })
    });

    Ok(Handlers {
        stream: HashMap::from([("function-relay", relay)]),
        queues: HashMap::from([("function-bulk", bulk), ("function-mail", mail), ("function-webhooks", webhooks)]),
    })
}

/// Credentials that nobody checks.
pub fn credentials() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::new("local", "local", None, None, "the local runner"))
}

fn aws_config() -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("local"))
        .credentials_provider(credentials())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build()
}
