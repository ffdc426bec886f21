//! `DELETE /api/v1/customer-agreements/{agreement}/webhooks/{webhook}/`: an address is not told any more, not even of
//! what happened before.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use license_api::{
    ApiError, Doc, Requester, Route,
    doc::{ResponseDoc, Shape},
    stored_empty,
};
use license_storage::StoreError;

use super::{ACCESS, ATTEMPTS, agreement, find};
use crate::Context;

/// Deleting.
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
    for _ in 0..ATTEMPTS {
        let seen = find(&context, &portfolio, &webhook).await?;
        let stamp = requester.stamp("delete webhook").await?.answering(|| stored_empty(StatusCode::NO_CONTENT));
        if context.webhooks.delete_webhook(&portfolio, &seen, &stamp).await? {
            return Ok(StatusCode::NO_CONTENT);
        }
    }
    Err(StoreError::Contention { operation: "delete webhook", attempts: ATTEMPTS }.into())
}
