//! Customer agreements: the list, one, its history, its webhooks, and seats without invitation.

mod auto_apply;
mod compose;
mod get;
mod history;
mod list;
mod webhooks;

use std::{fmt, sync::Arc};

use axum::{Router, extract::FromRef};
use license_api::{AppState, Endpoints, Route};
use license_clients::WebhookSettings;
use license_storage::{AuditTrails, AutoApply, Portfolios, Webhooks};
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
    /// Customers' own systems.
    pub webhooks: Arc<dyn Webhooks>,
    /// Where these may be.
    pub targets: WebhookSettings,
    /// Seats without invitation.
    pub auto_apply: Arc<dyn AutoApply>,
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
pub fn context(app: AppState, store: &Arc<Store>, targets: WebhookSettings) -> Context {
    Context {
        app,
        portfolios: store.clone(),
        audit_trails: store.clone(),
        webhooks: store.clone(),
        targets,
        auto_apply: store.clone(),
    }
}

/// The routes of this function.
pub const ROUTES: &[Route] = &[
    list::ROUTE,
    list::ALIAS[0],
    list::ALIAS[1],
    get::ROUTE,
    get::ALIAS[0],
    get::ALIAS[1],
    history::ROUTE,
    history::ALIAS[0],
    history::ALIAS[1],
    auto_apply::ROUTE,
    auto_apply::ALIAS[0],
    auto_apply::ALIAS[1],
    webhooks::list::ROUTE,
    webhooks::create::ROUTE,
    webhooks::get::ROUTE,
    webhooks::update::ROUTE,
    webhooks::replay::ROUTE,
    webhooks::delete::ROUTE,
];

/// The function's router.
pub fn router(context: Context) -> Router {
    Endpoints::new(context)
        .add(list::ROUTE, list::handle)
        .add(list::ALIAS[0], list::handle)
        .add(list::ALIAS[1], list::handle)
        .add(get::ROUTE, get::handle)
        .add(get::ALIAS[0], get::handle)
        .add(get::ALIAS[1], get::handle)
        .add(history::ROUTE, history::handle)
        .add(history::ALIAS[0], history::handle)
        .add(history::ALIAS[1], history::handle)
        .add(auto_apply::ROUTE, auto_apply::handle)
        .add(auto_apply::ALIAS[0], auto_apply::handle)
        .add(auto_apply::ALIAS[1], auto_apply::handle)
        .add(webhooks::list::ROUTE, webhooks::list::handle)
        .add(webhooks::create::ROUTE, webhooks::create::handle)
        .add(webhooks::get::ROUTE, webhooks::get::handle)
        .add(webhooks::update::ROUTE, webhooks::update::handle)
        .add(webhooks::delete::ROUTE, webhooks::delete::handle)
        .add(webhooks::replay::ROUTE, webhooks::replay::handle)
        .router()
}
