//! `GET /licenses/`: licenses of all plans that the requester administers, plan by plan (by id), each plan's licenses
//! in their own order, with an exact count.
//!
//! Parameters: `subscription_plan` (or `plan`), `enterprise_customer_uuid` (or `enterprise`), `user_email` (or `email`;
//! the whole address), those of [`license_api::selection`] but `ordering`, `page`, `page_size` (100, at most 500). A
//! requester who administers all customers must name a plan, a customer or an address.

use axum::{Json, extract::State, http::StatusCode};
use futures::{StreamExt, TryStreamExt, stream};
use license_api::{
    ADMINS, ApiError, Doc, Field, NumberedPage, PageQuery, Params, Requester, RequiredPermission, Route, RouteAccess,
    VisibleAgreements, Window,
    doc::{self, ResponseDoc, Shape},
    fields::{TEXT, UUID},
    selection, visible_agreements, wire,
};
use license_domain::number::to_u64;
use license_domain::{Access, EmailKey, EnterpriseId, License, PlanId, Portfolio, SubscriptionPlan};
use license_storage::{LicenseFilter, LicenseQuery, PagePosition};

use crate::{
    Context,
    subscriptions::list::{MAX_PAGE_SIZE, PAGE_SIZE},
};

const SUBSCRIPTION_PLAN: Field = Field::new(UUID, "Only this plan's.").optional().named("subscription_plan");
const PLAN: Field = SUBSCRIPTION_PLAN.named("plan");
const ENTERPRISE: Field = doc::ENTERPRISE.named("enterprise");
const USER_EMAIL: Field = Field::new(TEXT, "Only this learner's: the whole address.").optional().named("user_email");
const EMAIL: Field = USER_EMAIL.named("email");

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/licenses/",
    access: RouteAccess::Roles { roles: ADMINS, listing: true, missing: RequiredPermission::Unnamed },
    doc: &Doc {
        summary: "Licenses across plans",
        query: &[
            SUBSCRIPTION_PLAN,
            PLAN,
            doc::ENTERPRISE,
            ENTERPRISE,
            USER_EMAIL,
            EMAIL,
            doc::STATUS,
            doc::SEARCH,
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
pub const ALIAS: Route = ROUTE.at("/licenses/");

/// The most plans that are read at the same time.
const PARALLEL: usize = 8;

/// The query in the parameters.
struct Wanted {
    plan: Option<PlanId>,
    enterprise: Option<EnterpriseId>,
    email: Option<EmailKey>,
    filter: LicenseFilter,
}

impl Wanted {
    fn parse(params: &Params) -> Result<Self, ApiError> {
        Ok(Self {
            plan: params.uuid(&SUBSCRIPTION_PLAN)?.or(params.uuid(&PLAN)?),
            enterprise: params.uuid(&doc::ENTERPRISE)?.or(params.uuid(&ENTERPRISE)?),
            email: params.text(&USER_EMAIL).or(params.text(&EMAIL)).map(EmailKey::of),
            filter: selection::filter(params)?,
        })
    }

    fn admits(&self, portfolio: &Portfolio, plan: &SubscriptionPlan) -> bool {
        self.plan.is_none_or(|wanted| wanted == plan.uuid)
            && self.enterprise.is_none_or(|wanted| wanted == portfolio.agreement.enterprise_customer_uuid)
    }
}

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    params: Params,
    page: PageQuery,
) -> Result<Json<NumberedPage<wire::License>>, ApiError> {
    let access = requester.require_listing(ADMINS)?;
    let wanted = Wanted::parse(&params)?;
    let (window, licenses) = match &wanted.email {
        Some(email) => of_learner(&context, &access, &wanted, email, &page).await?,
        None => of_plans(&context, &access, &wanted, &page).await?,
    };
    let is_walk = wanted.email.is_none() && wanted.filter.search.is_empty();
    let cursor = licenses.last().filter(|_| is_walk).map(|license| place(&context, license));
    let shown = licenses.iter().map(wire::License::new).collect();
    Ok(Json(NumberedPage::new(&page, &window, shown).followed_by(&page, &window, cursor.as_deref())))
}

/// The cursor after that license: its plan, and its position in the plan's list.
fn place(context: &Context, license: &License) -> String {
    format!("{} {}", license.subscription_plan, context.licenses.position_behind(license).text())
}

/// The cursor where the page begins, if the request has one.
fn begin(context: &Context, page: &PageQuery, wanted: &Wanted) -> Result<Option<(PlanId, PagePosition)>, ApiError> {
    let Some(text) = page.cursor()?.filter(|_| wanted.filter.search.is_empty()) else { return Ok(None) };
    let parse = |(plan, position): (&str, &str)| Some((plan.parse().ok()?, context.licenses.position(position)?));
    text.split_once(' ').and_then(parse).map(Some).ok_or_else(ApiError::invalid_page)
}

/// One learner's licenses are few, and in one partition.
async fn of_learner(
    context: &Context,
    access: &Access,
    wanted: &Wanted,
    email: &EmailKey,
    page: &PageQuery,
) -> Result<(Window, Vec<License>), ApiError> {
    let mut held = context.learners.licenses_of(email).await?;
    held.retain(|license| wanted.filter.matches(license));
    let plans = held.iter().map(|license| context.portfolios.portfolio_of_plan(license.subscription_plan));
    let portfolios: Vec<_> = stream::iter(plans.collect::<Vec<_>>()).buffered(PARALLEL).try_collect().await?;
    let mut found: Vec<License> = held
        .into_iter()
        .zip(&portfolios)
        .filter(|(license, portfolio)| {
            portfolio.as_ref().is_some_and(|portfolio| {
                let plan = portfolio.plan(license.subscription_plan);
                access.includes(portfolio.agreement.enterprise_customer_uuid)
                    && plan.is_some_and(|plan| wanted.admits(portfolio, plan))
            })
        })
        .map(|(license, _)| license)
        .collect();
    found.sort_by_key(|license| (license.subscription_plan, license.status, license.uuid));
    let window = page.window(to_u64(found.len()), PAGE_SIZE, MAX_PAGE_SIZE)?;
    Ok((window, window.of(found)))
}

/// Whole plans are skipped by their counts; only the plans of the page are read.
async fn of_plans(
    context: &Context,
    access: &Access,
    wanted: &Wanted,
    page: &PageQuery,
) -> Result<(Window, Vec<License>), ApiError> {
    let portfolios = reached(context, access, wanted).await?;
    let mut plans: Vec<&SubscriptionPlan> = portfolios
        .iter()
        .flat_map(|portfolio| portfolio.plans.iter().filter(|plan| wanted.admits(portfolio, plan)))
        .collect();
    plans.sort_by_key(|plan| plan.uuid);
    let counts = plans.iter().map(|plan| context.licenses.count(plan, &wanted.filter));
    let counts: Vec<_> = stream::iter(counts.collect::<Vec<_>>()).buffered(PARALLEL).try_collect().await?;
    let counts: Vec<u64> = counts.iter().map(|counts| counts.iter().map(|(_, count)| count).sum()).collect();
    let (begin, count) = (begin(context, page, wanted)?, counts.iter().sum());
    let window = match begin {
        Some(_) => page.window_at_cursor(count, PAGE_SIZE, MAX_PAGE_SIZE)?,
        None => page.window(count, PAGE_SIZE, MAX_PAGE_SIZE)?,
    };
    let mut offset = if begin.is_some() { 0 } else { window.offset() };
    let mut found: Vec<License> = Vec::with_capacity(window.size);
    for (plan, count) in plans.iter().zip(counts) {
        let after = begin.as_ref().filter(|(begun, _)| *begun == plan.uuid).map(|(_, place)| place.clone());
        let is_behind = begin.as_ref().is_some_and(|(begun, _)| plan.uuid < *begun);
        if is_behind || (offset >= count && after.is_none()) || found.len() == window.size {
            offset = offset.saturating_sub(count);
            continue;
        }
        let limit = window.size - found.len();
        let query = LicenseQuery { filter: wanted.filter.clone(), after, offset, limit, ..LicenseQuery::default() };
        found.extend(context.licenses.list(plan, &query).await?);
        offset = 0;
    }
    Ok((window, found))
}

async fn reached(context: &Context, access: &Access, wanted: &Wanted) -> Result<Vec<Portfolio>, ApiError> {
    if let Some(plan) = wanted.plan {
        let found = context.portfolios.portfolio_of_plan(plan).await?;
        let found = found.filter(|found| access.includes(found.agreement.enterprise_customer_uuid));
        return Ok(found.into_iter().collect());
    }
    match visible_agreements(context.portfolios.as_ref(), access, wanted.enterprise).await? {
        VisibleAgreements::Only(portfolios) => Ok(portfolios),
        VisibleAgreements::Everything => {
            let detail = "Name one of subscription_plan, enterprise_customer_uuid, user_email.";
            Err(ApiError::detail(StatusCode::BAD_REQUEST, detail))
        }
    }
}
