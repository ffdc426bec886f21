//! The licenses of a plan, and across plans, for the customer's admins: list, one, counts, CSV, assign, remind, revoke.

mod compose;
mod find;
mod licenses;
mod plan;
mod recipients;
mod subscriptions;

use std::{fmt, sync::Arc};

use axum::{Router, extract::FromRef};
use license_api::{AppState, CsvLimit, Endpoints, LearnerPortal, Route};
use license_clients::Exports;
use license_storage::{Assign, AuditTrails, Jobs, Learners, Licenses, Portfolios, Prefetches, Remind, Revoke};
use license_storage_dynamodb::Store;
use license_work::Engine;

pub use self::compose::{SETTINGS, compose};

/// What this function may do.
#[derive(Clone)]
pub struct Context {
    /// Clock, settings, users.
    pub app: AppState,
    /// Agreements and plans.
    pub portfolios: Arc<dyn Portfolios>,
    /// The licenses of a plan.
    pub licenses: Arc<dyn Licenses>,
    /// The licenses of a learner.
    pub learners: Arc<dyn Learners>,
    /// Reading ahead.
    pub prefetches: Arc<dyn Prefetches>,
    /// The audit trail.
    pub audit_trails: Arc<dyn AuditTrails>,
    /// Handing out seats.
    pub assign: Arc<dyn Assign>,
    /// Reminding.
    pub remind: Arc<dyn Remind>,
    /// Taking seats back.
    pub revoke: Arc<dyn Revoke>,
    /// Jobs on record.
    pub jobs: Arc<dyn Jobs>,
    /// What carries them out.
    pub engine: Engine,
    /// Files for download.
    pub exports: Arc<dyn Exports>,
    /// Where links of learners lead.
    pub portal: LearnerPortal,
    /// Up to which size a table is the response itself.
    pub csv_limit: CsvLimit,
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

/// The context over that store, with that place for files.
pub fn context(
    app: AppState,
    store: &Arc<Store>,
    exports: Arc<dyn Exports>,
    portal: LearnerPortal,
    csv_limit: CsvLimit,
) -> Context {
    Context {
        app,
        portfolios: store.clone(),
        licenses: store.clone(),
        learners: store.clone(),
        prefetches: store.clone(),
        audit_trails: store.clone(),
        assign: store.clone(),
        remind: store.clone(),
        revoke: store.clone(),
        jobs: store.clone(),
        engine: Engine::new(store, None),
        exports,
        portal,
        csv_limit,
    }
}

/// The routes of this function.
pub const ROUTES: &[Route] = &[
    subscriptions::list::ROUTE,
    subscriptions::list::ALIAS,
    subscriptions::get::ROUTE,
    subscriptions::history::ROUTE,
    subscriptions::overview::ROUTE,
    subscriptions::csv::ROUTE,
    subscriptions::assign::ROUTE,
    subscriptions::remind::ROUTE,
    subscriptions::remind_all::ROUTE,
    subscriptions::bulk_revoke::ROUTE,
    subscriptions::revoke_all::ROUTE,
    licenses::list::ROUTE,
    licenses::list::ALIAS,
    licenses::get::ROUTE,
    licenses::get::ALIAS,
    subscriptions::history::ACROSS_PLANS,
    subscriptions::history::ALIAS,
    licenses::assign::ROUTE,
    licenses::assign::ALIAS,
    licenses::revoke::ROUTE,
    licenses::revoke::ALIAS,
];

/// The function's router.
pub fn router(context: Context) -> Router {
    Endpoints::new(context)
        .add(subscriptions::list::ROUTE, subscriptions::list::handle)
        .add(subscriptions::list::ALIAS, subscriptions::list::handle)
        .add(subscriptions::get::ROUTE, subscriptions::get::handle)
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
        .router()
}
