//! Builds the function's context from its settings.

use std::sync::Arc;

use license_api::{ApiSettings, AppState};
use license_clients::{CatalogClient, CatalogSettings, ClientSettings, ServiceClient, SignInClient, SignInSettings};
use license_domain::plan_work::Rules;
use license_messaging::{QueueSettings, SqsDeadLetters};
use license_runtime::{self as runtime, Error, Parts};
use license_settings::Declared;
use license_use_cases::Provisioning;
use license_work::{LicenseKinds, Plans, Renewals, Runs};

use crate::Context;

/// The settings that this function reads.
pub const SETTINGS: Declared = &[
    runtime::SETTINGS,
    ApiSettings::DECLARED,
    SignInSettings::DECLARED,
    ClientSettings::DECLARED,
    CatalogSettings::DECLARED,
    runtime::PLAN_RULES,
    QueueSettings::WATCHED,
];

/// Builds the context from the settings.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let settings = ApiSettings::from_lookup(parts.lookup())?;
    let sign_in = SignInClient::new(SignInSettings::from_lookup(parts.lookup()), parts.clock(), parts.random())?;
    let client = ServiceClient::new(ClientSettings::from_lookup(parts.lookup()), parts.clock(), parts.random())?;
    let catalogs = CatalogClient::new(client, CatalogSettings::from_lookup(parts.lookup()));
    let app = AppState::new(&settings, parts.store.clone(), parts.clock(), parts.random())?;
    Ok(Context {
        provisioning: Provisioning::new(app.clone(), &parts.store, Arc::new(catalogs)),
        app,
        sessions: parts.store.clone(),
        portfolios: parts.store.clone(),
        licenses: parts.store.clone(),
        learners: parts.store.clone(),
        jobs: parts.store.clone(),
        deliveries: parts.store.clone(),
        audit_trails: parts.store.clone(),
        webhooks: parts.store.clone(),
        prefetches: parts.store.clone(),
        runs: Runs::new(&parts.store, parts.clock(), parts.random(), LicenseKinds::new(&parts.store)),
        renewal_runs: Renewals::new(&parts.store, parts.clock(), parts.random()),
        plans: Plans::new(&parts.store, parts.clock(), parts.random(), Rules::from_lookup(parts.lookup())?),
        plan_works: parts.store.clone(),
        dead_letters: Arc::new(SqsDeadLetters::from_lookup(parts.lookup(), &parts.aws)),
        queue_changes: parts.store.clone(),
        products: parts.store.clone(),
        users: parts.store.clone(),
        user_lists: parts.store.clone(),
        sweeps: parts.store.clone(),
        roles: parts.store.clone(),
        sign_in: Arc::new(sign_in),
    })
}
