//! Builds the function's context from its settings.

use std::sync::Arc;

use license_clients::{
    CatalogClient, CatalogSettings, ClientSettings, EnterpriseClient, ExportClient, ExportSettings, ServiceClient,
};
use license_messaging::{Queue, QueueSettings, SqsQueues};
use license_runtime::{self as runtime, Error, Parts};
use license_settings::{Declared, Setting};
use license_work::{AllKinds, Renewals, Runs, Services};

use crate::Context;

const LEARNER_PORTAL_URL: &str = "LEARNER_PORTAL_URL";

/// The settings that this function reads.
pub const SETTINGS: Declared = &[
    runtime::SETTINGS,
    QueueSettings::BULK,
    QueueSettings::WEBHOOKS,
    ClientSettings::DECLARED,
    CatalogSettings::DECLARED,
    ExportSettings::DECLARED,
    &[Setting::plain(LEARNER_PORTAL_URL)],
];

/// Builds the context from the settings.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let queues = QueueSettings::from_lookup(parts.lookup(), &[Queue::Bulk, Queue::Webhooks]);
    let client = ServiceClient::new(ClientSettings::from_lookup(parts.lookup()), parts.clock(), parts.random())?;
    let exports = ExportSettings::from_lookup(parts.lookup());
    let services = Services {
        enterprises: Arc::new(EnterpriseClient::new(client.clone())),
        catalogs: Arc::new(CatalogClient::new(client, CatalogSettings::from_lookup(parts.lookup()))),
        exports: Arc::new(ExportClient::new(exports, &parts.aws, parts.clock(), parts.random())?),
        learner_portal: license_settings::url(parts.lookup(), LEARNER_PORTAL_URL),
    };
    let enterprises = services.enterprises.clone();
    let renewals = Renewals::new(&parts.store, parts.clock(), parts.random());
    let kinds = AllKinds::new(&parts.store, parts.clock(), renewals, services);
    Ok(Context {
        clock: parts.clock(),
        random: parts.random(),
        events: parts.store.clone(),
        portfolios: parts.store.clone(),
        audit_trails: parts.store.clone(),
        notifications: parts.store.clone(),
        renew: parts.store.clone(),
        enterprises,
        runs: Runs::new(&parts.store, parts.clock(), parts.random(), kinds),
        queues: Arc::new(SqsQueues::new(&queues, &parts.aws)),
    })
}
