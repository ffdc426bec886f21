//! How the function is put together from its settings.

use license_api::{ApiSettings, AppState, LearnerPortal};
use license_runtime::{self as runtime, Error, Parts};
use license_settings::Declared;

use crate::Context;

/// The settings that this function reads.
pub const SETTINGS: Declared =
    &[runtime::SETTINGS, ApiSettings::DECLARED, ApiSettings::RETIRING, LearnerPortal::DECLARED];

/// The context that the settings describe.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let settings = ApiSettings::from_lookup(parts.lookup())?.retiring(parts.lookup());
    Ok(Context {
        app: AppState::new(&settings, parts.store.clone(), parts.clock(), parts.random())?,
        portfolios: parts.store.clone(),
        learners: parts.store.clone(),
        deliveries: parts.store.clone(),
        retire: parts.store.clone(),
        portal: LearnerPortal::from_lookup(parts.lookup()),
    })
}
