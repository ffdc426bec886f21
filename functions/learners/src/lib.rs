//! What a learner does: see the customer's plans and their own licenses, activate one.

mod compose;
mod holdings;
mod learner_licenses;
mod learner_subscriptions;
mod license;
mod license_activation;
mod license_subsidy;
mod lms_user;
mod own_licenses;
mod selected;

use std::{fmt, sync::Arc};

use axum::{Router, extract::FromRef};
use license_api::{AppState, Endpoints, Route, SecretText};
use license_clients::{Catalogs, LmsUsers};
use license_storage::{Activate, Learners, Portfolios};
use license_storage_dynamodb::Store;

pub use self::compose::{SETTINGS, compose, subsidy_key};

/// What this function may do.
#[derive(Clone)]
pub struct Context {
    /// Clock, settings, users.
    pub app: AppState,
    /// Agreements and plans.
    pub portfolios: Arc<dyn Portfolios>,
    /// The licenses of a learner.
    pub learners: Arc<dyn Learners>,
    /// Activating.
    pub activate: Arc<dyn Activate>,
    /// The LMS, for the learner's number where the token lacks it.
    pub lms_users: Arc<dyn LmsUsers>,
    /// The catalog service, for what a license pays.
    pub catalogs: Arc<dyn Catalogs>,
    /// What subsidies are signed with.
    pub subsidy_key: Option<SecretText>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context")
    }
}

impl FromRef<Context> for AppState {
    fn from_ref(context: &Context) -> Self {
        context.app.clone()
    }
}

/// The context over that store, that LMS and that catalog service.
pub fn context(
    app: AppState,
    store: &Arc<Store>,
    lms_users: Arc<dyn LmsUsers>,
    catalogs: Arc<dyn Catalogs>,
    subsidy_key: Option<SecretText>,
) -> Context {
    Context {
        app,
        portfolios: store.clone(),
        learners: store.clone(),
        activate: store.clone(),
        lms_users,
        catalogs,
        subsidy_key,
    }
}

/// The routes of this function.
pub const ROUTES: &[Route] = &[
    learner_licenses::ROUTE,
    license_activation::ROUTE,
    license_subsidy::ROUTE,
    learner_subscriptions::list::ROUTE,
    learner_subscriptions::get::ROUTE,
    license::list::ROUTE,
    license::get::ROUTE,
];

/// The function's router.
pub fn router(context: Context) -> Router {
    Endpoints::new(context)
        .add(learner_licenses::ROUTE, learner_licenses::handle)
        .add(license_activation::ROUTE, license_activation::handle)
        .add(license_subsidy::ROUTE, license_subsidy::handle)
        .add(learner_subscriptions::list::ROUTE, learner_subscriptions::list::handle)
        .add(learner_subscriptions::get::ROUTE, learner_subscriptions::get::handle)
        .add(license::list::ROUTE, license::list::handle)
        .add(license::get::ROUTE, license::get::handle)
        .router()
}
