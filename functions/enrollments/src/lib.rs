//! Enrolls licensed learners in courses, many at once: a request creates a job, which workers carry out.

mod compose;
mod create;
mod customer;
mod get;

use std::sync::Arc;

use axum::{Router, extract::FromRef};
use license_api::{AppState, Endpoints};
use license_clients::Exports;
use license_storage::{Jobs, Portfolios};

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
    /// Files with results.
    pub exports: Arc<dyn Exports>,
    /// The most enrollments of one request.
    pub limit: EnrollmentLimit,
}

impl FromRef<Context> for AppState {
    fn from_ref(context: &Context) -> Self {
        context.app.clone()
    }
}

/// The function's routes, each with its handler.
pub fn endpoints() -> Endpoints<Context> {
    Endpoints::new().add(create::ROUTE, create::handle).add(get::ROUTE, get::handle)
}

/// The function's router.
pub fn router(context: Context) -> Router {
    endpoints().router(context)
}
