//! Customer agreements: the list, one, its history, its webhooks, and seats without invitation.

mod auto_apply;
mod compose;
mod history;
mod list;
mod one;
mod webhooks;

use std::{fmt, sync::Arc};

use axum::{Router, extract::FromRef};
use license_clients::WebhookSettings;
use license_store::{
    Store,
    ports::{AutoApply, Portfolios, Trails, Webhooks},
};
use license_web::{Endpoints, Route, Web};

pub use self::compose::{SETTINGS, compose};

/// What this function may do.
#[derive(Clone)]
pub struct Context {
    /// Clock, settings, users.
    pub web: Web,
    /// Agreements and plans.
    pub portfolios: Arc<dyn Portfolios>,
    /// The audit trail.
    pub trails: Arc<dyn Trails>,
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

impl FromRef<Context> for Web {
    fn from_ref(context: &Context) -> Self {
        context.web.clone()
    }
}

/// The context over that store.
pub fn context(web: Web, store: &Arc<Store>, targets: WebhookSettings) -> Context {
    Context {
        web,
        portfolios: store.clone(),
        trails: store.clone(),
        webhooks: store.clone(),
        targets,
        auto_apply: store.clone(),
    }
}

/// The routes of this function.
pub const ROUTES: &[Route] = &[
    list::ROUTE,
    list::PLAIN[0],
    list::PLAIN[1],
    one::ROUTE,
    one::PLAIN[0],
    one::PLAIN[1],
    history::ROUTE,
    history::PLAIN[0],
    history::PLAIN[1],
    auto_apply::ROUTE,
    auto_apply::PLAIN[0],
    auto_apply::PLAIN[1],
    webhooks::list::ROUTE,
    webhooks::create::ROUTE,
    webhooks::one::ROUTE,
    webhooks::update::ROUTE,
    webhooks::replay::ROUTE,
    webhooks::delete::ROUTE,
];

/// The function's router.
pub fn router(context: Context) -> Router {
    Endpoints::new(context)
        .add(list::ROUTE, list::handle)
        .add(list::PLAIN[0], list::handle)
        .add(list::PLAIN[1], list::handle)
        .add(one::ROUTE, one::handle)
        .add(one::PLAIN[0], one::handle)
        .add(one::PLAIN[1], one::handle)
        .add(history::ROUTE, history::handle)
        .add(history::PLAIN[0], history::handle)
        .add(history::PLAIN[1], history::handle)
        .add(auto_apply::ROUTE, auto_apply::handle)
        .add(auto_apply::PLAIN[0], auto_apply::handle)
        .add(auto_apply::PLAIN[1], auto_apply::handle)
        .add(webhooks::list::ROUTE, webhooks::list::handle)
        .add(webhooks::create::ROUTE, webhooks::create::handle)
        .add(webhooks::one::ROUTE, webhooks::one::handle)
        .add(webhooks::update::ROUTE, webhooks::update::handle)
        .add(webhooks::delete::ROUTE, webhooks::delete::handle)
        .add(webhooks::replay::ROUTE, webhooks::replay::handle)
        .router()
}
