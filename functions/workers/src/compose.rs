//! How the function is put together from its settings.

use std::sync::Arc;

use license_clients::{
    CatalogClient, CatalogSettings, ClientSettings, EnterpriseClient, ExportClient, ExportSettings, ServiceClient,
};
use license_messaging::{Queue, QueueSettings, SqsQueues};
use license_runtime::{self as runtime, Error, Parts};
use license_settings::Declared;
use license_storage_dynamodb::StoreSettings;
use license_work::Services;

use crate::Context;

/// The settings that this function reads.
pub const SETTINGS: Declared = &[
    runtime::SETTINGS,
    StoreSettings::DECLARED,
    QueueSettings::BULK,
    QueueSettings::WEBHOOKS,
    ClientSettings::DECLARED,
    CatalogSettings::DECLARED,
    ExportSettings::DECLARED,
];

/// The context that the settings describe.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let (clock, random) = (parts.clock().clone(), parts.random().clone());
    let queues = QueueSettings::from_lookup(parts.lookup(), &[Queue::Bulk, Queue::Webhooks]);
    let client = ServiceClient::new(ClientSettings::from_lookup(parts.lookup()), clock.clone(), random)?;
    let exports = ExportSettings::from_lookup(parts.lookup());
    let services = Services {
        enterprises: Arc::new(EnterpriseClient::new(client.clone())),
        catalogs: Arc::new(CatalogClient::new(client, CatalogSettings::from_lookup(parts.lookup()))),
        exports: Arc::new(ExportClient::new(exports, &parts.aws, clock)?),
    };
    Ok(crate::context(&parts.store, services, Arc::new(SqsQueues::new(&queues, &parts.aws))))
}
