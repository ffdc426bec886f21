//! Operations of the operator's staff for one learner: look-ups for support, retirement, mails of unknown fate.

mod admin_license_view;
mod compose;
mod licenses_of_address;
mod mails;
mod retire_user;
mod staff_lookup_licenses;

use std::sync::Arc;

use axum::{Router, extract::FromRef};
use license_api::{AppState, Endpoints, LearnerPortal};
use license_clients::Exports;
use license_storage::{Deliveries, Learners, Portfolios, Retire};

pub use self::compose::{SETTINGS, compose};

/// The ports and clients that this function uses.
#[derive(Clone)]
pub struct Context {
    pub app: AppState,
    pub portfolios: Arc<dyn Portfolios>,
    /// The licenses of a learner.
    pub learners: Arc<dyn Learners>,
    pub deliveries: Arc<dyn Deliveries>,
    pub retire: Arc<dyn Retire>,
    /// Files for download, which name learners.
    pub exports: Arc<dyn Exports>,
    /// The base URL of links for learners.
    pub portal: LearnerPortal,
}

impl FromRef<Context> for AppState {
    fn from_ref(context: &Context) -> Self {
        context.app.clone()
    }
}

/// The function's routes, each with its handler.
pub fn endpoints() -> Endpoints<Context> {
    Endpoints::new()
        .add(staff_lookup_licenses::ROUTE, staff_lookup_licenses::handle)
        .add(admin_license_view::ROUTE, admin_license_view::handle)
        .add(retire_user::ROUTE, retire_user::handle)
        .add(mails::LIST, mails::list)
        .add(mails::SEND, mails::send)
}

pub fn router(context: Context) -> Router {
    endpoints().router(context)
}
