//! How the function is put together from its settings.

use std::sync::Arc;

use license_api::{ApiSettings, AppState, CsvLimit, LearnerPortal};
use license_clients::{ExportClient, ExportSettings};
use license_runtime::{self as runtime, Error, Parts};
use license_settings::Declared;
use license_work::Engine;

use crate::Context;

/// The settings that this function reads.
pub const SETTINGS: Declared =
    &[runtime::SETTINGS, ApiSettings::DECLARED, ExportSettings::DECLARED, LearnerPortal::DECLARED, CsvLimit::DECLARED];

/// The context that the settings describe.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let settings = ApiSettings::from_lookup(parts.lookup())?;
    let exports = ExportClient::new(ExportSettings::from_lookup(parts.lookup()), &parts.aws, parts.clock())?;
    Ok(Context {
        app: AppState::new(&settings, parts.store.clone(), parts.clock(), parts.random())?,
        portfolios: parts.store.clone(),
        licenses: parts.store.clone(),
        learners: parts.store.clone(),
        prefetches: parts.store.clone(),
        audit_trails: parts.store.clone(),
        assign: parts.store.clone(),
        remind: parts.store.clone(),
        revoke: parts.store.clone(),
        jobs: parts.store.clone(),
        engine: Engine::new(&parts.store, None),
        exports: Arc::new(exports),
        portal: LearnerPortal::from_lookup(parts.lookup()),
        csv_limit: CsvLimit::from_lookup(parts.lookup())?,
    })
}
