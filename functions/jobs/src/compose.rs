//! Builds the function's context from its settings.

use std::sync::Arc;

use license_api::{ApiSettings, AppState, CsvLimit};
use license_clients::{ExportClient, ExportSettings};
use license_runtime::{self as runtime, Error, Parts};
use license_settings::Declared;

use crate::Context;

/// The settings that this function reads.
pub const SETTINGS: Declared =
    &[runtime::SETTINGS, ApiSettings::DECLARED, ExportSettings::DECLARED, CsvLimit::DECLARED];

/// Builds the context from the settings.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let settings = ApiSettings::from_lookup(parts.lookup())?;
    let exports =
        ExportClient::new(ExportSettings::from_lookup(parts.lookup()), &parts.aws, parts.clock(), parts.random())?;
    Ok(Context {
        app: AppState::new(&settings, parts.store.clone(), parts.clock(), parts.random())?,
        portfolios: parts.store.clone(),
        jobs: parts.store.clone(),
        exports: Arc::new(exports),
        csv_limit: CsvLimit::from_lookup(parts.lookup())?,
    })
}
