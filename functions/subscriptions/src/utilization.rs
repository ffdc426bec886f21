//! `GET /api/v1/subscriptions/{plan}/utilization/?from=&to=`: a plan's licenses by status and day, how many were activated
//! and revoked since the day before, and how many learners never activated theirs; `…/subscriptions/utilization/` has
//! the same for all plans of a customer. As JSON, or as CSV with `format=csv`.
//!
//! ```json
//! {"from": "2026-11-01T00:00:00Z", "to": "2026-11-23T10:46:08Z", "plans": [
//!   {"subscription_plan_uuid": "…", "title": "…", "never_activated": 12, "days": [
//!     {"day": "2026-11-01", "at": "2026-11-01T00:00:12Z", "total": 100, "assigned": 12, "activated": 70, "unassigned": 18,
//!      "revoked": 3, "activations": 5, "revocations": 0}]}]}
//! ```
//! A day's counts are those of its first look, shortly after midnight UTC. Days before a plan was first looked at are left
//! out.

use axum::{
    Json,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use chrono::{NaiveDate, TimeDelta};
use futures::{StreamExt, TryStreamExt, stream};
use license_api::{
    ADMINS, ApiError, Complaints, Doc, Field, Params, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
    fields::MOMENT,
    history, id, wire,
};
use license_csv::CsvTable;
use license_domain::{EnterpriseId, PlanId, Portfolio, SubscriptionPlan, Timestamp, utilization::PlanDay};
use schemars::JsonSchema;
use serde::Serialize;

use crate::Context;

/// How long the range is unless the request says so, and at most.
const USUAL: TimeDelta = TimeDelta::days(30);
const MAX_OF_A_PLAN: TimeDelta = TimeDelta::days(366);
const MAX_OF_A_CUSTOMER: TimeDelta = TimeDelta::days(92);

/// How many plans' days are read at the same time.
const PARALLEL: usize = 8;

const FROM: Field =
    Field::new(MOMENT, "The first day; 30 days before the last one, if none is named.").optional().named("from");
const TO: Field = Field::new(MOMENT, "The last day; today, if none is named.").optional().named("to");
const ACCESS: RouteAccess = RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin };
const ANSWERS: &[ResponseDoc] = &[
    ResponseDoc::new(200, "The plans' days,", Shape::Of(doc::schema::<Utilization>)),
    ResponseDoc::new(200, "or all days as a table.", Shape::Csv),
    ResponseDoc::new(400, "No such time, or a range that is too long.", Shape::Complaints),
];

/// A plan's utilization.
pub const OF_PLAN: Route = Route {
    method: "GET",
    path: "/api/v1/subscriptions/{plan}/utilization/",
    access: ACCESS,
    doc: &Doc { summary: "How a plan was used by day", query: &[FROM, TO, doc::FORMAT], body: &[], answers: ANSWERS },
};
/// The unprefixed alias.
pub const OF_PLAN_ALIAS: Route = OF_PLAN.at("/subscriptions/{plan}/utilization/");

/// The utilization of all plans of a customer.
pub const OF_CUSTOMER: Route = Route {
    method: "GET",
    path: "/api/v1/subscriptions/utilization/",
    access: ACCESS,
    doc: &Doc {
        summary: "How a customer's plans were used by day",
        query: &[doc::THE_ENTERPRISE, FROM, TO, doc::FORMAT],
        body: &[],
        answers: ANSWERS,
    },
};
/// The unprefixed alias.
pub const OF_CUSTOMER_ALIAS: Route = OF_CUSTOMER.at("/subscriptions/utilization/");

/// How plans were used.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Utilization {
    #[serde(serialize_with = "wire::time::serialize")]
    from: Timestamp,
    #[serde(serialize_with = "wire::time::serialize")]
    to: Timestamp,
    plans: Vec<PlanUtilization>,
}

/// How a plan was used.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlanUtilization {
    subscription_plan_uuid: PlanId,
    title: String,
    /// How many learners have not activated their licenses up to now.
    never_activated: u64,
    days: Vec<UtilizationDay>,
}

/// A plan's licenses on a day.
#[derive(Debug, Serialize, JsonSchema)]
pub struct UtilizationDay {
    /// The day in UTC, such as `2026-11-23`.
    day: String,
    /// When they were counted.
    #[serde(serialize_with = "wire::time::serialize")]
    at: Timestamp,
    total: u64,
    assigned: u64,
    activated: u64,
    unassigned: u64,
    revoked: u64,
    /// How many were activated since the day before; null if there were too many changes to count them.
    activations: Option<u64>,
    /// How many were revoked since the day before.
    revocations: Option<u64>,
}

