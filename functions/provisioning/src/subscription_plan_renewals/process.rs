//! `POST /api/v1/provisioning-admins/subscription-plan-renewals/{renewal}/process/`: processes a renewal now, whatever
//! its effective date. The future plan is created, or the given one is used, and the licenses are copied.
//!
//! The body is ignored. 201 with the renewal if this request processed it; 200 with the renewal if it was processed
//! before, and nothing changes. A refusal is 500 `{"error": reason}`, because clients expect that; nothing was changed.
//!
//! If a request does not finish (it was interrupted, or the plan is large: 503), a worker or the next request finishes
//! the run.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use license_api::{
    ApiError, Doc, Requester, Route,
    doc::{self, ResponseDoc, Shape},
    wire,
};
use license_domain::Portfolio;
use license_storage::{RenewError, RenewalOutcome};
use license_work::RenewalError;

use crate::{
    Context,
    subscription_plan_renewals::get::{ACCESS, not_found, number},
};

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/provisioning-admins/subscription-plan-renewals/{renewal}/process/",
    access: ACCESS,
    doc: &Doc {
        summary: "Carries a renewal out",
        query: &[],
        body: &[],
        answers: &[
            ResponseDoc::new(201, "It is carried out.", Shape::Of(doc::schema::<wire::Renewal>)),
            ResponseDoc::new(200, "It was carried out before.", Shape::Of(doc::schema::<wire::Renewal>)),
            ResponseDoc::new(500, "It cannot be carried out; nothing was changed.", Shape::Error),
        ],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(renewal): Path<String>,
) -> Result<(StatusCode, Json<wire::Renewal>), ApiError> {
    let id = number(&requester, &renewal)?;
    if let Some(outcome) = requester.recorded().await? {
        let portfolio = context.renewals.portfolio_of_renewal(id).await?.ok_or_else(not_found)?;
        return Ok(processed(&portfolio, &outcome));
    }
    let change = requester.change("process-renewal").await?;
    match context.renewal_runs.process(id, &change).await {
        Ok(renewed) => Ok(processed(&renewed.portfolio, &renewed.outcome())),
        Err(RenewalError::Renew(RenewError::Missing)) => Err(not_found()),
        Err(RenewalError::Renew(RenewError::Refused(reason))) => {
            Err(ApiError::error(StatusCode::INTERNAL_SERVER_ERROR, reason.to_string()))
        }
        Err(RenewalError::Renew(RenewError::Store(error))) => Err(error.into()),
        Err(RenewalError::Unfinished) => {
            let detail = "The renewal is not finished yet. Please try again.";
            Err(ApiError::detail(StatusCode::SERVICE_UNAVAILABLE, detail))
        }
    }
}

fn processed(portfolio: &Portfolio, outcome: &RenewalOutcome) -> (StatusCode, Json<wire::Renewal>) {
    let status = if outcome.is_new { StatusCode::CREATED } else { StatusCode::OK };
    (status, Json(wire::Renewal::new(portfolio, &outcome.renewal)))
}
