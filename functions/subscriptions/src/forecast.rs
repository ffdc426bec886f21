//! `GET /api/v1/subscriptions/{plan}/forecast/?until=`: what will happen to a plan by the clock, when and why, and what will
//! not and why. It is computed by the rules that the sweeper acts by.
//!
//! ```json
//! {
//!   "subscription_plan_uuid": "…", "now": "2026-11-23T10:46:08Z", "until": "2027-11-23T10:46:08Z",
//!   "prospects": [
//!     {"what": "expire_subscription", "state": "ahead", "at": "2026-12-01T00:00:00Z", "why": "The plan ends, and …"},
//!     {"what": "unlink_learners", "state": "never", "at": null, "why": "Unlinking is not enabled for the customer."}
//!   ]
//! }
//! ```

use axum::{
    Json,
    extract::{Path, State},
};
use chrono::TimeDelta;
use license_api::{
    ADMINS, ApiError, Doc, Field, Params, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
    history, id, wire,
};
use license_domain::{
    PlanId, PlanWorkKind, Prospect, ProspectState, Timestamp,
    plan_work::{self, Facts},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::Context;

/// How far a forecast looks, unless it is asked for another time.
const USUAL: TimeDelta = TimeDelta::days(365);

const UNTIL: Field =
    Field { text: "Nothing that is to happen later; a year from now, if none is named.", ..doc::UNTIL };

/// A plan's forecast.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/subscriptions/{plan}/forecast/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "What will happen to a plan by the clock, and what will not",
        query: &[UNTIL],
        body: &[],
        answers: &[
            ResponseDoc::new(200, "What is due first, then by time.", Shape::Of(doc::schema::<Forecast>)),
            ResponseDoc::new(400, "No such time.", Shape::Complaints),
        ],
    },
};
/// The same beside the plan's other address.
pub const ALIAS: Route = ROUTE.at("/subscriptions/{plan}/forecast/");

/// What will happen to a plan.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Forecast {
    subscription_plan_uuid: PlanId,
    #[serde(serialize_with = "wire::time::serialize")]
    now: Timestamp,
    #[serde(serialize_with = "wire::time::serialize")]
    until: Timestamp,
    prospects: Vec<ForecastProspect>,
}

/// One thing that may happen.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ForecastProspect {
    what: PlanWorkKind,
    state: ProspectState,
    #[serde(serialize_with = "wire::time::serialize_option")]
    at: Option<Timestamp>,
    why: String,
}

impl From<Prospect> for ForecastProspect {
    fn from(Prospect { work, state, at, why }: Prospect) -> Self {
        Self { what: work, state, at, why }
    }
}

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(plan): Path<String>,
    params: Params,
) -> Result<Json<Forecast>, ApiError> {
    let plan: PlanId = id(&plan)?;
    let now = context.app.now();
    let until = history::moment(&params, &UNTIL)?.unwrap_or(now + USUAL);
    let portfolio = context.portfolios.portfolio_of_plan(plan).await?;
    let owner = portfolio.as_ref().map(|portfolio| portfolio.agreement.enterprise_customer_uuid);
    requester.require(ADMINS, owner, RequiredPermission::Admin)?;
    let portfolio = portfolio.ok_or_else(|| ApiError::not_found("SubscriptionPlan"))?;
    let plan = portfolio.plan(plan).ok_or_else(|| ApiError::not_found("SubscriptionPlan"))?;
    let counted = plan_work::counted(&portfolio, plan);
    let (counts, last) = futures::try_join!(
        context.portfolios.seat_counts(&counted),
        context.plan_works.plan_work(portfolio.agreement.uuid, plan.uuid)
    )?;
    let facts = Facts { portfolio: &portfolio, plan, counts: &counts, last: last.as_ref(), rules: &context.rules };
    let prospects = plan_work::forecast(plan_work::prospects(facts, now), Some(until));
    let prospects = prospects.into_iter().map(ForecastProspect::from).collect();
    Ok(Json(Forecast { subscription_plan_uuid: plan.uuid, now, until, prospects }))
}
