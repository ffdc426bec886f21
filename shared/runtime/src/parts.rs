//! What a function is put together from.

use std::sync::Arc;

use aws_config::SdkConfig;
use license_domain::{Clock, Random};
use license_settings::Settings;
use license_storage_dynamodb::Store;

/// What a function is put together from. Only the settings change during the life of the process: with the secrets.
#[derive(Clone)]
pub struct Parts {
    /// The settings that the function declares, with secrets in place of their names.
    pub settings: Settings,
    /// The process's region, credentials and connections.
    pub aws: SdkConfig,
    /// The table. A function's context holds it as those traits of `license_storage` that the function's policy grants.
    pub store: Arc<Store>,
}

impl Parts {
    /// A lookup of the settings; it panics where one is not declared.
    pub fn lookup(&self) -> impl Fn(&str) -> Option<String> {
        self.settings.lookup()
    }

    /// The clock of the process.
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.store.clock().clone()
    }

    /// The source of random bits.
    pub fn random(&self) -> Arc<dyn Random> {
        self.store.random().clone()
    }
}
