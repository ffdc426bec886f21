//! `GET /api/v1/provisioning-admins/subscriptions/`: the active plans, of one customer
//! (`enterprise_customer_uuid`) or of all, the newest start first, 100 a page; `include_inactive=true` adds the others.

use std::cmp::Reverse;

use axum::{Json, extract::State};
use futures::try_join;
use license_domain::{EnterpriseId, Portfolio, SubscriptionPlan};
use license_web::{ApiError, Caller, Grants, Missing, PROVISIONERS, Page, PageQuery, Params, Route, wire};

use crate::Context;

/// The list.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/provisioning-admins/subscriptions/",
    access: Grants::Roles { roles: PROVISIONERS, listing: false, missing: Missing::ProvisioningPlans },
};

const PAGE_SIZE: usize = 100;

pub async fn handle(
    State(context): State<Context>,
    caller: Caller,
    params: Params,
    page: PageQuery,
) -> Result<Json<Page<wire::Plan>>, ApiError> {
    caller.require_everywhere(PROVISIONERS, Missing::ProvisioningPlans)?;
    let also_inactive = params.flag("include_inactive", false);
    let portfolios = portfolios(&context, params.uuid("enterprise_customer_uuid")?).await?;
    let mut plans: Vec<(&Portfolio, &SubscriptionPlan)> =
        portfolios.iter().flat_map(|portfolio| portfolio.plans.iter().map(move |plan| (portfolio, plan))).collect();
    plans.retain(|(_, plan)| plan.is_active || also_inactive);
    plans.sort_by_key(|(_, plan)| (Reverse(plan.start_date), plan.uuid));
    let window = page.fixed_window(u64::try_from(plans.len()).unwrap_or(u64::MAX), PAGE_SIZE)?;
    let plans = window.of(plans);
    let counted: Vec<&SubscriptionPlan> = plans.iter().map(|(_, plan)| *plan).collect();
    let (counts, products) = try_join!(context.portfolios.seat_counts(&counted), context.portfolios.products())?;
    let now = context.web.now();
    let shape = |(portfolio, plan): (&Portfolio, &SubscriptionPlan)| {
        let counts = counts.get(&plan.uuid).copied().unwrap_or_default();
        wire::Plan::new(portfolio, plan, counts, &products, now)
    };
    Ok(Json(Page::new(&page, &window, plans.into_iter().map(shape).collect())))
}

async fn portfolios(context: &Context, enterprise: Option<EnterpriseId>) -> Result<Vec<Portfolio>, ApiError> {
    let portfolios = &context.portfolios;
    Ok(match enterprise {
        Some(enterprise) => portfolios.portfolio_of_enterprise(enterprise).await?.into_iter().collect(),
        None => portfolios.portfolios(&portfolios.all_agreements().await?).await?,
    })
}
