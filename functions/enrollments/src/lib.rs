//! Enrolls licensed learners in courses: a request creates a job, which workers carry out.

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

/// The ports and clients that this function uses.
#[derive(Clone)]
pub struct Context {
    pub app: AppState,
    pub portfolios: Arc<dyn Portfolios>,
    pub jobs: Arc<dyn Jobs>,
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

pub fn router(context: Context) -> Router {
    endpoints().router(context)
}
