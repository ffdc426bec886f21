//! Subscription plans, for the customers' admins: list, get, history.

mod compose;
mod get;
mod history;
mod list;

use std::sync::Arc;

use axum::{Router, extract::FromRef};
use license_api::{AppState, Endpoints};
use license_storage::{AuditTrails, Portfolios};

pub use self::compose::{SETTINGS, compose};

/// What this function may do.
#[derive(Clone)]
pub struct Context {
    /// Clock, settings, users.
    pub app: AppState,
    /// Agreements and plans.
    pub portfolios: Arc<dyn Portfolios>,
    /// The audit trail.
    pub audit_trails: Arc<dyn AuditTrails>,
}

impl FromRef<Context> for AppState {
    fn from_ref(context: &Context) -> Self {
        context.app.clone()
    }
}

/// The function's routes, each with its handler.
pub fn endpoints() -> Endpoints<Context> {
    Endpoints::new()
        .add(list::ROUTE, list::handle)
        .named("Subscription List")
        .add(list::ALIAS, list::handle)
        .add(get::ROUTE, get::handle)
        .named("Subscription Instance")
        .add(get::ALIAS, get::handle)
        .add(history::ROUTE, history::handle)
        .add(history::ALIAS, history::handle)
}

/// The function's router.
pub fn router(context: Context) -> Router {
    endpoints().router(context)
}
