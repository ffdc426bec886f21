//! `GET /api/v1/learner-subscriptions/?enterprise_customer_uuid=…`: the active plans of a customer, as its
//! learners see them, the newest start first, 100 a page. Without a customer there are none.

use std::cmp::Reverse;

use axum::{Json, extract::State};
use futures::try_join;
use license_domain::{EnterpriseId, SubscriptionPlan};
use license_web::{ApiError, Caller, Grants, LEARNERS_AND_ADMINS, Missing, Page, PageQuery, Params, Route, wire};

use crate::Context;

/// The list.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/learner-subscriptions/",
    access: Grants::Roles { roles: LEARNERS_AND_ADMINS, listing: true, missing: Missing::Unnamed },
};

const PAGE_SIZE: usize = 100;

pub async fn handle(
    State(context): State<Context>,
    caller: Caller,
    params: Params,
    page: PageQuery,
) -> Result<Json<Page<wire::Plan>>, ApiError> {
    let access = caller.require_listing(LEARNERS_AND_ADMINS)?;
    let named: Option<EnterpriseId> = params.uuid("enterprise_customer_uuid")?;
    let portfolio = match named.filter(|enterprise| access.includes(*enterprise)) {
        Some(enterprise) => context.portfolios.portfolio_of_enterprise(enterprise).await?,
        None => None,
    };
    let Some(portfolio) = portfolio else {
        return Ok(Json(Page::new(&page, &page.fixed_window(0, PAGE_SIZE)?, Vec::new())));
    };
    let mut plans: Vec<&SubscriptionPlan> = portfolio.plans.iter().filter(|plan| plan.is_active).collect();
    plans.sort_by_key(|plan| (Reverse(plan.start_date), plan.uuid));
    let window = page.fixed_window(u64::try_from(plans.len()).unwrap_or(u64::MAX), PAGE_SIZE)?;
    let plans = window.of(plans);
    let (counts, products) = try_join!(context.portfolios.seat_counts(&plans), context.portfolios.products())?;
    let now = context.web.now();
    let shape = |plan: &&SubscriptionPlan| {
        let counts = counts.get(&plan.uuid).copied().unwrap_or_default();
        wire::Plan::new(&portfolio, plan, counts, &products, now)
    };
    Ok(Json(Page::new(&page, &window, plans.iter().map(shape).collect())))
}
