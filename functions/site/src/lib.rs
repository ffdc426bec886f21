//! What is not part of the API proper: health, its document, and the answer to every path that there is not.

mod compose;
mod csrf_token;
mod docs;
mod health;
mod schema;

use std::{fmt, sync::Arc};

use axum::{Router, extract::FromRef};
use license_api::{AppState, Endpoints, Route};
use license_storage::Health;
use license_storage_dynamodb::Store;

pub use self::compose::{SETTINGS, compose};

/// What this function may do.
#[derive(Clone)]
pub struct Context {
    /// Clock, settings, users.
    pub app: AppState,
    /// Whether the table answers.
    pub health: Arc<dyn Health>,
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
    Context { app, health: store.clone() }
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
