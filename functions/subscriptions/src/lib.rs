//! Subscription plans, for the customers' admins: the list, one, and its history.

mod compose;
mod get;
mod history;
mod list;

use std::{fmt, sync::Arc};

use axum::{Router, extract::FromRef};
use license_api::{AppState, Endpoints, Route};
use license_storage::{AuditTrails, Portfolios};
use license_storage_dynamodb::Store;

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
pub fn context(app: AppState, store: &Arc<Store>) -> Context {
    Context { app, portfolios: store.clone(), audit_trails: store.clone() }
}

/// The routes of this function.
pub const ROUTES: &[Route] = &[list::ROUTE, list::ALIAS, get::ROUTE, get::ALIAS, history::ROUTE, history::ALIAS];

/// The function's router.
pub fn router(context: Context) -> Router {
    Endpoints::new(context)
        .add(list::ROUTE, list::handle)
        .add(list::ALIAS, list::handle)
        .add(get::ROUTE, get::handle)
        .add(get::ALIAS, get::handle)
        .add(history::ROUTE, history::handle)
        .add(history::ALIAS, history::handle)
        .router()
}
