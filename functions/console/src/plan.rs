//! `GET /admin/plans/{plan}/`: a plan with its seats, its licenses by filter and search, its renewals, settings and
//! history. The cost of the page does not grow with the plan: counts come from the plan's counters, and a page of
//! licenses is one read.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::request::Parts,
    response::Response,
};
use futures::try_join;
use license_api::{Params, selection};
use license_domain::number::to_u64;
use license_domain::{LicenseStatus, PlanId, Portfolio, RevocationCap, SeatCounts, Subject, SubscriptionPlan};
use license_storage::{AuditQuery, LicenseQuery};

use crate::{
    Access, Context, Page, Right,
    customer::{self, RenewalLine},
    error::PageError,
    form::Query,
    guard::Operator,
    moment::Moment,
    paging::Next,
    picture::{OverTime, Seats, Step, funnel},
    render::{Frame, page},
    show::{HistoryLine, LicenseLine},
};

/// A plan.
pub const ROUTE: Page = Page::get("/admin/plans/{plan}/", Access::Needs(Right::View));

/// How many licenses a page has.
const LICENSES: usize = 50;

/// How many changes are shown.
const CHANGES: usize = 20;

/// How many changes are read for the picture of seats over time.
const DRAWN: usize = 200;

#[derive(Template)]
#[template(path = "plan.html")]
struct PlanPage<'a> {
    frame: Frame,
    portfolio: &'a Portfolio,
    plan: &'a SubscriptionPlan,
    customer: String,
    state: &'static str,
    days_left: i64,
    counts: SeatCounts,
    picture: Seats,
    funnel: Vec<Step>,
    over_time: Option<OverTime>,
    shares: Vec<Share>,
    cap: Option<RevocationCap>,
    renewals: Vec<RenewalLine>,
    statuses: Vec<StatusChoice>,
    search: String,
    orders: Vec<OrderChoice>,
    licenses: Vec<LicenseLine>,
    next: Option<Next>,
    history: Vec<HistoryLine>,
    starts: Moment,
    ends: Moment,
}

/// The number of a plan's licenses in a status.
struct Share {
    status: &'static str,
    count: u64,
}

/// The orders of the list, as the API names them.
const ORDERS: [(&str, &str); 6] = [
    ("", "by status, then address"),
    ("user_email", "by address"),
    ("-user_email", "by address, backwards"),
    ("-activation_date", "activated last first"),
    ("activation_date", "activated first first"),
    ("-last_remind_date", "reminded last first"),
];

struct OrderChoice {
    value: &'static str,
    text: &'static str,
    is_chosen: bool,
}

struct StatusChoice {
    status: &'static str,
    is_chosen: bool,
}

/// The plan with its agreement.
pub async fn find(context: &Context, plan: &str) -> Result<(Portfolio, SubscriptionPlan), PageError> {
    let id: PlanId = plan.parse().map_err(|_| PageError::not_found())?;
    let portfolio = context.portfolios.portfolio_of_plan(id).await?.ok_or_else(PageError::not_found)?;
    let plan = portfolio.plan(id).cloned().ok_or_else(PageError::not_found)?;
    Ok((portfolio, plan))
}

pub async fn handle(
    State(context): State<Context>,
    operator: Operator,
    Path(plan): Path<String>,
    query: Query,
    parts: Parts,
) -> Result<Response, PageError> {
    let (portfolio, plan) = find(&context, &plan).await?;
    let params = Params::parse(parts.uri.query().unwrap_or_default());
    let (filter, order) = (selection::filter(&params)?, selection::order(&params));
    let is_walk = filter.search.is_empty() && order.is_empty();
    let offset: u64 = match query.get("offset").filter(|_| !is_walk) {
        Some(offset) => offset.parse().map_err(|_| PageError::not_found())?,
        None => 0,
    };
    // A cursor is a position in the list without a search, and in its own order.
    let after = query.get("cursor").filter(|_| is_walk).map(|text| context.licenses.position(text));
    let after = match after {
        Some(None) => return Err(PageError::not_found()),
        other => other.flatten(),
    };
    let chosen = filter.statuses.clone().unwrap_or_default();
    let wanted = LicenseQuery { filter, order, after, offset, limit: LICENSES + 1, is_last: false };
    let trail = AuditQuery { limit: Some(DRAWN), ..AuditQuery::default() };
    let of_plan = [&plan];
    let (counts, mut licenses, history) = try_join!(
        context.portfolios.seat_counts(&of_plan),
        context.licenses.list(&plan, &wanted),
        context.audit_trails.trail(Subject::Plan(plan.uuid), trail),
    )?;
    let counts = counts.get(&plan.uuid).copied().unwrap_or_default();
    let has_more = licenses.len() > LICENSES;
    licenses.truncate(LICENSES);
    let search = query.get("search").unwrap_or_default().to_owned();
    let next = licenses.last().filter(|_| has_more).map(|last| {
        let place = if is_walk {
            ("cursor", context.licenses.position_behind(last).text().to_owned())
        } else {
            ("offset", (offset + to_u64(LICENSES)).to_string())
        };
        let kept = ["status", "search", "ordering"].into_iter().filter_map(|name| Some((name, query.get(name)?)));
        let parameters: Vec<(&str, &str)> = kept.chain([(place.0, place.1.as_str())]).collect();
        Next::new(&format!("/admin/plans/{}/", plan.uuid), &parameters, "Next page").at("licenses")
    });
    let now = context.app.now();
    let cap = plan
        .is_revocation_cap_enabled
        .then(|| RevocationCap::new(counts.total, plan.revoke_max_percentage, plan.num_revocations_applied));
    Ok(page(&PlanPage {
        frame: Frame::of(&operator, plan.title.clone()),
        customer: customer::name_of(&portfolio),
        state: customer::state_of(&plan, now),
        days_left: plan.days_until_expiration(now),
        shares: LicenseStatus::ALL
            .iter()
            .map(|status| Share { status: status.as_str(), count: counts.of(*status) })
            .collect(),
        picture: Seats::of(&counts),
        funnel: funnel(&counts),
        over_time: OverTime::of(&plan, counts, &history, now, history.len() == DRAWN),
        counts,
        cap,
        renewals: customer::renewals(&portfolio, |id| id == plan.uuid),
        statuses: LicenseStatus::ALL
            .iter()
            .map(|status| StatusChoice { status: status.as_str(), is_chosen: chosen == [*status] })
            .collect(),
        search,
        orders: ORDERS
            .iter()
            .map(|(value, text)| OrderChoice {
                value,
                text,
                is_chosen: query.get("ordering").unwrap_or_default() == *value,
            })
            .collect(),
        licenses: licenses.iter().map(LicenseLine::from).collect(),
        next,
        history: history.iter().take(CHANGES).map(HistoryLine::from).collect(),
        starts: plan.start_date.into(),
        ends: plan.expiration_date.into(),
        portfolio: &portfolio,
        plan: &plan,
    }))
}
