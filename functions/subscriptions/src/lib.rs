//! Subscription plans, for the customers' admins: the list, one, and its history.

mod compose;
mod history;
mod list;
mod one;

use std::{fmt, sync::Arc};

use axum::{Router, extract::FromRef};
use license_store::{
    Store,
    ports::{Portfolios, Trails},
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
pub fn context(web: Web, store: &Arc<Store>) -> Context {
    Context { web, portfolios: store.clone(), trails: store.clone() }
}

/// The routes of this function.
pub const ROUTES: &[Route] = &[list::ROUTE, list::PLAIN, one::ROUTE, one::PLAIN, history::ROUTE, history::PLAIN];

/// The function's router.
pub fn router(context: Context) -> Router {
    Endpoints::new(context)
        .add(list::ROUTE, list::handle)
        .add(list::PLAIN, list::handle)
        .add(one::ROUTE, one::handle)
        .add(one::PLAIN, one::handle)
        .add(history::ROUTE, history::handle)
        .add(history::PLAIN, history::handle)
        .router()
}
