//! `GET /api/v1/customer-agreement/`: the agreements that the requester may access, with their plans, 100 a page.
//!
//! Parameters: `enterprise_customer_uuid`, `active_plans_only` (true: inactive plans are left out), `page`.
//!
//! ```json
//! {"count": 1, "next": null, "previous": null, "results": [{"uuid": "…", "subscriptions": [{"uuid": "…", …}], …}]}
//! ```

use axum::{Json, extract::State};
use futures::try_join;
use license_api::{
    ApiError, Doc, Field, LEARNERS_AND_ADMINS, Page, PageQuery, Params, Requester, RequiredPermission, Route,
    RouteAccess, VisibleAgreements,
    doc::{self, ResponseDoc, Shape},
    visible_agreements_ahead, wire,
};
use license_domain::number::to_u64;
use license_domain::{Portfolio, SubscriptionPlan};
use license_storage::Portfolios;

use crate::Context;

/// Whether inactive plans are left out.
pub const ACTIVE_PLANS_ONLY: Field = doc::flag("active_plans_only", true, "Whether inactive plans are left out.");

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/customer-agreement/",
    access: RouteAccess::Roles { roles: LEARNERS_AND_ADMINS, listing: true, missing: RequiredPermission::Unnamed },
    doc: &Doc {
        summary: "Customer agreements with their plans",
        query: &[doc::ENTERPRISE, ACTIVE_PLANS_ONLY, doc::PAGE],
        body: &[],
        answers: &[ResponseDoc::new(200, "A page.", Shape::Of(doc::schema::<Page<wire::Agreement>>))],
    },
};
pub const ALIAS: [Route; 2] = [ROUTE.at("/customer-agreements/"), ROUTE.at("/api/v1/customer-agreements/")];

const PAGE_SIZE: usize = 100;

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    params: Params,
    page: PageQuery,
) -> Result<Json<Page<wire::Agreement>>, ApiError> {
    let access = requester.require_listing(LEARNERS_AND_ADMINS)?;
    let enterprise = params.uuid(&doc::ENTERPRISE)?;
    let active_only = params.flag(&ACTIVE_PLANS_ONLY);

    let (visible, ahead) = visible_agreements_ahead(&context.portfolios, &access, enterprise).await?;
    let (window, shown) = match visible {
        VisibleAgreements::Only(portfolios) => {
            let window = page.fixed_window(to_u64(portfolios.len()), PAGE_SIZE)?;
            (window, window.of(portfolios))
        }
        VisibleAgreements::Everything => {
            let all = context.portfolios.all_agreements().await?;
            let window = page.fixed_window(to_u64(all.len()), PAGE_SIZE)?;
            (window, context.portfolios.portfolios(&window.of(all)).await?)
        }
    };
    let results = show(&context, &*ahead, &shown, active_only).await?;
    Ok(Json(Page::new(&page, &window, results)))
}

/// The bodies of these agreements. Only plans that are shown are counted.
pub(crate) async fn show(
    context: &Context,
    store: &dyn Portfolios,
    portfolios: &[Portfolio],
    active_only: bool,
) -> Result<Vec<wire::Agreement>, ApiError> {
    let plans: Vec<&SubscriptionPlan> = portfolios
        .iter()
        .flat_map(|portfolio| &portfolio.plans)
        .filter(|plan| plan.is_active || !active_only)
        .collect();
    let (counts, products) = try_join!(store.seat_counts(&plans), store.products())?;
    let now = context.app.now();
    let shape = |portfolio| wire::Agreement::new(portfolio, &counts, &products, active_only, now);
    Ok(portfolios.iter().map(shape).collect())
}
