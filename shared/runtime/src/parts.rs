//! What a function is put together from.

use std::sync::Arc;

use aws_config::SdkConfig;
use license_domain::{Clock, Random};
use license_settings::Settings;
use license_storage_dynamodb::Store;

/// What a function is put together from. All of it but the settings is the same for the whole life of the process.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The settings that the function declares, with secrets in place of their names.
    pub settings: Settings,
    /// The process's region, credentials and connections.
    pub aws: SdkConfig,
    /// The table.
    pub store: Arc<Store>,
}

impl Parts {
    /// A lookup of the settings; it panics where one is not declared.
    pub fn lookup(&self) -> impl Fn(&str) -> Option<String> {
        self.settings.lookup()
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        self.store.clock()
    }

    /// The source of random bits.
    pub fn random(&self) -> &Arc<dyn Random> {
        self.store.random()
    }
}
