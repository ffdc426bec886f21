//! Builds the function's context from its settings.

use std::sync::Arc;

use license_api::{ApiSettings, AppState};
use license_domain::plan_work::Rules;
use license_runtime::{self as runtime, Error, Parts};
use license_settings::Declared;

use crate::Context;

/// The settings that this function reads.
pub const SETTINGS: Declared = &[runtime::SETTINGS, ApiSettings::DECLARED, runtime::PLAN_RULES];

/// Builds the context from the settings.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let settings = ApiSettings::from_lookup(parts.lookup())?;
    Ok(Context {
        app: AppState::new(&settings, parts.store.clone(), parts.clock(), parts.random())?,
        portfolios: parts.store.clone(),
        audit_trails: parts.store.clone(),
        plan_works: parts.store.clone(),
        plan_days: parts.store.clone(),
        rules: Arc::new(Rules::from_lookup(parts.lookup())?),
    })
}
