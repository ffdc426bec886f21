//! `DELETE /api/v1/customer-agreements/{agreement}/webhooks/{webhook}/`: deletes a webhook. Nothing more is delivered
//! to it, not even earlier events.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use license_api::{
    ApiError, Doc, Requester, Route,
    doc::{ResponseDoc, Shape},
    id,
};
use license_use_cases::webhooks;

use super::{ACCESS, agreement, ports};
use crate::Context;

pub const ROUTE: Route = Route {
    method: "DELETE",
    path: "/api/v1/customer-agreements/{agreement}/webhooks/{webhook}/",
    access: ACCESS,
    doc: &Doc {
        summary: "Deletes a webhook",
        query: &[],
        body: &[],
        answers: &[ResponseDoc::new(204, "It is deleted.", Shape::Nothing)],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path((named, webhook)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let portfolio = agreement(&context, &requester, &named).await?;
    if let Some(()) = requester.recorded().await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    webhooks::delete(ports(&context), &requester, (&portfolio, id(&webhook)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}
