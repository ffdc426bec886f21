//! What is not part of the API proper: health, its document, and the answer to every path that there is not.

mod compose;
mod csrf_token;
mod docs;
mod health;
mod schema;

use std::{fmt, sync::Arc};

use axum::{Router, extract::FromRef};
use license_store::{Store, ports::Health};
use license_web::{Endpoints, Route, Web};

pub use self::compose::{SETTINGS, compose};

/// What this function may do.
#[derive(Clone)]
pub struct Context {
    /// Clock, settings, users.
    pub web: Web,
    /// Whether the table answers.
    pub health: Arc<dyn Health>,
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
    Context { web, health: store.clone() }
}

/// The routes of this function.
pub const ROUTES: &[Route] = &[health::ROUTE, csrf_token::ROUTE, schema::ROUTE, docs::ROUTE];

/// The function's router.
pub fn router(context: Context) -> Router {
    Endpoints::new(context)
        .add(health::ROUTE, health::handle)
        .add(csrf_token::ROUTE, csrf_token::handle)
        .add(schema::ROUTE, schema::handle)
        .add(docs::ROUTE, docs::handle)
        .router()
}
