//! Routes beside the API itself: health, the OpenAPI document, and the response to unknown paths.

mod compose;
mod csrf_token;
mod docs;
mod health;
mod landing;
mod schema;

use std::sync::Arc;

use axum::{Router, extract::FromRef};
use license_api::{AppState, Endpoints};
use license_storage::Health;

pub use self::compose::{SETTINGS, compose};

/// The ports and clients that this function uses.
#[derive(Clone)]
pub struct Context {
    pub app: AppState,
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

pub fn router(context: Context) -> Router {
    let app = context.app.clone();
    landing::before(endpoints().router(context), app)
}
