//! `GET /api/v1/subscriptions/{plan}/license/`: the requester's licenses of that plan that are not revoked, 100 a page.
//! Filters are those of [`license_api::selection`].

use axum::{
    Json,
    extract::{Path, State},
};
use futures::try_join;
use license_api::{
    ApiError, Doc, LEARNERS_AND_ADMINS, Page, PageQuery, Params, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
    id, selection, wire,
};
use license_domain::number::to_u64;
use license_domain::{License, PlanId};

use crate::{Context, own_licenses};

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/subscriptions/{plan}/license/",
    access: RouteAccess::Roles { roles: LEARNERS_AND_ADMINS, listing: true, missing: RequiredPermission::Unnamed },
    doc: &Doc {
        summary: "The caller's licenses of a plan",
        query: &[doc::STATUS, doc::SEARCH, doc::ORDERING, doc::ACTIVE_ONLY, doc::IGNORE_NULL_EMAILS, doc::PAGE],
        body: &[],
        answers: &[ResponseDoc::new(200, "A page.", Shape::Of(doc::schema::<Page<wire::License>>))],
    },
};

const PAGE_SIZE: usize = 100;

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(plan): Path<String>,
    params: Params,
    page: PageQuery,
) -> Result<Json<Page<wire::License>>, ApiError> {
    let plan: PlanId = id(&plan)?;
    let access = requester.require_listing(LEARNERS_AND_ADMINS)?;
    let filter = selection::filter(&params)?;
    let (portfolio, mut held) =
        try_join!(context.portfolios.portfolio_of_plan(plan), own_licenses::of_plan(&context, &requester, plan))?;
    let is_reached = portfolio.is_some_and(|found| access.includes(found.agreement.enterprise_customer_uuid));
    held.retain(|license| is_reached && filter.matches(license));
    selection::sort(&mut held, &selection::order(&params));
    let window = page.fixed_window(to_u64(held.len()), PAGE_SIZE)?;
    let held: Vec<License> = window.of(held);
    Ok(Json(Page::new(&page, &window, held.iter().map(wire::License::new).collect())))
}
