//! Builds the function's context from its settings.

use std::sync::Arc;

use license_clients::{
    BrazeClient, BrazeSettings, ClientSettings, EnterpriseClient, ServiceClient, SesClient, SesSettings,
};
use license_messaging::{Queue, QueueSettings, SqsQueues};
use license_runtime::{self as runtime, Error, Parts};
use license_settings::Declared;

use crate::{BrazeTransport, Context, LogTransport, MailSettings, Sender, SesTransport, Transport};

/// The settings that this function reads.
pub const SETTINGS: Declared = &[
    runtime::SETTINGS,
    QueueSettings::MAIL,
    ClientSettings::DECLARED,
    BrazeSettings::DECLARED,
    SesSettings::DECLARED,
    MailSettings::DECLARED,
];

/// Builds the context from the settings.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let queues = QueueSettings::from_lookup(parts.lookup(), &[Queue::Mail]);
    let client = ServiceClient::new(ClientSettings::from_lookup(parts.lookup()), parts.clock(), parts.random())?;
    let settings = MailSettings::from_lookup(parts.lookup());
    Ok(Context {
        clock: parts.clock(),
        random: parts.random(),
        events: parts.store.clone(),
        portfolios: parts.store.clone(),
        jobs: parts.store.clone(),
        deliveries: parts.store.clone(),
        enterprises: Arc::new(EnterpriseClient::new(client)),
        transport: transport(parts, &settings)?,
        queues: Arc::new(SqsQueues::new(&queues, &parts.aws)),
        settings: Arc::new(settings),
    })
}

/// The service that the operator chose; without one, mails are logged and not sent.
fn transport(parts: &Parts, settings: &MailSettings) -> Result<Arc<dyn Transport>, Error> {
    Ok(match settings.sender {
        Some(Sender::Braze) => {
            let braze = BrazeSettings::from_lookup(parts.lookup());
            let braze = BrazeClient::new(braze, parts.clock(), parts.random())?;
            Arc::new(BrazeTransport::new(Arc::new(braze), settings.clone()))
        }
        Some(Sender::Ses) => {
            let ses = SesSettings::from_lookup(parts.lookup());
            let ses = SesClient::new(ses, &parts.aws, parts.clock(), parts.random())?;
            Arc::new(SesTransport::new(Arc::new(ses)))
        }
        Some(Sender::Log) | None => Arc::new(LogTransport),
    })
}
