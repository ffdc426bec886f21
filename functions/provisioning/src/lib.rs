//! Creates and changes agreements, plans and renewals, for provisioning admins.

mod compose;
mod customer_agreement;
mod plan_types;
mod products;
mod subscription_plan_renewals;
mod subscriptions;

use std::sync::Arc;

use axum::{Router, extract::FromRef};
use license_api::{AppState, Endpoints};
use license_storage::{AuditTrails, ChangeProducts};
use license_use_cases::Provisioning;
use license_work::Renewals as RenewalRuns;

pub use self::compose::{SETTINGS, compose};

/// The ports and clients that this function uses.
#[derive(Clone)]
pub struct Context {
    pub app: AppState,
    /// Agreements, plans and renewals, and their changes.
    pub provisioning: Provisioning,
    pub renewal_runs: RenewalRuns,
    pub audit_trails: Arc<dyn AuditTrails>,
    /// Changes what plans are sold as.
    pub products: Arc<dyn ChangeProducts>,
}

impl FromRef<Context> for AppState {
    fn from_ref(context: &Context) -> Self {
        context.app.clone()
    }
}

/// The function's routes, each with its handler.
pub fn endpoints() -> Endpoints<Context> {
    Endpoints::new()
        .add(customer_agreement::create::ROUTE, customer_agreement::create::handle)
        .add(customer_agreement::get::ROUTE, customer_agreement::get::handle)
        .add(customer_agreement::update::PUT, customer_agreement::update::put)
        .add(customer_agreement::update::PATCH, customer_agreement::update::patch)
        .add(subscriptions::create::ROUTE, subscriptions::create::handle)
        .add(subscriptions::list::ROUTE, subscriptions::list::handle)
        .add(subscriptions::get::ROUTE, subscriptions::get::handle)
        .add(subscriptions::update::ROUTE, subscriptions::update::handle)
        .add(subscriptions::create::ALIAS[0], subscriptions::create::handle)
        .add(subscriptions::create::ALIAS[1], subscriptions::create::handle)
        .named("Subscription List")
        .add(subscriptions::update::ALIAS[0], subscriptions::update::handle)
        .add(subscriptions::update::ALIAS[1], subscriptions::update::handle)
        .add(subscriptions::update::ALIAS[2], subscriptions::update::handle)
        .add(subscriptions::update::ALIAS[3], subscriptions::update::handle)
        .add(subscriptions::delete::ROUTE, subscriptions::delete::handle)
        .named("Subscription Instance")
        .add(subscriptions::delete::ALIAS, subscriptions::delete::handle)
        .add(products::PRODUCTS, products::products)
        .add(products::PLAIN_PRODUCTS, products::products)
        .add(products::create::ROUTE, products::create::handle)
        .add(products::update::ROUTE, products::update::handle)
        .add(plan_types::create::ROUTE, plan_types::create::handle)
        .add(plan_types::update::ROUTE, plan_types::update::handle)
        .add(products::PLAN_TYPES, products::plan_types)
        .add(products::PLAIN_PLAN_TYPES, products::plan_types)
        .add(subscription_plan_renewals::create::ROUTE, subscription_plan_renewals::create::handle)
        .add(subscription_plan_renewals::list::ROUTE, subscription_plan_renewals::list::handle)
        .add(subscription_plan_renewals::get::GET, subscription_plan_renewals::get::get)
        .add(subscription_plan_renewals::get::PUT, subscription_plan_renewals::get::update)
        .add(subscription_plan_renewals::get::PATCH, subscription_plan_renewals::get::update)
        .add(subscription_plan_renewals::get::DELETE, subscription_plan_renewals::get::delete)
        .add(subscription_plan_renewals::process::ROUTE, subscription_plan_renewals::process::handle)
        .add(subscription_plan_renewals::history::ROUTE, subscription_plan_renewals::history::handle)
}

pub fn router(context: Context) -> Router {
    endpoints().router(context)
}
