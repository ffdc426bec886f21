//! Builds the function's context from its settings.

use license_api::{ApiSettings, AppState};
use license_runtime::{self as runtime, Error, Parts};
use license_settings::Declared;

use crate::Context;

/// The settings that this function reads.
pub const SETTINGS: Declared = &[runtime::SETTINGS, ApiSettings::DECLARED];

/// Builds the context from the settings.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let settings = ApiSettings::from_lookup(parts.lookup())?;
    Ok(Context {
        app: AppState::new(&settings, parts.store.clone(), parts.clock(), parts.random())?,
        health: parts.store.clone(),
    })
}
