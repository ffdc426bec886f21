//! Making and changing agreements and plans, for those who provision them.

mod agreement_create;
mod agreement_one;
mod agreement_update;
mod change;
mod compose;
mod plan_body;
mod plan_create;
mod plan_delete;
mod plan_list;
mod plan_one;
mod plan_patch;
mod plan_rules;
mod plan_update;
mod products;
mod renewal_create;
mod renewal_history;
mod renewal_list;
mod renewal_one;
mod renewal_process;

use std::{fmt, sync::Arc};

use axum::{Router, extract::FromRef};
use license_clients::Catalogs;
use license_store::{
    Store,
    ports::{Portfolios, Provision, Renew, Renewals, Trails, Update},
};
use license_web::{Endpoints, Route, Web};

pub use self::compose::{SETTINGS, compose};

/// How often a change that came second is made again on what the first one left.
const UPDATE_ATTEMPTS: u32 = 8;

/// What this function may do.
#[derive(Clone)]
pub struct Context {
    /// Clock, settings, users.
    pub web: Web,
    /// Agreements and plans on record.
    pub portfolios: Arc<dyn Portfolios>,
    /// New ones.
    pub provision: Arc<dyn Provision>,
    /// Changes of those on record.
    pub update: Arc<dyn Update>,
    /// Renewals.
    pub renewals: Arc<dyn Renewals>,
    /// Carrying them out.
    pub renew: Arc<dyn Renew>,
    /// The audit trail.
    pub trails: Arc<dyn Trails>,
    /// The catalog service.
    pub catalogs: Arc<dyn Catalogs>,
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

/// The context over that store and that catalog service.
pub fn context(web: Web, store: &Arc<Store>, catalogs: Arc<dyn Catalogs>) -> Context {
    Context {
        web,
        portfolios: store.clone(),
        provision: store.clone(),
        update: store.clone(),
        renewals: store.clone(),
        renew: store.clone(),
        trails: store.clone(),
        catalogs,
    }
}

/// The routes of this function.
pub const ROUTES: &[Route] = &[
    agreement_create::ROUTE,
    agreement_one::ROUTE,
    agreement_update::PUT,
    agreement_update::PATCH,
    plan_create::ROUTE,
    plan_list::ROUTE,
    plan_one::ROUTE,
    plan_update::ROUTE,
    plan_create::PLAIN[0],
    plan_create::PLAIN[1],
    plan_update::PLAIN[0],
    plan_update::PLAIN[1],
    plan_update::PLAIN[2],
    plan_update::PLAIN[3],
    plan_delete::ROUTE,
    plan_delete::PLAIN,
    products::PRODUCTS,
    products::PLAIN_PRODUCTS,
    products::PLAN_TYPES,
    products::PLAIN_PLAN_TYPES,
    renewal_create::ROUTE,
    renewal_list::ROUTE,
    renewal_one::GET,
    renewal_one::PUT,
    renewal_one::PATCH,
    renewal_one::DELETE,
    renewal_process::ROUTE,
    renewal_history::ROUTE,
];

/// The function's router.
pub fn router(context: Context) -> Router {
    Endpoints::new(context)
        .add(agreement_create::ROUTE, agreement_create::handle)
        .add(agreement_one::ROUTE, agreement_one::handle)
        .add(agreement_update::PUT, agreement_update::put)
        .add(agreement_update::PATCH, agreement_update::patch)
        .add(plan_create::ROUTE, plan_create::handle)
        .add(plan_list::ROUTE, plan_list::handle)
        .add(plan_one::ROUTE, plan_one::handle)
        .add(plan_update::ROUTE, plan_update::handle)
        .add(plan_create::PLAIN[0], plan_create::handle)
        .add(plan_create::PLAIN[1], plan_create::handle)
        .add(plan_update::PLAIN[0], plan_update::handle)
        .add(plan_update::PLAIN[1], plan_update::handle)
        .add(plan_update::PLAIN[2], plan_update::handle)
        .add(plan_update::PLAIN[3], plan_update::handle)
        .add(plan_delete::ROUTE, plan_delete::handle)
        .add(plan_delete::PLAIN, plan_delete::handle)
        .add(products::PRODUCTS, products::products)
        .add(products::PLAIN_PRODUCTS, products::products)
        .add(products::PLAN_TYPES, products::plan_types)
        .add(products::PLAIN_PLAN_TYPES, products::plan_types)
        .add(renewal_create::ROUTE, renewal_create::handle)
        .add(renewal_list::ROUTE, renewal_list::handle)
        .add(renewal_one::GET, renewal_one::get)
        .add(renewal_one::PUT, renewal_one::update)
        .add(renewal_one::PATCH, renewal_one::update)
        .add(renewal_one::DELETE, renewal_one::delete)
        .add(renewal_process::ROUTE, renewal_process::handle)
        .add(renewal_history::ROUTE, renewal_history::handle)
        .router()
}
