//! Enrolling licensed learners in courses, many at once: the wish is put on record and carried out afterwards.

mod compose;
mod create;
mod customer;
mod status;

use std::{fmt, sync::Arc};

use axum::{Router, extract::FromRef};
use license_clients::Exports;
use license_store::{
    Store,
    ports::{Jobs, Portfolios},
};
use license_web::{Endpoints, Route, Web};

pub use self::compose::{EnrollmentLimit, SETTINGS, compose};

/// What this function may do.
#[derive(Clone)]
pub struct Context {
    /// Clock, settings, users.
    pub web: Web,
    /// Agreements and plans.
    pub portfolios: Arc<dyn Portfolios>,
    /// Jobs on record.
    pub jobs: Arc<dyn Jobs>,
    /// Where results are.
    pub exports: Arc<dyn Exports>,
    /// How much a request may ask for.
    pub limit: EnrollmentLimit,
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

/// The context over that store.
pub fn context(web: Web, store: &Arc<Store>, exports: Arc<dyn Exports>, limit: EnrollmentLimit) -> Context {
    Context { web, portfolios: store.clone(), jobs: store.clone(), exports, limit }
}

/// The routes of this function.
pub const ROUTES: &[Route] = &[create::ROUTE, status::ROUTE];

/// The function's router.
pub fn router(context: Context) -> Router {
    Endpoints::new(context).add(create::ROUTE, create::handle).add(status::ROUTE, status::handle).router()
}
