//! The adapter: what implements every port over the table.

use std::{fmt, sync::Arc};

use aws_sdk_dynamodb::Client;
use license_domain::{Clock, Random};
use license_storage::Objects;

use crate::{ahead::Ahead, cache::Cached, settings::StoreSettings, table::Table};

/// The adapter, which implements all ports.
#[derive(Clone)]
pub struct Store {
    pub(crate) table: Table,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) cached: Arc<Cached>,
    /// The store of rosters; without it, lists are read from the index.
    pub(crate) objects: Option<Arc<dyn Objects>>,
    /// What was read ahead for the request that has this copy.
    pub(crate) ahead: Option<Ahead>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("table", &self.table).finish_non_exhaustive()
    }
}

impl Store {
    /// The adapter over that table.
    pub fn new(client: Client, table: impl Into<String>, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        let table = Table::new(client, table.into(), random.clone());
        Self { table, clock, random, cached: Arc::default(), objects: None, ahead: None }
    }

    /// The adapter over the table in the settings.
    pub fn connect(
        settings: &StoreSettings,
        config: &aws_config::SdkConfig,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        let mut builder = aws_sdk_dynamodb::config::Builder::from(config);
        // Without an endpoint here, that of the shared configuration stays.
        if let Some(endpoint) = &settings.endpoint {
            builder.set_endpoint_url(Some(endpoint.clone()));
        }
        Self::new(Client::from_conf(builder.build()), settings.table.clone(), clock, random)
    }

    /// A copy with rosters, which are stored there. It shares the caches.
    #[must_use]
    pub fn with_rosters(&self, objects: Arc<dyn Objects>) -> Self {
        Self { objects: Some(objects), ..self.clone() }
    }

    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub fn random(&self) -> &Arc<dyn Random> {
        &self.random
    }

    /// A copy with another source of random numbers.
    #[must_use]
    pub fn with_random(&self, random: Arc<dyn Random>) -> Self {
        Self::new(self.table.client().clone(), self.table.name(), self.clock.clone(), random)
    }
}
