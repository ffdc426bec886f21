//! How the function is put together from its settings.

use std::sync::Arc;

use license_api::{ApiSettings, AppState, SecretText};
use license_clients::{CatalogClient, CatalogSettings, ClientSettings, LmsUserClient, ServiceClient};
use license_runtime::{self as runtime, Error, Parts};
use license_settings::{Declared, Setting, text};

use crate::Context;

/// The secret under which subsidies are signed; without it there are none.
const SUBSIDY_KEY: &str = "ENTERPRISE_SUBSIDY_CHECKSUM_SECRET_KEY";

/// The settings that this function reads.
pub const SETTINGS: Declared =
    &[runtime::SETTINGS, ApiSettings::DECLARED, ClientSettings::DECLARED, CatalogSettings::DECLARED, OWN];

/// What is read here itself.
const OWN: &[Setting] = &[Setting::secret(SUBSIDY_KEY)];

/// What subsidies are signed with.
pub fn subsidy_key(lookup: impl Fn(&str) -> Option<String>) -> Option<SecretText> {
    text(lookup, SUBSIDY_KEY).map(SecretText)
}

/// The context that the settings describe.
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
