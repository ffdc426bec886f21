//! What the company does for a learner by name: look-ups for support, and retirement.

mod admin_view;
mod compose;
mod found;
mod lookup;
mod mails;
mod retire_user;

use std::{fmt, sync::Arc};

use axum::{Router, extract::FromRef};
use license_store::{
    Store,
    ports::{Deliveries, Learners, Portfolios, Retire},
};
use license_web::{Endpoints, LearnerPortal, Route, Web};

pub use self::compose::{SETTINGS, compose};

/// What this function may do.
#[derive(Clone)]
pub struct Context {
    /// Clock, settings, users.
    pub web: Web,
    /// Agreements and plans.
    pub portfolios: Arc<dyn Portfolios>,
    /// The licences of a learner.
    pub learners: Arc<dyn Learners>,
    /// Records of mails.
    pub deliveries: Arc<dyn Deliveries>,
    /// Retiring learners.
    pub retire: Arc<dyn Retire>,
    /// Where links of learners lead.
    pub portal: LearnerPortal,
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
pub fn context(web: Web, store: &Arc<Store>, portal: LearnerPortal) -> Context {
    Context {
        web,
        portfolios: store.clone(),
        learners: store.clone(),
        deliveries: store.clone(),
        retire: store.clone(),
        portal,
    }
}

/// The routes of this function.
pub const ROUTES: &[Route] = &[lookup::ROUTE, admin_view::ROUTE, retire_user::ROUTE, mails::LIST, mails::SEND];

/// The function's router.
pub fn router(context: Context) -> Router {
    Endpoints::new(context)
        .add(lookup::ROUTE, lookup::handle)
        .add(admin_view::ROUTE, admin_view::handle)
        .add(retire_user::ROUTE, retire_user::handle)
        .add(mails::LIST, mails::list)
        .add(mails::SEND, mails::send)
        .router()
}
