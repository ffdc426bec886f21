//! The routes of learners: see the customer's plans and their own licenses, and activate a license.

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

use std::sync::Arc;

use axum::{Router, extract::FromRef};
use license_api::{AppState, Endpoints, SecretText};
use license_clients::{Catalogs, LmsUsers};
use license_storage::{Activate, Learners, Portfolios};

pub use self::compose::{SETTINGS, compose, subsidy_key};

/// The ports and clients that this function uses.
#[derive(Clone)]
pub struct Context {
    pub app: AppState,
    pub portfolios: Arc<dyn Portfolios>,
    /// The licenses of a learner.
    pub learners: Arc<dyn Learners>,
    pub activate: Arc<dyn Activate>,
    /// The LMS, for the learner's user id if the token has none.
    pub lms_users: Arc<dyn LmsUsers>,
    /// The catalog service, which knows for which courses a license pays.
    pub catalogs: Arc<dyn Catalogs>,
    /// The secret that signs license subsidies.
    pub subsidy_key: Option<SecretText>,
}

impl FromRef<Context> for AppState {
    fn from_ref(context: &Context) -> Self {
        context.app.clone()
    }
}

/// The function's routes, each with its handler.
pub fn endpoints() -> Endpoints<Context> {
    Endpoints::new()
        .add(learner_licenses::ROUTE, learner_licenses::handle)
        .named("Learner Licenses List")
        .add(license_activation::ROUTE, license_activation::handle)
        .add(license_subsidy::ROUTE, license_subsidy::handle)
        .add(learner_subscriptions::list::ROUTE, learner_subscriptions::list::handle)
        .named("Learner Subscription List")
        .add(learner_subscriptions::get::ROUTE, learner_subscriptions::get::handle)
        .named("Learner Subscription Instance")
        .add(license::list::ROUTE, license::list::handle)
        .named("Base License List")
        .add(license::get::ROUTE, license::get::handle)
        .named("Base License Instance")
}

pub fn router(context: Context) -> Router {
    endpoints().router(context)
}
