//! How the function is put together from its settings.

use std::sync::Arc;

use license_clients::{
    BrazeClient, BrazeSettings, ClientSettings, EnterpriseClient, ServiceClient, SesClient, SesSettings,
};
use license_messaging::{Queue, QueueSettings, SqsQueues};
use license_runtime::{self as runtime, Error, Parts};
use license_settings::Declared;
use license_storage_dynamodb::StoreSettings;

use crate::{BrazeTransport, Context, LogTransport, MailSettings, Sender, SesTransport, Transport};

/// The settings that this function reads.
pub const SETTINGS: Declared = &[
    runtime::SETTINGS,
    StoreSettings::DECLARED,
    QueueSettings::MAIL,
    ClientSettings::DECLARED,
    BrazeSettings::DECLARED,
    SesSettings::DECLARED,
    MailSettings::DECLARED,
];

/// The context that the settings describe.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let (clock, random) = (parts.clock().clone(), parts.random().clone());
    let queues = QueueSettings::from_lookup(parts.lookup(), &[Queue::Mail]);
    let client = ServiceClient::new(ClientSettings::from_lookup(parts.lookup()), clock.clone(), random.clone())?;
    let settings = MailSettings::from_lookup(parts.lookup());
    let transport: Arc<dyn Transport> = match settings.sender {
        Some(Sender::Braze) => {
            let braze = BrazeClient::new(BrazeSettings::from_lookup(parts.lookup()), clock, random)?;
            Arc::new(BrazeTransport::new(Arc::new(braze), settings.clone()))
        }
        Some(Sender::Ses) => {
            let ses = SesClient::new(SesSettings::from_lookup(parts.lookup()), &parts.aws, clock, random)?;
            Arc::new(SesTransport::new(Arc::new(ses)))
        }
        Some(Sender::Log) | None => Arc::new(LogTransport),
    };
    let (enterprises, queues) = (Arc::new(EnterpriseClient::new(client)), SqsQueues::new(&queues, &parts.aws));
    Ok(crate::context(&parts.store, enterprises, transport, Arc::new(queues), settings))
}
