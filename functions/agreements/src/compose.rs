//! How the function is put together from its settings.

use license_api::{ApiSettings, AppState};
use license_clients::WebhookSettings;
use license_runtime::{self as runtime, Error, Parts};
use license_settings::Declared;
use license_storage_dynamodb::StoreSettings;

use crate::Context;

/// The settings that this function reads.
pub const SETTINGS: Declared =
    &[runtime::SETTINGS, StoreSettings::DECLARED, ApiSettings::DECLARED, WebhookSettings::DECLARED];

/// The context that the settings describe.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let (clock, random) = (parts.clock().clone(), parts.random().clone());
    let settings = ApiSettings::from_lookup(parts.lookup())?;
    let app = AppState::new(&settings, parts.store.clone(), clock, random)?;
    Ok(crate::context(app, &parts.store, WebhookSettings::from_lookup(parts.lookup())))
}
