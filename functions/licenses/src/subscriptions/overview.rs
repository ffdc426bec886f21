//! `GET /api/v1/subscriptions/{plan}/licenses/overview/`: the counts by status, the largest first. It has the list's
//! filters; without `search` its cost does not depend on the plan's size.
//!
//! ```json
//! [{"status": "unassigned", "count": 4}, {"status": "activated", "count": 3}]
//! ```

use std::cmp::Reverse;

use axum::{
    Json,
    extract::{Path, State},
};
use futures::join;
use license_api::{
    ADMINS, ApiError, Doc, Params, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
    id, selection,
};
use license_domain::{LicenseStatus, PlanId};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Context, plan};

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/subscriptions/{plan}/licenses/overview/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "How many of a plan's licenses are in which status",
        query: &[doc::STATUS, doc::SEARCH, doc::ACTIVE_ONLY, doc::IGNORE_NULL_EMAILS],
        body: &[],
        answers: &[ResponseDoc::new(
            200,
            "Statuses by count, the greatest first.",
            Shape::Of(doc::schema::<Vec<StatusCount>>),
        )],
    },
};

/// One line of the overview.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "StatusCount")]
pub struct StatusCount {
    status: LicenseStatus,
    count: u64,
}

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(plan): Path<String>,
    params: Params,
) -> Result<Json<Vec<StatusCount>>, ApiError> {
    let plan: PlanId = id(&plan)?;
    plan::require_some_role(&requester)?;
    let is_search = params.get(&doc::SEARCH).is_some_and(|text| !text.is_empty());
    let ahead = context.licenses.ahead_of_plan(plan, is_search);
    let (portfolio, licenses) = join!(context.portfolios.portfolio_of_plan(plan), ahead);
    let portfolio = portfolio?;
    plan::require(&requester, portfolio.as_ref())?;
    let filter = selection::filter(&params)?;
    // A plan that does not exist has no licenses.
    let Some(plan) = portfolio.as_ref().and_then(|portfolio| portfolio.plan(plan)) else {
        return Ok(Json(Vec::new()));
    };
    Ok(Json(lines(licenses.count(plan, &filter).await?)))
}

fn lines(mut counts: Vec<(LicenseStatus, u64)>) -> Vec<StatusCount> {
    counts.sort_by_key(|(status, count)| (Reverse(*count), *status));
    counts.into_iter().map(|(status, count)| StatusCount { status, count }).collect()
}
