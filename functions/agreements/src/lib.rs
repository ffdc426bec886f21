//! Customer agreements: list, get, history, webhooks, and auto-apply.

mod auto_apply;
mod compose;
mod get;
mod history;
mod list;
mod webhooks;

use std::sync::Arc;

use axum::{Router, extract::FromRef};
use license_api::{AppState, Endpoints};
use license_clients::WebhookSettings;
use license_storage::{AuditTrails, AutoApply, Portfolios, Webhooks};

pub use self::compose::{SETTINGS, compose};

/// The ports and clients that this function uses.
#[derive(Clone)]
pub struct Context {
    pub app: AppState,
    pub portfolios: Arc<dyn Portfolios>,
    pub audit_trails: Arc<dyn AuditTrails>,
    pub webhooks: Arc<dyn Webhooks>,
    /// The rules for webhooks' URLs.
    pub targets: WebhookSettings,
    pub auto_apply: Arc<dyn AutoApply>,
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
        .named("Customer Agreement List")
        .add(list::ALIAS[0], list::handle)
        .add(list::ALIAS[1], list::handle)
        .add(get::ROUTE, get::handle)
        .named("Customer Agreement Instance")
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
        .add(webhooks::replay::ROUTE, webhooks::replay::handle)
        .add(webhooks::delete::ROUTE, webhooks::delete::handle)
}

pub fn router(context: Context) -> Router {
    endpoints().router(context)
}
