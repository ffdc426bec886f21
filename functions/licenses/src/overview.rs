//! `GET /api/v1/subscriptions/{plan}/licenses/overview/`: how many licences stand where, the most first. It
//! takes the list's filters; without `search` it costs the same for any size of plan.
//!
//! ```json
//! [{"status": "unassigned", "count": 4}, {"status": "activated", "count": 3}]
//! ```

use std::cmp::Reverse;

use axum::{
    Json,
    extract::{Path, State},
};
use license_domain::{LicenseStatus, PlanId};
use license_web::{
    ADMINS, ApiError, Caller, Doc, Grants, Missing, Params, Route,
    doc::{self, Answer, Shape},
    id, selection,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Context, plan};

/// Counts by status.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/subscriptions/{plan}/licenses/overview/",
    access: Grants::Roles { roles: ADMINS, listing: false, missing: Missing::Admin },
    doc: &Doc {
        summary: "How many of a plan's licences are in which status",
        query: &[doc::STATUS, doc::SEARCH, doc::ACTIVE_ONLY, doc::IGNORE_NULL_EMAILS],
        body: &[],
        answers: &[Answer::new(200, "Statuses by count, the greatest first.", Shape::Of(doc::schema::<Vec<Line>>))],
    },
};

/// One line of the overview.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "StatusCount")]
pub struct Line {
    status: LicenseStatus,
    count: u64,
}

pub async fn handle(
    State(context): State<Context>,
    caller: Caller,
    Path(plan): Path<String>,
    params: Params,
) -> Result<Json<Vec<Line>>, ApiError> {
    let plan: PlanId = id(&plan)?;
    plan::require_some_role(&caller)?;
    let portfolio = context.portfolios.portfolio_of_plan(plan).await?;
    plan::require(&caller, portfolio.as_ref())?;
    let filter = selection::filter(&params)?;
    // A plan that does not exist has no licences.
    let Some(plan) = portfolio.as_ref().and_then(|portfolio| portfolio.plan(plan)) else {
        return Ok(Json(Vec::new()));
    };
    Ok(Json(lines(context.licenses.count(plan, &filter).await?)))
}

fn lines(mut counts: Vec<(LicenseStatus, u64)>) -> Vec<Line> {
    counts.sort_by_key(|(status, count)| (Reverse(*count), *status));
    counts.into_iter().map(|(status, count)| Line { status, count }).collect()
}
