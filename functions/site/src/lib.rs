//! What is not part of the API proper: health, its document, and the answer to every path that there is not.

mod compose;
mod csrf_token;
mod docs;
mod health;
mod schema;

use std::sync::Arc;

use axum::{Router, extract::FromRef};
use license_api::{AppState, Endpoints};
use license_storage::Health;

pub use self::compose::{SETTINGS, compose};

/// What this function may do.
#[derive(Clone)]
pub struct Context {
    /// Clock, settings, users.
    pub app: AppState,
    /// Whether the table answers.
    pub health: Arc<dyn Health>,
}

impl FromRef<Context> for AppState {
    fn from_ref(context: &Context) -> Self {
        context.app.clone()
    }
}

/// The function's routes, each with its handler.
pub fn endpoints() -> Endpoints<Context> {
    Endpoints::new()
        .add(health::ROUTE, health::handle)
        .add(csrf_token::ROUTE, csrf_token::handle)
        .add(schema::ROUTE, schema::handle)
        .add(docs::ROUTE, docs::handle)
}

/// The function's router.
pub fn router(context: Context) -> Router {
    endpoints().router(context)
}