impl From<PlanDay> for UtilizationDay {
    fn from(PlanDay { day, at, seats, activations, revocations, .. }: PlanDay) -> Self {
        Self {
            day: date(day),
            at,
            total: seats.total,
            assigned: seats.assigned,
            activated: seats.activated,
            unassigned: seats.unassigned(),
            revoked: seats.revoked,
            activations,
            revocations,
        }
    }
}

fn date(day: NaiveDate) -> String {
    day.format("%Y-%m-%d").to_string()
}

pub async fn of_plan(
    State(context): State<Context>,
    requester: Requester,
    Path(plan): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let plan: PlanId = id(&plan)?;
    let portfolio = context.portfolios.portfolio_of_plan(plan).await?;
    let owner = portfolio.as_ref().map(|portfolio| portfolio.agreement.enterprise_customer_uuid);
    requester.require(ADMINS, owner, RequiredPermission::Admin)?;
    let plan = portfolio.as_ref().and_then(|portfolio| portfolio.plan(plan));
    let plan = plan.ok_or_else(|| ApiError::not_found("SubscriptionPlan"))?;
    respond(&context, &params, vec![plan], MAX_OF_A_PLAN).await
}

pub async fn of_customer(
    State(context): State<Context>,
    requester: Requester,
    params: Params,
) -> Result<Response, ApiError> {
    if requester.access(ADMINS).is_empty() && !requester.principal.is_superuser {
        return Err(RequiredPermission::Admin.refusal());
    }
    let enterprise: EnterpriseId = params
        .uuid(&doc::THE_ENTERPRISE)?
        .ok_or_else(|| Complaints::of(doc::THE_ENTERPRISE.name, "This field is required."))?;
    requester.require(ADMINS, Some(enterprise), RequiredPermission::Admin)?;
    let portfolio = context.portfolios.portfolio_of_enterprise(enterprise).await?;
    let plans = portfolio.iter().flat_map(|portfolio: &Portfolio| &portfolio.plans).collect();
    respond(&context, &params, plans, MAX_OF_A_CUSTOMER).await
}

/// The days of these plans, by start and then by id.
async fn respond(
    context: &Context,
    params: &Params,
    mut plans: Vec<&SubscriptionPlan>,
    max: TimeDelta,
) -> Result<Response, ApiError> {
    let to = history::moment(params, &TO)?.unwrap_or_else(|| context.app.now());
    let from = history::moment(params, &FROM)?.unwrap_or(to - USUAL);
    if to < from || to - from > max {
        let text = format!("The range must be between 0 and {} days long.", max.num_days());
        return Err(Complaints::of(FROM.name, text).into());
    }
    plans.sort_by_key(|plan| (plan.start_date, plan.uuid));
    let counts = context.portfolios.seat_counts(&plans).await?;
    let read = |plan: &SubscriptionPlan| context.plan_days.days(plan.uuid, from, to);
    let reads: Vec<_> = plans.iter().map(|plan| read(plan)).collect();
    let days: Vec<Vec<PlanDay>> = stream::iter(reads).buffered(PARALLEL).try_collect().await?;
    let of_plan = |(plan, days): (&SubscriptionPlan, Vec<PlanDay>)| PlanUtilization {
        subscription_plan_uuid: plan.uuid,
        title: plan.title.clone(),
        never_activated: counts.get(&plan.uuid).expect("seat_counts has every plan that it is asked for").assigned,
        days: days.into_iter().map(UtilizationDay::from).collect(),
    };
    let plans: Vec<PlanUtilization> = plans.into_iter().zip(days).map(of_plan).collect();
    if params.get(&doc::FORMAT) == Some("csv") {
        return Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], table(&plans)).into_response());
    }
    Ok(Json(Utilization { from, to, plans }).into_response())
}

const COLUMNS: [&str; 10] = [
    "day",
    "subscription_plan_uuid",
    "title",
    "total",
    "assigned",
    "activated",
    "unassigned",
    "revoked",
    "activations",
    "revocations",
];

fn table(plans: &[PlanUtilization]) -> String {
    let mut table = CsvTable::new(Vec::new(), COLUMNS).expect("a vector takes every byte");
    let optional = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
    for plan in plans {
        for day in &plan.days {
            let cells = [
                day.day.clone(),
                plan.subscription_plan_uuid.to_string(),
                plan.title.clone(),
                day.total.to_string(),
                day.assigned.to_string(),
                day.activated.to_string(),
                day.unassigned.to_string(),
                day.revoked.to_string(),
                optional(day.activations),
                optional(day.revocations),
            ];
            table.row(cells.each_ref().map(String::as_str)).expect("a vector takes every byte");
        }
    }
    table.into_text()
}
