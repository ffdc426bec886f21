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

/// The ports and clients that this function uses.
#[derive(Clone)]
pub struct Context {
    pub app: AppState,
    pub portfolios: Arc<dyn Portfolios>,
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

pub fn router(context: Context) -> Router {
    endpoints().router(context)
}
