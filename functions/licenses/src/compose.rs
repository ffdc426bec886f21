//! Builds the function's context from its settings.

use std::sync::Arc;

use license_api::{ApiSettings, AppState, CsvLimit, LearnerPortal};
use license_clients::{ExportClient, ExportSettings};
use license_runtime::{self as runtime, Error, Parts};
use license_settings::Declared;
use license_work::{LicenseKinds, Runs};

use crate::Context;

/// The settings that this function reads.
pub const SETTINGS: Declared =
    &[runtime::SETTINGS, ApiSettings::DECLARED, ExportSettings::DECLARED, LearnerPortal::DECLARED, CsvLimit::DECLARED];

/// Builds the context from the settings.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let settings = ApiSettings::from_lookup(parts.lookup())?;
    let exports =
        ExportClient::new(ExportSettings::from_lookup(parts.lookup()), &parts.aws, parts.clock(), parts.random())?;
    Ok(Context {
        app: AppState::new(&settings, parts.store.clone(), parts.clock(), parts.random())?,
        portfolios: parts.store.clone(),
        licenses: parts.store_with_rosters()?,
        learners: parts.store.clone(),
        prefetches: parts.store.clone(),
        audit_trails: parts.store.clone(),
        jobs: parts.store.clone(),
        runs: Runs::new(&parts.store, parts.clock(), parts.random(), LicenseKinds::new(&parts.store)),
        exports: Arc::new(exports),
        portal: LearnerPortal::from_lookup(parts.lookup()),
        csv_limit: CsvLimit::from_lookup(parts.lookup())?,
    })
}
