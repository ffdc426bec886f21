//! The licenses of a plan, and of all plans, for the customer's admins: list, get, counts, CSV, assign, remind, revoke.

mod compose;
mod find;
mod inline;
mod licenses;
mod plan;
mod recipients;
mod subscriptions;

use std::sync::Arc;

use axum::{Router, extract::FromRef};
use license_api::{AppState, CsvLimit, Endpoints, LearnerPortal};
use license_clients::Exports;
use license_storage::{AuditTrails, Jobs, Learners, Licenses, Portfolios, Prefetches};
use license_work::{LicenseKinds, Runs};

pub use self::compose::{SETTINGS, compose};

/// The ports and clients that this function uses.
#[derive(Clone)]
pub struct Context {
    pub app: AppState,
    pub portfolios: Arc<dyn Portfolios>,
    /// The licenses of a plan.
    pub licenses: Arc<dyn Licenses>,
    /// The licenses of a learner.
    pub learners: Arc<dyn Learners>,
    /// Prefetches what a decision needs.
    pub prefetches: Arc<dyn Prefetches>,
    pub audit_trails: Arc<dyn AuditTrails>,
    pub jobs: Arc<dyn Jobs>,
    /// Assigning, revoking and reminding: in one transaction, or as a run.
    pub runs: Runs<LicenseKinds>,
    pub exports: Arc<dyn Exports>,
    /// The base URL of links for learners.
    pub portal: LearnerPortal,
    /// The largest CSV that is the response itself.
    pub csv_limit: CsvLimit,
}

impl FromRef<Context> for AppState {
    fn from_ref(context: &Context) -> Self {
        context.app.clone()
    }
}

/// The function's routes, each with its handler.
pub fn endpoints() -> Endpoints<Context> {
    Endpoints::new()
        .add(subscriptions::list::ROUTE, subscriptions::list::handle)
        .named("License Admin List")
        .add(subscriptions::list::ALIAS, subscriptions::list::handle)
        .add(subscriptions::get::ROUTE, subscriptions::get::handle)
        .named("License Admin Instance")
        .add(subscriptions::history::ROUTE, subscriptions::history::of_plan)
        .add(subscriptions::overview::ROUTE, subscriptions::overview::handle)
        .add(subscriptions::csv::ROUTE, subscriptions::csv::handle)
        .add(subscriptions::assign::ROUTE, subscriptions::assign::handle)
        .add(subscriptions::remind::ROUTE, subscriptions::remind::handle)
        .add(subscriptions::remind_all::ROUTE, subscriptions::remind_all::handle)
        .add(subscriptions::bulk_revoke::ROUTE, subscriptions::bulk_revoke::handle)
        .add(subscriptions::revoke_all::ROUTE, subscriptions::revoke_all::handle)
        .add(licenses::list::ROUTE, licenses::list::handle)
        .add(licenses::list::ALIAS, licenses::list::handle)
        .add(licenses::get::ROUTE, licenses::get::handle)
        .add(licenses::get::ALIAS, licenses::get::handle)
        .add(subscriptions::history::ACROSS_PLANS, subscriptions::history::across)
        .add(subscriptions::history::ALIAS, subscriptions::history::across)
        .add(licenses::assign::ROUTE, licenses::assign::handle)
        .add(licenses::assign::ALIAS, licenses::assign::handle)
        .add(licenses::revoke::ROUTE, licenses::revoke::handle)
        .add(licenses::revoke::ALIAS, licenses::revoke::handle)
}

pub fn router(context: Context) -> Router {
    endpoints().router(context)
}
