//! The console: pages on which operators and support staff see what there is, and change it by the rules of the API. Pages
//! are made here and need no script.

mod compose;
mod error;
mod form;
mod guard;
mod home;
mod page;
mod render;
mod rights;
mod session;
mod sign_in;
mod sign_out;

use std::sync::Arc;

use axum::{Router, extract::FromRef};
use license_api::AppState;
use license_clients::SignIn;
use license_storage::Sessions;

pub use self::{
    compose::{SETTINGS, compose},
    page::{Access, Page, Pages},
    rights::Right,
    session::{ABSOLUTE_LIFETIME, COOKIE, IDLE_LIFETIME},
};

/// What this function may do.
#[derive(Clone)]
pub struct Context {
    /// Clock, settings, users.
    pub app: AppState,
    /// Who is signed in.
    pub sessions: Arc<dyn Sessions>,
    /// The LMS, with which people sign in.
    pub sign_in: Arc<dyn SignIn>,
}

impl FromRef<Context> for AppState {
    fn from_ref(context: &Context) -> Self {
        context.app.clone()
    }
}

/// The function's pages, each with its handler.
pub fn pages() -> Pages {
    Pages::new()
        .add(sign_in::BEGIN, sign_in::begin)
        .add(sign_in::COMPLETE, sign_in::complete)
        .add(sign_out::ROUTE, sign_out::handle)
        .add(sign_out::END, sign_out::end)
        .add(home::ROUTE, home::handle)
}

/// The function's router.
pub fn router(context: Context) -> Router {
    pages().router(context)
}
