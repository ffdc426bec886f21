//! Builds the function's context from its settings.

use std::sync::Arc;

use license_api::{ApiSettings, AppState};
use license_clients::{CatalogClient, CatalogSettings, ClientSettings, ServiceClient};
use license_runtime::{self as runtime, Error, Parts};
use license_settings::Declared;
use license_use_cases::Provisioning;
use license_work::Renewals;

use crate::Context;

/// The settings that this function reads.
pub const SETTINGS: Declared =
    &[runtime::SETTINGS, ApiSettings::DECLARED, ClientSettings::DECLARED, CatalogSettings::DECLARED];

/// Builds the context from the settings.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let settings = ApiSettings::from_lookup(parts.lookup())?;
    let client = ServiceClient::new(ClientSettings::from_lookup(parts.lookup()), parts.clock(), parts.random())?;
    let catalogs = CatalogClient::new(client, CatalogSettings::from_lookup(parts.lookup()));
    let app = AppState::new(&settings, parts.store.clone(), parts.clock(), parts.random())?;
    Ok(Context {
        provisioning: Provisioning::new(app.clone(), &parts.store, Arc::new(catalogs)),
        app,
        renewal_runs: Renewals::new(&parts.store, parts.clock(), parts.random()),
        audit_trails: parts.store.clone(),
        products: parts.store.clone(),
    })
}
