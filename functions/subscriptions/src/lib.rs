//! Subscription plans, for the customers' admins: list, get, history, forecast.

mod compose;
mod forecast;
mod get;
mod history;
mod list;
mod utilization;

use std::sync::Arc;

use axum::{Router, extract::FromRef};
use license_api::{AppState, Endpoints};
use license_domain::plan_work::Rules;
use license_storage::{AuditTrails, PlanDays, PlanWorks, Portfolios};

pub use self::compose::{SETTINGS, compose};

/// The ports and clients that this function uses.
#[derive(Clone)]
pub struct Context {
    pub app: AppState,
    pub portfolios: Arc<dyn Portfolios>,
    pub audit_trails: Arc<dyn AuditTrails>,
    /// The work that the clock began last on a plan.
    pub plan_works: Arc<dyn PlanWorks>,
    /// Plans' counts by day.
    pub plan_days: Arc<dyn PlanDays>,
    /// What the installation has chosen.
    pub rules: Arc<Rules>,
}

impl FromRef<Context> for AppState {
    fn from_ref(context: &Context) -> Self {
        context.app.clone()
    }
}

/// The function's routes, each with its handler.
pub fn endpoints() -> Endpoints<Context> {
    Endpoints::new()
        .add(list::ROUTE, list::handle)
        .named("Subscription List")
        .add(list::ALIAS, list::handle)
        .add(get::ROUTE, get::handle)
        .named("Subscription Instance")
        .add(get::ALIAS, get::handle)
        .add(history::ROUTE, history::handle)
        .add(history::ALIAS, history::handle)
        .add(forecast::ROUTE, forecast::handle)
        .add(forecast::ALIAS, forecast::handle)
        .add(utilization::OF_PLAN, utilization::of_plan)
        .add(utilization::OF_PLAN_ALIAS, utilization::of_plan)
        .add(utilization::OF_CUSTOMER, utilization::of_customer)
        .add(utilization::OF_CUSTOMER_ALIAS, utilization::of_customer)
}

pub fn router(context: Context) -> Router {
    endpoints().router(context)
}
