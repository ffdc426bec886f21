//! `GET /api/v1/customer-agreements/{agreement}/webhooks/{webhook}/`: one webhook, with the state of its deliveries.

use axum::{
    Json,
    extract::{Path, State},
};
use license_api::{
    ApiError, Doc, Requester, Route,
    doc::{self, ResponseDoc, Shape},
    id,
};

use super::{ACCESS, agreement, find, response::Shown};
use crate::Context;

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/customer-agreements/{agreement}/webhooks/{webhook}/",
    access: ACCESS,
    doc: &Doc {
        summary: "A webhook, and how it fares",
        query: &[],
        body: &[],
        answers: &[ResponseDoc::new(200, "The webhook.", Shape::Of(doc::schema::<Shown>))],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path((named, webhook)): Path<(String, String)>,
) -> Result<Json<Shown>, ApiError> {
    let portfolio = agreement(&context, &requester, &named).await?;
    Ok(Json(Shown::from(&find(&context, &portfolio, id(&webhook)?).await?)))
}
