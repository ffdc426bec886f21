//! The licences of one plan, for the customer's admins: list, one, counts, CSV, assign, remind, revoke.

mod assign;
mod bulk_revoke;
mod csv;
mod list;
mod meant;
mod one;
mod overview;
mod plan;
mod remind;
mod remind_all;
mod revoke_all;

use std::{fmt, sync::Arc};

use axum::{Router, extract::FromRef};
use license_store::{
    Store,
    ports::{Assign, Glances, Licenses, Portfolios, Remind, Revoke},
};
use license_web::{Endpoints, Route, Web};

/// What this function may do.
#[derive(Clone)]
pub struct Context {
    /// Clock, settings, users.
    pub web: Web,
    /// Agreements and plans.
    pub portfolios: Arc<dyn Portfolios>,
    /// The licences of a plan.
    pub licenses: Arc<dyn Licenses>,
    /// Reading ahead.
    pub glances: Arc<dyn Glances>,
    /// Handing out seats.
    pub assign: Arc<dyn Assign>,
    /// Reminding.
    pub remind: Arc<dyn Remind>,
    /// Taking seats back.
    pub revoke: Arc<dyn Revoke>,
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
    Context {
        web,
        portfolios: store.clone(),
        licenses: store.clone(),
        glances: store.clone(),
        assign: store.clone(),
        remind: store.clone(),
        revoke: store.clone(),
    }
}

/// The routes of this function.
pub const ROUTES: &[Route] = &[
    list::ROUTE,
    one::ROUTE,
    overview::ROUTE,
    csv::ROUTE,
    assign::ROUTE,
    remind::ROUTE,
    remind_all::ROUTE,
    bulk_revoke::ROUTE,
    revoke_all::ROUTE,
];

/// The function's router.
pub fn router(context: Context) -> Router {
    Endpoints::new(context)
        .add(list::ROUTE, list::handle)
        .add(one::ROUTE, one::handle)
        .add(overview::ROUTE, overview::handle)
        .add(csv::ROUTE, csv::handle)
        .add(assign::ROUTE, assign::handle)
        .add(remind::ROUTE, remind::handle)
        .add(remind_all::ROUTE, remind_all::handle)
        .add(bulk_revoke::ROUTE, bulk_revoke::handle)
        .add(revoke_all::ROUTE, revoke_all::handle)
        .router()
}
