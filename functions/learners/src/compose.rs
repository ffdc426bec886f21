//! How the function is put together from its settings.

use std::sync::Arc;

use license_api::{ApiSettings, AppState, SecretText};
use license_clients::{CatalogClient, CatalogSettings, ClientSettings, LmsUserClient, ServiceClient};
use license_runtime::{self as runtime, Error, Parts};
use license_settings::{Declared, Setting, text};
use license_storage_dynamodb::StoreSettings;

use crate::Context;

/// The secret under which subsidies are signed; without it there are none.
const SUBSIDY_KEY: &str = "ENTERPRISE_SUBSIDY_CHECKSUM_SECRET_KEY";

/// The settings that this function reads.
pub const SETTINGS: Declared = &[
    runtime::SETTINGS,
    StoreSettings::DECLARED,
    ApiSettings::DECLARED,
    ClientSettings::DECLARED,
    CatalogSettings::DECLARED,
    OWN,
];

/// What is read here itself.
const OWN: &[Setting] = &[Setting::secret(SUBSIDY_KEY)];

/// What subsidies are signed with.
pub fn subsidy_key(lookup: impl Fn(&str) -> Option<String>) -> Option<SecretText> {
    text(lookup, SUBSIDY_KEY).map(SecretText)
}

/// The context that the settings describe.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let (clock, random) = (parts.clock().clone(), parts.random().clone());
    let client = ServiceClient::new(ClientSettings::from_lookup(parts.lookup()), clock.clone(), random.clone())?;
    let lms_users = Arc::new(LmsUserClient::new(client.clone()));
    let catalogs = CatalogClient::new(client, CatalogSettings::from_lookup(parts.lookup()));
    let settings = ApiSettings::from_lookup(parts.lookup())?;
    let app = AppState::new(&settings, parts.store.clone(), clock, random)?;
    Ok(crate::context(app, &parts.store, lms_users, Arc::new(catalogs), subsidy_key(parts.lookup())))
}
