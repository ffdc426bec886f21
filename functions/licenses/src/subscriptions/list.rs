//! `GET /api/v1/subscriptions/{plan}/licenses/`: the licenses of a plan, in pages, with an exact count.
//!
//! Parameters: those of [`license_api::selection`], `page` (a number or `last`), `page_size` (100, at most 500). For a
//! plan that does not exist, or that the requester may not access, the list is empty.
//!
//! ```json
//! {"count": 12, "next": "https://…?page=2", "previous": null, "results": [{"uuid": "…", …}], "num_pages": 2}
//! ```

use axum::{
    Json,
    extract::{Path, State},
};
use futures::join;
use license_api::{
    ADMINS, ApiError, Doc, NumberedPage, PageQuery, Params, Requester, RequiredPermission, Route, RouteAccess, Window,
    doc::{self, ResponseDoc, Shape},
    id, selection, wire,
};
use license_domain::{License, LicenseStatus, PlanId, SubscriptionPlan};
use license_storage::{LicenseQuery, Licenses, PagePosition};

use crate::Context;

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/subscriptions/{plan}/licenses/",
    access: RouteAccess::Roles { roles: ADMINS, listing: true, missing: RequiredPermission::Unnamed },
    doc: &Doc {
        summary: "A plan's licenses",
        query: &[
            doc::STATUS,
            doc::SEARCH,
            doc::ORDERING,
            doc::ACTIVE_ONLY,
            doc::IGNORE_NULL_EMAILS,
            doc::PAGE,
            doc::CURSOR,
            doc::PAGE_SIZE,
        ],
        body: &[],
        answers: &[ResponseDoc::new(200, "A page.", Shape::Of(doc::schema::<NumberedPage<wire::License>>))],
    },
};

pub const ALIAS: Route = ROUTE.at("/subscriptions/{plan}/licenses/");

pub const PAGE_SIZE: usize = 100;
pub const MAX_PAGE_SIZE: usize = 500;

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(plan): Path<String>,
    params: Params,
    page: PageQuery,
) -> Result<Json<NumberedPage<wire::License>>, ApiError> {
    let plan: PlanId = id(&plan)?;
    let access = requester.require_listing(ADMINS)?;
    let (filter, order) = (selection::filter(&params)?, selection::order(&params));
    // A page of a search or of another order cannot begin at a cursor.
    let is_walk = filter.search.is_empty() && order.is_empty();
    let position = |text: String| context.licenses.position(&text).ok_or_else(ApiError::invalid_page);
    let after = page.cursor()?.filter(|_| is_walk).map(position);
    let query = LicenseQuery { filter, order, after: after.transpose()?, ..LicenseQuery::default() };
    let (portfolio, licenses) =
        join!(context.portfolios.portfolio_of_plan(plan), context.licenses.ahead_of_plan(plan, true));
    let portfolio = portfolio?.filter(|found| access.includes(found.agreement.enterprise_customer_uuid));
    let (window, licenses) = match portfolio.as_ref().and_then(|portfolio| portfolio.plan(plan)) {
        Some(plan) => read(&*licenses, plan, query, &page, params.get(&doc::PAGE) == Some("last")).await?,
        None => (page.window(0, PAGE_SIZE, MAX_PAGE_SIZE)?, Vec::new()),
    };
    let cursor = licenses.last().filter(|_| is_walk).map(|license| context.licenses.position_behind(license));
    let licenses = licenses.iter().map(wire::License::new).collect();
    Ok(Json(NumberedPage::new(&page, &window, licenses).followed_by(
        &page,
        &window,
        cursor.as_ref().map(PagePosition::text),
    )))
}

/// Counts, and reads the page, at the same time. Only the last page of a search is read when its count is known.
async fn read(
    licenses: &dyn Licenses,
    plan: &SubscriptionPlan,
    mut query: LicenseQuery,
    page: &PageQuery,
    is_last: bool,
) -> Result<(Window, Vec<License>), ApiError> {
    let sum = |counts: Vec<(LicenseStatus, u64)>| counts.iter().map(|(_, count)| count).sum::<u64>();
    if query.after.is_some() {
        query.limit = page.window(u64::MAX, PAGE_SIZE, MAX_PAGE_SIZE)?.size;
        let (counts, rows) = licenses.count_and_list(plan, &query).await?;
        return Ok((page.window_at_cursor(sum(counts), PAGE_SIZE, MAX_PAGE_SIZE)?, rows));
    }
    if is_last && !query.filter.search.is_empty() {
        let counts = licenses.count(plan, &query.filter).await?;
        let window = page.window(sum(counts), PAGE_SIZE, MAX_PAGE_SIZE)?;
        (query.offset, query.limit) = (window.offset(), window.size);
        return Ok((window, licenses.list(plan, &query).await?));
    }
    let place = page.window(u64::MAX, PAGE_SIZE, MAX_PAGE_SIZE)?;
    (query.offset, query.limit, query.is_last) = (place.offset(), place.size, is_last);
    let (counts, rows) = licenses.count_and_list(plan, &query).await?;
    Ok((page.window(sum(counts), PAGE_SIZE, MAX_PAGE_SIZE)?, rows))
}
