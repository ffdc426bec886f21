//! Builds the function's context from its settings.

use license_api::{ApiSettings, AppState};
use license_clients::WebhookSettings;
use license_runtime::{self as runtime, Error, Parts};
use license_settings::Declared;

use crate::Context;

/// The settings that this function reads.
pub const SETTINGS: Declared = &[runtime::SETTINGS, ApiSettings::DECLARED, WebhookSettings::DECLARED];

/// Builds the context from the settings.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let settings = ApiSettings::from_lookup(parts.lookup())?;
    Ok(Context {
        app: AppState::new(&settings, parts.store.clone(), parts.clock(), parts.random())?,
        portfolios: parts.store.clone(),
        audit_trails: parts.store.clone(),
        webhooks: parts.store.clone(),
        targets: WebhookSettings::from_lookup(parts.lookup()),
        auto_apply: parts.store.clone(),
    })
}
