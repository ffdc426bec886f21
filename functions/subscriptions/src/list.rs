//! `GET /api/v1/subscriptions/`: plans, the newest start first, 100 a page.
//!
//! | parameter | meaning |
//! |---|---|
//! | `enterprise_customer_uuid` | that customer's plans, the active ones only |
//! | `include_inactive=true` | the inactive ones, too |
//! | `current=true` | of the customer's active and current plans the one that was created last |
//! | `page` | the page's number |
//!
//! Without a customer: all plans that the requester may access, including inactive ones.

use license_domain::number::to_u64;
use std::collections::HashSet;

use axum::{Json, extract::State, http::StatusCode};
use license_api::{
    ADMINS, ApiError, Doc, Field, Page, PageQuery, Params, Requester, RequiredPermission, Route, RouteAccess,
    VisibleAgreements,
    doc::{self, ResponseDoc, Shape},
    plans, visible_agreements, visible_agreements_ahead, wire,
};
use license_domain::{AgreementId, PlanId, Portfolio, SubscriptionPlan, Timestamp};

use crate::Context;

const CURRENT: Field =
    doc::flag("current", false, "Whether only the newest current plan is shown; needs the customer.");

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/subscriptions/",
    access: RouteAccess::Roles { roles: ADMINS, listing: true, missing: RequiredPermission::Unnamed },
    doc: &Doc {
        summary: "The plans of the caller's customers",
        query: &[doc::ENTERPRISE, CURRENT, doc::INCLUDE_INACTIVE, doc::PAGE],
        body: &[],
        answers: &[ResponseDoc::new(200, "A page.", Shape::Of(doc::schema::<Page<wire::Plan>>))],
    },
};
pub const ALIAS: Route = ROUTE.at("/subscriptions/");

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    params: Params,
    page: PageQuery,
) -> Result<Json<Page<wire::Plan>>, ApiError> {
    let access = requester.require_listing(ADMINS)?;
    let enterprise = params.uuid(&doc::ENTERPRISE)?;
    let only_current = params.flag(&CURRENT);
    if only_current && enterprise.is_none() {
        let message = "enterprise_customer_uuid is required where current=true is asked for.";
        return Err(ApiError::detail(StatusCode::BAD_REQUEST, message));
    }
    let also_inactive = enterprise.is_none() || params.flag(&doc::INCLUDE_INACTIVE);
    let now = context.app.now();

    // Of the current plans only one is counted.
    let (visible, ahead) = if only_current {
        (visible_agreements(&*context.portfolios, &access, enterprise).await?, context.portfolios.clone())
    } else {
        visible_agreements_ahead(&context.portfolios, &access, enterprise).await?
    };
    let (portfolios, found, window) = match visible {
        VisibleAgreements::Only(portfolios) => {
            let found =
                if only_current { newest_current(&portfolios, now) } else { sorted(&portfolios, also_inactive) };
            let window = page.fixed_window(to_u64(found.len()), plans::PAGE_SIZE)?;
            let found = window.of(found);
            (portfolios, found, window)
        }
        VisibleAgreements::Everything => {
            let all = context.portfolios.all_plans().await?;
            let window = page.fixed_window(to_u64(all.len()), plans::PAGE_SIZE)?;
            let shown = window.of(all);
            let agreements: HashSet<AgreementId> = shown.iter().map(|(_, agreement)| *agreement).collect();
            let agreements: Vec<AgreementId> = agreements.into_iter().collect();
            let found = shown.into_iter().map(|(plan, _)| plan).collect();
            (context.portfolios.portfolios(&agreements).await?, found, window)
        }
    };
    let shown: Vec<(&Portfolio, &SubscriptionPlan)> =
        found.iter().filter_map(|plan| find(&portfolios, *plan)).collect();
    let shown = plans::show(&*ahead, shown, now).await?;
    Ok(Json(Page::new(&page, &window, shown)))
}

fn sorted(portfolios: &[Portfolio], also_inactive: bool) -> Vec<PlanId> {
    let listed = portfolios.iter().flat_map(|found| found.plans.iter().map(move |plan| (found, plan)));
    let mut listed: Vec<_> = listed.filter(|(_, plan)| plan.is_active || also_inactive).collect();
    plans::sort(&mut listed);
    listed.into_iter().map(|(_, plan)| plan.uuid).collect()
}

fn newest_current(portfolios: &[Portfolio], now: Timestamp) -> Vec<PlanId> {
    let plans = portfolios.iter().flat_map(|portfolio| &portfolio.plans);
    let newest =
        plans.filter(|plan| plan.is_active && plan.is_current(now)).max_by_key(|plan| (plan.created, plan.uuid));
    newest.map(|plan| plan.uuid).into_iter().collect()
}

fn find(portfolios: &[Portfolio], plan: PlanId) -> Option<(&Portfolio, &SubscriptionPlan)> {
    portfolios.iter().find_map(|portfolio| Some((portfolio, portfolio.plan(plan)?)))
}
