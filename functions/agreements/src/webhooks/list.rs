//! `GET /api/v1/customer-agreements/{agreement}/webhooks/`: the agreement's webhooks, ten at most, the oldest first.

use axum::{
    Json,
    extract::{Path, State},
};
use license_api::{
    ApiError, Doc, Requester, Route,
    doc::{self, ResponseDoc, Shape},
};

use super::{ACCESS, agreement, response::Shown};
use crate::Context;

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/customer-agreements/{agreement}/webhooks/",
    access: ACCESS,
    doc: &Doc {
        summary: "An agreement's webhooks",
        query: &[],
        body: &[],
        answers: &[ResponseDoc::new(200, "The oldest first, ten at most.", Shape::Of(doc::schema::<Vec<Shown>>))],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(named): Path<String>,
) -> Result<Json<Vec<Shown>>, ApiError> {
    let portfolio = agreement(&context, &requester, &named).await?;
    let webhooks = context.webhooks.webhooks(portfolio.agreement.uuid).await?;
    Ok(Json(webhooks.iter().map(Shown::from).collect()))
}
