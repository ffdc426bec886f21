//! Builds the function's context from its settings.

use std::sync::Arc;

use license_api::{ApiSettings, AppState, SecretText};
use license_clients::{CatalogClient, CatalogSettings, ClientSettings, LmsUserClient, ServiceClient};
use license_runtime::{self as runtime, Error, Parts};
use license_settings::{Declared, Setting, text};

use crate::Context;

/// The secret that signs subsidies; without it there are no subsidies.
const SUBSIDY_KEY: &str = "ENTERPRISE_SUBSIDY_CHECKSUM_SECRET_KEY";

/// The settings that this function reads.
pub const SETTINGS: Declared =
    &[runtime::SETTINGS, ApiSettings::DECLARED, ClientSettings::DECLARED, CatalogSettings::DECLARED, OWN];

/// The settings that are read here.
const OWN: &[Setting] = &[Setting::secret(SUBSIDY_KEY)];

/// Reads the secret that signs subsidies.
pub fn subsidy_key(lookup: impl Fn(&str) -> Option<String>) -> Option<SecretText> {
    text(lookup, SUBSIDY_KEY).map(SecretText)
}

/// Builds the context from the settings.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let settings = ApiSettings::from_lookup(parts.lookup())?;
    let client = ServiceClient::new(ClientSettings::from_lookup(parts.lookup()), parts.clock(), parts.random())?;
    let catalogs = CatalogClient::new(client.clone(), CatalogSettings::from_lookup(parts.lookup()));
    Ok(Context {
        app: AppState::new(&settings, parts.store.clone(), parts.clock(), parts.random())?,
        portfolios: parts.store.clone(),
        learners: parts.store.clone(),
        activate: parts.store.clone(),
        lms_users: Arc::new(LmsUserClient::new(client)),
        catalogs: Arc::new(catalogs),
        subsidy_key: subsidy_key(parts.lookup()),
    })
}
