//! Builds the function's context from its settings.

use std::sync::Arc;

use license_api::{ApiSettings, AppState};
use license_clients::{SignInClient, SignInSettings};
use license_runtime::{self as runtime, Error, Parts};
use license_settings::Declared;
use license_work::{LicenseKinds, Runs};

use crate::Context;

/// The settings that this function reads.
pub const SETTINGS: Declared = &[runtime::SETTINGS, ApiSettings::DECLARED, SignInSettings::DECLARED];

/// Builds the context from the settings.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let settings = ApiSettings::from_lookup(parts.lookup())?;
    let sign_in = SignInClient::new(SignInSettings::from_lookup(parts.lookup()), parts.clock(), parts.random())?;
    Ok(Context {
        app: AppState::new(&settings, parts.store.clone(), parts.clock(), parts.random())?,
        sessions: parts.store.clone(),
        portfolios: parts.store.clone(),
        licenses: parts.store.clone(),
        learners: parts.store.clone(),
        jobs: parts.store.clone(),
        deliveries: parts.store.clone(),
        audit_trails: parts.store.clone(),
        prefetches: parts.store.clone(),
        runs: Runs::new(&parts.store, parts.clock(), parts.random(), LicenseKinds::new(&parts.store)),
        sign_in: Arc::new(sign_in),
    })
}
