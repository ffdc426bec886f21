//! `POST /api/v1/provisioning-admins/subscription-plan-renewals/{renewal}/process/`: carries a renewal out now, whatever
//! its effective date. The future plan is made, or the given one is used, and the licenses are carried over.
//!
//! The body is not looked at. 201 with the renewal where this request carried it out, 200 with the same where it was
//! carried out before: nothing changes then. A renewal that cannot be carried out is 500 `{"error": reason}`, which is
//! what clients tell refusals by; nothing was changed.
//!
//! A request that dies half-way is no harm: what it began is carried on by the schedule, or by the next request.

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

use crate::{
    Context,
    subscription_plan_renewals::get::{ACCESS, not_found, number},
};

/// Processing.
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
    match context.renew.renew(id, &change).await {
        Ok(renewed) => Ok(processed(&renewed.portfolio, &renewed.outcome())),
        Err(RenewError::Missing) => Err(not_found()),
        Err(RenewError::Refused(reason)) => Err(ApiError::error(StatusCode::INTERNAL_SERVER_ERROR, reason.to_string())),
        Err(RenewError::Store(error)) => Err(error.into()),
    }
}

fn processed(portfolio: &Portfolio, outcome: &RenewalOutcome) -> (StatusCode, Json<wire::Renewal>) {
    let status = if outcome.is_new { StatusCode::CREATED } else { StatusCode::OK };
    (status, Json(wire::Renewal::new(portfolio, &outcome.renewal)))
}
