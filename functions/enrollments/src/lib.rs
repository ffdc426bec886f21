//! Enrolling licensed learners in courses, many at once: the wish is put on record and carried out afterwards.

mod compose;
mod create;
mod customer;
mod get;

use std::{fmt, sync::Arc};

use axum::{Router, extract::FromRef};
use license_api::{AppState, Endpoints, Route};
use license_clients::Exports;
use license_storage::{Jobs, Portfolios};
use license_storage_dynamodb::Store;

pub use self::compose::{EnrollmentLimit, SETTINGS, compose};

/// What this function may do.
#[derive(Clone)]
pub struct Context {
    /// Clock, settings, users.
    pub app: AppState,
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

impl FromRef<Context> for AppState {
    fn from_ref(context: &Context) -> Self {
        context.app.clone()
    }
}

/// The context over that store.
pub fn context(app: AppState, store: &Arc<Store>, exports: Arc<dyn Exports>, limit: EnrollmentLimit) -> Context {
    Context { app, portfolios: store.clone(), jobs: store.clone(), exports, limit }
}

/// The routes of this function.
pub const ROUTES: &[Route] = &[create::ROUTE, get::ROUTE];

/// The function's router.
pub fn router(context: Context) -> Router {
    Endpoints::new(context).add(create::ROUTE, create::handle).add(get::ROUTE, get::handle).router()
}
