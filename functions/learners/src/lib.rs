//! What a learner does: see the customer's plans and their own licences, activate one.

mod activation;
mod compose;
mod holdings;
mod licenses;
mod lms_user;
mod own;
mod own_list;
mod own_one;
mod plan;
mod plans;
mod selected;
mod subsidy;

use std::{fmt, sync::Arc};

use axum::{Router, extract::FromRef};
use license_clients::{Catalogs, LmsUsers};
use license_store::{
    Store,
    ports::{Activate, Learners, Portfolios},
};
use license_web::{Endpoints, Route, Secret, Web};

pub use self::compose::{SETTINGS, compose, subsidy_key};

/// What this function may do.
#[derive(Clone)]
pub struct Context {
    /// Clock, settings, users.
    pub web: Web,
    /// Agreements and plans.
    pub portfolios: Arc<dyn Portfolios>,
    /// The licences of a learner.
    pub learners: Arc<dyn Learners>,
    /// Activating.
    pub activate: Arc<dyn Activate>,
    /// The LMS, for the learner's number where the token lacks it.
    pub lms_users: Arc<dyn LmsUsers>,
    /// The catalog service, for what a licence pays.
    pub catalogs: Arc<dyn Catalogs>,
    /// What subsidies are signed with.
    pub subsidy_key: Option<Secret>,
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

/// The context over that store, that LMS and that catalog service.
pub fn context(
    web: Web,
    store: &Arc<Store>,
    lms_users: Arc<dyn LmsUsers>,
    catalogs: Arc<dyn Catalogs>,
    subsidy_key: Option<Secret>,
) -> Context {
    Context {
        web,
        portfolios: store.clone(),
        learners: store.clone(),
        activate: store.clone(),
        lms_users,
        catalogs,
        subsidy_key,
    }
}

/// The routes of this function.
pub const ROUTES: &[Route] =
    &[licenses::ROUTE, activation::ROUTE, subsidy::ROUTE, plans::ROUTE, plan::ROUTE, own_list::ROUTE, own_one::ROUTE];

/// The function's router.
pub fn router(context: Context) -> Router {
    Endpoints::new(context)
        .add(licenses::ROUTE, licenses::handle)
        .add(activation::ROUTE, activation::handle)
        .add(subsidy::ROUTE, subsidy::handle)
        .add(plans::ROUTE, plans::handle)
        .add(plan::ROUTE, plan::handle)
        .add(own_list::ROUTE, own_list::handle)
        .add(own_one::ROUTE, own_one::handle)
        .router()
}
