//! The parts from which a function is built.

use std::sync::Arc;

use aws_config::SdkConfig;
use license_domain::{Clock, Random};
use license_settings::Settings;
use license_storage_dynamodb::Store;

/// The parts from which a function is built. Only the settings can change during the process's life, when a secret
/// changes.
#[derive(Clone)]
pub struct Parts {
    /// The settings that the function declares. Names of secrets are replaced by the secrets.
    pub settings: Settings,
    /// The process's region, credentials and connections.
    pub aws: SdkConfig,
    /// The table. A function's context holds it only as the traits of `license_storage` that the function's policy
    /// grants.
    pub store: Arc<Store>,
}

impl Parts {
    /// A lookup of the settings. It panics if a setting is not declared.
    pub fn lookup(&self) -> impl Fn(&str) -> Option<String> {
        self.settings.lookup()
    }

    pub fn clock(&self) -> Arc<dyn Clock> {
        self.store.clock().clone()
    }

    pub fn random(&self) -> Arc<dyn Random> {
        self.store.random().clone()
    }
}
