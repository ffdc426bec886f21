//! The licences of a plan, and across plans, for the customer's admins: list, one, counts, CSV, assign, remind, revoke.

mod across_assign;
mod across_list;
mod across_one;
mod across_revoke;
mod assign;
mod bulk_revoke;
mod compose;
mod csv;
mod find;
mod history;
mod list;
mod meant;
mod one;
mod overview;
mod plan;
mod remind;
mod remind_all;
mod revoke_all;

use std::{fmt, sync::Arc};

use axum::{Router, extract::FromRef};
use license_clients::Exports;
use license_jobs::Engine;
use license_store::{
    Store,
    ports::{Assign, Glances, Jobs, Learners, Licenses, Portfolios, Remind, Revoke, Trails},
};
use license_web::{CsvLimit, Endpoints, LearnerPortal, Route, Web};

pub use self::compose::{SETTINGS, compose};

/// What this function may do.
#[derive(Clone)]
pub struct Context {
    /// Clock, settings, users.
    pub web: Web,
    /// Agreements and plans.
    pub portfolios: Arc<dyn Portfolios>,
    /// The licences of a plan.
    pub licenses: Arc<dyn Licenses>,
    /// The licences of a learner.
    pub learners: Arc<dyn Learners>,
    /// Reading ahead.
    pub glances: Arc<dyn Glances>,
    /// The audit trail.
    pub trails: Arc<dyn Trails>,
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

impl FromRef<Context> for Web {
    fn from_ref(context: &Context) -> Self {
        context.web.clone()
    }
}

/// The context over that store, with that place for files.
pub fn context(
    web: Web,
    store: &Arc<Store>,
    exports: Arc<dyn Exports>,
    portal: LearnerPortal,
    csv_limit: CsvLimit,
) -> Context {
    Context {
        web,
        portfolios: store.clone(),
        licenses: store.clone(),
        learners: store.clone(),
        glances: store.clone(),
        trails: store.clone(),
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
    list::ROUTE,
    list::PLAIN,
    one::ROUTE,
    history::ROUTE,
    overview::ROUTE,
    csv::ROUTE,
    assign::ROUTE,
    remind::ROUTE,
    remind_all::ROUTE,
    bulk_revoke::ROUTE,
    revoke_all::ROUTE,
    across_list::ROUTE,
    across_list::PLAIN,
    across_one::ROUTE,
    across_one::PLAIN,
    history::ACROSS,
    history::PLAIN,
    across_assign::ROUTE,
    across_assign::PLAIN,
    across_revoke::ROUTE,
    across_revoke::PLAIN,
];

/// The function's router.
pub fn router(context: Context) -> Router {
    Endpoints::new(context)
        .add(list::ROUTE, list::handle)
        .add(list::PLAIN, list::handle)
        .add(one::ROUTE, one::handle)
        .add(history::ROUTE, history::of_plan)
        .add(overview::ROUTE, overview::handle)
        .add(csv::ROUTE, csv::handle)
        .add(assign::ROUTE, assign::handle)
        .add(remind::ROUTE, remind::handle)
        .add(remind_all::ROUTE, remind_all::handle)
        .add(bulk_revoke::ROUTE, bulk_revoke::handle)
        .add(revoke_all::ROUTE, revoke_all::handle)
        .add(across_list::ROUTE, across_list::handle)
        .add(across_list::PLAIN, across_list::handle)
        .add(across_one::ROUTE, across_one::handle)
        .add(across_one::PLAIN, across_one::handle)
        .add(history::ACROSS, history::across)
        .add(history::PLAIN, history::across)
        .add(across_assign::ROUTE, across_assign::handle)
        .add(across_assign::PLAIN, across_assign::handle)
        .add(across_revoke::ROUTE, across_revoke::handle)
        .add(across_revoke::PLAIN, across_revoke::handle)
        .router()
}
