//! What the company's own people do for one learner: look-ups for support, retirement, mails of unknown fate.

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

/// What this function may do.
#[derive(Clone)]
pub struct Context {
    /// Clock, settings, users.
    pub app: AppState,
    /// Agreements and plans.
    pub portfolios: Arc<dyn Portfolios>,
    /// The licenses of a learner.
    pub learners: Arc<dyn Learners>,
    /// Records of mails.
    pub deliveries: Arc<dyn Deliveries>,
    /// Retiring learners.
    pub retire: Arc<dyn Retire>,
    /// Files for download, which name learners.
    pub exports: Arc<dyn Exports>,
    /// Where links of learners lead.
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

/// The function's router.
pub fn router(context: Context) -> Router {
    endpoints().router(context)
}
